"""A forked child gives up the files that its parent has open, unless a thread was using them.

What that is good for is tested by `scripts.torture.fork`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.store_parts import add, opened, python, record
from tinymem.store.filters import EVERYTHING

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on this system")

BEGIN = """
import os, sys, threading
from tests.store_parts import add, opened, record
from tinymem.errors import StoreError
from tinymem.store import forking
from tinymem.store.filters import EVERYTHING
from tinymem.store.store import Store

path = sys.argv[1]
store = Store(path)
add(store, record("parent"))

def in_child(work):
    if os.fork() == 0:
        work()
        sys.exit()  # not os._exit: Python closes what is left open
    print("ended with", os.wait()[1])

def open_anew():
    try:
        with opened(path) as own:
            add(own, record("child"))
            print("child sees", own.count(EVERYTHING), flush=True)
    except StoreError as error:
        print(error, flush=True)
"""


def told(code: str, path: Path) -> list[str]:
    said, _ = python(BEGIN + code, path).communicate(timeout=30)
    return said.splitlines()


def test_a_child_may_open_what_nobody_was_using(tmp_path: Path) -> None:
    said = told("memory = Store(':memory:')\nin_child(open_anew)\nstore.close()", tmp_path / "memory.db")
    assert said == ["child sees 2", "ended with 0"]


def test_a_fork_waits_for_a_thread_that_is_using_the_file(tmp_path: Path) -> None:
    code = """
inside = threading.Event()
def use():
    with store.snapshot():
        inside.set()
        forking.time.sleep(0.2)
user = threading.Thread(target=use)
user.start()
inside.wait()
in_child(open_anew)
user.join()
store.close()
"""
    assert told(code, tmp_path / "memory.db") == ["child sees 2", "ended with 0"]


@pytest.mark.parametrize("thread", ["another", "the same"])
def test_a_child_can_not_open_what_was_in_use_for_too_long(tmp_path: Path, thread: str) -> None:
    code = """
forking.PATIENCE_S = 0.05
inside, over = threading.Event(), threading.Event()
def use():
    with store.snapshot():
        inside.set()
        over.wait()
user = threading.Thread(target=use)
user.start()
inside.wait()
in_child(open_anew)
over.set()
user.join()
"""
    if thread == "the same":
        code = "with store.snapshot():\n    in_child(open_anew)\n"
    path = tmp_path / "memory.db"
    refused, ended = told(f"{code}\nadd(store, record('later'))\nos._exit(0)", path)
    assert "was in use when this process was forked, and can not be opened safely in it" in refused
    assert ended == "ended with 0"
    with opened(path) as store:
        assert {one.id for one in store.select(EVERYTHING)} == {"parent", "later"}
        add(store, record("again"))


def test_a_child_can_not_open_what_a_thread_was_reading_all_the_time(tmp_path: Path) -> None:
    """Python's lock is free while SQLite works, and the connection says nothing to any other thread."""
    code = """
forking.PATIENCE_S = 0.05
count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) SELECT count(*) FROM n"
inside = threading.Event()
def use():
    with store._reading() as connection:
        inside.set()
        connection.execute(count, (20_000_000,)).get
user = threading.Thread(target=use)
user.start()
inside.wait()
forking.time.sleep(0.05)
in_child(open_anew)
user.join()
store.close()
"""
    said = told(code, tmp_path / "memory.db")
    assert "was in use when this process was forked" in said[0]
    assert said[1:] == ["ended with 0"]
