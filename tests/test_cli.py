from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinymem import Memory
from tinymem.apps import cli, tables

ROOT = Path(__file__).resolve().parent.parent


class Answer:
    """What one run of the command line printed, and its exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on one file of the test's own."""
    monkeypatch.setenv("TINYMEM_DB", str(tmp_path / "notes.db"))
    monkeypatch.setenv("COLUMNS", "100")

    def run_line(*arguments: str) -> Answer:
        try:
            status = cli.main(arguments)
        except SystemExit as ending:  # argparse ends the program itself
            status = ending.code if isinstance(ending.code, int) else 1
        return Answer(status, *capsys.readouterr())

    return run_line


@pytest.fixture
def tea(run: Run) -> str:
    """Store one memory word for word and return its id."""
    added = run(
        "add", "--no-infer", "--json", "--user", "ana", "--metadata", '{"topic": "drinks"}', "Likes green tea"
    )
    return str(added.json["results"][0]["id"])


def test_a_statement_is_understood_found_and_listed(run: Run) -> None:
    added = run("add", "I'm allergic to peanuts and I live in Lisbon.", "--user", "ana")
    assert added.status == 0
    assert "ADD" in added.out
    assert "peanuts" in added.out
    found = run("search", "what", "can", "ana", "not", "eat", "--user", "ana")
    assert found.out.splitlines()[0].split() == ["SCORE", "ID", "MEMORY"]
    assert "peanuts" in found.out.splitlines()[1]
    assert "user=ana" in run("list").out


def test_json_is_exactly_what_the_library_returns(run: Run, tea: str, tmp_path: Path) -> None:
    printed = {
        "list": run("list", "--json", "--user", "ana").json,
        "get": run("get", tea, "--json").json,
        "history": run("--json", "history", tea).json,
        "stats": run("stats", "--json").json,
        "check": run("check", "--json").json,
        "search": run("search", "tea", "--json", "--limit", "3", "--explain").json,
    }
    with Memory(tmp_path / "notes.db") as memory:
        called = {
            "list": memory.get_all(user_id="ana"),
            "get": memory.get(tea),
            "history": memory.history(tea),
            "stats": memory.stats(),
            "check": memory.check(),
            "search": memory.search("tea", limit=3, explain=True),
        }
        assert printed == json.loads(json.dumps(called))


def test_options_stand_before_or_after_the_command(run: Run, tea: str, tmp_path: Path) -> None:
    other = str(tmp_path / "other.db")
    assert run("--db", other, "add", "Plays chess", "--user", "bo", "--no-infer").status == 0
    assert run("list", "--db", other, "--json").json["results"][0]["memory"] == "Plays chess"
    assert run("--json", "list").json["results"][0]["id"] == tea


def test_update_and_history(run: Run, tea: str) -> None:
    assert (
        "updated"
        in run("update", tea, "Likes", "black", "tea", "--metadata", '{"topic": null, "hot": true}').out
    )
    shown = run("get", tea, "--json").json
    assert shown["memory"] == "Likes black tea"
    assert shown["metadata"] == {"hot": True}
    history = run("history", tea).out
    assert "ADD" in history
    assert "Likes black tea (was: Likes green tea)" in history


def test_delete_one(run: Run, tea: str) -> None:
    assert run("delete", tea).status == 0
    assert run("list").out == "no memories\n"
    assert "(deleted) Likes green tea" in run("history", tea).out


def test_delete_all_asks_for_yes_and_obeys_filters(run: Run, tea: str) -> None:
    run("add", "--no-infer", "--user", "ana", "Owns a cat")
    refused = run("delete", "--all", "--user", "ana")
    assert refused.status == 2
    assert "2 memories" in refused.err
    assert len(run("list", "--json").json["results"]) == 2
    done = run("delete", "--all", "--user", "ana", "--filter", '{"metadata": {"topic": "drinks"}}', "--yes")
    assert done.status == 0
    assert [item["memory"] for item in run("list", "--json").json["results"]] == ["Owns a cat"]


def test_delete_all_without_a_scope_is_refused_by_the_library(run: Run, tea: str) -> None:
    refused = run("delete", "--all", "--yes")
    assert refused.status == 1
    assert refused.err.startswith("tinymem: ")
    assert run("get", tea).status == 0


