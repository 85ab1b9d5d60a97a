"""Thompson sampling for actions that drift, come and go: a linear model of each, drawn towards that of all."""

from collections.abc import Mapping
from typing import Final, final

from telltale.contract.estimator import Choice, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Acting, Kind
from telltale.contract.learners import Acts
from telltale.models.thompson.policy import ThompsonPolicy
from telltale.models.thompson.state import fresh_state, state_of_parts

_PASSES: Final = 2


@final
class LinearThompson:
    """Each action's reward is a line in the context; it drifts towards that of the population the longer it is not seen.

    Several speeds of drift are kept side by side and weighed by how well each foretold what came (a bank of Kalman filters), so
    that nobody has to say whether the world stands still. Costs above 0 are learned as logarithms, since latencies have heavy
    tails; whether an action fails at all is learned by itself; both are put together again where rewards are expected.

    The probability of an action is the share of draws from all this in which it is best, by the same draws whenever it is
    asked, mixed with `floor` of even chances, so that a log of it can be used to judge others.

    Args (parameters):
        floor: the share of requests that are spread evenly over all that is available.
        n_draws: draws behind a probability.
        spread: standard deviations of a draw, in those of the posterior; below 1 explores less.

    References:
        Agrawal & Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013. West & Harrison, "Bayesian
        Forecasting and Dynamic Models", 1997, for the filters and their mixture.
    """

    name = "linear_thompson"
    kind: Kind = "act"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {"floor": 0.005, "n_draws": 256, "spread": 0.5}
    search_space: Mapping[str, Choice] = {}
    grid: Mapping[str, tuple[Parameter, ...]] = {}

    def fit(
        self,
        acts: Acts,
        *,
        acting: Acting,
        parameters: Parameters,
        seed: int,
        tell: Tell = silent,  # noqa: ARG002 - done before there is anything to tell
    ) -> Parts:
        """Learn the log twice: the first time to know how actions differ, the second to know each. Nothing is random."""
        del seed
        state = fresh_state(
            acts,
            acting,
            floor=float(parameters["floor"]),
            n_draws=int(parameters["n_draws"]),
            spread=float(parameters["spread"]),
        )
        policy = ThompsonPolicy(state)
        for number in range(_PASSES):
            learned = policy.learned(acts)
            policy = learned if number == _PASSES - 1 else ThompsonPolicy(learned.state_now.without_actions())
        return policy.state()

    def load(self, parts: Parts) -> ThompsonPolicy:
        """A policy from its state. Raises BundleError."""
        return ThompsonPolicy(state_of_parts(parts, where=self.name))


ESTIMATOR: Final = LinearThompson()
