"""`python -m telltale` is the `telltale` command."""

import sys

from telltale.cli import main

sys.exit(main())
