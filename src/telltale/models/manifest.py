"""What a bundle says of itself."""

from typing import Literal

import msgspec

from telltale.contract.errors import BundleError
from telltale.contract.estimator import Parameter
from telltale.contract.kinds import Acting, Choices, Forecasting, Kind, Ranking, Similarity, Succession, Verification
from telltale.contract.plan import Plan
from telltale.contract.schema import EventSchema
from telltale.contract.verdict import Verdict

FORMAT = 1

DataKind = Literal["simulated", "store", "file"]
ThresholdMethod = Literal["labels", "tail", "given", "task"]


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """How the threshold came about: from labels, from the tail of unlabelled scores, by a person, or by the task."""

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


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How often rows of each score were positive, among held-out rows with labels.

    Bin i holds scores from `edges[i - 1]`, which it includes, to `edges[i]`; the first and the last have no outer edge.
    `inflation` is how many rows say as much as one independent row would: rows of one incident come together.
    """

    edges: tuple[float, ...]
    n: tuple[int, ...]
    n_positive: tuple[int, ...]
    inflation: float = 1.0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All of a version but its weights. No time of day and no version number: same seed, same rows, same bytes.

    `columns` are the measured columns of the rows it was trained on, of which `plan` may read fewer.
    """

    format: int = FORMAT
    app: str
    task: str
    kind: Kind
    event: EventSchema
    columns: tuple[str, ...] = ()
    plan: Plan | None = None
    estimator: str
    parameters: dict[str, Parameter]
    seed: int
    threshold: float | None = None
    operating_point: OperatingPoint | None = None
    choices: Choices | None = None
    ranking: Ranking | None = None
    forecasting: Forecasting | None = None
    trained_on: TrainedOn
    reference: dict[str, Summary]
    verdict: Verdict
    metrics: dict[str, float | None]
    libraries: dict[str, str]
    calibration: Calibration | None = None
    verification: Verification | None = None
    similarity: Similarity | None = None
    succession: Succession | None = None
    acting: Acting | None = None

    @property
    def row_columns(self) -> tuple[str, ...]:
        """`columns`; of a bundle from before there were any, those that the plan reads, which were all."""
        return self.columns or (() if self.plan is None else self.plan.columns)


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
