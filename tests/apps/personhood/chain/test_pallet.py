"""The binding to a pallet: its storage read from a real runtime, its call written by declared metadata."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.apps.personhood.chain.chopsticks import Chain, map_key, map_start
from tests.apps.personhood.chain.declared_runtime import declared_runtime, read_call
from tests.apps.personhood.chain.relaying import pattern
from tests.apps.personhood.chain.scorer import Scorer

from telltale.apps.personhood.chain.binding import Malformed
from telltale.apps.personhood.chain.codec import Pattern, Score
from telltale.apps.personhood.chain.node import connect
from telltale.apps.personhood.chain.pallet import MapShape, PalletBinding, PalletNames, map_shape, read_value
from telltale.cli import main
from telltale.contract.errors import UsageError

SCORE = Score(did=bytes(range(32)), pattern_hash=bytes(range(32, 64)), value=93)
FEATURES = pattern(0).features
# A map by 32 bytes that the real runtime has; what lies in it is put there by the test.
THERE = PalletNames(pallet="Session", storage="NextKeys")


def written_call(names: PalletNames, metadata: Any, types: Any) -> bytes:
    call = PalletBinding(names).call(SCORE)
    made = types.create_scale_object("Call", metadata=metadata)
    return bytes(
        made.encode({"call_module": call.module, "call_function": call.name, "call_args": dict(call.parameters)}).data
    )


def test_the_call_is_the_index_of_the_pallet_and_of_the_call_and_three_parameters() -> None:
    assert written_call(PalletNames(), *declared_runtime()) == b"\x33\x03" + SCORE.did + SCORE.pattern_hash + b"\x5d"


def test_the_call_is_read_back_by_the_same_metadata() -> None:
    metadata, types = declared_runtime()
    data = written_call(PalletNames(), metadata, types)

    read = read_call(data, metadata, types)

    assert (read["call_module"], read["call_function"]) == ("ProofOfPersonhood", "submit_score")
    assert [argument["value"] for argument in read["call_args"]] == [
        f"0x{SCORE.did.hex()}",
        f"0x{SCORE.pattern_hash.hex()}",
        93,
    ]


@pytest.mark.parametrize(("hasher", "n_before"), [("Blake2_128Concat", 16), ("Twox64Concat", 8), ("Identity", 0)])
def test_keys_of_the_map_begin_as_frame_writes_them(hasher: str, n_before: int) -> None:
    prefix = map_start("ProofOfPersonhood", "PendingPatterns")

    shape = map_shape(*declared_runtime(hasher), PalletNames())

    assert shape == MapShape(prefix=prefix, n_before=n_before, is_vector=True)


@pytest.mark.parametrize(
    ("is_vector", "good", "bad"),
    [
        (
            True,
            b"\x50" + FEATURES,
            [FEATURES, b"\x50" + FEATURES[:-1], b"\x50" + FEATURES + b"!", b"\x4c" + FEATURES, b""],
        ),
        (False, FEATURES, [b"\x50" + FEATURES, FEATURES[:-1], b""]),
    ],
)
def test_a_value_is_read_as_the_metadata_says_and_nothing_else_is_taken_for_one(
    is_vector: bool, good: bytes, bad: list[bytes]
) -> None:
    shape = MapShape(prefix=b"", n_before=0, is_vector=is_vector)

    assert read_value(SCORE.did, good, shape) == Pattern(did=SCORE.did, features=FEATURES)
    for value in bad:
        assert isinstance(read_value(SCORE.did, value, shape), Malformed)
    assert isinstance(read_value(SCORE.did[:-1], good, shape), Malformed)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (PalletNames(pallet="Humanity"), "'Humanity' is not known. Known: ProofOfPersonhood"),
        (PalletNames(storage="Queue"), "'Queue' is not known. Known: .*PendingPatterns"),
        (PalletNames(storage="Count"), "no map from which a DID can be read back"),
    ],
)
def test_names_that_the_runtime_has_not_are_told_with_those_it_has(names: PalletNames, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        map_shape(*declared_runtime(), names)


def test_a_map_whose_keys_are_hashes_alone_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no map from which a DID can be read back .*Blake2_256"):
        map_shape(*declared_runtime("Blake2_256"), PalletNames())


@pytest.mark.slow
@pytest.mark.server
def test_what_waits_in_storage_is_read_from_a_real_runtime(
    chain: Chain, scorer: Scorer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = (pattern(number, person=9) for number in range(2))
    values = {one.did: one.features, other.did: other.features[:-1]}
    chain.set_storage(*((map_key("Session", "NextKeys", did), value) for did, value in values.items()))

    with connect(chain.url) as node:
        found = {item.did: item for item in PalletBinding(THERE).pending(node, node.finalised())}

    assert found[one.did] == Pattern(did=one.did, features=one.features)
    refused = found[other.did]
    assert isinstance(refused, Malformed)
    assert "the features are 19 bytes, not 20" in refused.fault

    # The real runtime has no call of the pallet's: what is asked for is known, and what is wrong is said.
    monkeypatch.setenv("RELAY_SEED", "//Relay9")
    given = ["relay", "substrate", "--ws", chain.url, "--url", scorer.url, "--once", "--json"]
    assert main([*given, "--pallet", "Session", "--storage", "NextKeys"]) == 2
    assert "the runtime takes no Session.submit_score(did, pattern_hash, score)" in " ".join(
        capsys.readouterr().err.split()
    )
    assert main(given) == 2
    assert json.loads(capsys.readouterr().out)["error"]["what"] == "'ProofOfPersonhood' is not known"
