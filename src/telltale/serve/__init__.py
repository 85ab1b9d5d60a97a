"""The HTTP edge: requests in, answers out, promotions picked up while it runs.

One file per concept. `predict`, `batch`, `events` and `feedback` are functions from bytes to bytes, tested without a
server; `asgi` carries bytes between them and the network; `management` (Litestar) has every other route, those of apps
(`app_routes`) among them. `predict` decides rows and `queries` answers questions; `answers` says what is sent for each
kind of task. What is alive (loaded versions, the prediction log) is built once per process by `edge` and handed down as
an argument; an app's route gets it as `route_context.RouteContext`.
"""
