"""Standard input as a stream: lines as they come, and answers to each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.consume.consumers import bodies, rows

from telltale.serve.consume.broker import Told
from telltale.serve.consume.lines import Lines


def test_lines_are_taken_as_they_come_whole_and_numbered() -> None:
    reading, writing = os.pipe()
    lines = Lines(reading)
    os.write(writing, b"one\ntwo\n\nthr")
    first = lines.take(10, wait_s=1)
    os.write(writing, b"ee\nfour")
    second = lines.take(10, wait_s=1)
    os.close(writing)
    third = lines.take(10, wait_s=1)

    assert [(lines.number(one), one.body) for one in [*first, *second, *third]] == [
        ("1", b"one"),
        ("2", b"two"),
        ("4", b"three"),
        ("5", b"four"),
    ]
    assert [len(first), len(second), len(third)] == [2, 1, 1]
    assert lines.is_over
    os.close(reading)


def test_no_more_are_taken_at_once_than_asked_for() -> None:
    reading, writing = os.pipe()
    lines = Lines(reading)
    os.write(writing, b"x\n" * 25)
    os.close(writing)

    assert [len(lines.take(10, wait_s=1)) for _ in range(3)] == [10, 10, 5]
    assert lines.is_over
    os.close(reading)


def test_nothing_comes_of_a_wait_for_nothing() -> None:
    reading, writing = os.pipe()
    lines = Lines(reading)

    assert lines.take(10, wait_s=0.05) == []
    assert not lines.is_over
    os.close(writing)
    os.close(reading)


def test_answers_are_written_one_a_line() -> None:
    reading, writing = os.pipe()
    Lines(reading, writing).settle([], scores=[Told("a", b"{}"), Told("b", b"[]")], alarms=[Told("a!", b"{}")])

    assert os.read(reading, 100) == b"{}\n[]\n"
    os.close(writing)
    os.close(reading)


@pytest.mark.slow
def test_each_line_is_answered_while_more_may_come(home: Path) -> None:
    command = [sys.executable, "-m", "telltale", "ingest", "helios/metrics", "-", "--follow", "--score"]
    environment = os.environ | {"TELLTALE_HOME": str(home)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for sent in [*bodies(3), bodies(1)[0]]:  # the last is the first again: answered again, and kept once
            process.stdin.write(sent + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["entity"] == json.loads(sent)["service"]
        process.stdin.close()
        assert process.wait(timeout=30) == 0

    assert rows(home, "SELECT count(*) FROM event UNION ALL SELECT count(*) FROM prediction") == [(3,), (3,)]
