"""Permissions: a new file is its owner's alone, one that is there keeps what it has."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.encryption_parts import opened

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "memory.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let every new file be readable by all, unless its maker says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@posix
def test_a_new_file_and_its_companions_are_their_owners_alone(path: Path, open_umask: None) -> None:
    with opened(path, None) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
        assert {entry.name: mode(entry) for entry in path.parent.iterdir()} == dict.fromkeys(
            ("memory.db", "memory.db-wal", "memory.db-shm"), 0o600
        )
    assert mode(path) == 0o600


@posix
@pytest.mark.parametrize("content", ["", "memories"])
def test_the_permissions_of_a_file_that_is_there_are_left_alone(path: Path, content: str) -> None:
    if content:
        opened(path, None).close()
    path.touch()
    path.chmod(0o640)
    with opened(path, None) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
        assert {mode(entry) for entry in path.parent.iterdir()} == {0o640}
    assert mode(path) == 0o640


@posix
def test_what_a_link_leads_to_is_created_for_its_owner_alone(path: Path, open_umask: None) -> None:
    path.symlink_to(path.parent / "elsewhere.db")
    opened(path, None).close()
    assert mode(path.parent / "elsewhere.db") == 0o600


@posix
@pytest.mark.parametrize("method", ["backup", "snapshot", "export"])
def test_what_is_written_out_is_its_owners_alone(path: Path, open_umask: None, method: str) -> None:
    target = path.parent / "out"
    with opened(path, None) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
        getattr(memory, method)(target)
        assert mode(target) == 0o600
        target.chmod(0o644)
        getattr(memory, method)(target)
        assert mode(target) == 0o600
