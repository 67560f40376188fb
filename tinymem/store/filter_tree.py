"""The filter language: a caller's nested dict becomes a small tree of frozen nodes.

Siblings are an implicit AND; AND, OR and NOT nest at will as lists or dicts; fields are the ones in
`COLUMNS`, `metadata`, and any other key, which is a metadata key. The operators a caller writes are
reduced to five questions (present, equal to one of, ordered, contains, every word), so that absence
means the same everywhere: `ne`, `nin` and NOT are the opposite of `eq`, `in` and what they wrap.
This module checks everything and must never guess: what is not in the language is a ValidationError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tinymem.errors import ValidationError, shown
from tinymem.store.filter_values import (
    MAX_JSON_DEPTH,
    Period,
    parse_flag,
    parse_json,
    parse_number_or_string,
    parse_period,
    parse_string,
)

MAX_DEPTH = 64
"""Levels of AND, OR, NOT and nested dicts; SQLite's own limit is on expressions 1,000 deep."""

MAX_VALUES = 200_000
"""Values in all lists and dicts of a filter together."""

LONGEST_PLACE = 120
"""Characters of the place in a filter that an error names."""

Kind = Literal["id", "time", "day", "flag", "categories", "words", "metadata"]


@dataclass(frozen=True)
class Field:
    """What is asked about: a column of `memory` by name and kind, or a path of keys in metadata."""

    name: str
    kind: Kind
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class AllOf:
    """Every child holds; true without children."""

    children: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one child holds; false without children."""

    children: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """The child does not hold; absence makes a child false, so its opposite true."""

    child: Node


@dataclass(frozen=True)
class Present:
    """The field has a value that is not null; of categories or metadata, at least one."""

    field: Field


@dataclass(frozen=True)
class Equal:
    """The field equals one of the values (for categories: one is among them; for words: has every word).

    Values are strings, Periods for times and days, "0" or "1" for flags, canonical JSON text for metadata.
    """

    field: Field
    values: tuple[str | Period, ...]


@dataclass(frozen=True)
class Ordered:
    """The field is present, comparable, and stands in this order to the value."""

    field: Field
    operator: Literal["gt", "gte", "lt", "lte"]
    value: str | Period


@dataclass(frozen=True)
class Contains:
    """Text holds the value as a part, a list as a member; `fold` ignores case."""

    field: Field
    value: str
    fold: bool


Node = AllOf | AnyOf | Not | Present | Equal | Ordered | Contains

_ID_NAMES = (
    "id",
    "user_id",
    "agent_id",
    "run_id",
    "app_id",
    "actor_id",
    "role",
    "memory_type",
    "event_precision",
)
COLUMNS: Mapping[str, Field] = {
    **{name: Field(name, "id") for name in _ID_NAMES},
    "memory_id": Field("id", "id"),
    "memory_ids": Field("id", "id"),
    "session_id": Field("run_id", "id"),
    "created_at": Field("created_at", "time"),
    "updated_at": Field("updated_at", "time"),
    "expiration_date": Field("expiration_date", "day"),
    "event_date": Field("event_date", "day"),
    "event_end": Field("event_end", "day"),
    "is_archived": Field("archived", "flag"),  # mem0's guides keep `archived` in metadata and filter by it
    "immutable": Field("immutable", "flag"),
    "categories": Field("categories", "categories"),
    "keywords": Field("text", "words"),
    "text": Field("text", "words"),
}
"""Every field that is no metadata key, by the name a caller writes."""

_EQUALITY = ("eq", "ne", "in", "nin")
_ORDER = ("gt", "gte", "lt", "lte")
_CONTAINS = ("contains", "icontains")
OPERATORS = (*_EQUALITY, *_ORDER, *_CONTAINS)
_ALLOWED: Mapping[Kind, tuple[str, ...]] = {
    "id": (*_EQUALITY, *_CONTAINS),
    "time": (*_EQUALITY, *_ORDER),
    "day": (*_EQUALITY, *_ORDER),
    "flag": _EQUALITY,
    "categories": (*_EQUALITY, *_CONTAINS),
    "words": (*_EQUALITY, *_CONTAINS),
    "metadata": OPERATORS,
}
_LOGIC = ("AND", "OR", "NOT")


def parse_filter(filters: Mapping[str, Any]) -> Node:
    """Parse a filter dict into a tree.

    Raises:
        ValidationError: something in it is not in the language; the message names the field, the
            operator and what is allowed.
    """
    _check_amount(filters)
    return _parse_group(filters, "", 0)


def _check_amount(filters: object) -> None:
    """Refuse a filter with more values than anybody compares with, before each of them is parsed."""
    amount, waiting = 0, [(filters, 0)]
    while waiting:
        each, depth = waiting.pop()
        if not isinstance(each, (Mapping, list, tuple, set, frozenset)) or depth > MAX_DEPTH + MAX_JSON_DEPTH:
            continue
        amount += len(each)
        if amount > MAX_VALUES:
            raise ValidationError(f"the filter holds more than {MAX_VALUES} values: ask in parts")
        waiting += [(one, depth + 1) for one in (each.values() if isinstance(each, Mapping) else each)]


def _parse_group(filters: object, at: str, depth: int) -> Node:
    """Parse a dict whose siblings all have to hold."""
    return _all_of(_parse_siblings(filters, at, depth))


def _parse_siblings(filters: object, at: str, depth: int) -> list[Node]:
    if not isinstance(filters, Mapping):
        raise ValidationError(
            f"filter {at or 'itself'} must be a dict such as {{'user_id': 'maya'}}, "
            f"got {type(filters).__name__}: {shown(filters)}"
        )
    _check_depth(at, depth)
    return [_parse_sibling(key, value, at, depth + 1) for key, value in filters.items()]


def _parse_sibling(key: object, value: object, at: str, depth: int) -> Node:
    if not isinstance(key, str):
        raise ValidationError(f"filter {at or 'itself'}: keys must be strings, got {shown(key)}")
    at = _place(at, key)
    if key in _LOGIC:
        return _parse_logic(key, value, at, depth)
    _check_logic_spelling(key, value, at)
    if key in COLUMNS:
        return _parse_condition(COLUMNS[key], value, at)
    if key == "metadata":
        return _parse_metadata((), value, at, depth)
    return _parse_condition(Field("metadata", "metadata", (parse_string(key, at),)), value, at)


def _parse_logic(word: str, value: object, at: str, depth: int) -> Node:
    """Parse what stands under AND, OR or NOT: a list of filters, or one dict."""
    if isinstance(value, Mapping):
        children = _parse_siblings(value, at, depth)
        if word == "NOT":
            return Not(_all_of(children)) if children else AllOf(())
        return _any_of(children) if word == "OR" else _all_of(children)
    if not isinstance(value, (list, tuple)):
        raise ValidationError(f"filter {at} needs a list of filters or a dict, got {shown(value)}")
    children = [_parse_group(item, f"{at}[{index}]", depth) for index, item in enumerate(value)]
    if word == "AND":
        return _all_of(children)
    return _any_of(children) if word == "OR" else Not(_any_of(children))


def _parse_condition(field: Field, value: object, at: str) -> Node:
    """Parse one field's condition: a dict of operators that all have to hold, or a bare value."""
    if not isinstance(value, Mapping):
        return _parse_bare(field, value, at)
    if not value:
        raise ValidationError(
            f"filter {at}: an empty dict asks nothing; use None for absent, '*' for present"
        )
    return _all_of(_parse_operator(field, operator, operand, at) for operator, operand in value.items())


