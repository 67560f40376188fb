"""The lines of an export: what each kind has to hold, checked before anything of it is written.

A line is a dict that JSON can hold. Whoever wrote it is not believed: every value is rendered again the
way tinymem writes it, and a line that says it in another way is refused. Pure: touches no file.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from tinymem.errors import CorruptError, EmbeddingError, ValidationError
from tinymem.store.rows import (
    COLUMNS,
    SCOPE_COLUMNS,
    parse_record,
    parse_time,
    render_record,
    require_unicode,
    said,
)
from tinymem.store.vectors import check_vector
from tinymem.types import Record, entity_key, render_time, text_hash

Line = dict[str, Any]
Value = TypeVar("Value")

OURS = frozenset({"embedder", "staged_embedder", "generation", "erasing"})
"""The keys of table `identity` that are no settings: each file has its own."""

SETTINGS = "settings"
"""The key of table `identity` under which all settings stand, as one JSON object."""

MESSAGE = ("position", "role", "name", "content", "at")
"""The columns of a message, and its keys in a line."""

_SHAPES = (("ADD", False, True), ("UPDATE", True, True), ("DELETE", True, False))
_NUMBERS = frozenset({"immutable", "archived"})  # columns of a memory that hold no text


@dataclass(frozen=True)
class SettingLine:
    """The row of `identity` with the file's settings."""

    key: str
    value: str


@dataclass(frozen=True)
class CommitLine:
    """A commit: `head` is its call, time, scope and engine, `messages` the rows of its messages."""

    id: str
    head: tuple[str, str, str, str]
    messages: list[tuple[Any, ...]]


@dataclass(frozen=True)
class ChangeLine:
    """A Change as its row holds it; two equal states of a memory have equal digests.

    `text_before` is the text that `vector_before` embeds, None where no vector stood.
    """

    commit: str
    memory_id: str
    event: str
    before: str | None
    after: str | None
    evidence: str
    vector_before: bytes | None
    text_before: str | None
    digest_before: str | None
    digest_after: str | None


@dataclass(frozen=True)
class EntityLine:
    """An entity; `key` is its normalised name."""

    owner: str
    key: str
    name: str
    vector: bytes | None


@dataclass(frozen=True)
class MemoryLine:
    """A memory as it is, with its vector if it has one."""

    record: Record
    digest: str
    vector: bytes | None


@dataclass(frozen=True)
class FeedbackLine:
    """One verdict on a memory."""

    memory_id: str
    verdict: str
    reason: str | None
    at: str


Parsed = SettingLine | CommitLine | ChangeLine | EntityLine | MemoryLine | FeedbackLine


@dataclass(frozen=True)
class Dump:
    """The lines of an export, each with the place that errors name, and whose vectors they carry.

    `settings` tells whether those of the export are wanted.
    """

    name: str
    embedder: Mapping[str, Any] | None
    lines: Iterable[tuple[str, Parsed]]
    settings: bool = True


def parse_line(line: Line, dimension: int | None, place: str) -> Parsed:
    """Return what a line says; `dimension` is the export's, None where it has no vectors.

    Raises:
        ValidationError: Begins with `place` and says what is wrong with the line.
    """
    try:
        kind = line["kind"]
        if kind == "setting":
            return _setting(line)
        if kind == "commit":
            return _commit(line)
        if kind == "change":
            return _change(line, dimension)
        if kind == "entity":
            return _entity(line, dimension)
        if kind == "memory":
            return _memory(line, dimension)
        if kind == "feedback":
            at = _moment(_get(line, "at", str))
            said = _get(line, "verdict", str), _maybe(line, "reason", str)
            return FeedbackLine(_get(line, "memory_id", str), *said, at)
    except KeyError as error:
        raise ValidationError(f"{place}: {error} is missing") from error
    except (ValueError, TypeError, RecursionError, EmbeddingError) as error:
        raise ValidationError(f"{place}: {error}") from error
    raise ValidationError(f"{place}: there are no lines of kind {kind!r:.40}")


def texts_to_embed(line: Parsed) -> list[str]:
    """Return the texts that need a vector where those of the export can not be used."""
    if isinstance(line, MemoryLine):
        return [line.record.text]
    if isinstance(line, ChangeLine):
        return [] if line.text_before is None else [line.text_before]
    return [line.name] if isinstance(line, EntityLine) and line.vector is not None else []


