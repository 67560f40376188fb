from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def demo(tmp_path: Path) -> ModuleType:
    """The demo's own code, on a file of the test's own."""
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.DATABASE = tmp_path / "demo" / "demo.db"  # type: ignore[attr-defined]
    return module


def test_the_built_in_conversation_shows_everything(
    demo: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main([]) == 0
    shown = capsys.readouterr().out
    assert "Is vegetarian" in shown
    assert "SCORE (PARTS)" in shown
    assert "(was: Lives in Lisbon)" in shown, "the later message supersedes where she lives"
    before, after = shown.split("== History of")
    assert "UPDATE" in before
    assert "ADD     Lives in Lisbon" in after
    assert "check(): sound" in after


def test_it_runs_twice_and_takes_any_other_conversation(
    demo: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = tmp_path / "talk.json"
    talk.write_text(
        json.dumps([{"role": "user", "content": "I'm allergic to shellfish. Any idea for lunch?"}]),
        encoding="utf-8",
    )
    for _ in range(2):
        assert demo.main([str(talk), "allergies?"]) == 0
        shown = capsys.readouterr().out
        assert shown.count("Is allergic to shellfish") == 5  # stored, found twice, in the history, listed
        assert "== Search: allergies?" in shown


@pytest.mark.parametrize(
    "text", ["no json", "[]", "{}", '[{"role": "assistant", "content": "Hi"}]', "[5]", "7"]
)
def test_a_file_without_a_conversation_is_refused(
    demo: ModuleType, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")
    assert demo.main([str(file)]) == 2
    assert "other.json" in capsys.readouterr().err
