"""A little of what `python -m scripts.torture.fuzz` does at length; and it sees what it is looking for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from scripts.torture import fuzz
from scripts.torture.report import render_table
from tinymem import Memory, StoreError, ValidationError


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_no_method_can_be_broken_by_what_it_is_given(tmp_path: Path) -> None:
    line = fuzz.torture(tmp_path, 150)
    assert line.problems == (), render_table([line])
    assert line.figures.startswith("150 examples")


def test_every_public_method_is_called_and_every_argument_can_be() -> None:
    assert {"add", "search", "undo", "erase", "import_", "rekey", "configure"} <= set(fuzz.METHODS)
    assert set(fuzz.OFTEN) <= set(fuzz.METHODS)


def wrong_type(self: Memory, **arguments: Any) -> int:
    raise KeyError("m.id")


def sql_error(self: Memory, **arguments: Any) -> int:
    raise StoreError("SQLite could not work on it") from apsw.SQLError('near "OR": syntax error')


def long_error(self: Memory, **arguments: Any) -> int:
    raise ValidationError("x" * 3_000)


def half_written(self: Memory, **arguments: Any) -> int:
    assert self._store._connection is not None
    self._store._connection.execute("DELETE FROM memory WHERE id = 'id-1'")
    raise ValidationError("it was refused")


def left_open(self: Memory, **arguments: Any) -> int:
    assert self._store._connection is not None
    self._store._connection.execute("BEGIN")
    return 0


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (wrong_type, "KeyError: 'm.id'"),
        (sql_error, "a value became SQL"),
        (long_error, "an error of 3000 characters"),
        (half_written, "refused, and half written"),
        (left_open, "left a transaction open"),
    ],
)
def test_a_broken_promise_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Callable[..., int], words: str
) -> None:
    monkeypatch.setattr(Memory, "count", broken)
    monkeypatch.setattr(fuzz, "METHODS", ["count"])
    monkeypatch.setattr(fuzz, "OFTEN", ("count",))
    (problem,) = fuzz.torture(tmp_path, 5).problems
    assert words in problem


def test_a_text_that_was_stored_as_another_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = fuzz.Target(tmp_path, Counter())
    target.throw(("add", {"messages": "Likes figs", "user_id": "ana", "infer": False}))
    get = target.memory.get
    monkeypatch.setattr(target.memory, "get", lambda memory_id: {**get(memory_id), "memory": "Likes FIGS"})
    with pytest.raises(fuzz.BrokenPromise, match="was stored as"):
        target.throw(("add", {"messages": "Likes plums", "user_id": "ana", "infer": False}))


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["20", "--seed", "7"]) == 0
    assert "| nonsense | ok" in capsys.readouterr().out
