"""The HTTP edge: requests in, answers out, promotions picked up while it runs.

One file per concept. `predict`, `batch`, `events` and `feedback` are functions from bytes to bytes, tested without a
server; `asgi` carries bytes between them and the network; `management` (Litestar) has every other route. What is alive
(loaded versions, the prediction log) is built once per process by `edge` and handed down as an argument.
"""
