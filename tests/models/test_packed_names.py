import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telltale.models.similarity import packed_names
from telltale.models.similarity.packed_names import pack_names

NAMES = st.lists(st.text(max_size=12), unique=True, max_size=40)


@given(names=NAMES, others=NAMES)
def test_every_name_comes_back_by_its_number_and_no_other_has_one(names: list[str], others: list[str]) -> None:
    packed, order = pack_names(names)

    numbers = packed.numbers_of(names).tolist()

    assert sorted(numbers) == list(range(len(names)))
    assert [packed.name(number) for number in numbers] == names
    assert [names[place] for place in order.tolist()] == [packed.name(number) for number in range(len(names))]
    strangers = [name for name in others if name not in names]
    assert packed.numbers_of(strangers).tolist() == [-1] * len(strangers)


def test_names_whose_hashes_are_the_same_are_told_apart(monkeypatch: object) -> None:
    hashes = packed_names._hashes  # noqa: SLF001 - two texts of one 64-bit hash are not to be had otherwise
    packed_names._hashes = lambda names: np.array([len(name) % 2 for name in names], dtype=np.uint64)  # noqa: SLF001
    try:
        names = ["a", "bb", "c", "dd", "eee"]
        packed, order = pack_names(names)
        other, _ = pack_names(names[::-1])

        assert [packed.name(number) for number in packed.numbers_of(names).tolist()] == names
        assert packed.numbers_of(["f", "gg"]).tolist() == [-1, -1]
        assert [names[place] for place in order.tolist()] == ["bb", "dd", "a", "c", "eee"]
        assert np.array_equal(other.text, packed.text)
    finally:
        packed_names._hashes = hashes  # noqa: SLF001
