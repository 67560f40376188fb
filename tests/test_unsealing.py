"""Of a damaged encrypted file all is saved but the pages that were changed, and nothing is left in plain."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.encryption_parts import MARK, PASSPHRASE, RAW_KEY, contents, encrypting, marks, opened
from tests.store_parts import files_beside
from tinymem import AuthenticationError, ConfigError, StoreError
from tinymem.store.salvage import salvage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "memory.db"


def salvaged(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Salvage a file with this content; return what was said, and the texts that were saved by id."""
    damaged, target = path.parent / "damaged.db", path.parent / "saved.db"
    damaged.write_bytes(content)
    said = salvage(damaged, target, key=RAW_KEY)
    assert damaged.read_bytes() == content
    assert marks(target.read_bytes()) == []
    with opened(target, RAW_KEY) as memory:
        found = {item["id"]: item["memory"] for item in memory.get_all()["results"]}
        memory.repair()
        assert memory.check() == []
    target.unlink()
    assert files_beside(path) == ["damaged.db", "memory.db"]
    return said, found


@encrypting
def test_whichever_byte_is_changed_the_rest_is_saved_with_the_key(path: Path) -> None:
    with opened(path, RAW_KEY) as memory:
        memory.add_many([f"Likes the {MARK} number {number}" for number in range(60)], user_id="ana")
        truth = {item["id"]: item["memory"] for item in memory.get_all()["results"]}
    sound, generator = path.read_bytes(), random.Random(5)
    assert salvaged(path, sound) == ({"memories": 60, "commits": 1, "lost": []}, truth)
    for start in range(0, len(sound), 4 * 4096):
        changed = bytearray(sound)
        changed[start + generator.randrange(24, 4096)] ^= 1 << generator.randrange(8)
        assert salvaged(path, bytes(changed))[1] == truth, start
    for start in range(4096, len(sound), 3 * 4096):
        changed[start + 50] ^= 1
    said, found = salvaged(path, bytes(changed))
    assert found.items() <= truth.items()
    assert said["lost"] != []
    said, found = salvaged(path, sound[: len(sound) * 9 // 10])
    assert found.items() <= truth.items()
    assert said["lost"] != []


@encrypting
def test_the_log_of_a_killed_writer_is_salvaged_too(path: Path) -> None:
    memory = opened(path)
    memory.add("Likes tea", user_id="ana", infer=False)
    crashed = path.parent / "crashed"
    crashed.mkdir()
    for name in ("memory.db", "memory.db-wal"):
        shutil.copy(path.parent / name, crashed / name)
    memory.close()
    before = contents(crashed / "memory.db")
    assert salvage(crashed / "memory.db", path.parent / "saved.db", key=PASSPHRASE)["memories"] == 1
    assert contents(crashed / "memory.db") == before


@encrypting
def test_salvaging_needs_the_key_of_the_file(path: Path) -> None:
    target = path.parent / "saved.db"
    opened(path).close()
    with pytest.raises(AuthenticationError, match="is encrypted: give its key"):
        salvage(path, target)
    with pytest.raises(AuthenticationError, match="the key does not open"):
        salvage(path, target, key="another one")
    with pytest.raises(ConfigError, match="a key in bytes has 32"):
        salvage(path, target, key=b"short")
    with pytest.raises(StoreError, match="check the folder"):
        salvage(path, path.parent / "nowhere" / "saved.db", key=PASSPHRASE)
    path.write_bytes(os.urandom(16) + path.read_bytes()[16:])
    with pytest.raises(AuthenticationError, match="the beginning of the file is lost"):
        salvage(path, target, key=PASSPHRASE)
    path.unlink()
    opened(path, None).close()
    with pytest.raises(AuthenticationError, match="leave out the key"):
        salvage(path, target, key=PASSPHRASE)
    assert files_beside(path) == ["memory.db"]