def _parse_bare(field: Field, value: object, at: str) -> Node:
    """Parse a value without operator: `*` is present, None absent, a list `in`, all else `eq`."""
    if isinstance(value, str) and value == "*":
        return Present(field)
    operator = "in" if isinstance(value, (list, tuple, set, frozenset)) else "eq"
    return _parse_operator(field, operator, value, at)


def _parse_operator(field: Field, operator: object, operand: Any, at: str) -> Node:
    """Parse one operator with its operand."""
    allowed = _ALLOWED[field.kind]
    if operator not in allowed:
        known = "does not apply here" if operator in OPERATORS else "is unknown"
        nested = " (a nested key is written under 'metadata')" if field.kind == "metadata" else ""
        raise ValidationError(
            f"filter {at}: operator {shown(operator)} {known}; allowed: {', '.join(allowed)}{nested}"
        )
    at = f"{at}.{operator}"
    if operator in ("eq", "ne"):
        node = _equal(field, [operand], at)
    elif operator in ("in", "nin"):
        if not isinstance(operand, (list, tuple, set, frozenset)):
            raise ValidationError(f"filter {at} needs a list, got {type(operand).__name__}: {shown(operand)}")
        node = _equal(field, operand, at)
    elif operator in _CONTAINS:
        return _contains(field, operand, operator == "icontains", at)
    else:
        return Ordered(field, operator, _PARSE_ORDERED[field.kind](operand, at))  # type: ignore[arg-type]
    return Not(node) if operator in ("ne", "nin") else node


