"""Steps of a plan that read text: the same function of the texts of a row, whether one is asked about or a frame of them."""

from collections.abc import Callable
from functools import partial

import polars as pl

from telltale.contract.plan import TextOdds, TextStatistic, TextSurprise
from telltale.features.steps import TextStep, inputs
from telltale.features.text import text_statistic
from telltale.features.text_grams import grams, read_table, worst_of_table
from telltale.features.text_odds import odds_reader

# The texts of the columns that a step reads, in order -> what it writes.
Reader = Callable[..., float]


def reader(step: TextStep) -> Reader:
    """The function that a step is."""
    match step:
        case TextStatistic():
            return partial(text_statistic, stat=step.stat, otherwise=step.otherwise)
        case TextSurprise():
            return _surprise(step)
        case TextOdds():
            return odds_reader(step)


def read_frame(step: TextStep, frame: pl.DataFrame) -> pl.Series:
    """What a step writes in every row; texts that come again are read once."""
    read = reader(step)
    names = inputs(step)
    found: dict[tuple[str | None, ...], float] = {}
    values = []
    for row in frame.select(names).iter_rows():
        value = found.get(row)
        if value is None:
            value = found[row] = read(*row)
        values.append(value)
    return pl.Series(step.out, values, dtype=pl.Float64)


def _surprise(step: TextSurprise) -> Reader:
    table = read_table(step.table)

    def read(text: str | None) -> float:
        if text is None:
            return step.otherwise
        return worst_of_table(grams(text, form=step.form, size=step.size, by_parameter=step.by_parameter), table)

    return read
