"""Freed memory goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tinymem.freed import give_back_freed, glibc_trim

BETWEEN = """
from pathlib import Path
from tinymem.freed import give_back_freed

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

pieces = [bytes(9_000) for _ in range(10_000)]
kept = [bytearray(9_000) for _ in range(10)]  # the last piece stays, so that nothing before it goes by itself
del pieces
before = resident_mb()
give_back_freed()
print(before - resident_mb())
"""


@pytest.mark.skipif(glibc_trim() is None, reason="only glibc keeps what is freed")
def test_what_lies_between_what_stays_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", BETWEEN], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 50


def test_it_may_be_called_anywhere_and_at_any_time() -> None:
    give_back_freed()
    give_back_freed()
