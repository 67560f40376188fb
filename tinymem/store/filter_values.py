"""Operands of filters: what a caller may compare with, parsed once, in the form the file compares.

Moments become text as `types.render_time` writes it, days the text of their first and last
microsecond; JSON values become canonical JSON text, equal exactly when the values are (true is not
1, 1 equals 1.0, 5 is not "5"). Nothing here knows SQL, and nothing is guessed: what cannot be
meant is a ValidationError that says where it stands and what is allowed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from tinymem.errors import ValidationError, shown
from tinymem.types import render_time

LONGEST_VALUE = 100_000  # characters
MAX_JSON_DEPTH = 50
MAX_INTEGER_BITS = 10_000  # Python refuses to read integers of more than 4,300 digits

_ISO = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Period:
    """A stretch of time as the file writes moments: first and last microsecond, both included."""

    first: str
    last: str

    @property
    def day(self) -> str:
        """The UTC day that the period begins on, as YYYY-MM-DD."""
        return self.first[:10]


def parse_string(value: object, at: str) -> str:
    """Return a string that UTF-8 can hold; anything else is refused."""
    if not isinstance(value, str):
        raise ValidationError(f"filter {at} needs a string, got {type(value).__name__}: {shown(value)}")
    if len(value) > LONGEST_VALUE:
        raise ValidationError(
            f"filter {at} has {len(value)} characters, at most {LONGEST_VALUE} are taken: no memory is longer"
        )
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise ValidationError(f"filter {at} must be valid Unicode text, got {shown(value)}") from problem
    return str(value)


def parse_flag(value: object, at: str) -> str:
    """Return "1" for True and "0" for False; anything else is refused."""
    if not isinstance(value, bool):
        raise ValidationError(f"filter {at} needs True or False, got {type(value).__name__}: {shown(value)}")
    return "1" if value else "0"


def parse_period(value: object, at: str) -> Period:
    """Return the moment, or for a date without time the whole UTC day, that a caller means.

    Takes dates, datetimes (naive ones are UTC) and ISO 8601 strings.
    """
    if isinstance(value, str):
        value = _read_iso(value, at)
    if isinstance(value, datetime):
        try:
            moment = render_time(value if value.tzinfo else value.replace(tzinfo=timezone.utc))
        except OverflowError as problem:
            raise ValidationError(f"filter {at}: {value} leaves the years 1 to 9999 in UTC") from problem
        return Period(moment, moment)
    if isinstance(value, date):
        first, last = (
            render_time(datetime.combine(value, moment, timezone.utc)) for moment in (time.min, time.max)
        )
        return Period(first, last)
    raise ValidationError(
        f"filter {at} needs a date, a datetime or an ISO 8601 string such as '2024-07-01' or "
        f"'2024-07-01T12:30:00Z', got {type(value).__name__}: {shown(value)}"
    )


def _read_iso(text: str, at: str) -> date | datetime:
    """Read an ISO 8601 date, or date and time; Python 3.10 itself would not read `Z`."""
    match = _ISO.fullmatch(text)
    try:
        if match is None:
            raise ValueError("it is neither YYYY-MM-DD nor YYYY-MM-DDTHH:MM:SS with Z, an offset or neither")
        day = date.fromisoformat(match["day"])
        if match["hour"] is None:
            return day
        clock = time(
            int(match["hour"]),
            int(match["minute"]),
            int(match["second"] or 0),
            int((match["fraction"] or "0").ljust(6, "0")[:6]),
            tzinfo=_read_zone(match["zone"]),
        )
        return datetime.combine(day, clock)
    except ValueError as problem:
        raise ValidationError(f"filter {at}: {shown(text)} is not an ISO 8601 time: {problem}") from problem


def _read_zone(text: str | None) -> timezone:
    """Return the offset that an ISO time ends with; no offset is UTC."""
    if text is None or text in "Zz":
        return timezone.utc
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:].lstrip(":") or 0))
    return timezone(-offset if text[0] == "-" else offset)


def parse_json(value: object, at: str) -> str:
    """Return the canonical JSON text of a value that metadata could hold."""
    if isinstance(value, Mapping) and not value:
        raise ValidationError(f"filter {at}: an empty dict is no operand; use None to ask for absence")
    return canonical(_copy_json(value, at, 0))


def parse_number_or_string(value: object, at: str) -> str:
    """Return the canonical JSON text of a value that has an order: a number or a string."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValidationError(
            f"filter {at} needs a number or a string, got {type(value).__name__}: {shown(value)}"
        )
    return parse_json(value, at)


def _copy_json(value: object, at: str, depth: int) -> Any:
    """Copy a JSON value out of the caller's hands; what JSON cannot hold is refused."""
    if depth > MAX_JSON_DEPTH:
        raise ValidationError(f"filter {at} is nested more than {MAX_JSON_DEPTH} levels deep")
    if isinstance(value, str):
        return parse_string(value, at)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() <= MAX_INTEGER_BITS:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_copy_json(item, at, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {parse_string(key, at): _copy_json(item, at, depth + 1) for key, item in value.items()}
    raise ValidationError(
        f"filter {at} needs what JSON can hold (string, finite number, bool, list or dict), "
        f"got {type(value).__name__}: {_rendered(value)}"
    )


def _rendered(value: object) -> str:
    """Render a refused value, short; an integer may be too long even to print."""
    return f"{value.bit_length()} bits" if isinstance(value, int) else shown(value)


def canonical(value: Any) -> str:
    """Return JSON text that is equal for equal JSON values, and only for those."""
    if isinstance(value, (dict, list)):
        return _CANONICAL.encode(_whole_numbers(value))
    return _CANONICAL.encode(int(value) if isinstance(value, float) and value.is_integer() else value)


def _whole_numbers(value: Any) -> Any:
    """Write floats without a fraction as integers, at every depth."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    return value
