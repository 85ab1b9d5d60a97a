"""How figures and verdicts are told to people, on the console and in the report alike."""

from collections.abc import Mapping
from math import isnan

from telltale.contract.verdict import Measured, Outcome, TargetResult, Verdict

# Areas and what is no share are told as decimals, as papers and the tools that people compare with do; all else as a
# percentage.
_DECIMALS = frozenset(
    {
        *("auroc", "average_precision", "false_alarms_per_entity_week", "vus_pr", "mase", "silhouette"),
        # A share of variance, and a ratio: of segments.
        *("eta2", "eta2_any", "eta2_gain", "lift_top20", "lift_top20_gain"),
        # In the unit of the reward that a task acts for.
        *("value_ips", "value_snips", "value_dr", "value_logged", "gain_dr", "effective_n"),
    }
)
_LARGE = 10.0  # figures from here on are told with one decimal
# Counted in percent already.
_PERCENT = frozenset({"smape"})
_NAMES = {
    "auroc": "AUROC",
    "f1": "F1",
    "false_positive_rate": "False-positive rate",
    "false_negative_rate": "False-negative rate",
    "vus_pr": "VUS-PR",
    "far": "FAR",
    "frr": "FRR",
    "eer": "EER",
    "eer_global": "EER, one threshold",
    "eer_per_person": "EER, mean per person",
    "zero_miss_false_alarm_rate": "Zero-miss false-alarm rate",
    "zero_miss_false_alarm_rate_per_person": "Zero-miss false-alarm rate, mean per person",
    "bootstrap_ari": "Bootstrap ARI",
    "eta2": "Eta squared of what came later",
    "eta2_any": "Eta squared of whether any came",
    "eta2_gain": "Eta squared, gain over quintiles",
    "lift_top20": "Lift of the best fifth",
    "lift_top20_gain": "Lift of the best fifth, gain over quintiles",
    "hit_rate_10": "Hit rate at 10",
    "hit_rate_10_gain": "Hit rate at 10, gain",
    "ndcg_10": "NDCG at 10",
    "ndcg_10_gain": "NDCG at 10, gain",
    "false_alarms_per_entity_week": "False alarms per entity and week",
    "smape": "sMAPE",
    "mase": "MASE",
    "hit_ratio_gain": "Hit ratio, gain over LRU with read-ahead",
    "hit_ratio_lru": "Hit ratio, LRU",
    "hit_ratio_lru_readahead": "Hit ratio, LRU with read-ahead",
    "hit_ratio_no_prefetch": "Hit ratio without prefetching",
    "next_hit_rate_4": "Next item among four",
    "value_ips": "Value by IPS",
    "value_snips": "Value by SNIPS",
    "value_dr": "Value, doubly robust",
    "value_logged": "Value of the log",
    "gain_dr": "Gain over the log, doubly robust",
    "effective_n": "Effective rows",
}
# One figure under two names, each at home in another kind of task.
_SAME_FIGURE = {
    "false_positive_rate": "far",
    "false_negative_rate": "frr",
    "specificity": "far",
    "eer": "eer_global",
}
NO_FIGURE = "–"
MARKS: dict[bool | None, str] = {True: "✓", False: "✗", None: "?"}
MET_WORDS: dict[bool | None, str] = {True: "met", False: "missed", None: "undecided"}
OUTCOME_WORDS: dict[Outcome, str] = {
    "pass": "Pass",
    "fail": "Fail",
    "not_enough_evidence": "Not enough evidence",
}


def figure_name(metric: str) -> str:
    """The name of a figure for people.

    >>> figure_name("false_positive_rate"), figure_name("average_precision"), figure_name("regret_at_500MBs")
    ('False-positive rate', 'Average precision', 'Regret at 500MBs')
    """
    name, _, scenario = metric.partition("_at_")
    if scenario and metric not in _NAMES:
        return f"{figure_name(name)} at {scenario}"
    if metric.startswith("attack_"):
        return f"Accepted: {metric.removeprefix('attack_').replace('_', ' ')}"
    return _NAMES.get(metric) or metric.replace("_", " ").capitalize()


def told_once(metrics: Mapping[str, Measured]) -> dict[str, Measured]:
    """The figures to show people: of a task that verifies, none a second time by the name that others give it.

    >>> one = Measured(value=0.1, low=0.0, high=0.2, n=50)
    >>> list(told_once({"far": one, "false_positive_rate": one}))
    ['far', 'false_positive_rate']
    >>> list(told_once({"false_positive_rate": one, "far": one, "eer": one, "eer_global": one}))
    ['far', 'eer_global']
    """
    if "eer_global" not in metrics:
        return dict(metrics)
    return {name: measured for name, measured in metrics.items() if _SAME_FIGURE.get(name) not in metrics}


