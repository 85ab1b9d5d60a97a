import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from telltale.apps.pakit.gossip.env import GossipEnv
from telltale.apps.pakit.gossip.levels import N_LEVELS, conditions_at, rows_of_episodes
from telltale.apps.pakit.gossip.reward import ACTIONS
from telltale.contract.errors import SchemaError, UsageError


def test_it_is_an_environment_as_gymnasium_wants_one() -> None:
    check_env(GossipEnv(), skip_render_check=True)


def test_an_episode_is_cut_after_its_rumours_and_its_conditions_wander() -> None:
    env: gymnasium.Env[np.ndarray, np.int64] = GossipEnv(n_rumours=40, largest=1)
    env.action_space.seed(0)
    states = [env.reset(seed=3)[0]]
    ends: list[bool] = []
    while not ends or not ends[-1]:
        state, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert not terminated
        assert 0.0 < info["coverage"] <= 1.0
        assert float(reward) <= 1.0
        states.append(state)
        ends.append(truncated)

    assert len(ends) == 40
    seen = np.array(states)
    assert (seen >= 0).all()
    assert (seen < np.array((2, *N_LEVELS[1:]))).all()
    assert (np.abs(np.diff(seen, axis=0)) <= 1).all()
    assert len(np.unique(seen, axis=0)) > 3


def test_more_loss_is_dearer_under_the_same_action() -> None:
    def mean_reward(loss_level: int) -> float:
        env = GossipEnv(largest=1)
        rewards = []
        for seed in range(300):
            state, _ = env.reset(seed=seed)
            if state[1] == loss_level and state[2] == 1:
                rewards.append(env.step(env.action_of(fanout=4, ttl=3))[1])
        assert len(rewards) > 10
        return float(np.mean(rewards))

    assert mean_reward(2) < mean_reward(0) - 0.02


def test_what_is_not_allowed_has_no_number() -> None:
    assert ACTIONS[GossipEnv.action_of(fanout=6, ttl=10)].tolist() == [6.0, 10.0]
    with pytest.raises(UsageError, match="6,10"):
        GossipEnv.action_of(fanout=7, ttl=10)
    with pytest.raises(UsageError, match="n_rumours"):
        GossipEnv(n_rumours=0)


def test_episodes_become_rows_of_the_event() -> None:
    rows = rows_of_episodes([{"state": (1, 2, 0, 1), "action": (6, 10), "reward": 0.8}])

    assert rows.row(0, named=True) == {
        "network_id": "network",
        "fanout": 6.0,
        "ttl": 10.0,
        "reward": 0.8,
        "state": [1.0, 2.0, 0.0, 1.0],
        **conditions_at((1, 2, 0, 1)),
        "propensity": None,
    }


def test_an_episode_that_is_none_is_refused_by_what_it_lacks() -> None:
    with pytest.raises(SchemaError, match="reward"):
        rows_of_episodes([{"state": (1, 2, 0, 1), "action": (6, 10)}])
    with pytest.raises(SchemaError, match="levels"):
        rows_of_episodes([{"state": (1, 9, 0, 1), "action": (6, 10), "reward": 0.8}])
