import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parts
from telltale.features.summaries.stream import summarise_reference
from telltale.models.bundle import ARRAYS, MANIFEST, MODEL, hash_bundle, load_bundle, save_bundle
from telltale.models.manifest import FORMAT, decode_manifest, encode_manifest
from telltale.testing.samples import sample_manifest

ROWS = np.array([3, 2**64 - 1, 5], dtype=np.uint64)
ARRAYS_PARTS = Parts(arrays={"spread": np.ones(5), "centre": np.arange(5.0)})


def save(directory: Path, parts: Parts = ARRAYS_PARTS) -> dict[str, str]:
    return save_bundle(directory, sample_manifest("robust_z"), parts, ROWS).files


def test_a_bundle_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    parts = Parts(onnx=b"graph", arrays=ARRAYS_PARTS.arrays)
    files = save(tmp_path, parts)

    bundle = load_bundle(tmp_path, expected=files)

    assert bundle.manifest == sample_manifest("robust_z")
    assert bundle.parts.onnx == b"graph"
    assert {name: array.tolist() for name, array in bundle.parts.arrays.items()} == {
        "centre": [0, 1, 2, 3, 4],
        "spread": [1] * 5,
    }
    assert bundle.trained_rows.tolist() == [3, 5, 2**64 - 1]


def test_saving_over_another_bundle_leaves_nothing_of_it(tmp_path: Path) -> None:
    save(tmp_path, Parts(onnx=b"graph"))

    files = save(tmp_path)

    assert set(files) == {MANIFEST, ARRAYS}
    assert load_bundle(tmp_path, expected=files).parts.onnx is None


def test_the_hash_does_not_depend_on_the_order_of_arrays(tmp_path: Path) -> None:
    other = Parts(arrays=dict(reversed(ARRAYS_PARTS.arrays.items())))

    assert save(tmp_path / "a") == save(tmp_path / "b", other)


def test_no_pickle_is_in_a_bundle_and_no_time_of_day(tmp_path: Path) -> None:
    save(tmp_path)

    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    assert not {"created", "created_at", "now", "time"} & json.loads((tmp_path / MANIFEST).read_bytes()).keys()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_noticed_and_its_file_named(tmp_path: Path, data: st.DataObject) -> None:
    directory = tmp_path / "bundle"
    files = save(directory, Parts(onnx=b"graph", arrays=ARRAYS_PARTS.arrays))
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray((directory / name).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (directory / name).write_bytes(content)

    with pytest.raises(BundleError, match=name):
        load_bundle(directory, expected=files)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_in_the_files_loading_gives_a_bundle_or_a_bundle_error(tmp_path: Path, data: st.DataObject) -> None:
    directory = tmp_path / "bundle"
    save(directory)
    name = data.draw(st.sampled_from([MANIFEST, ARRAYS]))
    content = bytearray((directory / name).read_bytes())
    if data.draw(st.booleans()):
        content = bytearray(data.draw(st.binary(max_size=200)))
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (directory / name).write_bytes(content)

    try:
        load_bundle(directory)
    except BundleError as error:
        refusal = error
    else:
        return
    assert refusal.where == str(directory)
    assert refusal.mend


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    files = save(tmp_path)
    (tmp_path / name).unlink()

    for expected in (files, None):
        with pytest.raises(BundleError, match=name):
            load_bundle(tmp_path, expected=expected)


def test_a_file_too_many_is_named(tmp_path: Path) -> None:
    files = save(tmp_path)
    (tmp_path / MODEL).write_bytes(b"smuggled in")

    with pytest.raises(BundleError, match=MODEL):
        load_bundle(tmp_path, expected=files)


def test_a_folder_that_is_not_there_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere"):
        hash_bundle(tmp_path / "nowhere")


def test_a_newer_format_says_to_upgrade_even_where_the_rest_is_not_understood() -> None:
    content = json.dumps({"format": FORMAT + 1, "everything": "else"}).encode()

    with pytest.raises(BundleError, match="Upgrade telltale") as raised:
        decode_manifest(content, where="a/bundle")

    assert f"format {FORMAT + 1}" in str(raised.value)
    assert raised.value.where == "a/bundle"


def test_a_manifest_that_is_no_text_is_refused() -> None:
    content = encode_manifest(sample_manifest("robust_z")).replace(b'"check"', b'"\x80heck"')

    with pytest.raises(BundleError, match=r"manifest\.json"):
        decode_manifest(content, where="a/bundle")


def test_a_manifest_may_gain_fields_that_we_do_not_know() -> None:
    document = json.loads(encode_manifest(sample_manifest("robust_z")))

    assert decode_manifest(json.dumps({**document, "new": 1}).encode(), where="") == sample_manifest("robust_z")


def test_a_drift_reference_comes_back_as_it_was_saved_and_a_bundle_may_have_none(tmp_path: Path) -> None:
    reference = summarise_reference(("load",), np.random.default_rng(0).normal(size=(100, 1)))
    save_bundle(tmp_path / "with", sample_manifest("robust_z"), ARRAYS_PARTS, ROWS, drift=reference)
    save(tmp_path / "without")

    bundle = load_bundle(tmp_path / "with")

    assert bundle.drift_reference() == reference
    assert set(bundle.parts.arrays) == {"centre", "spread"}
    assert load_bundle(tmp_path / "without").drift_reference() is None


def test_a_drift_reference_that_cannot_be_read_is_told_of_by_name(tmp_path: Path) -> None:
    save(tmp_path)
    bundle = msgspec.structs.replace(load_bundle(tmp_path), drift=b'{"layout": 1}')

    with pytest.raises(BundleError, match=r"drift reference in arrays\.safetensors cannot be read"):
        bundle.drift_reference()
