"""What a public call would refuse does not come in with an export either, and what it takes comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.portable_parts import fresh
from tinymem import Memory, ValidationError
from tinymem.admitting import SETTINGS, wrong_settings
from tinymem.arguments import LARGEST_METADATA, LONGEST_ID, LONGEST_TEXT, parse_settings
from tinymem.types import text_hash
from tinymem.understand.dialogue import LONGEST_CONVERSATION, LONGEST_NAME, MOST_MESSAGES

Spoil = Callable[[list[Any]], None]


def memory_with(**values: Any) -> Spoil:
    """Let the memory, and the Change that made it, say something else."""

    def spoil(lines: list[Any]) -> None:
        for line in lines:
            fields = {"change": line.get("after"), "memory": line.get("record")}.get(line["kind"])
            if fields is not None:
                fields.update(values)
                fields["hash"] = text_hash(fields["text"])

    return spoil


def line_with(kind: str, **values: Any) -> Spoil:
    return lambda lines: next(line for line in lines if line["kind"] == kind).update(values)


def told(times: int = 1, **values: Any) -> Spoil:
    message = {"role": "user", "name": None, "content": "Likes tea", "at": None, **values}
    return line_with("commit", messages=[{"position": place, **message} for place in range(times)])


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def bare(lines: list[Any]) -> bytes:
    """Return lines as a file that somebody wrote himself, without vectors and digest."""
    for line in lines:
        if line["kind"] == "memory":
            line["vector"] = None
        line.pop("sha256", None)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return the lines of an export: a setting, a commit, its change, an entity, a memory, a verdict."""
    folder = tmp_path_factory.mktemp("admitting")
    with fresh(enable_graph=True) as memory:
        memory.configure(excludes="health")
        related = [{"source": "Ana", "relationship": "likes", "target": "tea"}]
        memory.import_([{"id": "m", "memory": "Likes tea", "user_id": "ana", "relations": related}])
        memory.feedback("m", "POSITIVE")
        memory.export(folder / "one.jsonl")
    return [json.loads(line) for line in (folder / "one.jsonl").read_text("utf-8").splitlines()]


def take_in(lines: list[Any], spoil: Spoil, folder: Path) -> Memory:
    others = json.loads(json.dumps(lines))
    spoil(others)
    (folder / "other.jsonl").write_bytes(bare(others))
    memory = fresh()
    memory.import_(folder / "other.jsonl", settings=True)
    return memory


LONG = "i" * (LONGEST_ID + 1)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (memory_with(id=LONG), "id must have 1 to 256 characters"),
        (memory_with(user_id=LONG), "user_id must have 1 to 256 characters"),
        (memory_with(user_id=" "), "user_id must have 1 to 256 characters"),
        (memory_with(user_id="a\0"), "user_id must be valid Unicode"),
        (memory_with(actor_id=LONG), "actor_id must have"),
        (memory_with(role=""), "role must have"),
        (memory_with(follows=LONG), "follows must have"),
        (memory_with(memory_type="episodic"), "there are no memories of type str: 'episodic'"),
        (memory_with(text=""), "text is empty"),
        (memory_with(text=" \n"), "text is empty"),
        (memory_with(text="a\0b"), "text must be valid Unicode text without NUL"),
        (memory_with(text="x" * (LONGEST_TEXT + 1)), "text has 100001 characters"),
        (memory_with(categories=["food", " "]), "a category is empty"),
        (memory_with(metadata={"a": "x" * LARGEST_METADATA}), "metadata is too large"),
        (memory_with(metadata={"a": nested(60)}), "is nested more than 50 levels deep"),
        (
            memory_with(relations='[["","likes","tea"]]'),
            "a part of a relation is empty",
        ),
        (line_with("commit", id=LONG), "the id of a commit must have"),
        (line_with("commit", call=""), "call must have"),
        (line_with("commit", scope={"user_id": ""}), "user_id must have"),
        (told(content="a\0"), r"messages\[0\] has a NUL character"),
        (told(content="x" * (LONGEST_CONVERSATION + 1)), "messages hold 2000001 characters"),
        (told(role="evil"), r"messages\[0\] has the role 'evil'"),
        (told(name="n" * (LONGEST_NAME + 1)), r"messages\[0\] has the name"),
        (told(MOST_MESSAGES + 1), "messages has 10001 entries"),
        (line_with("entity", name="x" * (LONGEST_TEXT + 1)), "the name of an entity has 100001 characters"),
        (line_with("feedback", verdict="MAYBE"), "feedback must be one of"),
        (line_with("feedback", reason=""), "feedback_reason is empty"),
    ],
)
def test_what_no_call_would_store_does_not_come_in(
    lines: list[Any], tmp_path: Path, spoil: Spoil, reason: str
) -> None:
    with pytest.raises(ValidationError, match=rf"^other\.jsonl, line \d: .*{reason}"):
        take_in(lines, spoil, tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: None,
        memory_with(user_id="u" * LONGEST_ID, actor_id="n" * LONGEST_ID, follows="m" * LONGEST_ID),
        memory_with(text="x" * LONGEST_TEXT, metadata={"a": "x" * (LARGEST_METADATA - 9)}),
        memory_with(text=" Likes tea\n", metadata={"a": nested(49), "\0": "\0", "big": 10**400}),
        memory_with(memory_type="procedural_memory", categories=["x" * LONGEST_TEXT]),
        told(content="", name="n" * LONGEST_NAME),
        told(content="x" * LONGEST_CONVERSATION, role="system"),
        line_with("feedback", reason="x" * LONGEST_TEXT),
    ],
)
def test_what_a_call_would_store_comes_in(lines: list[Any], tmp_path: Path, spoil: Spoil) -> None:
    with take_in(lines, spoil, tmp_path) as memory:
        assert memory.count() == 1
        assert memory._store.check() == []


def test_the_settings_that_are_known_are_those_of_configure() -> None:
    settings: dict[str, Any] = {
        "custom_instructions": "Be brief",
        "custom_categories": [{"pets": "animals"}],
        "includes": "food",
        "excludes": ["health"],
        "enable_graph": True,
    }
    assert set(settings) == set(SETTINGS)
    assert wrong_settings(parse_settings(settings)) == {}
    assert list(wrong_settings({**settings, "planet": 1, "enable_graph": "yes"})) == [
        "enable_graph",
        "planet",
    ]
