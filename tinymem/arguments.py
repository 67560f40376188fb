"""What callers may pass: every public argument is parsed here, once, or refused with what to do.

Functions take the caller's value and return ours, or raise `ValidationError`. They never touch the
file or a model, so a refused call has done nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from reprlib import Repr
from typing import Any

from tinymem.errors import ValidationError
from tinymem.types import Metadata, Scope
from tinymem.understand.dialogue import parse_moment

LONGEST_ID = 256  # characters
LARGEST_COUNT = 10**9  # results, pages or threads: more is a mistake, and products of two still fit SQLite
LONGEST_TEXT = 100_000  # characters of one memory: a memory is a statement, not a document
PROCEDURAL = "procedural_memory"
ID_NAMES = ("user_id", "agent_id", "run_id", "app_id")

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def show(value: object) -> str:
    """Return the type and the beginning of a value, for a message that must stay short."""
    return f"{type(value).__name__}: {_SHORT.repr(value)}"


def parse_id(value: object, name: str) -> str:
    """Return an id as given: a string of 1 to 256 characters that is not blank."""
    if not isinstance(value, str):
        raise ValidationError(f"{name} must be a string, got {show(value)}")
    if not value.strip() or len(value) > LONGEST_ID:
        raise ValidationError(
            f"{name} must have 1 to {LONGEST_ID} characters and not be blank, got {value[:40]!r}"
        )
    if "\x00" in value or not is_unicode(value):
        raise ValidationError(f"{name} must be valid Unicode text without NUL characters, got {value[:40]!r}")
    return value


def parse_scope(
    user_id: object = None,
    agent_id: object = None,
    run_id: object = None,
    app_id: object = None,
    session_id: object = None,
) -> Scope:
    """Return the Scope of the ids that are not None; `session_id` is another name of `run_id`."""
    if session_id is not None and run_id is not None and session_id != run_id:
        raise ValidationError(
            f"run_id {run_id!r} and session_id {session_id!r} name the same thing: give one"
        )
    given = (user_id, agent_id, session_id if run_id is None else run_id, app_id)
    parsed = [
        None if value is None else parse_id(value, name) for name, value in zip(ID_NAMES, given, strict=True)
    ]
    return Scope(*parsed)


def parse_text(value: object, name: str) -> str:
    """Return the text of a memory, stripped; it must hold something."""
    if not isinstance(value, str):
        raise ValidationError(f"{name} must be a string, got {show(value)}")
    text = value.strip()
    if not text:
        raise ValidationError(f"{name} is empty: it must hold some text")
    check_length(text, name)
    if "\x00" in text or not is_unicode(text):
        raise ValidationError(f"{name} must be valid Unicode text without NUL characters, got {text[:40]!r}")
    return text


def check_length(text: str, name: str) -> None:
    """Refuse a text longer than one memory may be."""
    if len(text) > LONGEST_TEXT:
        raise ValidationError(
            f"{name} has {len(text)} characters, at most {LONGEST_TEXT} are taken: split it"
        )


def is_unicode(text: str) -> bool:
    """Tell whether a string can be written as UTF-8 (no lone surrogates)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def parse_metadata(value: object, name: str = "metadata") -> Metadata:
    """Return a copy of the caller's metadata: a dict with string keys that JSON can hold exactly."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValidationError(f"{name} must be a dict, got {show(value)}")
    check_json_keys(value, name)
    try:
        rendered = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
        rendered.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as problem:
        raise ValidationError(f"{name} must hold what JSON can hold: {problem}") from problem
    copy: Metadata = json.loads(rendered)
    return copy


def check_json_keys(value: object, name: str, depth: int = 0) -> None:
    """Refuse keys that JSON would turn into other keys (1 into "1") and nesting without end."""
    if depth > 50:
        raise ValidationError(f"{name} is nested more than 50 levels deep")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValidationError(f"{name} keys must be strings, got {type(key).__name__}: {key!r}")
            check_json_keys(inner, f"{name}.{key}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            check_json_keys(inner, name, depth + 1)


def parse_count(value: object, name: str, least: int = 0) -> int:
    """Return a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError(f"{name} must be a whole number, got {show(value)}")
    if value < least:
        raise ValidationError(f"{name} must be at least {least}, got {value}")
    if value > LARGEST_COUNT:
        raise ValidationError(f"{name} must be at most {LARGEST_COUNT}, got {show(value)}")
    return value


def parse_limit(limit: object, top_k: object, default: int | None) -> int | None:
    """Return how many results are wanted at most; `limit` and `top_k` name the same thing."""
    if limit is not None and top_k is not None and limit != top_k:
        raise ValidationError(f"limit={limit!r} and top_k={top_k!r} name the same thing: give one")
    given = limit if top_k is None else top_k
    return default if given is None else parse_count(given, "limit" if top_k is None else "top_k")


def parse_threshold(value: object) -> float | None:
    """Return the lowest score wanted, in 0..1."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValidationError(f"threshold must be a number from 0 to 1 (scores are), got {show(value)}")
    return float(value)


def parse_expiration(value: object) -> date | None:
    """Return the last day (UTC) on which a memory is visible; date, datetime or ISO text."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if isinstance(value, (datetime, str)):
        try:
            moment = parse_moment(value, "expiration_date")
        except ValidationError:
            moment = None  # the message below says what an expiration date may be
        if moment is not None:
            return moment.date()
    raise ValidationError(
        f"expiration_date must be a date, a datetime or text like '2026-12-31', got {show(value)}"
    )


def parse_timestamp(value: object) -> datetime | None:
    """Return a moment in UTC from Unix seconds, a datetime, a date or ISO text; naive times are UTC."""
    return parse_moment(value, "the call")


def parse_memory_type(value: object) -> str | None:
    """Return the only memory type there is besides the ordinary one, or None."""
    if value is None or value == PROCEDURAL:
        return PROCEDURAL if value else None
    raise ValidationError(
        f"memory_type must be {PROCEDURAL!r} or left out, got {show(value)}; put labels into metadata"
    )


def parse_prompt(value: object) -> str | None:
    """Return one call's instructions for the language model, or None."""
    return None if value is None else parse_text(value, "prompt")


def parse_flag(value: object, name: str) -> bool:
    """Return True or False as given."""
    if not isinstance(value, bool):
        raise ValidationError(f"{name} must be True or False, got {show(value)}")
    return value


def parse_output_format(value: Any) -> bool:
    """Tell whether the bare list of mem0's v1.0 is wanted instead of {"results": [...]}."""
    if value in (None, "v1.1"):
        return False
    if value == "v1.0":
        return True
    raise ValidationError(f"output_format must be 'v1.0' (a list) or 'v1.1' (a dict), got {show(value)}")
