"""Requests of public sets, brought into the form of `storefront/request`; and which rows are fitted on and scored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

import polars as pl

from benchmarks.catalogue import Progress
from benchmarks.known_sets import known_sets
from telltale.apps.storefront.schema import REQUEST
from telltale.telemetry.frames import LABEL, LINE
from telltale.telemetry.raw_rows import RawRows
from telltale.telemetry.validate import check_rows

CSIC, PARAMS, LOG = "csic2010", "http_params", "web_access_log"
_KNOWN_BY: Final = {
    CSIC: frozenset({"source", "method", "url", "body", "label"}),
    PARAMS: frozenset({"payload", "attack_type", "label"}),
    LOG: frozenset({"client", "time", "method", "path", "status", "bytes"}),
}
_ATTACK: Final = "is_attack"
_PART: Final = "@part"
_TEXTS: Final = ("method", "path", "query", "body")
# Of sets without a split of their own, this share of the distinct rows is fitted on, by the order of a hash of their texts.
_FITTED_SHARE: Final = 2 / 3
_SEED: Final = 0
# What the sets do not have: an answer's time, and failures of the client.
_SECONDS, _FAILURES = 0.1, 0.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Rows to fit on and rows to score, checked as the product checks them; none of the latter's texts is in the former.

    Args:
        case: whose figures these are.
        columns: measured columns.
        train, test: checked rows; with labels, but those of an access log.
    """

    case: str
    columns: tuple[str, ...]
    train: pl.DataFrame
    test: pl.DataFrame


def read_sets(folder: Path, *, progress: Progress) -> dict[str, pl.DataFrame]:
    """The sets that a folder holds, as rows of `storefront/request` in file order, with the part they are of. Raises NotFoundError."""
    return known_sets(folder, _KNOWN_BY, _TIDY, progress=progress)


def trial_at_home(name: str, frame: pl.DataFrame, *, most: int | None = None) -> Trial:
    """A trial of one set, some of its rows kept back to be scored.

    csic2010: normal rows of the file for training and the first half of the attacks, as they stand in theirs, are fitted on;
    those of the file for testing and the second half are scored: what comes later. http_params: two thirds, drawn. An
    access log: its first two thirds by time.
    """
    if name == LOG:
        cut = frame["timestamp"].sort()[round(frame.height * _FITTED_SHARE)]
        return _trial(name, frame.filter(pl.col("timestamp") < cut), frame.filter(pl.col("timestamp") >= cut))
    distinct = _distinct(frame)
    if most is not None and distinct.height > most:
        distinct = distinct.sample(most, seed=_SEED)
    if name == PARAMS:
        shuffled = distinct.sample(fraction=1.0, shuffle=True, seed=_SEED)
        n_fitted = round(shuffled.height * _FITTED_SHARE)
        return _trial(name, shuffled[:n_fitted], shuffled[n_fitted:])
    attacks = distinct.filter(pl.col(_ATTACK) == 1).sort("@n")
    normal = distinct.filter(pl.col(_ATTACK) == 0)
    is_training = pl.col(_PART).str.contains("(?i)train")
    half = attacks.height // 2
    return _trial(
        name,
        pl.concat([normal.filter(is_training), attacks[:half]]),
        pl.concat([normal.filter(~is_training), attacks[half:]]),
    )


def trial_of_two(name: str, train: pl.DataFrame, test: pl.DataFrame) -> Trial:
    """Fitted on all of `train`, scored on those rows of `test` whose texts are not in it."""
    if name == LOG:
        return _trial(name, train, test)
    train, test = _distinct(train), _distinct(test)
    return _trial(name, train, test.join(train, on=_TEXTS, how="anti", nulls_equal=True))


def checked(frame: pl.DataFrame, case: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Rows through the product's own check, and the measured columns."""
    rows = frame.drop(_PART, "@n", strict=False).with_columns(pl.int_range(1, pl.len() + 1).alias(LINE))
    found = check_rows(REQUEST, RawRows(frame=rows, source=case), require_time=False)
    return found.frame, found.columns


def _trial(case: str, train: pl.DataFrame, test: pl.DataFrame) -> Trial:
    fitted, columns = checked(train, case)
    return Trial(case=case, columns=columns, train=fitted, test=checked(test, case)[0])


def _distinct(frame: pl.DataFrame) -> pl.DataFrame:
    """Each request once: one that is there as an attack and as a normal one is neither, and is left out."""
    labels = frame.group_by(_TEXTS).agg(pl.col(_ATTACK).n_unique().alias("@labels"))
    once = frame.unique(subset=_TEXTS, keep="first", maintain_order=True)
    kept = once.join(labels, on=_TEXTS, how="left", nulls_equal=True).filter(pl.col("@labels") == 1)
    return kept.drop("@labels").sort(_PART, "@n")


def _tidy_csic(raw: pl.DataFrame) -> pl.DataFrame:
    local = pl.col("url").str.replace(r"^https?://[^/]*", "")
    parts = local.str.splitn("?", 2)
    return _request(
        raw,
        method=pl.col("method"),
        path=parts.struct.field("field_0"),
        query=parts.struct.field("field_1"),
        body=pl.when(pl.col("body") != "").then(pl.col("body")),
        size=pl.col("url").str.len_bytes() + pl.col("body").fill_null("").str.len_bytes(),
        attack=pl.col("label") == 1,
        part=pl.col("source"),
    )


def _tidy_params(raw: pl.DataFrame) -> pl.DataFrame:
    """A value as a browser would send it, in a parameter that all have."""
    escaped = pl.Series("payload", [quote_plus(text) for text in raw["payload"].fill_null("")], dtype=pl.String)
    return _request(
        raw.with_columns(escaped),
        method=pl.lit("GET"),
        path=pl.lit("/"),
        query=pl.concat_str(pl.lit("value="), pl.col("payload")),
        body=pl.lit(None, dtype=pl.String),
        size=pl.col("payload").str.len_bytes(),
        attack=pl.col("label") != "norm",
        part=pl.col("attack_type"),
    )


def _request(
    raw: pl.DataFrame,
    *,
    method: pl.Expr,
    path: pl.Expr,
    query: pl.Expr,
    body: pl.Expr,
    size: pl.Expr,
    attack: pl.Expr,
    part: pl.Expr,
) -> pl.DataFrame:
    return raw.select(
        pl.lit(_SECONDS).alias("response_time"),
        size.cast(pl.Float64).alias("request_size"),
        pl.lit(_FAILURES).alias("error_count"),
        method.alias("method"),
        path.alias("path"),
        query.alias("query"),
        body.alias("body"),
        attack.cast(pl.Int8).alias(_ATTACK),
        part.alias(_PART),
        pl.int_range(pl.len()).alias("@n"),
    )


def _tidy_log(raw: pl.DataFrame) -> pl.DataFrame:
    """As `telltale collect access_log` makes rows of such lines; times to the second are told apart by their order."""
    from telltale.apps.storefront.access_log import rows_of_entries

    entries = raw.sort("time", "row" if "row" in raw.columns else "client").select(
        pl.col("time"), "client", "method", pl.col("path").alias("target"), "status", pl.col("bytes").fill_null(0)
    )
    return pl.DataFrame(list(rows_of_entries(entries.iter_rows(named=True))), infer_schema_length=None)


_TIDY: Final = {CSIC: _tidy_csic, PARAMS: _tidy_params, LOG: _tidy_log}

__all__ = ["CSIC", "LABEL", "LOG", "PARAMS", "Trial", "checked", "read_sets", "trial_at_home", "trial_of_two"]
