"""What may come in with an export: nothing that the calls which write would refuse.

Whoever wrote an export is not believed. Beyond its form, which `store.lines` knows, every id, text, size and
setting in it is held against the same limits as an argument. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from tinymem.arguments import (
    PROCEDURAL,
    parse_feedback,
    parse_id,
    parse_metadata,
    parse_settings,
    parse_text,
    show,
)
from tinymem.errors import ValidationError, shown
from tinymem.store.lines import MESSAGE, ChangeLine, CommitLine, EntityLine, FeedbackLine, Parsed, SettingLine
from tinymem.store.rows import parse_record
from tinymem.types import Record
from tinymem.understand.dialogue import parse_messages

SETTINGS = ("custom_instructions", "custom_categories", "includes", "excludes", "enable_graph")


def admit(line: Parsed, place: str) -> Parsed:
    """Return a line as it is; of a memory its Changes are looked at, whose last it has to equal.

    Raises:
        ValidationError: Begins with `place` and says what no call would store.
    """
    try:
        if isinstance(line, SettingLine):
            _check_settings(json.loads(line.value))
        elif isinstance(line, CommitLine):
            _check_commit(line)
        elif isinstance(line, ChangeLine):
            _check_record(parse_record(line.after))
        elif isinstance(line, EntityLine):
            parse_text(line.name, "the name of an entity")
        elif isinstance(line, FeedbackLine):
            parse_feedback(line.verdict, line.reason)
    except ValidationError as problem:
        raise ValidationError(f"{place}: {problem}") from problem
    return line


def wrong_settings(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with settings that stand in a file, by name."""
    wrong = {}
    for name, value in settings.items():
        try:
            if name not in SETTINGS:
                raise ValidationError(f"there is no setting {shown(name)}")
            parse_settings({name: value})
        except ValidationError as problem:
            wrong[name] = f"setting {shown(name)} of the file: {problem}"
    return wrong


def _check_settings(settings: dict[str, Any]) -> None:
    for problem in wrong_settings(settings).values():
        raise ValidationError(problem)


def _check_commit(line: CommitLine) -> None:
    call, _, scope, _ = line.head
    parse_id(line.id, "the id of a commit")
    parse_id(call, "call")
    for name, value in json.loads(scope).items():
        parse_id(value, name)
    told = [dict(zip(MESSAGE, message, strict=True)) for message in line.messages]
    if told:  # a message whose words were not wanted stands there without them
        parse_messages([{**message, "content": message["content"].strip() or "-"} for message in told])


def _check_record(record: Record | None) -> None:
    if record is None:
        return
    names = {"id": record.id, **record.scope.ids(), "actor_id": record.actor_id, "role": record.role}
    for name, value in {**names, "follows": record.follows}.items():
        if value is not None:
            parse_id(value, name)
    parse_text(record.text, "text")
    for category in record.categories:
        parse_text(category, "a category")
    for part in (part for triple in record.relations for part in astuple(triple)):
        parse_text(part, "a part of a relation")
    parse_metadata(record.metadata)
    if record.memory_type not in (None, PROCEDURAL):
        raise ValidationError(f"there are no memories of type {show(record.memory_type)}")
