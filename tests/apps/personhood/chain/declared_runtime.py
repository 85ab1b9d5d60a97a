"""The metadata (V14) of a runtime with the pallet, built from declared types: nobody here has compiled the pallet.

PendingPatterns: StorageMap<Hasher, [u8; 32], BoundedVec<u8, _>>
submit_score(did: [u8; 32], pattern_hash: H256, score: u8)
"""

from typing import Any, Final

from tests.apps.personhood.chain.chopsticks import library

_U8, _DID, _HASH, _BYTES, _PALLET_CALL, _RUNTIME_CALL = range(6)
_INDEX: Final = 51  # of the pallet in its runtime


def _type(number: int, definition: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"id": number, "type": {"path": list(path), "params": [], "def": definition, "docs": []}}


def _field(name: str | None, number: int) -> dict[str, Any]:
    return {"name": name, "type": number, "typeName": "T", "docs": []}


def _variant(name: str, index: int, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"variant": {"variants": [{"name": name, "fields": fields, "index": index, "docs": []}]}}


def declared_runtime(hasher: str = "Blake2_128Concat") -> tuple[Any, Any]:
    """Metadata, as a node would give it and a client read it, and the types that belong to it."""
    scale = library("scalecodec.base")
    types = scale.RuntimeConfigurationObject(implements_scale_info=True)
    types.update_type_registry(library("scalecodec.type_registry").load_type_registry_preset("core"))
    parameters = [_field("did", _DID), _field("pattern_hash", _HASH), _field("score", _U8)]
    registry = [
        _type(_U8, {"primitive": "u8"}),
        _type(_DID, {"array": {"len": 32, "type": _U8}}),
        _type(_HASH, {"composite": {"fields": [_field(None, _DID)]}}, ("primitive_types", "H256")),
        _type(_BYTES, {"sequence": {"type": _U8}}),
        _type(_PALLET_CALL, _variant("submit_score", 3, parameters), ("pallet_proof_of_personhood", "pallet", "Call")),
        _type(
            _RUNTIME_CALL,
            _variant("ProofOfPersonhood", _INDEX, [_field(None, _PALLET_CALL)]),
            ("runtime", "RuntimeCall"),
        ),
    ]
    entry = {
        "name": "PendingPatterns",
        "modifier": "Optional",
        "type": {"Map": {"hashers": [hasher], "key": _DID, "value": _BYTES}},
        "default": "0x00",
        "documentation": [],
    }
    counter = {"name": "Count", "modifier": "Default", "type": {"Plain": _U8}, "default": "0x00", "documentation": []}
    pallet: dict[str, Any] = {
        "name": "ProofOfPersonhood",
        "storage": {"prefix": "ProofOfPersonhood", "entries": [entry, counter]},
        "calls": {"ty": _PALLET_CALL},
        "event": None,
        "constants": [],
        "error": None,
        "index": _INDEX,
    }
    body = {
        "types": {"types": registry},
        "pallets": [pallet],
        "extrinsic": {"ty": _BYTES, "version": 4, "signed_extensions": []},
        "runtime_type": _RUNTIME_CALL,
    }
    written = types.create_scale_object("MetadataVersioned").encode(["0x6d657461", {"V14": body}])
    metadata = types.create_scale_object("MetadataVersioned", data=scale.ScaleBytes(bytes(written.data)))
    metadata.decode()
    types.add_portable_registry(metadata)
    return metadata, types


def read_call(data: bytes, metadata: Any, types: Any) -> dict[str, Any]:
    """A call from its bytes."""
    scale = library("scalecodec.base")
    read: dict[str, Any] = types.create_scale_object("Call", data=scale.ScaleBytes(data), metadata=metadata).decode()
    return read
