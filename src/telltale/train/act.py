"""Tasks that act: a policy from a log of what was done, judged by what it would have been worth on a later log."""

import numpy as np
import polars as pl

from telltale.contract.app import Task
from telltale.contract.errors import NotEnoughDataError
from telltale.contract.learners import Acts, PolicyEstimator
from telltale.evaluate.gate import judge
from telltale.evaluate.off_policy import Logged, off_policy_metrics
from telltale.models.act_runtime import ActRuntime
from telltale.models.acting import acts_of
from telltale.telemetry.frames import ENTITY, TIME, TIME_DTYPE
from telltale.train.fitted import FitRequest, Fitted, Judged
from telltale.train.search import refuse_search

_LEAST_ACTIONS = 2
_MOST_ROWS = 20_000  # of evidence: more change no figure that matters, and each is asked of the policy


def fit_act(request: FitRequest) -> Fitted:
    """Fit a policy on all rows that say what was done and what came of it.

    Raises:
        NotEnoughDataError: no two different things were done.
        UsageError: a search is asked for: no log says which parameters would have been better.
    """
    refuse_search(request)
    acting = request.task.acting
    assert acting is not None, f"{request.task.name} does not say what it does"
    estimator: PolicyEstimator = request.estimator  # type: ignore[assignment]  # the task's kind is its own
    acts = acts_of(request.frame, acting, request.app.event(request.task.event))
    n, different = len(acts.actions), len(set(acts.actions))
    if different < _LEAST_ACTIONS:
        raise NotEnoughDataError(
            f"{different} different actions among {n} rows with an action and a reward",
            where="train",
            mend="A policy needs at least two; some hundreds of rows are better.",
        )
    if n < request.frame.height:
        request.tell(f"{request.frame.height - n} rows have no action, none of the options, or no reward: left out.")
    request.progress("model", 0, 1)
    known = _known_beforehand(request)
    parts = estimator.fit(
        acts if known is None else known,
        acting=acting,
        parameters=request.parameters,
        seed=request.choices.seed,
        tell=request.tell,
    )
    if known is not None:
        parts = estimator.load(parts).learned(acts).state()
    request.progress("model", 1, 1)
    return Fitted(parts=parts, parameters=dict(request.parameters))


def _known_beforehand(request: FitRequest) -> Acts | None:
    """What the app knows without a log, which a policy is fitted on before it learns the log."""
    task, event = request.task, request.app.event(request.task.event)
    if task.beforehand is None or task.acting is None:
        return None
    assert event.entity, f"{event.name} has no entity"
    made = task.beforehand().rename({event.entity: ENTITY}).with_columns(pl.lit(None, TIME_DTYPE).alias(TIME))
    request.tell(f"Fitted on {made.height:,} rows of what is known beforehand; the log is learned after it.")
    return acts_of(made, task.acting, event)


def judge_act(task: Task, runtime: ActRuntime, frame: pl.DataFrame) -> Judged:
    """What the gate says of a policy, by a log that it was not fitted on: see `off_policy_metrics`.

    The policy is judged as it stands: it does not learn from the rows that it is judged on. Rows without a propensity, and
    rows whose action was not among what they say was available, are no evidence; of the others the newest 20,000 are.
    """
    assert task.acting is not None, f"{task.name} does not say what it does"
    logged = logged_acts(acts_of(frame, task.acting, runtime.manifest.event), runtime)
    n = len(logged.rewards)
    metrics = off_policy_metrics(logged) if n else {}
    return Judged(verdict=judge(task.targets, metrics, n=n, n_positive=None), metrics=metrics)


def logged_acts(acts: Acts, runtime: ActRuntime) -> Logged:
    """The rows that are evidence, with what the runtime's policy would do in each."""
    usable = [
        row
        for row, (action, available, propensity) in enumerate(
            zip(acts.actions, acts.available, acts.propensities.tolist(), strict=True)
        )
        if 0.0 < propensity <= 1.0 and action in available
    ][-_MOST_ROWS:]
    names = sorted({name for row in usable for name in acts.available[row]})
    number = {name: place for place, name in enumerate(names)}
    chances = np.zeros((len(usable), len(names)))
    for line, row in zip(chances, usable, strict=True):
        available = acts.available[row]
        line[[number[name] for name in available]] = runtime.policy.probabilities(available, acts.contexts[row])
    return Logged(
        actions=np.array([number[acts.actions[row]] for row in usable], dtype=np.int64),
        contexts=acts.contexts[usable],
        rewards=acts.rewards[usable],
        propensities=acts.propensities[usable],
        chances=chances,
    )
