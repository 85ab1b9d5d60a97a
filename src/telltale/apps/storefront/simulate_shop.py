"""A shop: four hundred customers of four habits, two hundred items in eight groups of taste, and what they do with each other.

Who a customer is, how much they like which group, and what an item costs follow from the seed. Each customer likes one
group most and a second one well; within a group some items are much more popular than others, and items belong to lines
of five that are often taken one after another. A quarter of interactions are with an item seen before.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.simulation import Simulation

N_CUSTOMERS, N_ITEMS = 400, 200
HABITS = ("loyal", "browsing", "bargains", "dormant")

CATEGORIES = ("lamps", "mugs", "toys", "garden", "paper", "bags", "clocks", "candles")
_N_GROUPS, _LINE = len(CATEGORIES), 5
_SHARES = (0.2, 0.3, 0.2, 0.3)  # of customers, by habit
# Logins, purchases, carts and favourites in 28 days, by habit.
_COUNTS = np.array([(20.0, 6.0, 8.0, 5.0), (14.0, 0.4, 2.0, 8.0), (8.0, 2.5, 9.0, 2.0), (1.0, 0.15, 0.3, 0.3)])
_ACTIVE_PER_DAY = np.array([0.8, 0.7, 0.4, 0.06])  # interactions, by habit
_KINDS, _KIND_SHARES = ("view", "favorite", "cart", "purchase"), (0.62, 0.8, 0.9)
_AGAIN, _SAME_LINE = 0.25, 0.3
_BARGAIN, _GIFT = 10.0, 40.0  # tags by price

_ACTIVITY_DAYS, _ACTIVITY_INTERVAL_S = 28.0, 7 * 86_400.0
_DAYS = 60.0
_DAY_S = 86_400.0
_STAMP = pl.Datetime("us", "UTC")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Shop:
    """Customers and items of one seed; `liking` has the shape (customers, items), each line summing to 1."""

    habits: NDArray[np.int64]
    favourites: NDArray[np.int64]  # the group that each likes most
    eagerness: Floats
    liking: Floats
    prices: Floats


@dataclass(frozen=True)
class _Step:
    """One interaction: when (seconds from the start), which customer and item, and what was done."""

    time_s: float
    customer: int
    item: int
    kind: str


def simulate_activity(how: Simulation, start: datetime) -> pl.DataFrame:
    """Rows of `storefront/activity`: each customer's last 28 days, counted once a week; the habit in `habit`."""
    interval_s = how.interval_s or _ACTIVITY_INTERVAL_S
    n_rounds = math.ceil((how.days or _ACTIVITY_DAYS) * _DAY_S / interval_s)
    if how.n_rows:
        n_rounds = math.ceil(how.n_rows / N_CUSTOMERS)
    shop = _shop(how.seed)
    expected = _COUNTS[shop.habits] * shop.eagerness[:, None]
    rounds = []
    for number in range(n_rounds):
        counts = np.random.default_rng([how.seed, 2, number]).poisson(expected).astype(np.float64)
        moment = start + timedelta(seconds=number * interval_s)
        rounds.append(
            pl.DataFrame(
                {
                    "timestamp": pl.Series([moment] * N_CUSTOMERS).dt.cast_time_unit("us"),
                    "user_id": _customer_ids(range(N_CUSTOMERS), how.seed),
                    "login_count": counts[:, 0],
                    "purchase_count": counts[:, 1],
                    "cart_count": counts[:, 2],
                    "favorite_count": counts[:, 3],
                    "habit": [HABITS[habit] for habit in shop.habits.tolist()],
                }
            )
        )
    frame = pl.concat(rounds)
    return frame[: how.n_rows] if how.n_rows else frame


def simulate_interactions(how: Simulation, start: datetime) -> pl.DataFrame:
    """Rows of `storefront/interaction`; an item's category is its group, its brand its line, a customer's segment what they like most."""
    shop = _shop(how.seed)
    steps: list[_Step] = []
    for day in _days(how.seed):
        steps += day.steps
        if _is_enough(how, day.number, len(steps)):
            break
    return pl.DataFrame(
        {
            "timestamp": _stamps([step.time_s for step in steps], start),
            "user_id": _customer_ids((step.customer for step in steps), how.seed),
            "item_id": _item_ids(step.item for step in steps),
            "kind": [step.kind for step in steps],
            "category": [CATEGORIES[step.item % _N_GROUPS] for step in steps],
            "brand": [f"{CATEGORIES[step.item % _N_GROUPS]} {_line_of(step.item) + 1}" for step in steps],
            "tags": pl.Series([_tags(shop.prices[step.item]) for step in steps], dtype=pl.List(pl.String)),
            "price": pl.Series([shop.prices[step.item] for step in steps], dtype=pl.Float64),
            "segment": [f"likes {CATEGORIES[shop.favourites[step.customer]]}" for step in steps],
        }
    ).pipe(_cut, how, start)


def simulate_orders(how: Simulation, start: datetime) -> pl.DataFrame:
    """Rows of `storefront/order`: what each customer bought in a day, ordered at once, with the last of it."""
    shop = _shop(how.seed)
    lines: list[tuple[float, int, int, float]] = []
    for day in _days(how.seed):
        rng = np.random.default_rng([how.seed, 4, day.number])
        bought: dict[int, dict[int, None]] = {}
        ordered_at: dict[int, float] = {}
        for step in day.steps:
            if step.kind == "purchase":
                bought.setdefault(step.customer, {})[step.item] = None
                ordered_at[step.customer] = step.time_s
        for customer in sorted(bought, key=lambda customer: ordered_at[customer]):
            lines += [(ordered_at[customer], customer, item, float(rng.geometric(0.7))) for item in bought[customer]]
        if _is_enough(how, day.number, len(lines)):
            break
    return pl.DataFrame(
        {
            "timestamp": _stamps([line[0] for line in lines], start),
            "user_id": _customer_ids((line[1] for line in lines), how.seed),
            "item_id": _item_ids(line[2] for line in lines),
            "quantity": pl.Series([line[3] for line in lines], dtype=pl.Float64),
            "unit_price": pl.Series([shop.prices[line[2]] for line in lines], dtype=pl.Float64),
        }
    ).pipe(_cut, how, start)


