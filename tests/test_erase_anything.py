"""Whatever happened to memories before: what is erased leaves no byte, and all else stays."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.test_erase import found, opened, tell
from tinymem import Memory
from tinymem.store.filters import EVERYTHING
from tinymem.testing import counting_ids


def word(generator: random.Random) -> str:
    """Return a word that no other is like, nor stemmed: it ends in q."""
    return "".join(generator.choices("bcdfghjklmnpqrtvwxz", k=12)) + "q"


def live(memory: Memory, generator: random.Random, marks: dict[str, list[str]]) -> None:
    """Do something to a memory at random; every word that it ever had is noted by its id."""
    ids = list(marks)
    act = generator.choice(["add", "add", "update", "delete", "archive", "feedback"])
    if act == "add" or not ids:
        words = [word(generator) for _ in range(3)]
        who = generator.choice(["ana", "bob"])
        given = tell(memory, f"{words[0]} {words[1]}", user_id=who, metadata={"k": words[2]})
        marks[given] = words
        return
    given = generator.choice(ids)
    if memory.get(given) is None:
        return
    if act == "update":
        changed = word(generator)
        marks[given].append(changed)
        memory.update(given, f"{changed} afterwards")
    elif act == "delete":
        memory.delete(given)
    elif act == "archive":
        memory.archive(given)
    else:
        reason = word(generator)
        marks[given].append(reason)
        memory.feedback(given, "POSITIVE", reason)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_before_only_the_erased_is_gone(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    marks: dict[str, list[str]] = {}
    with opened(tmp_path / "memory.db", new_id=counting_ids(f"s{seed}-")) as memory:
        for _ in range(120):
            live(memory, generator, marks)
        store = memory._store
        doomed = set(generator.sample(sorted(marks), len(marks) // 3))
        kept = [given for given in marks if given not in doomed]
        pasts = {given: store.history(given) for given in kept}
        records = {each.id: each for each in store.select(EVERYTHING) if each.id not in doomed}
        vectors = {given: store.vector_of(given) for given in records}
        first, *rest = sorted(doomed)
        memory.erase(first)
        assert memory.erase(filters={"id": {"in": rest}})["erased"] == len(rest)
        assert {each.id: each for each in store.select(EVERYTHING)} == records
        assert {given: store.history(given) for given in kept} == pasts
        for given, vector in vectors.items():
            again = store.vector_of(given)
            assert vector is not None
            assert again is not None
            assert again.tobytes() == vector.tobytes()
        assert memory.check() == []
        gone = [mark[2:].encode() for given in doomed for mark in marks[given]]
        assert found(tmp_path, gone) == set()
    assert found(tmp_path, gone) == set()
    held = [mark[2:].encode() for given in records for mark in marks[given][:3]]
    assert found(tmp_path, held) == set(held)
