"""What callers may pass: every public argument is parsed here, once, or refused with what to do.

Functions take the caller's value and return ours, or raise `ValidationError`. They never touch the
file or a model, so a refused call has done nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timezone
from typing import Any

from tinymem.errors import ValidationError, shown
from tinymem.types import Metadata, Scope
from tinymem.understand.dialogue import parse_moment

LONGEST_ID = 256  # characters
MOST_THREADS = 1024  # no machine has more cores, and a million threads take a minute to begin
LARGEST_COUNT = 10**9  # results or pages: more is a mistake, and products of two still fit SQLite
LONGEST_TEXT = 100_000  # characters of one memory: a memory is a statement, not a document
LARGEST_METADATA = 1_000_000  # bytes of JSON: metadata are labels
DEEPEST = 50  # levels of metadata
MOST_IN_BATCH = 10_000  # memories of one commit; `add_many` makes commits of its own
PROCEDURAL = "procedural_memory"
VERDICTS = ("POSITIVE", "NEGATIVE", "VERY_NEGATIVE")
NOBODY = Scope()
ID_NAMES = ("user_id", "agent_id", "run_id", "app_id")


def show(value: object) -> str:
    """Return the type and the beginning of a value, for a message that must stay short."""
    return f"{type(value).__name__}: {shown(value)}"


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
            f"run_id {shown(run_id)} and session_id {shown(session_id)} name the same thing: give one"
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
    """Return a copy of the caller's metadata as JSON holds it: a dict with string keys, dates as ISO text."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValidationError(f"{name} must be a dict, got {show(value)}")
    check_amount(value, name, LARGEST_METADATA)
    copy: Metadata = json_copy(value, name)
    check_metadata_size(copy, name)
    return copy


def check_metadata_size(metadata: Metadata, name: str) -> None:
    """Refuse metadata larger than labels are."""
    size = len(json.dumps(metadata, ensure_ascii=False).encode())
    if size > LARGEST_METADATA:
        raise ValidationError(
            f"{name} takes {size} bytes as JSON, at most {LARGEST_METADATA} are taken: keep large things "
            "elsewhere, and their place here"
        )


