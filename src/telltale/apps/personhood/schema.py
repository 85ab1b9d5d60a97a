"""The events of personhood: five averages of a typing session, and the session's key timings themselves."""

from typing import Final

from telltale.contract.schema import Column, Demands, EventSchema

# What was typed is never kept, under whatever name it comes.
CONTENT: Final = (
    "key",
    "keys",
    "key_code",
    "key_codes",
    "keycode",
    "keycodes",
    "char",
    "chars",
    "character",
    "characters",
    "text",
    "content",
    "code",
    "codes",
    "value",
    "values",
    "password",
    "clipboard",
)

KEY_CLASSES: Final = ("letter", "digit", "space", "correction", "other")

AVERAGES: Final = EventSchema(
    name="averages",
    columns=(
        Column(name="typing_speed_wpm", unit="words of five keys per minute", low=0.0, high=12_000.0),
        Column(name="avg_key_hold_time_ms", unit="ms", low=0.0, high=10_000.0),
        Column(name="avg_transition_time_ms", unit="ms", low=0.0, high=1_000.0),
        Column(name="error_rate_percent", unit="corrections per hundred keys", low=0.0, high=100.0),
        Column(name="activity_hour_preference", unit="local hour of the day", low=0.0, high=23.0),
        Column(name="session_id", dtype="str", nullable=True),
    ),
    entity="user_id",
    label="is_legitimate",
    label_aliases=("label",),
    lateness_s=86_400.0,
    demands=Demands(least_rows=1_000, label_share=(0.5, 0.9)),
    forbidden=CONTENT,
)

# The five that a model may read.
FIVE: Final = tuple(column.name for column in AVERAGES.columns if column.dtype == "float")

SESSION: Final = EventSchema(
    name="session",
    columns=(
        Column(name="session_id", dtype="str"),
        Column(name="presses_ms", dtype="floats", unit="ms since the first press", low=0.0),
        Column(name="releases_ms", dtype="floats", unit="ms since the first press", low=0.0),
        Column(name="classes", dtype="strs", allowed=KEY_CLASSES),
        Column(name="corrections", unit="keys", low=0.0),
        Column(name="local_hour", unit="local hour of the day", low=0.0, high=23.0),
    ),
    aligned=("presses_ms", "releases_ms", "classes"),
    entity="user_id",
    label="is_legitimate",
    label_aliases=("label",),
    lateness_s=86_400.0,
    forbidden=CONTENT,
)
