"""A worker whose server process was killed ends with it, and frees the port."""

import ctypes
import os
import signal
import sys
from multiprocessing import parent_process
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Let the kernel kill this process once its parent is gone; on Linux, elsewhere nothing is changed.

    An orphan would hold the port, so that no new server could start, and nothing would ever stop it. Killed, not asked
    to end: what it had not acknowledged its clients send again, and nobody is left who would end it if it did not.
    """
    parent = parent_process()
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:  # gone before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)
