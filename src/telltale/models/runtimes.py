"""A runtime for every kind of task, from the bundle alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from telltale.contract.errors import BundleError, UsageError
from telltale.contract.kinds import SCORING_KINDS
from telltale.models.bundle import Bundle, load_bundle
from telltale.models.estimators import bundled_estimator
from telltale.models.score_runtime import ScoreRuntime

if TYPE_CHECKING:
    from telltale.models.act_runtime import ActRuntime
    from telltale.models.choose_runtime import ChooseRuntime
    from telltale.models.forecast_runtime import ForecastRuntime
    from telltale.models.next_runtime import NextRuntime
    from telltale.models.rank_runtime import RankRuntime
    from telltale.models.segment_runtime import SegmentRuntime
    from telltale.models.similar_runtime import SimilarRuntime
    from telltale.models.verify_runtime import VerifyRuntime

LoadedRuntime: TypeAlias = (
    "ScoreRuntime | ChooseRuntime | SegmentRuntime | RankRuntime | ForecastRuntime | VerifyRuntime"
    " | SimilarRuntime | NextRuntime | ActRuntime"
)


def runtime_of(bundle: Bundle, *, threshold: float | None = None) -> LoadedRuntime:
    """A loaded bundle, ready to answer; only what its kind needs is loaded. Raises BundleError, UsageError.

    Args:
        bundle: of any kind.
        threshold: in place of the bundle's own; for a version whose answers are decisions.
    """
    kind = bundle.manifest.kind
    if threshold is not None and kind not in SCORING_KINDS:
        raise UsageError(f"a task of kind {kind} has no threshold", where="threshold", mend="Leave it out.")
    match kind:
        case "score":
            if bundled_estimator(bundle.manifest).traits.adapts:
                from telltale.models.stream_runtime import StreamRuntime

                return StreamRuntime(bundle, threshold=threshold)
            return ScoreRuntime(bundle, threshold=threshold)
        case "choose":
            from telltale.models.choose_runtime import ChooseRuntime

            return ChooseRuntime(bundle)
        case "segment":
            from telltale.models.segment_runtime import SegmentRuntime

            return SegmentRuntime(bundle)
        case "rank":
            from telltale.models.rank_runtime import RankRuntime

            return RankRuntime(bundle)
        case "forecast":
            from telltale.models.forecast_runtime import ForecastRuntime

            return ForecastRuntime(bundle)
        case "verify":
            from telltale.models.verify_runtime import VerifyRuntime

            return VerifyRuntime(bundle, threshold=threshold)
        case "similar":
            from telltale.models.similar_runtime import SimilarRuntime

            return SimilarRuntime(bundle)
        case "next":
            from telltale.models.next_runtime import NextRuntime

            return NextRuntime(bundle)
        case "act":
            from telltale.models.act_runtime import ActRuntime

            return ActRuntime(bundle)


def load_runtime(
    directory: Path, *, expected: Mapping[str, str] | None = None, threshold: float | None = None, where: str = ""
) -> LoadedRuntime:
    """Load a bundle and make it ready to answer; `where` as for `load_bundle`. Raises BundleError."""
    return runtime_of(load_bundle(directory, expected=expected, where=where), threshold=threshold)


def score_runtime(
    directory: Path, *, expected: Mapping[str, str] | None = None, threshold: float | None = None
) -> ScoreRuntime:
    """Load a bundle of a task that scores. Raises BundleError for one of another kind."""
    return scoring(load_runtime(directory, expected=expected, threshold=threshold))


def scoring(runtime: "LoadedRuntime") -> ScoreRuntime:
    """The same runtime, of a task that scores. Raises BundleError for one of another kind."""
    if not isinstance(runtime, ScoreRuntime):
        where = f"{runtime.manifest.app}/{runtime.manifest.task}"
        raise BundleError(f"it is of kind {runtime.manifest.kind}", where=where, mend="Name a task that scores.")
    return runtime