def figure_text(metric: str, value: float | None) -> str:
    """A value of that figure for people; a dash where it is not defined.

    Two decimals of a percentage: with one, 94.96 % would read as a 95.0 % that is missed.

    >>> figure_text("recall", 0.87137), figure_text("auroc", 0.97634), figure_text("recall", float("nan"))
    ('87.14 %', '0.9763', '–')
    >>> figure_text("smape", 26.04), figure_text("mase", 0.912)
    ('26.04 %', '0.9120')
    """
    if value is None or isnan(value):
        return NO_FIGURE
    if not is_share(metric):
        return f"{value:.4f}" if abs(value) < _LARGE else f"{value:,.1f}"
    return f"{_percent(metric, value):.2f} %"


def is_share(metric: str) -> bool:
    """Whether a figure is told as a percentage; the others are areas, or in a unit of the task's own.

    >>> is_share("recall"), is_share("auroc"), is_share("value_dr")
    (True, False, False)
    """
    return metric not in _DECIMALS


def told_text(metric: str, value: float) -> str:
    """As `figure_text`, with the word that people expect beside an AUROC from 0.97 on.

    The word is about ranking alone: at a low prevalence an excellent AUROC goes with many false alarms.

    >>> told_text("auroc", 0.9763), told_text("auroc", 0.96), told_text("recall", 0.98)
    ('0.9763 (excellent)', '0.9600', '98.00 %')
    """
    word = " (excellent)" if metric == "auroc" and value >= 0.97 else ""
    return figure_text(metric, value) + word


def interval_text(metric: str, low: float | None, high: float | None) -> str:
    """An interval of that figure for people.

    >>> interval_text("recall", 0.7328, 0.9361)
    '73.3 – 93.6 %'
    """
    if low is None or high is None or isnan(low) or isnan(high):
        return NO_FIGURE
    if metric in _DECIMALS:
        return f"{low:.3f} – {high:.3f}"
    return f"{_percent(metric, low):.1f} – {_percent(metric, high):.1f} %"


def limit_text(metric: str, op: str, limit: float) -> str:
    """A limit for people.

    >>> limit_text("precision", ">=", 0.95), limit_text("auroc", ">=", 0.95)
    ('≥ 95 %', '≥ 0.95')
    """
    sign = {">=": "≥", "<=": "≤"}[op]
    return f"{sign} {limit:g}" if metric in _DECIMALS else f"{sign} {round(_percent(metric, limit), 6):g} %"


def count_text(metric: str, n: int) -> str:
    """What the count of a figure counts.

    >>> count_text("precision", 47)
    '47 flagged'
    """
    unit = {
        "precision": "flagged",
        "recall": "positive",
        "false_negative_rate": "positive",
        "average_precision": "positive",
        "event_recall": "events",
        "clean_clients_flagged": "clients",
        "false_alarms_per_entity_week": "negative",
        "false_positive_rate": "negative",
        "specificity": "negative",
        "auroc": "rarer class",
        "eer": "rarer class",
        "eer_global": "rarer class",
        "eer_per_person": "people",
        "zero_miss_false_alarm_rate": "genuine",
        "zero_miss_false_alarm_rate_per_person": "people",
        "far": "impostors",
        "frr": "genuine",
        "f1": "flagged or positive",
    }.get(metric, "rows")
    return f"{n:,} {unit}"


def prevalence_text(*, n: int, n_positive: int | None) -> str:
    """The share of positive rows, with its counts; of tasks that are not judged by labels, how much was judged.

    >>> prevalence_text(n=864, n_positive=44)
    'Prevalence 5.09 % (44 of 864 rows positive)'
    >>> prevalence_text(n=120, n_positive=None)
    'Judged on 120 rows'
    """
    if n_positive is None:
        return f"Judged on {n:,} rows"
    if n == 0:
        return "Prevalence unknown (no labelled rows)"
    return f"Prevalence {100 * n_positive / n:.2f} % ({n_positive:,} of {n:,} rows positive)"


def verdict_sentence(verdict: Verdict) -> str:
    """What the gate said, and why, in a sentence or two."""
    if verdict.outcome == "pass":
        return f"Every target is met on {verdict.n:,} rows."
    if verdict.outcome == "fail":
        missed = [_against_limit(result) for result in verdict.targets if result.met is False]
        return f"{_listed(missed)}."
    if not verdict.targets:
        return "The task asks for nothing, so there is nothing to pass."
    if verdict.n_positive == 0:
        found = f"None of the {verdict.n:,} labelled rows is positive" if verdict.n else "No row has a label"
        return f"{found}, so the targets cannot be judged. Give labelled rows that hold the event."
    if verdict.n == 0:
        return "No row can be judged on, so the targets cannot be judged. Give rows that the version can be judged on."
    undecided = [
        f"{figure_name(result.name)} rests on {count_text(result.name, result.n)}"
        for result in verdict.targets
        if result.met is None
    ]
    more = "more rows" if verdict.n_positive is None else "more labelled rows"
    return f"{_listed(undecided)}: too few to decide. Judge on {more}."


def _percent(metric: str, value: float) -> float:
    return value if metric in _PERCENT else 100 * value


def _against_limit(result: TargetResult) -> str:
    value = figure_text(result.name, result.value)
    return f"{figure_name(result.name)} is {value}, asked is {limit_text(result.name, result.op, result.limit)}"


def _listed(parts: list[str]) -> str:
    return "; ".join(parts)
