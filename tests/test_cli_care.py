"""The commands that keep a file in good order, run as from a shell."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tinymem
from tinymem.apps import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on one file of the test's own; returns (exit status, stdout, stderr)."""
    monkeypatch.setenv("TINYMEM_DB", str(tmp_path / "notes.db"))
    monkeypatch.setenv("COLUMNS", "160")

    def run_line(*arguments: str) -> tuple[int, str, str]:
        try:
            status: Any = cli.main(arguments)
        except SystemExit as ending:
            status = ending.code
        return (status, *capsys.readouterr())

    return run_line


@pytest.fixture
def memory_id(run: Run, tmp_path: Path) -> str:
    """Tell the file something and change it; returns the memory's id."""
    assert run("add", "I'm allergic to peanuts.", "--user", "ana")[0] == 0
    with tinymem.Memory(tmp_path / "notes.db") as memory:
        key = str(memory.get_all()["results"][0]["id"])
    assert run("update", key, "Is allergic to walnuts")[0] == 0
    return key


def test_the_log_lists_commits_and_undo_takes_one_back(run: Run, memory_id: str) -> None:
    status, out, _ = run("log", "--limit", "1")
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 2)
    assert lines[1].split()[1] == "update"
    assert "UPDATE Is allergic to walnuts" in lines[1]
    status, out, _ = run("undo", lines[1].split()[2])
    assert status == 0
    assert "Is allergic to peanuts (was: Is allergic to walnuts)" in out
    assert "peanuts" in run("get", memory_id)[1]


def test_a_commit_that_others_were_built_on_is_undone_with_them(run: Run, memory_id: str) -> None:
    first = run("log")[1].splitlines()[-1].split()[2]
    status, _, err = run("undo", first)
    assert status == 1
    assert "built on" in err
    assert run("undo", first, "--with-later")[0] == 0
    assert run("list")[1] == "no memories\n"


def test_why_shows_the_words_that_a_memory_rests_on(run: Run, memory_id: str) -> None:
    status, out, _ = run("why", memory_id)
    assert status == 0
    assert "user: I'm allergic to peanuts." in out
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["ADD", "UPDATE"]


def test_erasing_asks_for_yes_and_leaves_nothing(run: Run, memory_id: str, tmp_path: Path) -> None:
    status, _, err = run("erase", memory_id)
    assert status == 2
    assert "1 memories" in err
    assert b"walnuts" in every_byte(tmp_path)
    status, out, _ = run("erase", memory_id, "--yes")
    assert (status, out) == (0, "Memories erased for good! (1)\n")
    assert b"walnuts" not in every_byte(tmp_path)
    assert run("erase", memory_id, "--yes")[0] == 1


def test_erasing_by_filter_counts_first(run: Run, memory_id: str) -> None:
    assert "1 memories" in run("erase", "--user", "ana")[2]
    assert run("erase", "--user", "ana", "--yes")[1] == "Memories erased for good! (1)\n"


def test_backup_compact_check_and_repair(run: Run, memory_id: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert run("backup", str(copy))[0] == 0
    assert "walnuts" in run("list", "--db", str(copy))[1]
    assert "after_bytes" in run("compact")[1]
    assert run("check") == (0, "sound: no problems found\n", "")
    assert run("repair") == (0, "nothing had to be mended\n", "")


def test_a_damaged_file_is_salvaged_into_a_new_one(run: Run, memory_id: str, tmp_path: Path) -> None:
    damaged = tmp_path / "notes.db"
    os.truncate(damaged, damaged.stat().st_size - 4096)
    status, out, _ = run("salvage", str(tmp_path / "saved.db"))
    assert status == 0
    assert "memories  1" in out
    assert "walnuts" in run("list", "--db", str(tmp_path / "saved.db"))[1]


def test_the_key_of_an_encrypted_file_comes_from_the_environment(
    run: Run, memory_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYMEM_KEY", "x" * 2000)
    status, _, err = run("add", "I like tea.", "--user", "ana")
    assert status == 1
    assert "passphrase" in err
    assert "passphrase" in run("salvage", "saved.db")[2]


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
