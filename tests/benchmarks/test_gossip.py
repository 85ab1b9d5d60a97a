import numpy as np
import pytest
from benchmarks.catalogue import BENCHMARKS, Asked, run
from benchmarks.gossip_policies import Policy, closed_form, closed_form_push_only, fixed_fanout, fixed_fanout_asking
from benchmarks.results import check

from telltale.apps.pakit.gossip.network import Networks, spread


def alike(n_nodes: int, n: int) -> Networks:
    return Networks(n_nodes=np.full(n, n_nodes), loss=np.full(n, 0.05), latency_ms=np.full(n, 100.0), churn=np.zeros(n))


@pytest.mark.parametrize("policy", [fixed_fanout, fixed_fanout_asking, closed_form, closed_form_push_only])
def test_baselines_reach_nearly_all(policy: Policy) -> None:
    networks, rng = alike(128, 40), np.random.default_rng(0)
    plan = policy(networks, rng)
    found = spread(networks, fanout=plan.fanout, ttl=plan.ttl, rng=rng, tries=plan.tries)

    assert found.coverage.mean() > 0.998
    assert (found.asked > 0).all() == (policy is closed_form)


def test_fixed_fanout_is_the_logarithm_and_seven_and_nobody_asks() -> None:
    plan = fixed_fanout(alike(1024, 3), np.random.default_rng(0))

    assert plan.fanout.tolist() == [14, 14, 14]
    assert plan.tries == 0


@pytest.mark.slow
def test_a_quick_run_keeps_the_contract_and_the_goals() -> None:
    found = check(run("gossip", Asked(quick=True), progress=lambda _line: None))
    rows = {row.name: row.metrics for row in found.rows}

    assert set(rows) == {"telltale", "fixed_fanout", "closed_form"}
    assert all(set(BENCHMARKS["gossip"].shown) <= set(row.metrics) for row in found.rows)
    ours = rows["telltale"]
    assert (ours["coverage"] or 0.0) >= 0.999
    assert (ours["messages_ratio"] or 1.0) <= 0.6
    assert (ours["rounds_ratio"] or 9.0) <= 1.3
    assert rows["fixed_fanout"]["messages_ratio"] == 1.0
    assert (ours["reward"] or 0.0) > (rows["fixed_fanout"]["reward"] or 1.0) + 0.1
