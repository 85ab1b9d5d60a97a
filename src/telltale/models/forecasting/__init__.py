"""Ways to continue one series, as plain functions of an array: a file each, no training library, nothing random.

Each takes values oldest first, a season in steps and how many steps ahead, and gives an `Outlook`: what is expected, and how
far it may be off, without promise of coverage; `telltale.train.interval_factor` sets the width by what came. The
estimators beside this folder put them together.
"""

from telltale.models.forecasting.outlook import Outlook

__all__ = ["Outlook"]
