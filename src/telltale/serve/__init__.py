"""The HTTP edge: requests in, answers out, promotions picked up while it runs.

`http` carries bytes between the network and the functions behind it; `routes` says which path leads to what; `predict`
and `intake` are those functions, tested without a server; `live` has the versions that answer, `guard` says who may ask.
What is alive (loaded versions, the prediction log) is built once per process by `edge` and handed down as an argument.
"""
