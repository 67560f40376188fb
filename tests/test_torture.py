"""A little of what `python -m scripts.torture` does at length; and it sees what it is looking for."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from scripts import soak
from scripts.torture import crash, crowd, disk, fork, power
from scripts.torture.__main__ import main
from scripts.torture.calls import Caller, problems_of
from scripts.torture.member import Crowd
from scripts.torture.model import Call, Model
from scripts.torture.report import Line, render_table
from tinymem import Memory
from tinymem.testing import HashEmbedder

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks on this system")


def kept(line: Line) -> bool:
    """Tell whether a promise was kept, and show the figures."""
    assert line.problems == (), render_table([line])
    return True


# -- the torture


@needs_fork
def test_a_killed_process_leaves_what_it_acknowledged_and_nothing_by_halves(tmp_path: Path) -> None:
    assert kept(crash.torture(tmp_path, kills=20))


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert kept(power.cut(tmp_path, cuts=20))


def test_a_power_cut_while_a_file_is_made_leaves_one_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "CALLS", 1)
    monkeypatch.setattr(power, "CHANCE", 1 / 5)
    assert kept(power.cut(tmp_path, cuts=40, seed=1))


@pytest.mark.parametrize("mount", [True, False])
@pytest.mark.skipif(os.name == "nt", reason="this system limits no files")
def test_a_full_disk_refuses_and_breaks_nothing(tmp_path: Path, mount: bool) -> None:
    assert kept(disk.fill_up(tmp_path, files=1, mount=mount))


def test_a_failing_disk_is_an_error_of_ours_and_breaks_nothing(tmp_path: Path) -> None:
    assert kept(disk.fail(tmp_path, files=10))


@needs_fork
def test_a_crowd_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    assert kept(crowd.torture(tmp_path, Crowd(processes=8, threads=4, seconds=10)))


@needs_fork
def test_a_forked_child_is_refused_and_may_open_the_file_anew(tmp_path: Path) -> None:
    assert kept(fork.torture(tmp_path, forks=3))


@needs_fork
def test_it_runs_as_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--kills", "1", "--seconds", "0.5", "--processes", "2", "--only", "crash", "crowd"]) == 0
    shown = capsys.readouterr().out
    assert [line.split("|")[2].strip() for line in shown.splitlines()[2:]] == ["ok"] * 4


def test_the_soak_measures_while_users_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"USERS": 2, "ERASED_AT_ONCE": 1, "NOTES": 3, "LINES": 3}.items():
        monkeypatch.setattr(soak, name, number)
    samples = list(soak.soak(tmp_path / "soak.db", minutes=0.03))
    assert len(samples) == 3
    assert samples[-1].users > 4, "more came than stay"
    assert samples[-1].memories < 4 * 12
    assert all(one.resident_mb > 20 and one.file_mb > 0.1 and one.search_ms > 0 for one in samples)


# -- it sees what it is looking for


@pytest.fixture
def worked_on(tmp_path: Path) -> tuple[Path, Model]:
    """A closed file on which some calls were made, and what it must hold."""
    path, model, generator = tmp_path / "memory.db", Model(), random.Random(3)
    caller = Caller(path, model.dimension)
    for _ in range(40):
        call = model.choose(generator)
        answer = caller.make(call)
        model.done(call, answer.commit_id, answer.ids)
    caller.close()
    assert problems_of(path, model, None) == []
    return path, model


def opened(path: Path, model: Model) -> Memory:
    return Memory(path, embedder=HashEmbedder(model.dimension), categorize=False)


def test_a_lost_commit_is_seen(worked_on: tuple[Path, Model]) -> None:
    path, model = worked_on
    model.done(Call("add", "user 1", ("A text",)), "never written", ["nobody"])
    assert "lost commits ['never written']" in problems_of(path, model, None)[0]


def test_a_commit_of_nobody_is_seen_and_one_under_way_may_be_there(worked_on: tuple[Path, Model]) -> None:
    path, model = worked_on
    with opened(path, model) as memory:
        memory.add("A text", user_id="user 1", infer=False)
    assert "commits of nobody" in problems_of(path, model, None)[0]
    assert problems_of(path, model, Call("add", "user 1", ("A text",))) == []
    assert problems_of(path, model, None) == [], "now it is known"


def test_half_a_call_is_seen(worked_on: tuple[Path, Model]) -> None:
    path, model = worked_on
    with opened(path, model) as memory:
        memory.add("A text", user_id="user 1", infer=False)
    assert "half of a call" in problems_of(path, model, Call("add", "user 1", ("A text", "Another")))[0]


def test_another_text_another_owner_and_another_mark_are_seen(worked_on: tuple[Path, Model]) -> None:
    path, model = worked_on
    some = list(model.memories)[:3]
    for memory_id, change in zip(some, ({"text": "Else"}, {"user": "else"}, {"mark": -1}), strict=True):
        model.memories[memory_id] = replace(model.memories[memory_id], **change)  # type: ignore[arg-type]
    found = problems_of(path, model, None)
    assert [memory_id for memory_id in some if any(repr(memory_id) in each for each in found)] == some


def test_a_vector_of_another_text_is_seen(worked_on: tuple[Path, Model]) -> None:
    path, model = worked_on
    with opened(path, model) as memory, memory._store._writing() as connection:
        first, second = (
            row for (row,) in connection.execute("SELECT rowid FROM memory ORDER BY rowid LIMIT 2")
        )
        vector = connection.execute("SELECT embedding FROM memory_vec WHERE rowid = ?", (first,)).get
        connection.execute("UPDATE memory_vec SET embedding = ? WHERE rowid = ?", (vector, second))
    assert "is not of its text" in problems_of(path, model, None)[0]


def test_a_log_that_is_left_beside_the_file_is_seen(worked_on: tuple[Path, Model]) -> None:
    path, model = worked_on
    (left := path.with_name("memory.db-left")).touch()
    assert problems_of(path, model, None) == [f"{left.name} is left beside the file"]


def careless(connection: apsw.Connection) -> None:
    """Never wait for the disk."""
    connection.pragma("synchronous", "off")


def test_a_file_that_does_not_wait_for_the_disk_does_not_survive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinymem.store.connect.wait_for_disk", careless)
    assert power.cut(tmp_path, cuts=30).problems


@pytest.mark.parametrize("problems", [(), ("this", "and that")])
def test_the_table_has_a_verdict_on_each_line(problems: tuple[str, ...]) -> None:
    shown = render_table([Line("one", "5 times", problems), Line("another one", "never")]).splitlines()
    verdict = "2 PROBLEMS" if problems else "ok"
    assert [cell.strip() for cell in shown[2].split("|")[1:4]] == ["one", verdict, "5 times"]
    assert shown[5:] == [f"one: {problem}" for problem in problems]


@pytest.mark.parametrize(("last", "level"), [(10.9, True), (11.1, False)])
def test_what_grows_by_more_than_a_tenth_does_not_level_off(last: float, level: bool) -> None:
    found, said = soak.verdict("memory", [1.0, 5.0, 9.0, 10.0, 10.0, last])
    assert found is level
    assert ("STILL GROWS" in said) is not level
