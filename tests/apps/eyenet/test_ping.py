"""Round-trip times, asked for real on the loopback interface."""

import socket
import subprocess
import sys

import pytest

from telltale.apps.eyenet.ping import echo_packet, is_answer, open_ping
from telltale.contract.errors import UsageError

# In a network of its own a program may be allowed what the machine forbids: its loopback is brought up by hand.
_IN_OWN_NETWORK = """
import fcntl, pathlib, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    known = fcntl.ioctl(asked, 0x8913, struct.pack("16sh14x", b"lo", 0))
    fcntl.ioctl(asked, 0x8914, struct.pack("16sh14x", b"lo", struct.unpack("16sh14x", known)[1] | 1))
pathlib.Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0")
"""
_PROGRAM = """
from telltale.apps.eyenet.ping import open_ping
ask = open_ping("127.0.0.1")
print(all(0 < ask(1.0) < 1_000 for _ in range(3)), 0 < open_ping("::1")(1.0) < 1_000, open_ping("192.0.2.1")(0.05))
"""


def _may_ping() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    except OSError:
        return False
    return True


def test_an_echo_comes_back_over_ipv4_and_ipv6_and_none_from_where_nobody_is() -> None:
    if _may_ping():
        command = [sys.executable, "-c", _PROGRAM]
    else:
        command = ["unshare", "--map-root-user", "--net", sys.executable, "-c", _IN_OWN_NETWORK + _PROGRAM]
        able = subprocess.run([*command[:3], "true"], capture_output=True, check=False, timeout=30)
        if able.returncode:
            pytest.skip("this kernel lets ordinary programs send no ping, in a network of their own neither")
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, text=True)

    assert done.stdout.split() == ["True", "True", "None"], done.stderr


def test_where_no_ping_may_be_sent_the_mend_is_told() -> None:
    if _may_ping():
        assert open_ping("127.0.0.1")(1.0) is not None
        return
    with pytest.raises(
        UsageError, match=r"--ping: this program may send no ping.*Give 127\.0\.0\.1:PORT.*ping_group_range"
    ):
        open_ping("127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_connection_is_timed_and_where_nobody_listens_there_is_no_value(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ask = open_ping(f"{host}:{server.getsockname()[1]}")
        took_ms = ask(1.0)
        assert took_ms is not None
        assert 0 < took_ms < 1_000
    assert ask(0.5) is None


def test_an_ipv6_address_with_a_port_stands_in_brackets() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        assert open_ping(f"[::1]:{server.getsockname()[1]}")(1.0) is not None


@pytest.mark.parametrize("target", ["nowhere.invalid:80", "nowhere.invalid", "127.0.0.1:99999", ""])
def test_a_host_that_is_not_known_is_told(target: str) -> None:
    with pytest.raises(UsageError, match="--ping"):
        open_ping(target)


def test_only_the_answer_to_this_echo_is_one() -> None:
    answer = echo_packet(0, 7, b"carried")

    assert is_answer(answer, 0, 7, b"carried")
    assert is_answer(b"\x45" + b"\0" * 19 + answer, 0, 7, b"carried")  # with the IPv4 header before it
    assert not is_answer(answer, 0, 8, b"carried")  # a late one
    assert not is_answer(echo_packet(8, 7, b"carried"), 0, 7, b"carried")  # the question itself
    assert not is_answer(echo_packet(0, 7, b"another"), 0, 7, b"carried")
    assert not is_answer(b"\0", 0, 7, b"carried")
