"""What the tests of encryption share: a key, a word that must not be readable, and how a key is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.fakes import EveryMessage, SameBeginning
from tinymem import Memory
from tinymem.testing import HashEmbedder

encrypting = pytest.mark.skipif(
    not hasattr(apsw, "mc_version"), reason="tinymem[encryption] is not installed"
)
PASSPHRASE = "correct horse battery staple"
RAW_KEY = bytes(range(32))
MARK = "quetzalcoatlus"
"""A word that stands in texts, metadata and messages, and must not stand on the disk."""


def opened(path: Path, key: str | bytes | None = PASSPHRASE, **settings: Any) -> Memory:
    """Return a Memory with fakes for models."""
    fakes = {"embedder": HashEmbedder(), "extractor": EveryMessage(), "reconciler": SameBeginning()}
    return Memory(path, key=key, **{**fakes, **settings})


def contents(path: Path) -> dict[str, bytes]:
    """Return what stands in a file and beside it, but for the -shm file, which holds locks."""
    return {
        entry.name: entry.read_bytes() for entry in path.parent.iterdir() if entry.name != f"{path.name}-shm"
    }


def refused(path: Path, key: str | bytes | None, error: type[Exception], words: str) -> str:
    """Assert that a key is refused and nothing changed; return what was said."""
    before = contents(path)
    with pytest.raises(error, match=words) as caught:
        opened(path, key)
    assert contents(path) == before
    return str(caught.value)


def marks(content: bytes) -> list[str]:
    """Return in which forms the mark stands in some bytes."""
    vector = HashEmbedder().embed([f"Likes the {MARK}"]).astype("<f4").tobytes()
    forms = {"text": MARK.encode(), "wide": MARK.encode("utf-16-le"), "hex": MARK.encode().hex().encode()}
    return [name for name, form in {**forms, "vector": vector}.items() if form in content]
