"""The page for people at `/`: what is served, how good it is and was, and what is being done; with an operator's key, by hand.

A file is a page or a part of one: functions from what was read to HTML. `elements.py` is what they are made of: text that is
not HTML already is escaped there, so that no page can forget it. `traffic_read.py`, `quality_read.py` and `stored_read.py`
read what no other stage gives as a whole, and `kept.py` keeps what takes long. `shell.py` is what stands around every page,
`actions.py` says which forms there are and which path of the API each is sent to: a page can do nothing that the API cannot,
and what it does is checked, audited and told by the same functions. Nothing is written into a page that a browser would run,
and nothing is loaded from elsewhere. Which path is which page, `telltale.serve.routes.page_routes` says.
"""

__all__: list[str] = []