def digest(value: Any) -> str:
    """Return the digest of what JSON can hold; the order of keys does not matter, all types do."""
    return text_hash(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def digest_of_state(fields: Line) -> str:
    """Return the digest of a memory as it stood: the same for all ways in which `render_record` wrote it."""
    return digest(said(fields))


def encode_vector(vector: bytes | None) -> str | None:
    """Return a vector as a line holds it: float32, little-endian, base64; None stays None."""
    return None if vector is None else base64.b64encode(vector).decode("ascii")


def _setting(line: Line) -> SettingLine:
    key, value = _get(line, "key", str), _get(line, "value", str)
    if key != SETTINGS:
        raise ValueError(f"{key!r} is no setting")
    if not isinstance(json.loads(value), dict):
        raise ValueError(f"the settings are no JSON object: {value!r:.60}")
    return SettingLine(key, value)


def _commit(line: Line) -> CommitLine:
    scope, engine = _get(line, "scope", dict), _get(line, "engine", dict)
    if not all(name in SCOPE_COLUMNS and isinstance(value, str) for name, value in scope.items()):
        raise ValueError(f"{scope!r} is no scope")
    messages = [_message(each) for each in _get(line, "messages", list)]
    positions = [message[0] for message in messages]
    if positions != sorted(set(positions)) or not all(0 <= each < 2**31 for each in positions):
        raise ValueError(f"the messages stand at the positions {positions}")
    whose, engines = (
        require_unicode(json.dumps(each, ensure_ascii=False, allow_nan=False)) for each in (scope, engine)
    )
    head = (_get(line, "call", str), _moment(_get(line, "at", str)), whose, engines)
    return CommitLine(_get(line, "id", str), head, messages)


def _message(message: Any) -> tuple[Any, ...]:
    at = _maybe(message, "at", str)
    return (
        *(_get(message, "position", int), _get(message, "role", str), _maybe(message, "name", str)),
        *(_get(message, "content", str), None if at is None else _moment(at)),
    )


def _change(line: Line, dimension: int | None) -> ChangeLine:
    event, before, after = _get(line, "event", str), _maybe(line, "before", dict), _maybe(line, "after", dict)
    if (event, before is not None, after is not None) not in _SHAPES:
        raise ValueError(f"{event!r} does not go with what is said of before and after")
    if after is not None:
        _check_record(after)
    ids = {_get(fields, "id", str) for fields in (before, after) if fields is not None}
    if len(ids) != 1:
        raise ValueError(f"one change can not turn memory {sorted(ids)[0]!r} into {sorted(ids)[1]!r}")
    vector = _vector(line, "vector_before", dimension)
    if vector is not None and before is None:
        raise ValueError("there is a vector of before, and no memory")
    return ChangeLine(
        commit=_get(line, "commit", str),
        memory_id=ids.pop(),
        event=event,
        before=_rendered(before),
        after=_rendered(after),
        evidence=json.dumps([_span(each) for each in _get(line, "evidence", list)], separators=(",", ":")),
        vector_before=vector,
        text_before=None if vector is None or before is None else _get(before, "text", str),
        digest_before=None if before is None else digest_of_state(before),
        digest_after=None if after is None else digest_of_state(after),
    )


def _span(span: Any) -> list[int]:
    if not isinstance(span, list) or [type(each) for each in span] != [int, int, int]:
        raise ValueError(f"{span!r} is no evidence: message, start and end are needed")
    return span


def _entity(line: Line, dimension: int | None) -> EntityLine:
    owner, name = _get(line, "owner", str), _get(line, "name", str)
    return EntityLine(owner, entity_key(name), name, _vector(line, "vector", dimension))


def _memory(line: Line, dimension: int | None) -> MemoryLine:
    fields = _get(line, "record", dict)
    return MemoryLine(_check_record(fields), digest_of_state(fields), _vector(line, "vector", dimension))


def _check_record(fields: Line) -> Record:
    """Return the Record that fields say, if tinymem would write it with just these fields."""
    for name in ("id", "text"):
        _get(fields, name, str)
    for name in COLUMNS:
        if name in fields and name != "metadata":
            _maybe(fields, name, int if name in _NUMBERS else str)
    if not all(isinstance(category, str) for category in _get(fields, "categories", list)):
        raise TypeError(f"{fields['categories']!r} are no categories")
    try:
        record = parse_record(json.dumps(fields))
    except CorruptError as error:
        raise ValueError(f"memory {fields['id']!r} can not be read: {error.__cause__!r}") from error
    assert record is not None, "there are fields"
    if digest_of_state(fields) != text_hash(render_record(record, canonical=True)):
        raise ValueError(f"memory {record.id!r} is not said as tinymem says it")
    return record


def _rendered(fields: Line | None) -> str | None:
    """Return a past memory as `render_record` wrote it, its keys in their order."""
    return None if fields is None else json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _vector(line: Line, name: str, dimension: int | None) -> bytes | None:
    encoded = _maybe(line, name, str)
    if encoded is None:
        return None
    if dimension is None:
        raise ValueError("there is a vector, and the header does not say which embedder made it")
    blob = base64.b64decode(encoded, validate=True)
    if len(blob) != 4 * dimension:
        raise ValueError(f"a vector has {len(blob)} bytes instead of {4 * dimension}")
    check_vector(np.frombuffer(blob, dtype="<f4").astype(np.float32, copy=False), dimension)
    return blob


def _moment(text: str) -> str:
    if render_time(parse_time(text)) != text:
        raise ValueError(f"time {text!r} is not said as tinymem says times")
    return text


def _get(line: Any, name: str, kind: type[Value]) -> Value:
    """Return a value of this very type; texts have to be Unicode."""
    if not isinstance(line, dict):
        raise TypeError(f"{line!r:.60} is no JSON object")
    value = line[name]
    if type(value) is not kind:
        raise TypeError(f"{name!r} is {value!r:.60}, which is not of type {kind.__name__}")
    if isinstance(value, str):
        require_unicode(value)
    return value


def _maybe(line: Any, name: str, kind: type[Value]) -> Value | None:
    return None if isinstance(line, dict) and line[name] is None else _get(line, name, kind)
