"""Patterns in the storage map of a pallet, by DID; a score by a call of the pallet.

The pallet's names are configuration. Whether a value is the struct of the features, or the `Vec<u8>` that
`queue_for_ml_scoring(origin, features.encode())` was given, is in the runtime's metadata.
"""

from typing import Any, Final, final

import msgspec

from telltale.apps.personhood.chain.binding import Call, Malformed
from telltale.apps.personhood.chain.codec import (
    DID_BYTES,
    FIELDS,
    Field,
    Pattern,
    Score,
    compact_length,
    decode_features,
    n_feature_bytes,
)
from telltale.apps.personhood.chain.node import Head, Node, Outcome
from telltale.apps.personhood.chain.node_faults import told
from telltale.contract.errors import SchemaError, UsageError

_PAGE: Final = 256
_READABLE_HASHERS: Final = {"Identity": 0, "Twox64Concat": 8, "Blake2_128Concat": 16}  # bytes before the key itself


class PalletNames(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime calls things.

    Args:
        pallet: the pallet.
        storage: its map from DID to pattern.
        call: its call with a score.
        did, pattern_hash, score: the call's parameters.
    """

    pallet: str = "ProofOfPersonhood"
    storage: str = "PendingPatterns"
    call: str = "submit_score"
    did: str = "did"
    pattern_hash: str = "pattern_hash"
    score: str = "score"


@final
class PalletBinding:
    """Patterns in a storage map, scores by a call.

    Args:
        names: of the pallet and its parts.
        fields: the numbers of a pattern, in the order in which they are written.
    """

    reads_blocks: Final = False

    def __init__(self, names: PalletNames, fields: tuple[Field, ...] = FIELDS) -> None:
        self._names = names
        self._fields = fields

    def in_block(self, extrinsic: bytes, outcome: Outcome) -> list[Pattern | Malformed | tuple[bytes, Score]]:  # noqa: ARG002
        """Nothing: patterns are in storage, and the pallet takes a pattern out when it has its score."""
        return []

    def pending(self, node: Node, head: Head) -> list[Pattern | Malformed]:
        """The map as of a block, in the order of its keys."""
        with told(node.url):
            node.substrate.init_runtime(block_hash=head.hash)
            shape = map_shape(node.substrate.metadata, node.substrate.runtime_config, self._names)
        found: list[Pattern | Malformed] = []
        prefix = last = f"0x{shape.prefix.hex()}"
        while keys := node.ask("state_getKeysPaged", prefix, _PAGE, last, head.hash):
            for changes in node.ask("state_queryStorageAt", keys, head.hash):
                for key, value in changes["changes"]:
                    did = bytes.fromhex(key[2:])[len(shape.prefix) + shape.n_before :]
                    found.append(read_value(did, bytes.fromhex((value or "0x")[2:]), shape, self._fields))
            last = keys[-1]
        return found

    def call(self, score: Score) -> Call:
        """The pallet's call."""
        names = self._names
        parameters = {
            names.did: f"0x{score.did.hex()}",
            names.pattern_hash: f"0x{score.pattern_hash.hex()}",
            names.score: score.value,
        }
        return Call(module=names.pallet, name=names.call, parameters=parameters)


class MapShape(msgspec.Struct, frozen=True, kw_only=True):
    """How a map lies in storage.

    Args:
        prefix: what its keys begin with.
        n_before: bytes of hash before the DID in each key.
        is_vector: whether its values are `Vec<u8>`; else they are the struct.
    """

    prefix: bytes
    n_before: int
    is_vector: bool


def read_value(did: bytes, value: bytes, shape: MapShape, fields: tuple[Field, ...] = FIELDS) -> Pattern | Malformed:
    """A pattern from a key and its value as they lie in storage."""
    features = value
    if shape.is_vector:
        written = compact_length(n_feature_bytes(fields))
        if value[: len(written)] != written:
            fault = f"the value is no Vec<u8> of {n_feature_bytes(fields)} bytes: it begins with 0x{value[:4].hex()}."
            return Malformed(did=did[:DID_BYTES], data=value, fault=fault)
        features = value[len(written) :]
    try:
        decode_features(features, fields)
    except SchemaError as error:
        return Malformed(did=did[:DID_BYTES], data=value, fault=str(error))
    if len(did) != DID_BYTES:
        return Malformed(
            did=did[:DID_BYTES], data=value, fault=f"the key is {len(did)} bytes, and a DID is {DID_BYTES}."
        )
    return Pattern(did=did, features=features)


def map_shape(metadata: Any, runtime_config: Any, names: PalletNames) -> MapShape:
    """How the map lies in storage, by the metadata.

    Args:
        metadata: the runtime's, of substrate-interface.
        runtime_config: the types that belong to it.
        names: of the pallet and its parts.

    Raises:
        UsageError: the runtime has no such map, or one whose keys cannot be read back.
    """
    from substrateinterface.storage import StorageKey

    where = f"{names.pallet}.{names.storage}"
    pallet = metadata.get_metadata_pallet(names.pallet)
    if pallet is None:
        raise UsageError.not_one_of(names.pallet, (one.name for one in metadata.pallets), where="--pallet")
    storage = pallet.get_storage_function(names.storage)
    if storage is None:
        there = (one.value["name"] for one in pallet.storage or () if one.value["name"][0] != ":")
        raise UsageError.not_one_of(names.storage, there, where=f"--storage of {names.pallet}")
    hashers = storage.get_param_hashers() if storage.get_params_type_string() else []
    if len(hashers) != 1 or hashers[0] not in _READABLE_HASHERS:
        raise UsageError(
            f"it is no map from which a DID can be read back (hashers: {hashers})",
            where=where,
            mend=f"Key it by the DID alone, with one of {', '.join(_READABLE_HASHERS)}.",
        )
    key = StorageKey.create_from_storage_function(
        names.pallet, storage.value["name"], [], runtime_config=runtime_config, metadata=metadata
    )
    return MapShape(
        prefix=bytes(key.data),
        n_before=_READABLE_HASHERS[hashers[0]],
        is_vector=_is_vector(metadata, storage.value["type"]["Map"]["value"]),
    )


def _is_vector(metadata: Any, number: int) -> bool:
    """Whether a type is a sequence, or wraps one, as a `BoundedVec` does."""
    definition = metadata.portable_registry.value["types"][number]["type"]["def"]
    if "composite" in definition and len(definition["composite"]["fields"]) == 1:
        return _is_vector(metadata, definition["composite"]["fields"][0]["type"])
    return "sequence" in definition
