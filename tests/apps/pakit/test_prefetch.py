"""Made-up accesses, and the task that foretells them."""

from telltale.apps.pakit import APP
from telltale.contract.simulation import Simulation
from telltale.models.succession.addresses import address_of


def test_three_streams_read_by_address_and_one_by_hash() -> None:
    rows = APP.simulate("access", Simulation(n_rows=2_000, seed=3, start=APP.start))

    by_address = {
        stream: {address_of(item) is not None for item in items}
        for stream, items in rows.group_by("stream").agg("block_hash").iter_rows()
    }

    assert by_address == {"stream-0": {True}, "stream-1": {True}, "stream-2": {True}, "stream-3": {False}}
    hashes = rows.filter(rows["stream"] == "stream-3")["block_hash"]
    assert hashes.n_unique() < 0.8 * len(hashes)  # they come again: there is something to associate


def test_a_query_is_sent_under_the_promised_name() -> None:
    task = APP.task("prefetch")

    assert task.query_names == {"recent": "recent_accesses"}
    assert task.succession is not None
    assert task.succession.item == "block_hash"
