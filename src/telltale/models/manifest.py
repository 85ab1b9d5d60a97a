"""What a bundle says of itself."""

from typing import Literal

import msgspec

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parameter
from telltale.contract.plan import Plan
from telltale.contract.schema import EventSchema
from telltale.contract.verdict import Verdict

FORMAT = 1

DataKind = Literal["simulated", "store", "file"]
ThresholdMethod = Literal["labels", "tail", "given"]


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """How the threshold came about: from labels, from the tail of unlabelled scores, or given by a person."""

    method: ThresholdMethod
    n: int
    n_positive: int
    false_alarms_per_day: float | None = None


class TrainedOn(msgspec.Struct, frozen=True, kw_only=True):
    """The rows a version was fitted on; `sha256` is over their hashes in order. Times are ISO 8601, "" without time."""

    kind: DataKind
    sha256: str
    n_rows: int
    n_positive: int | None
    first: str
    last: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Reference distribution of a column, feature or score over `n` rows: mean, deviation, and quantiles at `levels`."""

    n: int
    mean: float
    sd: float
    levels: tuple[float, ...]
    values: tuple[float, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All of a version but its weights. No time of day and no version number: same seed, same rows, same bytes."""

    format: int = FORMAT
    app: str
    task: str
    kind: str
    event: EventSchema
    plan: Plan
    estimator: str
    parameters: dict[str, Parameter]
    seed: int
    threshold: float
    operating_point: OperatingPoint
    trained_on: TrainedOn
    reference: dict[str, Summary]
    verdict: Verdict
    metrics: dict[str, float | None]
    libraries: dict[str, str]


def encode_manifest(manifest: Manifest) -> bytes:
    """Readable JSON with a fixed order of keys."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def decode_manifest(content: bytes, *, where: str) -> Manifest:
    """Read a manifest of our format. Raises BundleError for another format or a broken file."""

    class OnlyFormat(msgspec.Struct):
        format: int

    try:
        number = msgspec.json.decode(content, type=OnlyFormat).format
        if number > FORMAT:
            raise BundleError(
                f"the bundle has format {number}; this telltale reads formats up to {FORMAT}",
                where=where,
                mend="Upgrade telltale, or train the version again.",
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(
            f"manifest.json cannot be read ({error})", where=where, mend="Restore or retrain it."
        ) from error
