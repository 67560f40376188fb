"""The house rules: which way imports point, how long things may be, what is public, what is alive."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinymem
from tinymem import errors

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinymem"
SOURCES = sorted(PACKAGE.rglob("*.py"))
ALL_PYTHON = sorted(path for name in ("tinymem", "scripts", "tests") for path in (ROOT / name).rglob("*.py"))

LONGEST_FILE = 400  # lines
LONGEST_FUNCTION = 40  # lines of body: what is read to follow it, after the signature and the docstring

# What each part of the house may import of the others.
NOUNS = {"types", "errors"}
MAY_IMPORT: dict[str, set[str]] = {
    "types": set(),
    "errors": set(),
    "freed": set(),
    "engines": NOUNS | {"freed"},
    "store": NOUNS | {"freed"},
    "understand": NOUNS,  # engines reach it as objects that fulfil a protocol, SQL never
    "recall": NOUNS | {"store"},
    "testing": NOUNS,
    "memory": NOUNS | {"engines", "store", "understand", "recall"},
    "aio": NOUNS | {"memory"},
    "client": NOUNS | {"memory", "aio"},
    "apps": NOUNS | {"memory", "aio"},
}
OF_MEMORY = {
    *("admitting", "annotate", "arguments", "batches", "bulk", "config", "core", "foreign"),
    *(
        "foreign_stores",
        "graph",
        "keeping",
        "lifecycle",
        "memory",
        "plan",
        "portable",
        "privacy",
        "reading",
        "redact",
    ),
    *("meanwhile", "remember", "render", "revise", "timeline", "understanding"),
}

HEAVY = {"onnxruntime", "llama_cpp", "tokenizers", "torch", "huggingface_hub", "requests", "urllib3"}

PUBLIC = """
    AsyncMemory AsyncMemoryClient AuthenticationError MemoryClient MemoryQuotaExceededError EventDate Triple
    salvage
    BusyError ConfigError ConflictError CorruptError Decision DiskFullError Embedder EmbeddingError
    EngineError Extraction Extractor Fact ImmutableError LlamaCpp Llm Mem0ValidationError Memory
    MemoryNotFoundError Message ModelFileError NotADatabaseError OnnxEmbedder OnnxReranker RateLimitError
    Reconciler Record Reply ReplyError Reranker SchemaError Scope Span StoreError TinymemError
    ValidationError __version__
