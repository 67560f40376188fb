"""What is written beside a file takes its place whole or goes, at the latest when the next one is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.portable_parts import fresh
from tests.store_parts import files_beside, python
from tinymem import DiskFullError
from tinymem.store.beside import private_file, write_copy, written_beside


class Stop(Exception):
    """Ends a copy in its middle."""


def test_a_copy_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_bytes(b"older")

    def fail() -> None:
        with written_beside(target) as part:
            part.write_bytes(b"newer")
            part.with_name(f"{part.name}-wal").touch()
            raise Stop

    with pytest.raises(Stop):
        fail()
    assert files_beside(target) == ["copy.db"]
    assert target.read_bytes() == b"older"


class Full:
    """A connection to a file that has no space for a copy."""

    def execute(self, *given: Any) -> None:
        raise apsw.FullError("database or disk is full")


def test_a_copy_that_finds_no_space_says_which(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=r"copy\.db; free some"):
        write_copy(Full(), tmp_path / "copy.db")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


# -- what killed writers leave


KILLED = """
import os, signal, sys
from tests.portable_parts import fresh
memory = fresh(sys.argv[1])
os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
getattr(memory, sys.argv[2])(sys.argv[3])
"""
HELD = """
import sys
from pathlib import Path
from tinymem.store.beside import private_file
with private_file(Path(sys.argv[1])) as part:
    print(part, flush=True)
    sys.stdin.read()
"""
posix = pytest.mark.skipif(os.name != "posix", reason="Windows locks no folder")


def abandoned(folder: Path) -> list[Path]:
    return [each for part in folder.glob(".tinymem-*") for each in part.rglob("*")]


@posix
@pytest.mark.parametrize("method", ["backup", "snapshot", "export"])
@pytest.mark.parametrize("cleans", ["open", "erase", "compact", "backup"])
def test_what_a_killed_copy_leaves_goes_with_the_next_call(tmp_path: Path, method: str, cleans: str) -> None:
    path = tmp_path / "memory.db"
    with fresh(path) as memory:
        secret = memory.add("Has a wqxgeheimnis", user_id="ana", infer=False)["results"][0]["id"]
        killed = python(KILLED, path, method, tmp_path / "copy")
        killed.communicate(timeout=60)
        assert killed.returncode == -9
        assert any(b"wqxgeheimnis" in each.read_bytes() for each in abandoned(tmp_path))
        assert not (tmp_path / "copy").exists()
        if cleans == "open":
            fresh(path).close()
        elif cleans == "erase":
            memory.erase(secret)
        elif cleans == "compact":
            memory.compact()
        else:
            memory.backup(tmp_path / "copy.db")
        assert list(tmp_path.glob(".tinymem-*")) == []


@posix
def test_what_a_living_writer_writes_stays(tmp_path: Path) -> None:
    writer = python(HELD, tmp_path)
    assert writer.stdout is not None
    theirs = Path(writer.stdout.readline().strip())
    with fresh(tmp_path / "memory.db") as memory, private_file(tmp_path) as mine:
        memory.compact()
        memory.backup(tmp_path / "copy.db")
        assert mine.exists()
        assert theirs.exists()
    writer.kill()
    writer.communicate(timeout=30)
    assert theirs.exists()
    fresh(tmp_path / "memory.db").close()
    assert list(tmp_path.glob(".tinymem-*")) == []


@posix
def test_what_is_only_called_like_an_abandoned_copy_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / ".tinymem-link.part").symlink_to("precious")
    (tmp_path / ".tinymem-file.part").write_text("mine", encoding="utf-8")
    os.mkfifo(tmp_path / ".tinymem-pipe.part")
    fresh(tmp_path / "memory.db").close()
    names = [f".tinymem-{name}.part" for name in ("file", "link", "pipe")]
    assert files_beside(tmp_path / "memory.db") == [*names, "memory.db", "precious"]
