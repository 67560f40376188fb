"""Work on another thread ends with the call that began it, and an embedder runs on its caller's thread."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store_parts import python
from tinymem import Memory, StoreError
from tinymem.meanwhile import meanwhile
from tinymem.store.store import Store
from tinymem.testing import HashEmbedder
from tinymem.types import Vector


class Asking(HashEmbedder):
    """An embedder that calls a function, with the kind of what it embeds, each time."""

    def __init__(self, do: Any) -> None:
        super().__init__()
        self.do = do

    def embed(self, texts: Any, *, kind: Any = "document") -> Vector:
        self.do(kind)
        return super().embed(texts, kind=kind)


def found(memory: Memory, query: str = "tea") -> list[str]:
    return [item["memory"] for item in memory.search(query, user_id="ana")["results"]]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "tinymem"]


def test_both_run_at_once_and_the_result_is_there_in_the_end() -> None:
    here, there = threading.Event(), threading.Event()

    def work() -> int:
        there.set()
        assert here.wait(5)
        return threading.get_ident()

    with meanwhile(work) as coming:
        assert there.wait(5)
        here.set()
    assert coming.result(0) != threading.get_ident()
    assert threads() == []


def test_what_the_work_raises_is_raised_where_its_result_is_asked_for() -> None:
    def work() -> int:
        return int("tea")

    with meanwhile(work) as coming:
        pass
    with pytest.raises(ValueError, match="invalid literal") as raised:
        coming.result()
    assert "work" in [entry.name for entry in raised.traceback]


def test_the_work_has_ended_when_the_block_fails() -> None:
    over = threading.Event()

    def work() -> None:
        time.sleep(0.05)
        over.set()

    with pytest.raises(KeyboardInterrupt), meanwhile(work):
        raise KeyboardInterrupt
    assert over.is_set()


def test_without_another_thread_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with meanwhile(threading.get_ident) as coming:
        pass
    assert coming.result() == threading.get_ident()


def test_the_embedders_own_error_is_raised(memory_factory: Any) -> None:
    def fail(kind: str) -> None:
        if failing:
            raise LookupError("no such word")

    failing = False
    memory = memory_factory(embedder=Asking(fail))
    memory.add("likes tea", user_id="ana", infer=False)
    failing = True
    for call in (found, lambda memory: memory.add_many([{"text": "likes cats", "user_id": "ana"}])):
        with pytest.raises(LookupError, match="no such word") as raised:
            call(memory)
        assert raised.type is LookupError
        assert "fail" in [entry.name for entry in raised.traceback]
    assert memory.count() == 1


def test_an_embedder_sees_its_callers_thread_and_context(memory_factory: Any) -> None:
    asked, seen = contextvars.ContextVar("asked", default=""), []
    memory = memory_factory(
        embedder=Asking(lambda kind: seen.append((kind, asked.get(), threading.get_ident())))
    )
    asked.set("by ana")
    memory.add_many([{"text": "likes tea", "user_id": "ana"}])
    assert found(memory) == ["likes tea"]
    assert set(seen) == {(kind, "by ana", threading.get_ident()) for kind in ("document", "query")}


def test_a_slow_embedder_may_use_the_memory_and_keeps_nobody_out(memory_factory: Any) -> None:
    """Not even another thread that it waits for."""

    def slow(kind: str) -> None:
        if kind == "query":
            time.sleep(0.05)  # the words have been looked for
            other = threading.Thread(target=memory.add, args=("likes teapots",), kwargs=mine)
            other.start()
            other.join(5)
            assert not other.is_alive()
            assert memory.count() == 2

    mine = {"user_id": "ana", "infer": False}
    memory: Memory = memory_factory(embedder=Asking(slow))
    memory.add("likes tea", user_id="ana", infer=False)
    assert sorted(found(memory)) == ["likes tea", "likes teapots"]


def test_a_search_in_a_snapshot_of_its_own_thread_does_not_wait_for_itself(memory_factory: Any) -> None:
    memory = memory_factory()
    memory.add("likes tea", user_id="ana", infer=False)
    with memory._store.snapshot():
        assert found(memory) == ["likes tea"]


def test_a_file_that_is_closed_while_the_query_is_embedded_says_so(memory_factory: Any) -> None:
    memory = memory_factory(embedder=Asking(lambda kind: memory.close() if kind == "query" else None))
    memory.add("likes tea", user_id="ana", infer=False)
    with pytest.raises(StoreError, match="was closed"):
        found(memory)
    assert threads() == []


def test_what_is_read_ahead_is_not_read_again(memory_factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = memory_factory()
    memory.add("likes tea", user_id="ana", infer=False)
    store: Store = memory._store
    reads, best = [], store._held.postings._best

    def read(*asked: Any) -> list[tuple[int, float]]:
        reads.append(threading.current_thread().name)
        return best(*asked)

    monkeypatch.setattr(store._held.postings, "_best", read)
    assert found(memory) == ["likes tea"]
    assert reads == ["tinymem"]


def test_the_vectors_of_many_are_those_of_their_texts(memory_factory: Any) -> None:
    embedder = HashEmbedder()
    memory = memory_factory(embedder=embedder)
    texts = [f"On 3 May 2024 she bought {number} lamps" for number in range(600)]
    memory.add_many({"text": text, "user_id": "ana"} for text in texts)
    listed = memory.get_all(user_id="ana")["results"]
    assert {item["memory"] for item in listed} == set(texts)
    assert {item["event_date"] for item in listed} == {"2024-05-03"}
    for item in listed[::50]:
        assert np.array_equal(memory._store.vector_of(item["id"]), embedder.embed([item["memory"]])[0])


def test_a_file_may_be_searched_when_the_interpreter_ends() -> None:
    code = """
import atexit
from tinymem import Memory
from tinymem.testing import HashEmbedder
memory = Memory(":memory:", embedder=HashEmbedder())
memory.add("likes tea", user_id="ana", infer=False)
atexit.register(lambda: print(memory.search("tea", user_id="ana")["results"][0]["memory"]))
"""
    ended = python(code)
    assert ended.communicate(timeout=60)[0] == "likes tea\n"
    assert ended.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal")
def test_an_interrupted_search_ends_the_interpreter_in_order(tmp_path: Path) -> None:
    """No thread is left inside the engine, which would abort the process."""
    code = """
import signal, sys
from tinymem import Memory
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background work is told to ignore it
with Memory(sys.argv[1]) as memory:
    memory.add("likes tea", user_id="ana", infer=False)
    embed = memory._embedder.embed
    def often(texts, *, kind="document"):
        print("embedding", flush=True)
        return [embed(["word " * 200] * 32) for _ in range(1_000)][0][:1]
    memory._embedder.embed = often
    try:
        memory.search("tea", user_id="ana")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        memory._embedder.embed = embed
"""
    running = python(code, tmp_path / "memory.db")
    assert running.stdout is not None
    assert running.stdout.readline() == "embedding\n"
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    try:
        assert running.communicate(timeout=60)[0] == "interrupted\n"
    finally:
        running.kill()
    assert running.returncode == 0
