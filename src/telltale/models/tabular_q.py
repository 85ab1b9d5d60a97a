"""Tabular Q-learning: what each action is worth at each level of the context, shared between levels that are near."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, final

import numpy as np

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Choice, Floats, Parameter, Parameters, Parts, Tell, Traits, silent
from telltale.contract.kinds import Acting, Kind
from telltale.contract.learners import Acts
from telltale.models.acting import action_names
from telltale.models.q_learning.policy import QPolicy
from telltale.models.q_learning.table import QTable, Settings, empty_cells, parts_of, table_of_parts

_FEWEST_LEVELS: Final = 2


@final
class TabularQ:
    """A table of the mean reward of every action at every level of the context, and what is near it counted in.

    Each column of the context is cut into at most `levels` by its quantiles; a value that is not known is a level by itself. The
    worth of an action at a state is the mean reward of the rows there, drawn towards that of the states around, those
    towards that of a wider ring, and so on to all rows: so a state, or an action at it, that no row has been at is worth what
    its surroundings are. Neighbouring values of a numeric action share likewise. An episode is one step: what is done does not
    change what the next context will be, so there is nothing to discount.

    The best action is drawn most often; `explore` of the requests are spread over those that may as well be the best, by
    the standard error of their worth, and `floor` over all that are available. So every probability is known and above 0.

    What is learned after the fit is by how much rewards differ from what the fit says of their states, counted in a table of its
    own, by the same rings and from nothing. So rows drawn by the policy itself do not flatter the actions it prefers where it
    prefers them. A row learned counts half as much after `half_life` more; in one go or in several comes to the same.

    Not for: actions that come and go (they have no place in a table), contexts of many columns, actions that change what comes
    next. A log to be fitted on should be drawn evenly, or nearly: where its policy looked at the context, the task should
    say what is known beforehand, after which the log is learned.

    Args (parameters):
        levels: at most so many of each column, at least 2.
        floor, explore: shares of requests, as above; floor above 0.
        prior_weight, caution: so many rows the surroundings count, where rows are fitted on and where they are learned later.
        half_life: rows.

    References:
        Watkins & Dayan, "Q-learning", Machine Learning 8 (1992). Sutton & Barto, "Reinforcement Learning", 2018, sections 2.4 and
        9.5 for step sizes and coarse coding.
    """

    name = "tabular_q"
    kind: Kind = "act"
    traits = Traits()
    defaults: Mapping[str, Parameter] = {
        "levels": 10,
        "floor": 0.01,
        "explore": 0.04,
        "prior_weight": 1.0,
        "caution": 4.0,
        "half_life": 20_000.0,
    }
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
        """Cut the context into levels and count; nothing is random.

        Raises:
            UsageError: the task has no options; a parameter is out of range.
        """
        del seed
        if not acting.options:
            raise UsageError(
                "the actions of a table are fixed, and this task does not fix them",
                where=self.name,
                mend="Give the task options, or use an estimator for actions that come and go.",
            )
        settings = _settings(parameters)
        edges = tuple(_edges(column, int(parameters["levels"])) for column in acts.contexts.T)
        axes = tuple(len(acting.options[name]) for name in acting.action)
        nothing = empty_cells(len(edges))
        table = QTable(
            actions=action_names(acting), axes=axes, edges=edges, fitted=nothing, learned=nothing, settings=settings
        )
        fitted = nothing.with_rows(QPolicy(table).places_of(acts), acts.rewards, half_life=settings.half_life)
        return parts_of(replace(table, fitted=fitted))

    def load(self, parts: Parts) -> QPolicy:
        """A policy from its table. Raises BundleError."""
        return QPolicy(table_of_parts(parts, where=self.name))


def _settings(parameters: Parameters) -> Settings:
    """Raises UsageError where one is out of range."""
    settings = Settings(
        floor=float(parameters["floor"]),
        explore=float(parameters["explore"]),
        prior_weight=float(parameters["prior_weight"]),
        caution=float(parameters["caution"]),
        half_life=float(parameters["half_life"]),
    )
    shares_fit = settings.floor > 0.0 and settings.explore >= 0.0 and settings.floor + settings.explore <= 1.0
    weights_fit = min(settings.prior_weight, settings.caution, settings.half_life) > 0.0
    if not shares_fit or not weights_fit or int(parameters["levels"]) < _FEWEST_LEVELS:
        raise UsageError(
            f"parameters {dict(parameters)}",
            where="tabular_q",
            mend="floor above 0, explore from 0, both together at most 1; the weights and half_life above 0; levels from 2.",
        )
    return settings


def _edges(column: Floats, levels: int) -> Floats:
    """Where levels of a column meet: between its values where they are few, else at its quantiles.

    >>> _edges(np.array([0.0, 0.05, 0.05, 0.2, np.nan]), 8)
    array([0.025, 0.125])
    """
    known = column[np.isfinite(column)]
    different = np.unique(known)
    if len(different) <= levels:
        return (different[1:] + different[:-1]) / 2.0
    return np.unique(np.quantile(known, np.arange(1, levels) / levels))


ESTIMATOR: Final = TabularQ()