def _equal(field: Field, operands: Iterable[object], at: str) -> Node:
    """Build "is one of these", where None stands for absent."""
    present: dict[str | Period, None] = {}
    absent = False
    for operand in operands:
        if operand is None:
            absent = True
        else:
            present[_PARSE_EQUAL[field.kind](operand, at)] = None
    if not absent:
        return Equal(field, tuple(present))
    return _any_of([Not(Present(field)), *([Equal(field, tuple(present))] if present else [])])


def _contains(field: Field, operand: object, fold: bool, at: str) -> Node:
    if field.kind != "metadata":
        return Contains(field, parse_string(operand, at), fold)
    if operand is None:
        raise ValidationError(f"filter {at} needs a value, got None; write {{'eq': None}} for absent")
    if fold:
        parse_string(operand, at)
    return Contains(field, parse_json(operand, at), fold)


_PARSE_EQUAL: Mapping[Kind, Callable[[object, str], str | Period]] = {
    "id": parse_string,
    "time": parse_period,
    "day": parse_period,
    "flag": parse_flag,
    "categories": parse_string,
    "words": parse_string,
    "metadata": parse_json,
}
_PARSE_ORDERED: Mapping[Kind, Callable[[object, str], str | Period]] = {
    "time": parse_period,
    "day": parse_period,
    "metadata": parse_number_or_string,
}


def _parse_metadata(path: tuple[str, ...], value: object, at: str, depth: int) -> Node:
    """Parse what stands under `metadata`: a dict of operators, or of keys with conditions or more keys."""
    _check_depth(at, depth)
    field = Field("metadata", "metadata", path)
    if not path and not isinstance(value, Mapping) and value not in ("*", None):
        raise ValidationError(f"filter {at} needs a dict of keys, '*' or None, got {shown(value)}")
    if not isinstance(value, Mapping) or not value:
        return _parse_condition(field, value, at)
    operators = [key for key in value if key in OPERATORS]
    if operators and len(operators) < len(value):
        raise ValidationError(
            f"filter {at} mixes operators ({', '.join(operators)}) with keys "
            f"({', '.join(repr(key) for key in value if key not in OPERATORS):.80}): split it with AND"
        )
    if operators:
        return _parse_condition(field, value, at)
    children = []
    for key, inner in value.items():
        parse_string(key, at)
        place = _place(at, key)
        _check_logic_spelling(key, inner, place)
        children.append(_parse_metadata((*path, key), inner, place, depth + 1))
    return _all_of(children)


def _place(at: str, key: str) -> str:
    """Return where a key stands, for an error; of a long way its two ends."""
    place = f"{at}.{key}" if at else key
    return place if len(place) <= LONGEST_PLACE else f"{place[:60]}...{place[-57:]}"


def _check_depth(at: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValidationError(f"filter {at:.80}... is nested more than {MAX_DEPTH} levels deep: flatten it")


def _check_logic_spelling(key: str, value: object, at: str) -> None:
    """Refuse `or`, `$or` and an OR under metadata where filters are meant, instead of finding nothing."""
    word = key.removeprefix("$").upper()
    filters = isinstance(value, Mapping) or (
        isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value)
    )
    if word in _LOGIC and filters:
        raise ValidationError(f"filter {at}: write {word} in capitals, without $, and outside of 'metadata'")


def _all_of(children: Iterable[Node]) -> Node:
    nodes = tuple(children)
    return nodes[0] if len(nodes) == 1 else AllOf(nodes)


def _any_of(children: Iterable[Node]) -> Node:
    """Build an OR; equalities of one field become one list, so that thousands stay one question."""
    nodes: list[Node] = []
    equals: dict[Field, dict[str | Period, None]] = {}
    for child in children:
        if isinstance(child, Equal):
            equals.setdefault(child.field, {}).update(dict.fromkeys(child.values))
        else:
            nodes.append(child)
    nodes += [Equal(field, tuple(values)) for field, values in equals.items()]
    return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))
