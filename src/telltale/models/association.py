"""Association alone: what followed an item the last times, whatever items are. For hashes, which have no neighbours."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from telltale.contract.estimator import Choice, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.succession.fitted import DEFAULTS, GatedSuccessor, known_of, learn, parts_of, unknown


@final
class AssociationAlone:
    """What followed an item the last times that it came, gated by running precision; parameters as those of `prefetch`.

    Not for: items that are come to once, such as those of a scan: there is nothing to associate.
    """

    name = "association"
    kind: Kind = "next"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {**DEFAULTS}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self, sequences: Sequence[Sequence[str]], *, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        """Follow the entities through their items; nothing is random."""
        del seed, tell
        known = unknown(parameters, sources=("association",))
        return parts_of(learn(sequences, known, store_items=int(parameters["store_items"])))

    def load(self, parts: Parts) -> GatedSuccessor:
        """A model from its arrays. Raises BundleError."""
        return GatedSuccessor(known_of(parts, network=None, where=self.name))


ESTIMATOR: Final = AssociationAlone()
