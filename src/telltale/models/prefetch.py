"""What to fetch before it is asked for: sequential runs, strides and association, behind one gate."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from telltale.contract.estimator import Choice, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.succession.fitted import DEFAULTS, GatedSuccessor, known_of, learn, parts_of, unknown


@final
class Prefetch:
    """Items that are likely to come, those of every source that pays, the likeliest first.

    What pays is learned: the gate (`telltale.models.succession.gate`) keeps the running precision of each kind of foretelling,
    begins with that of training, and takes what is above a break-even that rises with what was fetched in vain. Parameters:

    - capacity: addresses, and items, that are remembered, in a bundle and beside it: some 60 bytes each at work;
    - store_items: how much a store is taken to hold in training; 0 for a hundredth of the different items;
    - lowest: the break-even where nothing is fetched in vain, a share;
    - budget: fetches in vain, per fetch that would be made without prefetching, at most in the long run.

    Not for: items that are never come to twice, and are no addresses.
    """

    name = "prefetch"
    kind: Kind = "next"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {**DEFAULTS}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self, sequences: Sequence[Sequence[str]], *, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        """Follow the entities through their items, one after the other."""
        del seed, tell
        known = unknown(parameters, sources=("addresses", "association"))
        return parts_of(learn(sequences, known, store_items=int(parameters["store_items"])))

    def load(self, parts: Parts) -> GatedSuccessor:
        """A model from its arrays. Raises BundleError."""
        return GatedSuccessor(known_of(parts, network=None, where=self.name))


ESTIMATOR: Final = Prefetch()
