"""How many CPU cores this process may use: the one place where engines count them.

Counting decides nothing; how many threads that makes is each engine's own, measured choice.
"""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return the number of cores this process may run on, at least one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
