"""What categories and topics there are: those of mem0 with their examples, and what a caller may define."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tinymem.errors import ValidationError, shown

REST = "misc"
"""The name of the category of everything that no other category takes."""


@dataclass(frozen=True)
class Category:
    """A name, what it means in a few words, and facts that belong to it (none are needed)."""

    name: str
    description: str = ""
    examples: tuple[str, ...] = ()


@cache
def default_categories() -> tuple[Category, ...]:
    """Return the 15 categories that are used unless a caller has his own; the last is "misc"."""
    rows = json.loads(Path(__file__).with_name("categories.json").read_text("utf-8"))
    return tuple(Category(row["name"], row["description"], tuple(row["examples"])) for row in rows)


def parse_definitions(value: object) -> tuple[Category, ...]:
    """Return the categories of a list of dictionaries, `[{"name": "description"}, ...]`.

    A dictionary may define several categories, or one at length: {"name": ..., "description": ...,
    "examples": [...]}.

    Raises:
        ValidationError: the list is empty or no list, or something in it is blank, defined twice or no text.

    Example:
        >>> [category.name for category in parse_definitions([{"pets": "Animals of the household"}])]
        ['pets']
    """
    if not isinstance(value, (list, tuple)) or not value:
        raise ValidationError(
            f"custom_categories must be a list like [{{'pets': 'Animals of the household'}}], got "
            f"{shown(value)}: leave it out for the default categories"
        )
    found = [category for item in value for category in _parse_item(item)]
    seen: set[str] = set()
    for category in found:
        if category.name.casefold() in seen:
            raise ValidationError(f"custom_categories defines {shown(category.name)} twice: keep one of them")
        seen.add(category.name.casefold())
    return tuple(found)


def _parse_item(item: object) -> list[Category]:
    if not isinstance(item, Mapping) or not item:
        raise ValidationError(
            f"each of custom_categories must be a dict of names and descriptions, got {shown(item)}"
        )
    if {"name", "description"} <= set(item) <= {"name", "description", "examples"}:
        examples = item.get("examples", ())
        if not isinstance(examples, (list, tuple)):
            raise ValidationError(
                f"the examples of a category must be a list of texts, got {shown(examples)}"
            )
        told = tuple(_parse_words(each, "an example of a category") for each in examples)
        return [_category(item["name"], item["description"], told)]
    return [_category(name, description) for name, description in item.items()]


def _category(name: object, description: object, examples: tuple[str, ...] = ()) -> Category:
    parsed = _parse_words(name, "the name of a category")
    return Category(
        parsed, _parse_words(description, f"the description of category {shown(parsed)}"), examples
    )


def _parse_words(value: object, what: str) -> str:
    """Return a text without the blank space around it.

    Raises:
        ValidationError: it is no text, blank, or cannot be written as UTF-8.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValidationError(f"{what} must be a text that is not blank, got {shown(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise ValidationError(f"{what} holds half a character: {shown(value)}; pass whole ones") from problem
    return value.strip()


def parse_topics(value: object, name: str) -> tuple[str, ...]:
    """Return the topics of `includes` or `excludes`: a text with commas, or a list of texts; None is none.

    Raises:
        ValidationError: names the argument, and says what it must be.

    Example:
        >>> parse_topics("sports, travel", "includes")
        ('sports', 'travel')
    """
    if value is None:
        return ()
    if isinstance(value, str):
        parts: Sequence[object] = [part for part in re.split(r"[,\n]", value) if part.strip()]
    elif isinstance(value, (list, tuple)):
        parts = value
    else:
        parts = ()
    if not parts:
        raise ValidationError(
            f"{name} must be topics like 'sports, travel' or a list of them, got {shown(value)}: "
            "leave it out for no such rule"
        )
    topics = [_parse_words(part, f"a topic of {name}") for part in parts]
    return tuple({topic.casefold(): topic for topic in topics}.values())
