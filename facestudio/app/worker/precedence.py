"""Who goes first when there are more threads than cores: the window."""

import contextlib
import os
import sys
import threading

_NICE = 10


def give_way() -> None:
    """Let the window go before the calling thread and those that it starts, on Linux: elsewhere nothing is done."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a system that forbids it is as fast as before
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
