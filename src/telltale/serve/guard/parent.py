"""A worker whose server process was killed ends with it, and frees the port."""

import ctypes
import os
import signal
import sys
from multiprocessing import parent_process
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def end_with_parent(pid: int | None = None) -> None:
    """Let the kernel kill this process once its parent is gone; on Linux, elsewhere nothing is changed.

    The kernel goes by the thread that started it: a parent must not let that end before.

    An orphan would hold the port, so that no new server could start, and nothing would ever stop it. Killed, not asked
    to end: what it had not acknowledged its clients send again, and nobody is left who would end it if it did not.

    Args:
        pid: of the parent; None for the one that `multiprocessing` knows, if there is one.
    """
    if pid is None:
        parent = parent_process()
        pid = None if parent is None else parent.pid
    if pid is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != pid:  # gone before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)
