"""A file outlives its models: another embedder opens it, searches words, and takes over when told to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import EveryMessage, SameBeginning
from tests.store_parts import files_beside, python
from tinymem import EmbeddingError, Memory, ValidationError
from tinymem.store import vectors
from tinymem.store.filters import EVERYTHING
from tinymem.testing import HashEmbedder, ScriptedLlm

OLD, NEW = HashEmbedder(32), HashEmbedder(48)
SAME_SIZE = type("Other", (HashEmbedder,), {"identity": {"name": "other", "sha256": "o", "dimension": 32}})(
    32
)
TEXTS = [f"Fact number {number} about {topic}" for number in range(300) for topic in ("tea", "chess")]


def opened(path: Path, embedder: Any = NEW, **options: Any) -> Memory:
    return Memory(path, embedder=embedder, **options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that OLD wrote: 600 memories, one of them with a past."""
    path = tmp_path / "memory.db"
    with opened(path, OLD) as memory:
        memory.add_many(TEXTS, user_id="ana")
        first = memory.get_all(filters={"text": {"eq": TEXTS[0]}})["results"] or memory.get_all()["results"]
        memory.update(first[-1]["id"], "Likes oolong")
    return path


def vectors_are_of(memory: Memory, embedder: HashEmbedder) -> bool:
    """Tell whether every vector of the file, past ones included, is an embedding of its own text."""
    store = memory._store
    with store._open() as connection:
        past = connection.execute(
            "SELECT before ->> 'text', vector_before FROM changes WHERE vector_before IS NOT NULL"
        ).fetchall()
    present = [(each.text, store.vector_of(each.id)) for each in store.select(EVERYTHING)]
    found = [(text, bytes(vector)) for text, vector in past]
    found += [(text, b"" if vector is None else vector.tobytes()) for text, vector in present]
    return all(vector == embedder.embed([text])[0].tobytes() for text, vector in found)


# -- another embedder opens the file


