"""A writer is killed at random moments; what it said it had stored is there, whole, and nothing else."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.store_parts import EMBEDDER, add, files_beside, opened, python, record, unit
from tinymem.store.filters import EVERYTHING

WRITER = """
import sys
import numpy as np
from tests.store_parts import EMBEDDER, commit, random_unit, record
from tinymem.store.store import Store
from tinymem.types import Change, Message
path, start = sys.argv[1], int(sys.argv[2])
generator = np.random.default_rng(start)
print("ready", flush=True)
sys.stdin.readline()
store = Store(path)
for number in range(start, start + 1_000_000):
    first = record(f"m{number}-a", f"Memory {number} " * 30, categories=("x",))
    second = record(f"m{number}-a", f"Changed {number} " * 30)
    changes = (
        Change("ADD", after=first, vector=random_unit(generator)),
        Change("ADD", after=record(f"m{number}-b"), vector=random_unit(generator)),
        Change("UPDATE", before=first, after=second, vector=random_unit(generator)),
        *([Change("DELETE", before=record(f"m{number - 1}-b"))] if number > start else []),
    )
    told = (Message("user", "hello " * 100),)
    store.apply(commit(*changes, commit_id=f"c{number}", messages=told), embedder=EMBEDDER)
    print(number, flush=True)
"""


def write_until_killed(path: Path, start: int, seconds: float) -> list[int]:
    """Let a process write commits from number `start` on, kill it, and return what it had acknowledged."""
    writer = python(WRITER, path, start)
    assert writer.stdin is not None
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    writer.stdin.write("go\n")
    writer.stdin.flush()
    time.sleep(seconds)
    writer.kill()
    said, _ = writer.communicate(timeout=30)
    return [int(line) for line in said.splitlines(keepends=True) if line.endswith("\n")]


def acknowledged_is_stored(path: Path, numbers: list[int]) -> None:
    """Open the file, which also examines it, and compare it with what the writer said."""
    with opened(path) as store:
        for number in numbers:
            changed = store.get(f"m{number}-a")
            assert changed is not None, number
            assert changed.text.startswith(f"Changed {number}")
            assert len(store.messages_of(f"c{number}")) == 1
        stats = store.stats()
        assert stats["vectors"] == stats["memories"]
        assert len(store.nearest(unit(1), EVERYTHING, 10**6)) == stats["memories"]
        add(store, record(f"after commit {stats['commits']}"), vectors=[unit(1)])
    assert files_beside(path) == [path.name]


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_leaves_whole_commits(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "memory.db"
    generator = random.Random(seed)
    first = write_until_killed(path, 0, generator.uniform(0.02, 0.3))
    acknowledged_is_stored(path, first)
    second = write_until_killed(path, 1_000_000, generator.uniform(0.02, 0.1))
    acknowledged_is_stored(path, first + second)


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.003, 0.004, 0.006])
def test_a_process_killed_while_it_creates_the_file_leaves_a_file_that_opens(
    tmp_path: Path, delay_s: float
) -> None:
    path = tmp_path / "memory.db"
    acknowledged_is_stored(path, write_until_killed(path, 0, delay_s))


def test_a_reader_goes_on_while_a_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as store:
        add(store, record("mine"), vectors=[unit(1)])
        numbers = write_until_killed(path, 0, 0.1)
        assert store.nearest(unit(1), EVERYTHING, 1) == [(1, 1.0)]
        assert {f"m{number}-a" for number in numbers} <= {one.id for one in store.select(EVERYTHING)}
        assert store.identity() == {"embedder": EMBEDDER}
        add(store, record("also mine"))
    assert files_beside(path) == [path.name]