@pytest.mark.usefixtures("tea")
def test_filters_limits_and_thresholds_reach_the_library(run: Run) -> None:
    run("add", "--no-infer", "--user", "ana", "Owns a cat")
    drinks = run("search", "cat", "--filter", '{"topic": "drinks"}', "--json").json["results"]
    assert [item["memory"] for item in drinks] == ["Likes green tea"]
    assert len(run("list", "--limit", "1", "--json").json["results"]) == 1
    assert run("search", "quantum chromodynamics", "--threshold", "0.99").out == "no memory matches\n"
    assert "(semantic 0." in run("search", "cat", "--explain").out


def test_a_conversation_from_a_file_and_from_stdin(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = [
        {"role": "user", "content": "Where can I buy good bread? I live in Lyon."},
        {"role": "assistant", "content": "There are several good bakeries in Lyon."},
    ]
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(talk), encoding="utf-8")
    stored = run("add", "--messages", str(file), "--user", "ana", "--no-infer", "--json").json["results"]
    assert [item["memory"] for item in stored] == [message["content"] for message in talk]
    for arguments in (["-"], ["--messages", "-"]):
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(talk)))
        added = run("add", *arguments, "--user", "bo", "--agent", "baker", "--no-infer", "--json").json[
            "results"
        ]
        assert [item["role"] for item in added] == ["user", "assistant"]


def test_dry_run_writes_nothing(run: Run) -> None:
    planned = run("add", "--dry-run", "--no-infer", "--user", "ana", "Owns a cat")
    assert "Owns a cat" in planned.out
    assert run("list").out == "no memories\n"


def test_expired_memories_are_not_listed(run: Run) -> None:
    run("add", "--no-infer", "--user", "ana", "Is in Rome", "--expires", "2020-01-31")
    assert run("list").out == "no memories\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["add"],
        ["add", "text", "--messages", "x.json"],
        ["add", "text", "--metadata", "{broken"],
        ["add", "text", "--metadata", "[1]"],
        ["add", "--messages", "/nowhere/talk.json", "--user", "ana"],
        ["search"],
        ["search", "x", "--limit", "many"],
        ["list", "--filter", "5"],
        ["update", "some-id"],
        ["delete"],
        ["delete", "some-id", "--all"],
        ["delete", "some-id", "--user", "ana"],
        ["get"],
        ["stats", "extra"],
    ],
)
def test_a_line_that_cannot_be_meant_ends_with_2(run: Run, arguments: list[str], tmp_path: Path) -> None:
    answer = run(*arguments)
    assert answer.status == 2
    assert answer.err.startswith("usage: tinymem")
    assert not (tmp_path / "notes.db").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["add", "text", "--no-infer"], "user_id"),
        (["add", "   ", "--user", "ana"], ""),
        (["get", "no-such-id"], "no-such-id"),
        (["update", "no-such-id", "text"], "no-such-id"),
        (["delete", "no-such-id"], "no-such-id"),
        (["history", "no-such-id"], "no-such-id"),
        (["search", "x", "--threshold", "7"], "threshold"),
        (["list", "--limit", "-1"], "limit"),
        (["list", "--filter", '{"created_at": {"near": 3}}'], "near"),
        (["add", "text", "--user", "ana", "--llm", "/nowhere/model.gguf"], "/nowhere/model.gguf"),
    ],
)
@pytest.mark.usefixtures("tea")
def test_what_the_library_refuses_ends_with_1_and_one_line(
    run: Run, arguments: list[str], complaint: str
) -> None:
    answer = run(*arguments)
    assert answer.status == 1
    assert answer.out == ""
    assert answer.err.startswith("tinymem: ")
    assert complaint in answer.err
    assert "Traceback" not in answer.err
    assert len(run("list", "--json").json["results"]) == 1