def _shop(seed: int) -> _Shop:
    rng = np.random.default_rng([seed, 1])
    habits = rng.choice(len(HABITS), N_CUSTOMERS, p=_SHARES)
    group = np.arange(N_ITEMS) % _N_GROUPS
    popularity = rng.permutation(1.0 / np.arange(1, N_ITEMS + 1) ** 0.8)
    tastes = np.full((N_CUSTOMERS, _N_GROUPS), 0.15 / (_N_GROUPS - 2))
    for own in tastes:
        first, second = rng.choice(_N_GROUPS, 2, replace=False)
        own[first], own[second] = 0.6, 0.25
    within = popularity / np.bincount(group, weights=popularity)[group]
    return _Shop(
        habits=habits,
        favourites=tastes.argmax(axis=1),
        eagerness=rng.gamma(8.0, 1.0 / 8.0, N_CUSTOMERS),
        liking=tastes[:, group] * within,
        prices=rng.lognormal(math.log(20.0), 0.7, N_ITEMS).round(2),
    )


@dataclass(frozen=True)
class _Day:
    """A day's interactions in time order, the first day's first at 0 seconds."""

    number: int
    steps: list[_Step]


def _days(seed: int) -> Iterator[_Day]:
    """Day after day without end; each draws from a generator of its own, and remembers what was taken before."""
    shop = _shop(seed)
    upto = np.cumsum(shop.liking, axis=1)
    taken: list[dict[int, None]] = [{} for _ in range(N_CUSTOMERS)]
    last: list[int | None] = [None] * N_CUSTOMERS
    for number in count():
        rng = np.random.default_rng([seed, 3, number])
        n_each = rng.poisson(_ACTIVE_PER_DAY[shop.habits] * shop.eagerness)
        customers = rng.permutation(np.repeat(np.arange(N_CUSTOMERS), n_each))
        # Whole seconds, each once: no two rows of a customer and an item fall together.
        seconds = np.sort(rng.choice(round(_DAY_S), len(customers), replace=False)) + number * _DAY_S
        if number == 0 and len(seconds):
            seconds[0] = 0.0
        steps = []
        for time_s, customer in zip(seconds.tolist(), customers.tolist(), strict=True):
            item = _next_item(rng, upto[customer], taken[customer], last[customer])
            kind = _KINDS[int(np.searchsorted(_KIND_SHARES, rng.random()))]
            taken[customer][item] = None
            last[customer] = item
            steps.append(_Step(time_s, customer, item, kind))
        yield _Day(number, steps)


def _next_item(rng: np.random.Generator, upto: Floats, taken: dict[int, None], last: int | None) -> int:
    """One seen before; one of the line of the last; or one that the customer likes and has not taken, in three tries."""
    drawn = rng.random()
    if taken and drawn < _AGAIN:
        return list(taken)[int(rng.integers(0, len(taken)))]
    if last is not None and drawn < _AGAIN + _SAME_LINE:
        # A line is five items of one group.
        first = _line_of(last) * (_N_GROUPS * _LINE) + last % _N_GROUPS
        fresh = [item for item in range(first, first + _N_GROUPS * _LINE, _N_GROUPS) if item not in taken]
        if fresh:
            return fresh[int(rng.integers(0, len(fresh)))]
    item = 0
    for _ in range(3):
        item = min(int(np.searchsorted(upto, rng.random() * upto[-1])), N_ITEMS - 1)
        if item not in taken:
            break
    return item


def _line_of(item: int) -> int:
    """Which line of its group."""
    return item // (_N_GROUPS * _LINE)


def _tags(price: float) -> list[str]:
    return ["gift", "bargain"] if price < _BARGAIN else ["gift"] if price < _GIFT else ["luxury"]


def _is_enough(how: Simulation, day: int, n: int) -> bool:
    return n >= how.n_rows if how.n_rows else day + 1 >= (how.days or _DAYS)


def _cut(frame: pl.DataFrame, how: Simulation, start: datetime) -> pl.DataFrame:
    """The rows asked for; the first stands at the start."""
    if frame.is_empty():
        return frame
    time, first = pl.col("timestamp"), frame["timestamp"][0]
    moved = frame.with_columns(
        pl.when(time == first).then(pl.lit(start).cast(_STAMP)).otherwise(time).alias("timestamp")
    )
    if how.n_rows:
        return moved[: how.n_rows]
    return moved.filter(time < start + timedelta(days=how.days or _DAYS))


def _stamps(seconds: list[float], start: datetime) -> pl.Series:
    first = round(start.timestamp() * 1e6)
    return pl.Series([first + round(time_s * 1e6) for time_s in seconds], dtype=pl.Int64).cast(_STAMP)


def _customer_ids(numbers: Iterator[int] | range, seed: int) -> list[str]:
    """From "1" on; another seed has other customers, who are nobody's namesakes."""
    return [str(seed * N_CUSTOMERS + number + 1) for number in numbers]


def _item_ids(numbers: Iterator[int]) -> list[str]:
    return [str(number + 1_001) for number in numbers]
