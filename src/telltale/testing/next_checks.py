"""What every trained version promises that foretells what comes next: kind "next"."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from telltale.contract.errors import UsageError
from telltale.contract.query import NextQuery
from telltale.models.next_runtime import sequences
from telltale.testing.bundle_checks import RuntimeCheck
from telltale.testing.refusals import assert_refused
from telltale.testing.streams import assert_bounded
from telltale.testing.trained_task import TrainedTask

_LAST = 12


def check_foretelling_is_pure(subject: TrainedTask) -> None:
    """An answer is the same alone, in a batch, in any order, from several threads at once, and after any other question."""
    runtime: Any = subject.runtime
    queries = _queries(subject)
    together = list(runtime.ask(queries))

    assert len(together) == len(queries), f"{len(queries)} questions got {len(together)} answers"
    assert [runtime.ask([query])[0] for query in queries] == together, "alone it is another answer"
    assert list(runtime.ask(queries[::-1])) == together[::-1], "order moves answers"
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(runtime.ask, [queries] * 4):
            assert list(answers) == together, "threads move answers"
    assert list(runtime.ask([])) == [], "no question, yet an answer"


def check_foretold_items_are_few_and_ordered(subject: TrainedTask) -> None:
    """At most as many items as asked for, each once, the likeliest first, with shares for scores and a source that fits."""
    runtime: Any = subject.runtime
    for query in _queries(subject):
        for top_k in (1, 3):
            answer = runtime.ask([NextQuery(recent=query.recent, top_k=top_k)])[0]
            items, scores = [one.item for one in answer.items], [one.score for one in answer.items]

            assert len(items) == len(set(items)) <= top_k, f"{query}: {items}"
            assert scores == sorted(scores, reverse=True), f"{query}: {scores}"
            assert all(0.0 <= score <= 1.0 for score in scores), f"{query}: {scores}"
            assert (answer.source == "none") == (not items), f"{query}: {answer}"
            assert answer.precision is None or 0.0 <= answer.precision <= 1.0, f"{query}: {answer}"
    for wrong in (0, -1, 10_000):
        assert_refused(UsageError, "top_k", runtime.ask, [NextQuery(recent=("1",), top_k=wrong)])


def check_nothing_known_nothing_foretold(subject: TrainedTask) -> None:
    """After nothing, and after names that nobody has heard of, nothing is foretold; and that is an answer."""
    runtime: Any = subject.runtime
    for recent in ((), ("nothing-of-that-name",), ("never", "heard", "of"), ("",)):
        answer = runtime.ask([NextQuery(recent=recent)])[0]

        assert answer.items == (), f"{recent}: {answer}"
        assert answer.source == "none", f"{recent}: {answer}"


def check_followers_keep_to_themselves(subject: TrainedTask) -> None:
    """Two followers led through the same items foretell the same, whatever else is followed or asked meanwhile."""
    runtime: Any = subject.runtime
    items = _longest(subject)
    alone = runtime.successor.follow(top_k=4)
    expected = [alone.step(item) for item in items]

    one, other = runtime.successor.follow(top_k=4), runtime.successor.follow(top_k=4)
    found = []
    for place, item in enumerate(items):
        found.append(one.step(item))
        other.step(items[-1 - place])
        runtime.ask([NextQuery(recent=(item,))])

    assert found == expected, "another follower moves what is foretold"
    assert any(foretold.items for foretold in expected), "nothing is ever foretold"


def check_what_a_store_has_is_not_foretold(subject: TrainedTask) -> None:
    """What the store holds is never foretold to it."""
    runtime: Any = subject.runtime
    items = _longest(subject)
    store = set(items[::2])
    follower = runtime.successor.follow(top_k=8, has=store)
    for item in items:
        foretold = follower.step(item)
        assert not store & set(foretold.items), f"after {item}: {foretold} of what is there"


def check_often_right(subject: TrainedTask) -> None:
    """Where something is foretold, it is the next item more often than one of the items that the entity came to last."""
    runtime: Any = subject.runtime
    right = last = n = 0
    for items in sequences(subject.held_out, runtime.item).values():
        for place in range(1, len(items)):
            recent = items[max(0, place - _LAST) : place]
            answer = runtime.ask([NextQuery(recent=tuple(recent), top_k=1)])[0]
            if answer.items:
                n += 1
                right += answer.items[0].item == items[place]
                last += recent[-1] == items[place]

    assert n >= 20, f"foretold {n} times"
    assert right > last + 0.1 * n, f"right {right} times of {n}; the last item again: {last}"


def check_followed_in_bounded_memory(subject: TrainedTask) -> None:
    """Memory and latency stay flat while an entity is followed for long."""
    follower = subject.runtime.successor.follow(top_k=4)  # type: ignore[union-attr]  # of a version of this kind

    assert_bounded(follower.step, _longest(subject))


NEXT_CHECKS: Final[tuple[RuntimeCheck, ...]] = (
    check_foretelling_is_pure,
    check_foretold_items_are_few_and_ordered,
    check_nothing_known_nothing_foretold,
    check_followers_keep_to_themselves,
    check_what_a_store_has_is_not_foretold,
    check_often_right,
    check_followed_in_bounded_memory,
)


def _longest(subject: TrainedTask) -> list[str]:
    runtime: Any = subject.runtime
    return max(sequences(subject.held_out, runtime.item).values(), key=len)


def _queries(subject: TrainedTask) -> list[NextQuery]:
    runtime: Any = subject.runtime
    return [
        NextQuery(recent=tuple(items[max(0, end - _LAST) : end]))
        for items in sequences(subject.held_out, runtime.item).values()
        for end in range(1, len(items), 17)
    ]
