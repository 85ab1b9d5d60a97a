"""People, sessions and trials of the `freetext` benchmark, from files of key events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from telltale.contract.errors import NotFoundError
from telltale.contract.sequence import TimedSequence
from telltale.models.verification.sequence import timed_sequence

N_KEYS: Final = (50, 100, 250)  # beside whole sessions
LETTER, DIGIT, SPACE, CORRECTION, OTHER = range(5)
LEAST_PEOPLE: Final = 6  # three to be verified, three for the background
_COLUMNS: Final = ("user", "session", "keyname", "timepress", "timerelease")

People = dict[str, list[TimedSequence]]  # by user, each one's sessions in their order


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file and a number of keys.

    Args:
        file: the file's name without its ending.
        n_keys: of a trial; None for whole sessions.
    """

    file: str
    n_keys: int | None

    @property
    def name(self) -> str:
        """`free_text 50`, `free_text all`."""
        return f"{self.file} {self.n_keys or 'all'}"


@dataclass(frozen=True, kw_only=True)
class Part:
    """People who are verified, and others.

    Args:
        enrolled: of each person, the sessions that are enrolled.
        later: of each person, the sessions that come after those.
        background: sessions of people other than these.
    """

    enrolled: People
    later: People
    background: Sequence[Sequence[TimedSequence]]

    def trials(self, n_keys: int | None) -> tuple[list[TimedSequence], NDArray[np.str_]]:
        """Everybody's later sessions in stretches of so many keys, and whose each is."""
        found = [
            (stretch, user) for user, own in self.later.items() for one in own for stretch in stretches(one, n_keys)
        ]
        return [stretch for stretch, _ in found], np.array([user for _, user in found])


def read_people(folder: Path) -> dict[str, People]:
    """The people of every file below a folder that has the columns of key events.

    Raises:
        NotFoundError: there is no such folder, or no such file in it.
    """
    where = "freetext"
    if not folder.is_dir():
        raise NotFoundError(f"no such folder: {folder}", where=where, mend="Name a folder of files of key events.")
    files = {path.stem: path for path in sorted(folder.rglob("*.parquet"))}
    found = {stem: _people(path) for stem, path in files.items() if set(_COLUMNS) <= set(pl.read_parquet_schema(path))}
    if not found:
        raise NotFoundError(
            f"{len(files)} parquet files in {folder}, none with the columns {', '.join(_COLUMNS)}",
            where=where,
            mend="Give files of key events: a row for each key, times in ms.",
        )
    return found


def _people(path: Path) -> People:
    events = pl.read_parquet(path, columns=list(_COLUMNS)).drop_nulls().sort("user", "session", maintain_order=True)
    people: People = {}
    for (user, _), rows in events.group_by("user", "session", maintain_order=True):
        kinds = [class_of(name) for name in rows["keyname"]]
        sequence = timed_sequence(kinds, rows["timepress"].to_numpy(), rows["timerelease"].to_numpy())
        people.setdefault(str(user), []).append(sequence)
    return {user: own for user, own in people.items() if len(own) >= 2}


def class_of(name: str) -> int:
    """The class of a key.

    >>> [class_of(name) for name in ("a", "numpad_7", "space", "backspace", "enter")] == list(range(5))
    True
    """
    last = name.removeprefix("numpad_")
    if len(last) == 1 and last.isdigit():
        return DIGIT
    if len(name) == 1 and name.isalpha():
        return LETTER
    return {"space": SPACE, "backspace": CORRECTION, "delete": CORRECTION}.get(name, OTHER)


def cases_of(file: str, people: People, *, quick: bool) -> list[Case]:
    """Whole sessions, and as many of `N_KEYS` as sessions usually have more of; not of one text, which is taken whole."""
    if one_text(people):
        return [Case(file=file, n_keys=None)]
    usual = float(np.median([len(one) for own in people.values() for one in own]))
    shorter = [n for n in N_KEYS if n < usual]
    return [Case(file=file, n_keys=n) for n in (*shorter[: 1 if quick else None], None)]


def split(people: People, tested: People | None) -> list[Part]:
    """With other people to test, one part; else two, in each of which one half is verified and the other the background."""
    if tested is not None:
        return [_part(tested, [own for user, own in people.items() if user not in tested])]
    users = list(people)
    halves = users[::2], users[1::2]
    return [
        _part({user: people[user] for user in verified}, [people[user] for user in others])
        for verified, others in (halves, halves[::-1])
    ]


def _part(people: People, background: Sequence[Sequence[TimedSequence]]) -> Part:
    return Part(
        enrolled={user: own[: len(own) // 2] for user, own in people.items()},
        later={user: own[len(own) // 2 :] for user, own in people.items()},
        background=background,
    )


def for_choosing(part: Part) -> Part:
    """The same people's enrolled sessions alone: the first half enrolled, the rest verified. Nothing that is scored is in it.

    The background keeps its people's first halves, so that it is as far from the trials in time.
    """
    return Part(
        enrolled={user: own[: (len(own) + 1) // 2] for user, own in part.enrolled.items() if len(own) >= 2},
        later={user: own[(len(own) + 1) // 2 :] for user, own in part.enrolled.items() if len(own) >= 2},
        background=[own[: (len(own) + 1) // 2] for own in part.background],
    )


def stretches(sequence: TimedSequence, n_keys: int | None) -> Iterator[TimedSequence]:
    """A session cut into stretches of so many keys, the rest dropped; whole where None."""
    if n_keys is None:
        yield sequence
        return
    for first in range(0, len(sequence) - n_keys + 1, n_keys):
        since = sequence.since_ms[first : first + n_keys].copy()
        since[0] = 0.0
        yield TimedSequence(
            kinds=sequence.kinds[first : first + n_keys],
            lasted_ms=sequence.lasted_ms[first : first + n_keys],
            since_ms=since,
        )


def one_text(people: Mapping[str, Sequence[TimedSequence]]) -> bool:
    """Whether all sessions of all people are the same kinds in the same order."""
    return len({one.kinds.tobytes() for own in people.values() for one in own}) == 1
