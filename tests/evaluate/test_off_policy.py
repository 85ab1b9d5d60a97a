"""Estimates of what another policy is worth, against a made-up truth that is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from telltale.evaluate.off_policy import Logged, cross_fitted_rewards, off_policy_metrics

Floats = NDArray[np.float64]
N_ACTIONS = 6
WORTH = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, 3.0])
SLOPE = 2.0
POLICY = np.array([0.02, 0.02, 0.02, 0.04, 0.2, 0.7])
TRUTH = float(POLICY @ WORTH)
NAMES = ("value_ips", "value_snips", "value_dr")


def _logged(seed: int, *, n: int = 600, noise: float = 1.0, contexts_known: bool = True) -> Logged:
    """Actions drawn with propensities that differ from row to row; the context's mean is 0, so that the truth is `TRUTH`."""
    rng = np.random.default_rng(seed)
    behaviour = 0.4 * rng.dirichlet(np.ones(N_ACTIONS), n) + 0.6 / N_ACTIONS
    actions = (behaviour.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1).clip(max=N_ACTIONS - 1)
    contexts = rng.normal(size=(n, 1))
    rewards = WORTH[actions] + SLOPE * contexts[:, 0] + noise * rng.normal(size=n)
    return Logged(
        actions=actions.astype(np.int64),
        contexts=contexts if contexts_known else np.full((n, 1), np.nan),
        rewards=rewards,
        propensities=behaviour[np.arange(n), actions],
        chances=np.tile(POLICY, (n, 1)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("contexts_known", [True, False])
def test_intervals_of_95_percent_hold_the_truth_about_that_often(contexts_known: bool) -> None:
    held = dict.fromkeys((*NAMES, "gain_dr"), 0)
    errors: dict[str, list[float]] = {name: [] for name in NAMES}
    n_logs = 600
    for seed in range(n_logs):
        logged = _logged(seed, contexts_known=contexts_known)
        found = off_policy_metrics(logged)
        for name in NAMES:
            held[name] += found[name].low <= TRUTH <= found[name].high
            errors[name].append(found[name].value - TRUTH)
        gain = TRUTH - float(WORTH.mean())  # on average the log draws evenly
        held["gain_dr"] += found["gain_dr"].low <= gain <= found["gain_dr"].high

    for name, count in held.items():
        assert 0.925 <= count / n_logs <= 0.975, f"{name}: {count / n_logs:.3f}"
    for name, missed in errors.items():
        bound = 4.0 * np.std(missed) / np.sqrt(n_logs)
        assert abs(np.mean(missed)) < bound + 0.01 * (name == "value_snips"), f"{name} is off by {np.mean(missed):.3f}"
    if contexts_known:  # the model takes away what the context explains
        assert np.std(errors["value_dr"]) < 0.75 * np.std(errors["value_snips"])


def test_a_policy_like_the_log_is_worth_what_the_log_was() -> None:
    logged = _logged(1)
    same = Logged(
        actions=logged.actions,
        contexts=logged.contexts,
        rewards=logged.rewards,
        propensities=np.full(len(logged.actions), 1.0 / N_ACTIONS),
        chances=np.full((len(logged.actions), N_ACTIONS), 1.0 / N_ACTIONS),
    )
    found = off_policy_metrics(same)

    assert found["value_ips"].value == pytest.approx(logged.rewards.mean())
    assert found["value_snips"].value == pytest.approx(logged.rewards.mean())
    assert found["effective_n"].value == pytest.approx(len(logged.actions))
    assert found["overlap"].value == pytest.approx(1.0)
    assert abs(found["gain_dr"].value) < 0.1


def test_what_the_log_never_does_shows_in_the_overlap() -> None:
    logged = _logged(2)
    kept = logged.actions < N_ACTIONS - 1  # the policy's favourite is never seen
    chances = logged.chances[kept]
    behaviour = np.full(int(kept.sum()), 1.0 / (N_ACTIONS - 1))
    found = off_policy_metrics(
        Logged(
            actions=logged.actions[kept],
            contexts=logged.contexts[kept],
            rewards=logged.rewards[kept],
            propensities=behaviour,
            chances=chances,
        )
    )

    assert found["overlap"].value == pytest.approx(0.3, abs=0.05)
    assert found["overlap"].high < 0.5


def test_cut_weights_spread_less() -> None:
    logged = _logged(3)
    wide, cut = off_policy_metrics(logged), off_policy_metrics(logged, most_weight=1.5)

    assert cut["value_ips"].high - cut["value_ips"].low < wide["value_ips"].high - wide["value_ips"].low
    assert cut["effective_n"].value > wide["effective_n"].value
    assert cut["overlap"] == wide["overlap"]


def test_a_row_does_not_tell_the_model_its_own_reward() -> None:
    logged = _logged(4)
    rewards = logged.rewards.copy()
    rewards[0] += 1e6
    changed = Logged(
        actions=logged.actions,
        contexts=logged.contexts,
        rewards=rewards,
        propensities=logged.propensities,
        chances=logged.chances,
    )

    assert cross_fitted_rewards(changed)[0] == pytest.approx(cross_fitted_rewards(logged)[0])
    assert not np.allclose(cross_fitted_rewards(changed)[1], cross_fitted_rewards(logged)[1])


def test_the_model_of_rewards_is_the_ridge_regression_that_it_is_said_to_be() -> None:
    logged = _logged(6, n=200)
    inside = np.arange(200) % 5 != 0
    contexts = (logged.contexts - logged.contexts.mean()) / logged.contexts.std()
    design = np.hstack([np.eye(N_ACTIONS)[logged.actions[inside]], contexts[inside]])
    middle = logged.rewards[inside].mean()
    plain = np.linalg.solve(design.T @ design + np.eye(N_ACTIONS + 1), design.T @ (logged.rewards[inside] - middle))

    expected = middle + plain[:N_ACTIONS] + contexts[:1] @ plain[N_ACTIONS:]

    assert cross_fitted_rewards(logged)[0] == pytest.approx(expected)


def test_without_rows_nothing_is_said() -> None:
    logged = _logged(5, n=0)

    found = off_policy_metrics(logged)

    assert all(np.isnan(measured.value) and measured.n == 0 for measured in found.values())
    assert set(found) == {*NAMES, "value_logged", "gain_dr", "effective_n", "overlap"}
