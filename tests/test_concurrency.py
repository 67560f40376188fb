"""Many threads on one Store, many processes on one file: nothing lost, nothing twice, nobody stuck."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.store_parts import EMBEDDER, add, commit, files_beside, opened, python, random_unit, record, unit
from tinymem.errors import BusyError, ConflictError
from tinymem.store.filters import EVERYTHING
from tinymem.store.store import Store
from tinymem.types import Change


def start(code: str, count: int, *arguments: object) -> list[subprocess.Popen[str]]:
    """Start processes that wait, after their imports, for one another; each gets its number last."""
    processes = [python(code, *arguments, number) for number in range(count)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


def outputs(processes: list[subprocess.Popen[str]]) -> list[list[str]]:
    """Wait for the processes; all must have ended well. Returns the lines that each printed."""
    lines = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return lines


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run the work in this many threads at once, and raise what any of them raised."""
    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, number) for number in range(count)]:
            done.result(timeout=60)


def test_threads_share_one_store(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        add(store, record("shared", "0"), vectors=[unit(1)])

        def work(number: int) -> None:
            generator = np.random.default_rng(number)
            for turn in range(15):
                add(store, record(f"t{number}-{turn}"), vectors=[random_unit(generator)])
                assert store.get(f"t{number}-{turn}") == record(f"t{number}-{turn}")
                with store.snapshot():
                    counted = store.count(EVERYTHING)
                    assert len(store.select(EVERYTHING)) == counted
                    assert len(store.nearest(unit(1), EVERYTHING, 1000)) == counted
                    assert len(store.nearest(unit(1), EVERYTHING, 5)) == min(5, counted)
                    assert len(store.keyword_matches("text", EVERYTHING, 1000)) == counted - 1

        in_threads(6, work)
        assert store.count(EVERYTHING) == 6 * 15 + 1


def test_threads_that_decide_again_after_a_conflict_lose_no_update(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        add(store, record("counter", "0"))
        conflicts: list[int] = []

        def work(number: int) -> None:
            for _ in range(10):
                while True:
                    before = store.get("counter")
                    assert before is not None
                    after = replace(before, text=str(int(before.text) + 1))
                    try:
                        store.apply(commit(Change("UPDATE", before=before, after=after)))
                        break
                    except ConflictError:
                        conflicts.append(number)

        in_threads(5, work)
        counter = store.get("counter")
        assert counter is not None
        assert counter.text == "50"
        assert len(store.history("counter")) == 51


def test_one_text_is_stored_once_by_many_threads(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        refused: list[int] = []

        def work(number: int) -> None:
            for turn in range(10):
                twin = Change("ADD", after=record(f"{number}-{turn}", f"Fact {turn}"), unique=True)
                try:
                    store.apply(commit(twin))
                except ConflictError:
                    refused.append(turn)

        in_threads(4, work)
        assert sorted(one.text for one in store.select(EVERYTHING)) == [f"Fact {turn}" for turn in range(10)]
        assert len(refused) == 30


def test_a_snapshot_keeps_other_threads_writes_out(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as store:
        started = threading.Event()

        def write() -> None:
            started.set()
            add(store, record("m1"))

        writer = threading.Thread(target=write)
        with store.snapshot():
            writer.start()
            assert started.wait(10)
            time.sleep(0.05)
            assert store.count(EVERYTHING) == 0
        writer.join(10)
        assert store.count(EVERYTHING) == 1


SHARING = """
import sys
import numpy as np
from tests.store_parts import EMBEDDER, commit, random_unit, record, unit
from tinymem.errors import ConflictError
from tinymem.store.filters import EVERYTHING
from tinymem.store.store import Store
from tinymem.types import Change
path, number = sys.argv[1], int(sys.argv[2])
generator = np.random.default_rng(number)
print("ready", flush=True)
sys.stdin.readline()
store = Store(path, busy_timeout_s=30)
won = lost = 0
for turn in range(20):
    own = record(f"p{number}-{turn}")
    shared = record(f"s{number}-{turn}", f"Fact {turn}")
    store.apply(
        commit(Change("ADD", after=own, vector=random_unit(generator)), commit_id=f"own{number}-{turn}"),
        embedder=EMBEDDER,
    )
    try:
        store.apply(commit(Change("ADD", after=shared, unique=True), commit_id=f"shared{number}-{turn}"))
        won += 1
    except ConflictError:
        lost += 1
    found = {rowid for rowid, _ in store.nearest(unit(1), EVERYTHING, 1000)}
    assert len(found) > turn
    assert len(store.get_many(sorted(found))) == len(found)
store.close()
print(won, lost)
"""


def test_processes_create_and_share_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    told = outputs(start(SHARING, 4, path))
    won, lost = (sum(int(line[column]) for line in told) for column in (0, 1))
    assert (won, lost) == (20, 60)
    assert files_beside(path) == ["memory.db"]
    with opened(path) as store:
        assert store.count(EVERYTHING) == 4 * 20 + 20
        assert {f"p{number}-{turn}" for number in range(4) for turn in range(20)} <= {
            one.id for one in store.select(EVERYTHING)
        }
        assert store.identity() == {"embedder": EMBEDDER}


OPEN_AND_CLOSE = """
import sys
from tests.store_parts import commit, record
from tinymem.store.store import Store
from tinymem.types import Change
print("ready", flush=True)
sys.stdin.readline()
for turn in range(15):
    store = Store(f"{sys.argv[1]}{turn}.db")
    store.apply(commit(Change("ADD", after=record(sys.argv[2])), commit_id=sys.argv[2]))
    store.close()
"""


def test_processes_that_open_and_close_together_leave_single_files(tmp_path: Path) -> None:
    outputs(start(OPEN_AND_CLOSE, 3, tmp_path / "memory"))
    assert files_beside(tmp_path / "x") == sorted(f"memory{turn}.db" for turn in range(15))
    for turn in range(15):
        with opened(tmp_path / f"memory{turn}.db") as store:
            assert {one.id for one in store.select(EVERYTHING)} == {"0", "1", "2"}


def test_a_writer_waits_as_long_as_it_was_told_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as holder, opened(path, busy_timeout_s=0.2) as waiting:
        with holder._writing():
            began = time.monotonic()
            with pytest.raises(BusyError, match="stayed locked by another writer"):
                add(waiting, record("m1"))
            assert 0.15 < time.monotonic() - began < 2
        add(waiting, record("m1"))


def test_a_writer_that_waits_gets_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as holder, opened(path, busy_timeout_s=20) as waiting:
        with holder._writing():
            writer = threading.Thread(target=add, args=(waiting, record("m1")))
            writer.start()
            time.sleep(0.1)
        writer.join(20)
        assert holder.get("m1") == record("m1")


def test_the_last_of_several_stores_in_one_process_leaves_a_single_file(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    stores = [Store(str(path)) for _ in range(3)]
    for number, store in enumerate(stores):
        add(store, record(f"m{number}"))
    for store in stores:
        assert len(store.select(EVERYTHING)) == 3
        store.close()
    assert files_beside(path) == ["memory.db"]
