"""The calendar that plans share."""

# 1970-01-01 was a Thursday: three days after the Monday with which every period begins.
MONDAY_OFFSET_S = 3 * 86_400.0

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