@pytest.mark.parametrize("command", [["list"], ["search", "x"], ["check"], ["stats"], ["get", "x"]])
def test_reading_makes_no_file(run: Run, command: list[str], tmp_path: Path) -> None:
    answer = run(*command)
    assert answer.status == 1
    assert "notes.db" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file_is_refused(run: Run, tmp_path: Path) -> None:
    foreign = tmp_path / "holiday.txt"
    foreign.write_text("not a database " * 100, encoding="utf-8")
    answer = run("list", "--db", str(foreign))
    assert answer.status == 1
    assert "holiday.txt" in answer.err
    assert foreign.read_text(encoding="utf-8").startswith("not a database")


def test_check_reports_problems_with_1(run: Run, tea: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("check").out == "sound: no problems found\n"
    monkeypatch.setattr(Memory, "check", lambda self: ["memory 7 has no vector"])
    assert run("check").status == 1
    assert run("check").out == "memory 7 has no vector\n"
    assert run("check", "--json").json == ["memory 7 has no vector"]


def test_the_program_can_be_piped_into_head(tmp_path: Path) -> None:
    file = tmp_path / "many.db"
    with Memory(file) as memory:
        for number in range(3):  # far more than a pipe holds
            memory.add(f"{number} " + "word " * 19_000, user_id="ana", infer=False)
    line = f'"{sys.executable}" -m tinymem.apps.cli list --db "{file}" | head -n 1'
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, env=environment(), check=False
    )
    assert done.stdout.startswith("ID ")
    assert done.stderr == ""
    assert done.returncode == 0


def test_json_is_json_whatever_the_terminal_can_show(tmp_path: Path) -> None:
    file = tmp_path / "words.db"
    with Memory(file) as memory:
        memory.add("Grüße aus 東京", user_id="ana", infer=False)
    done = subprocess.run(
        [sys.executable, "-m", "tinymem.apps.cli", "list", "--json", "--db", str(file)],
        capture_output=True,
        env={**environment(), "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert json.loads(done.stdout)["results"][0]["memory"] == "Grüße aus 東京"


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


# -- tables


def test_the_last_column_is_wrapped_and_aligned() -> None:
    table = tables.render_table(("ID", "MEMORY"), [("a1", "one two three four five six seven")], 24)
    assert table.splitlines() == ["ID  MEMORY", "a1  one two three four", "    five six seven"]


def test_wide_characters_count_twice_and_long_words_are_cut() -> None:
    assert tables.display_width("東京 a\u0301") == 6
    assert tables.wrap_text("東京都港区", 4) == ["東京", "都港", "区"]
    assert tables.wrap_text("a" * 7, 3) == ["aaa", "aaa", "a"]


def test_no_memory_can_command_the_terminal() -> None:
    shown = tables.show_text("red \x1b[31m\x07 bell,\nnew line, \u202eright to left")
    assert shown == "red \\x1b[31m\\x07 bell, new line, \\u202eright to left"


def test_what_was_rejected_is_shown_with_the_reason() -> None:
    added = {
        "results": [
            {"id": "a", "memory": "Lives in Porto", "event": "UPDATE", "previous_memory": "Lives in Faro"}
        ],
        "rejected": [{"text": "Is a pilot", "reason": "nobody said pilot", "message": "I fly a lot"}],
    }
    shown = tables.added_table(added, 100)
    assert "UPDATE" in shown
    assert "Lives in Porto (was: Lives in Faro)" in shown
    assert "nobody said pilot" in shown
    assert tables.added_table({"results": []}, 100) == "nothing new to remember"


def test_retag_export_and_import_are_the_library_s(run: Run, tea: str, tmp_path: Path) -> None:
    own = tmp_path / "categories.json"
    own.write_text('[{"hot drinks": "tea, coffee, cocoa and other hot drinks"}]', encoding="utf-8")
    done = json.loads(run("retag", "--user", "ana", "--categories", str(own), "--json").out)
    assert (done["checked"], done["changed"]) == (1, 1)
    assert json.loads(run("export", str(tmp_path / "all.jsonl"), "--json").out)["memories"] == 1
    assert json.loads(run("get", tea, "--json").out)["categories"] == ["hot drinks"]
    for more in ([], ["--settings"]):
        again = run("import", str(tmp_path / "all.jsonl"), "--db", str(tmp_path / "new.db"), "--json", *more)
        counts = json.loads(again.out)
        assert counts["memories"] + counts["skipped"] == 1
