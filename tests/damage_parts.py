"""What the tests of damage share: a small file with a long past, and every way to spoil its bytes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tinymem import Memory
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids

EMBEDDER = HashEmbedder(32)
PAGE = 4096
KINDS = ("flip", "header", "contents", "zero", "cut", "noise")


def lived(path: Path) -> Path:
    """Write a file with 160 memories, some of them changed or deleted, and return its path."""
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    with Memory(path, embedder=EMBEDDER, clock=clock, new_id=counting_ids(), enable_graph=True) as memory:
        texts = [f"Maya{number} likes subject {number} of {number % 7}" for number in range(200)]
        for start in range(0, 200, 20):
            talk = [{"role": "user", "content": text} for text in texts[start : start + 20]]
            memory.add(talk, user_id=f"user {start // 100}", infer=False, metadata={"n": start})
        ids = [item["id"] for item in memory.get_all()["results"]]
        clock.advance(days=1)
        for number, given in enumerate(sorted(ids, key=lambda one: int(one.removeprefix("id-")))):
            if number % 5 == 0:
                memory.delete(given)
            elif number % 5 == 1:
                memory.update(given, f"Changed subject {number}", metadata={"changed": True})
            elif number % 5 == 2:
                memory.feedback(given, "POSITIVE", f"reason {number}")
        memory.configure(excludes="health")
    return path


def spoil(content: bytes, kind: str, generator: random.Random) -> bytes:
    """Return a file's content with damage of one kind."""
    spoilt = bytearray(content)
    if kind == "cut":
        return bytes(spoilt[: generator.randrange(len(spoilt))])
    if kind in ("zero", "noise"):
        for _ in range(generator.choice((1, 3, 9))):
            page = PAGE * generator.randrange(len(spoilt) // PAGE)
            spoilt[page : page + PAGE] = bytes(PAGE) if kind == "zero" else generator.randbytes(PAGE)
        return bytes(spoilt)
    end = {"flip": len(spoilt), "header": 100, "contents": 4 * PAGE}[kind]
    for _ in range(generator.choice((1, 1, 1, 8, 64)) if kind == "flip" else 1):
        spoilt[generator.randrange(end)] ^= 1 << generator.randrange(8)
    return bytes(spoilt)


def copied(path: Path, target: Path) -> Path:
    """Copy a closed file."""
    return Path(shutil.copy(path, target))
