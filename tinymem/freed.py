"""Memory that this process has freed, given back to the system.

What loading a model or reading a file takes for a moment lies between what stays, and glibc's malloc keeps it
for later: 25 MB after reading the vectors of 10,000 memories. Other C libraries are left alone.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any


def give_back_freed() -> None:
    """Give all freed pages back, which takes a few milliseconds; call it after work that is done once."""
    trim = glibc_trim()
    if trim is not None:
        trim(0)


@cache
def glibc_trim() -> Any:
    """Return glibc's `malloc_trim`, or None where another C library is at work."""
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None), "malloc_trim", None)
