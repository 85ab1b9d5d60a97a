"""The verbs as a typed API: a home is one folder, its apps, and what can be done with them.

`telltale.open()` gives a `Home`. The command line is a thin layer over it, so whatever a command does, a program can.
"""

from telltale.home.home import Home, open_home

__all__ = ["Home", "open_home"]