"""

FORBIDDEN_NAMES = re.compile(
    r"(^|_)(utils?|helpers?|manager|process|handle|data|info)($|_)|_v2$|Factory$|Manager$"
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def part_of(dotted: str) -> str:
    """Return the part of the house that a dotted name below tinymem belongs to."""
    first = dotted.split(".")[0]
    return "memory" if first in OF_MEMORY else first


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, part) of every import of tinymem in a file, those inside functions included."""
    for node in ast.walk(parse(path)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: a relative import; write the whole name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for dotted in names:
            package, _, below = dotted.partition(".")
            if package == "tinymem" and below:
                part = part_of(below)
                yield node.lineno, part if part in MAY_IMPORT else "memory"  # `from tinymem import Memory`


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    here = part_of(".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    if here != "__init__":  # the public names come from everywhere
        allowed = MAY_IMPORT[here] | {here}
        assert [(line, part) for line, part in imported_parts(path) if part not in allowed] == []


def test_the_import_check_sees_a_violation(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "def f():\n    from tinymem.store import store\n    import tinymem.apps.cli\n", encoding="utf-8"
    )
    assert list(imported_parts(bad)) == [(2, "store"), (3, "apps")]


def test_only_the_store_writes_sql() -> None:
    statement = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|DELETE FROM|UPDATE \w+ SET)\b")
    speaking = {path.parent.name for path in SOURCES if statement.search(path.read_text(encoding="utf-8"))}
    assert speaking <= {"store"}


@pytest.mark.parametrize("path", ALL_PYTHON, ids=name_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < LONGEST_FILE


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    long = {
        f"{node.name}, line {node.lineno}": lines
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef) and (lines := code_lines(node)) >= LONGEST_FUNCTION
    }
    assert long == {}


def code_lines(function: ast.FunctionDef) -> int:
    """Return how many lines a function's body takes, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_names_say_something(path: Path) -> None:
    named = [
        node.name
        for node in ast.walk(parse(path))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and FORBIDDEN_NAMES.search(node.name)
    ]
    assert named == []
    assert not FORBIDDEN_NAMES.search(path.stem)


@pytest.mark.parametrize("path", ALL_PYTHON, ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImpl" + r"ementedError)\b")
    assert marks.findall(path.read_text(encoding="utf-8")) == []


def test_every_module_says_its_idea() -> None:
    assert [name_of(path) for path in SOURCES if not ast.get_docstring(parse(path))] == []


def test_public_names_are_pinned() -> None:
    assert sorted(tinymem.__all__) == sorted(PUBLIC.split())
    assert [name for name in tinymem.__all__ if not hasattr(tinymem, name)] == []


def test_every_prompt_has_a_caller() -> None:
    prompts = sorted((PACKAGE / "understand" / "prompts").glob("*.txt"))
    assert prompts, "the prompts are gone"
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert [path.name for path in prompts if f'"{path.stem}' not in code] == []


def leaf_errors() -> list[str]:
    """Return the names of the error classes that are raised as themselves."""
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    return sorted(
        {each.__name__ for each in classes if each not in {base for c in classes for base in c.__bases__}}
    )


def names_used(path: Path) -> set[str]:
    return {node.id for node in ast.walk(parse(path)) if isinstance(node, ast.Name)}


def test_every_error_is_raised_somewhere() -> None:
    code = [path for path in SOURCES if path.name not in ("errors.py", "__init__.py")]
    used = set().union(*(names_used(path) for path in code))
    assert [name for name in leaf_errors() if name not in used] == []


def test_every_error_is_raised_by_a_test() -> None:
    expected: set[str] = set()
    for path in (ROOT / "tests").glob("test_*.py"):
        for node in ast.walk(parse(path)):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", getattr(node.func, "id", "")) == "raises"
            ):
                expected |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                expected |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    assert [name for name in leaf_errors() if name not in expected] == []


def shell_scripts() -> list[Path]:
    found = [ROOT / ".ci" / "run", *sorted((ROOT / "scripts").iterdir())]
    return [path for path in found if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")]


@pytest.mark.parametrize("path", shell_scripts(), ids=name_of)
def test_shell_scripts_can_run_and_stop_at_the_first_error(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


def test_ci_runs_the_test_command() -> None:
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def fresh_python(code: str, bytecode: Path | None = None) -> str:
    """Return what a new interpreter prints; `bytecode` is where it keeps compiled modules."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if bytecode is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True, timeout=60
    )
    return done.stdout


def test_importing_tinymem_loads_no_model_runtime() -> None:
    loaded = fresh_python("import sys, tinymem; print(*sorted({name.split('.')[0] for name in sys.modules}))")
    assert HEAVY & set(loaded.split()) == set()


def test_the_command_line_helps_without_a_database() -> None:
    code = "import sys; from tinymem.apps import cli; cli.build_parser(); print(*sys.modules)"
    assert HEAVY & {name.split(".")[0] for name in fresh_python(code).split()} == set()


def test_importing_tinymem_is_quick(tmp_path: Path) -> None:
    """Processor time, because the machine may be busy, and against numpy's, which is most of it."""
    measure = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"
    times = {
        name: [float(fresh_python(measure.format(name), tmp_path)) for _ in range(4)]
        for name in ("tinymem", "numpy")
    }
    ours, numpy = min(times["tinymem"]), min(times["numpy"])
    sys.stdout.write(f"import tinymem: {ours * 1000:.0f} ms, of which numpy: {numpy * 1000:.0f} ms\n")
    assert ours < max(0.15, 2.5 * numpy)
