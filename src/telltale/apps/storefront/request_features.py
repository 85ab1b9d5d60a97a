"""What the model of `requests` sees of a request: its numbers, its texts, and what its client did in the last minutes."""

from typing import Final

import polars as pl

from telltale.contract.plan import Clip, Plan
from telltale.features.derive import PlanDraft
from telltale.features.tails import tail_deviation
from telltale.features.text import Form, TextStat
from telltale.features.text_blocks import add_text_odds, has_text, text_statistic, text_surprise
from telltale.telemetry.frames import TIME

_NUMBERS: Final = ("response_time", "request_size", "error_count")
_WINDOWS_S: Final = {"1m": 60.0, "10m": 600.0}
# Of each text: what its n-grams are made of, how long they are, and whether it is `name=value&…`. A path is one of few, and
# its letters count; a value may be any word, and what counts is what signs stand in it and where.
_TEXTS: Final[dict[str, tuple[Form, int, bool]]] = {
    "path": ("characters", 3, False),
    "query": ("shapes", 2, True),
    "body": ("shapes", 2, True),
}
_SCALES: Final[dict[TextStat, float]] = {"length": 10.0, "signs": 1.0, "longest": 10.0}


def derive_request_plan(frame: pl.DataFrame, columns: tuple[str, ...], *, sequence: int = 1) -> Plan:
    """How far numbers and texts are from usual, and how busy and how varied the client was in the last minutes.

    Only more of each is strange. Texts and windows are looked at where rows have them: a request may come as three numbers
    alone, and is then judged by those, as by a client's first request. Where rows are labelled, what attacks look like is
    read from their texts too.
    """
    draft = PlanDraft(frame, columns)
    deviations = [draft.deviation(name, only_more=True) for name in _NUMBERS]
    features = [
        *deviations,
        draft.largest("largest_deviation", tuple(deviations)),
        draft.norm("all_deviations", tuple(deviations)),
    ]
    texts = tuple(name for name in _TEXTS if has_text(draft, name))
    for name in texts:
        features += _of_text(draft, name)
    features += _of_client(draft, texts)
    odds = add_text_odds(draft, frame, texts, out="attack_odds")
    return draft.finish(*features, *odds, sequence=sequence)


def _of_text(draft: PlanDraft, name: str) -> list[str]:
    form, size, by_parameter = _TEXTS[name]
    found = [text_surprise(draft, name, form=form, size=size, by_parameter=by_parameter)]
    found += [tail_deviation(draft, text_statistic(draft, name, stat), scale=scale) for stat, scale in _SCALES.items()]
    if by_parameter:  # a browser escapes once
        out = draft.free(f"{name}_escaped_again")
        draft.add(Clip(out=out, column=text_statistic(draft, name, "escapes"), low=1.0))
        found.append(out)
    return found


def _of_client(draft: PlanDraft, texts: tuple[str, ...]) -> list[str]:
    """Requests in the window, and how many differ in each text; nothing where training rows have no time."""
    if draft.frame[TIME].null_count():
        return []
    counted = {"requests": ("error_count", "count")}
    counted |= {f"distinct_{name}": (text_statistic(draft, name, "checksum"), "distinct") for name in texts}
    found = []
    for what, (column, stat) in counted.items():
        for window, seconds in _WINDOWS_S.items():
            name = draft.window_stat(column, stat, seconds, out=f"{what}_{window}")  # type: ignore[arg-type]  # each is one
            found.append(tail_deviation(draft, name, scale=1.0))
    return found