@pytest.mark.parametrize("embedder", [NEW, SAME_SIZE], ids=["another size", "the same size"])
def test_everything_works_by_words_and_no_two_spaces_are_compared(
    path: Path, embedder: HashEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    for name in ("nearest", "similarities"):
        kept: Callable[..., Any] = getattr(vectors.VectorIndex, name)

        def watched(self: Any, *given: Any, kept: Any = kept, name: str = name) -> Any:
            compared.append(name)
            return kept(self, *given)

        monkeypatch.setattr(vectors.VectorIndex, name, watched)
    talking = {"extractor": EveryMessage(), "reconciler": SameBeginning()}
    with opened(path, embedder, **talking) as memory:
        (best, *_) = memory.search("oolong", user_id="ana", explain=True)["results"]
        assert best["memory"] == "Likes oolong"
        assert best["score_details"]["semantic_score"] == 0
        added = memory.add("Plays the tuba", user_id="ana")["results"][0]
        memory.update(added["id"], "Plays the trombone")
        assert memory.search("trombone")["results"][0]["id"] == added["id"]
        assert memory._store.vector_of(added["id"]) is None
        memory.delete(added["id"])
        assert memory.check() == []
        assert memory._store.identity()["embedder"] == dict(OLD.identity)
    assert compared == []
    with opened(path, OLD) as memory:
        assert vectors_are_of(memory, OLD)
        assert memory.search("Likes oolong", limit=1)["results"][0]["memory"] == "Likes oolong"
    assert compared != []


# -- the change


def test_every_vector_changes_at_once_and_search_goes_on(path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with opened(path) as memory, opened(path, OLD) as other:
        before = other.search("tea number 7")["results"]

        def watch(done: int, total: int | None) -> None:
            told.append((done, total))
            if done != total:
                assert other.search("tea number 7")["results"] == before

        done = memory.reembed(progress=watch)
        assert done["embedded"] == 601
        assert done["embedder"] == "hash"
        assert told[-1] == (601, 601)
        assert [step[0] for step in told] == sorted(step[0] for step in told)
        assert vectors_are_of(memory, NEW)
        assert memory.check() == []
        assert other.search("Likes oolong", limit=1)["results"][0]["memory"] == "Likes oolong"
        assert other.check() == []
        undone = memory.log()["results"][0]["commit_id"]
        memory.undo(undone)
        assert vectors_are_of(memory, NEW)


def test_progress_can_be_drawn(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(path) as memory:
        memory.reembed(progress=True)
        assert "601 of 601" in capsys.readouterr().err
        with pytest.raises(ValidationError, match="progress"):
            memory.reembed(progress="yes")  # type: ignore[arg-type]


class Failing(HashEmbedder):
    """Gives rows of zeros from the second batch on."""

    def embed(self, texts: Sequence[str], *, kind: Any = "document") -> Any:
        rows = super().embed(texts, kind=kind)
        self.calls = getattr(self, "calls", 0) + 1
        return rows * 0 if self.calls > 1 else rows


def test_an_embedder_that_fails_changes_nothing(path: Path) -> None:
    with opened(path, Failing(48)) as memory, pytest.raises(EmbeddingError, match="length 0"):
        memory.reembed()
    with opened(path, OLD) as memory:
        assert vectors_are_of(memory, OLD)
        assert memory.check() == []


SLOW = """
import sys, time
from tinymem import Memory
from tinymem.testing import HashEmbedder

class Slow(HashEmbedder):
    def embed(self, texts, *, kind="document"):
        print(len(texts), flush=True)
        time.sleep(0.15)
        return super().embed(texts, kind=kind)

Memory(sys.argv[1], embedder=Slow(48)).reembed()
print("done", flush=True)
"""


class Counting(HashEmbedder):
    """Counts the texts that it embeds."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.texts = 0

    def embed(self, texts: Sequence[str], *, kind: Any = "document") -> Any:
        self.texts += len(texts)
        return super().embed(texts, kind=kind)


def batches(path: Path, kill_in: int) -> Iterator[int]:
    """Let another process re-embed the file, kill it in this batch, and yield how large each was before."""
    child = python(SLOW, path)
    assert child.stdout is not None
    for number in range(kill_in + 1):
        size = int(child.stdout.readline())
        if number < kill_in:
            yield size
    time.sleep(0.05)  # well within the batch
    child.kill()
    child.communicate(timeout=30)


@pytest.mark.parametrize("kill_in", [0, 1, 2])
def test_a_change_that_was_killed_goes_on_where_it_stopped(path: Path, kill_in: int) -> None:
    kept = sum(batches(path, kill_in))
    with opened(path, OLD) as memory:
        assert vectors_are_of(memory, OLD)
        assert memory.check() == []
        assert memory.search("Likes oolong", limit=1)["results"][0]["memory"] == "Likes oolong"
    counting = Counting(48)
    with opened(path, counting) as memory:
        assert memory.reembed()["embedded"] == 601 - kept
        assert counting.texts == 601 - kept
        assert vectors_are_of(memory, NEW)
        assert memory.check() == []
    assert files_beside(path) == [path.name]


# -- language models


def engines(memory: Memory, folder: Path) -> list[dict[str, Any]]:
    """Return the engine of every commit, oldest first, as an export tells it."""
    memory.export(folder / "all.jsonl")
    lines = map(json.loads, (folder / "all.jsonl").read_text("utf-8").splitlines())
    return [line["engine"] for line in lines if line["kind"] == "commit"]


def test_every_commit_says_which_language_model_decided(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    for name, fact in (("first.gguf", "Lives in Rome"), ("second.gguf", "Has a dog")):
        llm = ScriptedLlm([json.dumps({"facts": [{"message": 0, "fact": fact}]})], name=name)
        with opened(path, OLD, llm=llm, reconciler=SameBeginning(), prefilter=False) as memory:
            memory.add(fact, user_id="ana")
    with opened(path, OLD) as memory:
        memory.add("Word for word", user_id="ana", infer=False)
        found = engines(memory, tmp_path)
        models = [engine.get("model") for engine in found if engine]
        assert models == ["first.gguf", "second.gguf"]
        assert found[-1] == {}
