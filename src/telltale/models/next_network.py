"""An LSTM over the last steps of an entity: what comes next where neither neighbours nor single successors tell it."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from telltale.contract.estimator import Choice, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Kind
from telltale.models.succession.fitted import DEFAULTS, GatedSuccessor, known_of, learn_with_network, network_of
from telltale.models.succession.network_fit import NETWORK_DEFAULTS, network_parts


@final
class NextNetwork:
    """The next step out of the `max_vocab_size` most frequent ones: differences of addresses, or names.

    Embedding, one LSTM layer over the last `length` steps, a softmax over the vocabulary; the four likeliest are offered to the
    gate, which knows from the end of the training rows how often each tenth of likelihood comes true. A step that is not in the
    vocabulary is foretold by nobody.

    Not for: a store that must answer in microseconds: a step of the network takes some tens of them, with 10,000 words a
    few hundred.

    References:
        Hashemi et al., "Learning memory access patterns", ICML 2018, for differences as a vocabulary.
    """

    name = "next_network"
    kind: Kind = "next"
    traits = Traits(needs=("torch",), is_costly=True)
    check_parameters: Mapping[str, Parameter] = {"hidden": 16, "length": 4, "epochs": 8, "learning_rate": 0.01}
    defaults: Mapping[str, Parameter] = {**DEFAULTS, **NETWORK_DEFAULTS}
    search_space: Mapping[str, Choice] = {"learning_rate": Choice(kind="float", low=3e-4, high=1e-2, log=True)}
    grid: Mapping[str, tuple[Parameter, ...]] = {"learning_rate": (0.001, 0.003, 0.01)}

    def fit(
        self, sequences: Sequence[Sequence[str]], *, parameters: Parameters, seed: int, tell: Tell = silent
    ) -> Parts:
        """Fit the network, then see how often it comes true. Raises NotEnoughDataError, UsageError."""
        network = network_parts(sequences, parameters, seed=seed, tell=tell)
        return learn_with_network(sequences, network, parameters, sources=(), where=self.name)

    def load(self, parts: Parts) -> GatedSuccessor:
        """A model from its graph and arrays. Raises BundleError."""
        return GatedSuccessor(known_of(parts, network=network_of(parts, where=self.name), where=self.name))


ESTIMATOR: Final = NextNetwork()
