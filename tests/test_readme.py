"""The README tells the truth: its code runs as it stands, and prints what the README says it prints."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinymem.apps import cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


BLOCKS = [Block(m[1], m[2], README[: m.start()].count("\n") + 1) for m in FENCE.finditer(README)]
PYTHON = [number for number, block in enumerate(BLOCKS) if block.language == "python"]
CONSOLE = [block for block in BLOCKS if block.language == "console"]


def masked(text: str) -> list[str]:
    """Return the lines without what differs from run to run: ids, times, and the last digits of scores."""
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "ID", text)
    text = re.sub(r"\b20\d\d-\d\d-\d\d([T ]\d\d:\d\d:\d\d)?", "WHEN", text)
    text = re.sub(r"\b0\.\d+\b", "0.N", text)
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, with a file and a terminal width of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYMEM_DB", str(tmp_path / "default.db"))
    monkeypatch.setenv("COLUMNS", "100")


def test_the_readme_has_what_these_tests_read() -> None:
    assert PYTHON
    assert CONSOLE
    assert all(block.text.startswith("$ tinymem ") for block in CONSOLE)
    assert README.index("scripts/demo") < README.index("```python"), "the two commands come first"


@pytest.mark.parametrize("number", PYTHON, ids=lambda number: f"line{BLOCKS[number].line}")
def test_python_runs_and_prints_what_it_says(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(BLOCKS[number].text, f"README.md:{BLOCKS[number].line}", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    following = BLOCKS[number + 1] if number + 1 < len(BLOCKS) else None
    if following is not None and following.language == "text":
        assert masked(printed) == masked(following.text)
    else:
        assert printed == ""


def session(text: str) -> Iterator[tuple[str, str]]:
    """Yield (command line, what follows it) of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, rest = part.partition("\n")
        yield line, rest


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: f"line{block.line}")
def test_the_command_line_prints_what_it_says(block: Block) -> None:
    for line, expected in session(block.text):
        program, *arguments = shlex.split(line)
        assert program == "tinymem"
        out = io.StringIO()
        with redirect_stdout(out), suppress(SystemExit):  # --help ends the program
            assert cli.main(arguments) == 0
        assert masked(out.getvalue()) == masked(expected)


def test_the_help_in_the_readme_is_the_parsers() -> None:
    assert f"$ tinymem --help\n{cli.build_parser().format_help().strip()}\n" in README


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:tinymem|scripts|tests|models)/[\w./-]*)`", README)))
)
def test_paths_named_in_the_readme_exist(path: str) -> None:
    assert (ROOT / path).exists()