def check_amount(value: object, name: str, most: int = LONGEST_TEXT) -> None:
    """Refuse what has more entries and characters, those of its entries included, than are taken."""
    amount, waiting = 0, [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        if not isinstance(each, (str, Mapping, list, tuple, set, frozenset)):
            continue
        amount += len(each)
        if amount > most:
            raise ValidationError(
                f"{name} is too large: its entries and characters are more than {most} together"
            )
        if depth <= DEEPEST and not isinstance(each, str):
            inner = [*each, *each.values()] if isinstance(each, Mapping) else each
            waiting += [(one, depth + 1) for one in inner]


def json_copy(value: object, name: str, depth: int = 0) -> Any:
    """Copy what JSON can hold out of the caller's hands; what it cannot is refused by its `name`."""
    if depth > DEEPEST:
        raise ValidationError(f"{name[:80]} is nested more than {DEEPEST} levels deep")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not is_unicode(key):  # JSON would turn 1 into "1"
                raise ValidationError(f"{name[:80]} keys must be strings of valid Unicode, got {show(key)}")
        return {str(key): json_copy(inner, f"{name}.{key}", depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_copy(inner, f"{name}[{place}]", depth + 1) for place, inner in enumerate(value)]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    try:
        if isinstance(value, str) and not is_unicode(value):
            raise ValueError("it is no valid Unicode")
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as problem:
        raise ValidationError(
            f"{name[:80]} must hold what JSON can hold, got {show(value)}: {problem}"
        ) from problem


def parse_count(value: object, name: str, least: int = 0, most: int = LARGEST_COUNT) -> int:
    """Return a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError(f"{name} must be a whole number, got {show(value)}")
    if value < least:
        raise ValidationError(f"{name} must be at least {least}, got {shown(value)}")
    if value > most:
        raise ValidationError(f"{name} must be at most {most}, got {show(value)}")
    return value


def parse_quota(value: object, name: str) -> int | None:
    """Return how much a file may hold at most, None for as much as there is."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**63:
        raise ValidationError(f"{name} must be a whole number above 0, got {show(value)}")
    return value


def parse_limit(limit: object, top_k: object, default: int | None) -> int | None:
    """Return how many results are wanted at most; `limit` and `top_k` name the same thing."""
    if limit is not None and top_k is not None and limit != top_k:
        raise ValidationError(f"limit={shown(limit)} and top_k={shown(top_k)} name the same thing: give one")
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


def parse_as_of(value: object, now: datetime) -> datetime | None:
    """Return the moment that a call looks back to: of a date its end; None, and the future, is now."""
    moment = parse_moment(value, "as_of")
    if moment is not None and is_day(value):
        moment = datetime.combine(moment.date(), time.max, timezone.utc)
    return None if moment is None or moment > now else moment


def parse_reference(value: object, now: datetime) -> date:
    """Return the day from which a query's "yesterday" is seen: the one given, wherever on earth it was."""
    if value is None:
        return now.date()
    given: object = value
    if isinstance(value, str):
        with suppress(ValueError):  # the message below says what a reference date may be
            given = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    if isinstance(given, date):
        return given.date() if isinstance(given, datetime) else given
    raise ValidationError(
        f"reference_date must be a date, a datetime or text like '2026-12-31', got {show(value)}"
    )


def is_day(value: object) -> bool:
    """Tell whether a date without a time was given, as it is or as ISO text."""
    if isinstance(value, str):
        try:
            return bool(date.fromisoformat(value.strip()))
        except ValueError:
            return False
    return isinstance(value, date) and not isinstance(value, datetime)


def parse_memory_type(value: object) -> str | None:
    """Return the only memory type there is besides the ordinary one, or None."""
    if value is None or value == PROCEDURAL:
        return PROCEDURAL if value else None
    raise ValidationError(
        f"memory_type must be {PROCEDURAL!r} or left out, got {show(value)}; put labels into metadata"
    )


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


def parse_instructions(prompt: object, custom_instructions: object) -> str | None:
    """Return one call's instructions for the language model; both names say the same thing."""
    if prompt is not None and custom_instructions is not None and prompt != custom_instructions:
        raise ValidationError("prompt and custom_instructions name the same thing: give one")
    if prompt is not None:
        return parse_text(prompt, "prompt")
    return None if custom_instructions is None else parse_text(custom_instructions, "custom_instructions")


def parse_names(value: object, name: str) -> list[str]:
    """Return a list of texts that are not blank, from one text or several."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, (list, tuple, set, frozenset)):
        raise ValidationError(f"{name} must be a text or a list of texts, got {show(value)}")
    check_amount(given, name)
    return [parse_text(each, f"every one of {name}") for each in given]


def parse_fields(value: object) -> frozenset[str] | None:
    """Return the keys that results are to have, None for all."""
    return None if value is None else frozenset((*parse_names(value, "fields"), "id", "memory"))


def narrowed(
    filters: Mapping[str, Any] | None,
    *,
    categories: object = None,
    metadata: object = None,
    keywords: object = None,
    created: tuple[object, object] = (None, None),
) -> Mapping[str, Any] | None:
    """Return the filter that also asks what mem0 takes as arguments of their own."""
    asked: list[Mapping[str, Any]] = []
    if categories is not None:
        asked.append({"categories": {"in": parse_names(categories, "categories")}})
    if metadata is not None:
        if not isinstance(metadata, Mapping):
            raise ValidationError(f"metadata must be a dict, got {show(metadata)}")
        asked.append({"metadata": metadata})
    if keywords is not None:
        asked.append({"keywords": parse_text(keywords, "keywords")})
    for operator, day in zip(("gte", "lte"), created, strict=True):
        if day is not None:
            asked.append({"created_at": {operator: day}})
    if not asked:
        return filters
    return {"AND": [*asked, *([] if filters is None else [filters])]}


def parse_id_filters(filters: object) -> tuple[object, ...]:
    """Return the ids of an `add` that were given inside `filters`, in the order of `ID_NAMES`."""
    if filters is None:
        return ()
    names = (*ID_NAMES, "session_id")
    if not isinstance(filters, Mapping) or not set(filters) <= set(names):
        raise ValidationError(
            f"the filters of add say whose memory it is: a dict with {', '.join(names)} only, "
            f"got {show(filters)}"
        )
    return tuple(filters.get(name) for name in names)


def parse_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a Memory or a file as JSON holds them; one that is None stays None."""
    from tinymem.understand.categories import parse_definitions, parse_topics

    parsed: dict[str, Any] = {}
    for name, value in given.items():
        check_amount(value, name)
        if value is None:
            parsed[name] = None
        elif name == "custom_categories":
            parse_definitions(value)
            parsed[name] = [dict(each) for each in value]
        elif name == "custom_instructions":
            parsed[name] = parse_text(value, name)
        elif name == "enable_graph":
            parsed[name] = parse_flag(value, name)
        else:
            parsed[name] = list(parse_topics(value, name))
    return parsed


def parse_feedback(verdict: object, reason: object) -> tuple[str | None, str | None]:
    """Return a verdict on a memory, in capitals, and its reason."""
    if verdict is not None and (not isinstance(verdict, str) or verdict.upper() not in VERDICTS):
        raise ValidationError(f"feedback must be one of {', '.join(VERDICTS)} or None, got {show(verdict)}")
    why = None if reason is None else parse_text(reason, "feedback_reason")
    return (verdict.upper() if isinstance(verdict, str) else None), why


def parse_batch(value: object, name: str) -> dict[str, Mapping[str, Any]]:
    """Return the entries of a batch by memory id; a bare id is an entry that says nothing else."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise ValidationError(f"{name} takes a list of dicts with 'memory_id', got {show(value)}")
    entries: dict[str, Mapping[str, Any]] = {}
    for place, each in enumerate(value):
        if place == MOST_IN_BATCH:
            raise ValidationError(f"{name} takes at most {MOST_IN_BATCH} memories: make several batches")
        entry = {"memory_id": each} if isinstance(each, str) else each
        if not isinstance(entry, Mapping) or "memory_id" not in entry:
            raise ValidationError(f"{name}: entry {place} must be a dict with 'memory_id', got {show(each)}")
        memory_id = parse_id(entry["memory_id"], f"{name}: the memory_id of entry {place}")
        if memory_id in entries:
            raise ValidationError(f"{name}: memory {memory_id!r} stands twice: give it once")
        entries[memory_id] = entry
    if not entries:
        raise ValidationError(f"{name} was given no memories")
    return entries
