"""The cases: what a conversation is, and what a store must, may and must not hold after it.

`cases.jsonl` has one case a line, written for this project. A case seeds a fresh store with memories,
adds one conversation, and looks only at what the store holds afterwards: how it came about is free.
Nothing here runs a model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinymem.understand.terms import word_set

OWN_CASES = Path(__file__).parent / "cases.jsonl"
NOTHING = "none"
"""The tag of a conversation that holds nothing worth remembering."""
TAGS = word_set(
    "single multi none assistant-only negation third-party temporal correction hypothetical quote long"
    " typos numbers names preference plan update delete duplicate merge injection code agent smalltalk"
    " question"
)
SCOPES = {"user": "user_id", "agent": "agent_id"}
FIELDS = word_set("id tags scope existing messages gold allow forbid stale keep_must")


@dataclass(frozen=True)
class Expected:
    """A fact, as a person would write it, and how to recognise it in other words.

    `must` are groups of alternatives: a text that says the fact has one of each group, and none of
    `unless`. A fact without `text` may be worded in any way.
    """

    text: str
    must: tuple[tuple[str, ...], ...]
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One conversation, the memories before it, and what the memories after it are judged by.

    `stale` are places in `existing` that must not survive unchanged; all others must survive, word for
    word or (those in `kept`) rewritten so that they still say the same.
    """

    id: str
    tags: tuple[str, ...]
    scope: str
    existing: tuple[str, ...]
    messages: tuple[Mapping[str, str], ...]
    gold: tuple[Expected, ...] = ()
    allow: tuple[Expected, ...] = ()
    forbid: tuple[Expected, ...] = ()
    stale: frozenset[int] = frozenset()
    kept: tuple[tuple[int, Expected], ...] = ()

    @property
    def lasting(self) -> dict[int, str]:
        """The existing memories that must survive, by their place in `existing`."""
        return {place: text for place, text in enumerate(self.existing) if place not in self.stale}


def read_cases(path: Path = OWN_CASES) -> list[Case]:
    """Return the cases of a JSON Lines file.

    Raises:
        ValueError: names the line and what is wrong with it.
    """
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                cases.append(parse_case(json.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                raise ValueError(f"{path}, line {number}: {problem!r}") from problem
    return cases


def parse_case(row: Mapping[str, Any]) -> Case:
    """Return the Case of a JSON object.

    Raises:
        ValueError: it has a field, a tag, a scope or a place that cannot be meant.
    """
    existing = tuple(row.get("existing", ()))
    stale = frozenset(row.get("stale", ()))
    kept = {int(place): groups for place, groups in row.get("keep_must", {}).items()}
    refuse("fields", set(row) - FIELDS)
    refuse("tags", set(row["tags"]) - TAGS)
    refuse("scope", {row.get("scope", "user")} - set(SCOPES))
    refuse("places", (stale | set(kept)) - set(range(len(existing))))
    return Case(
        id=row["id"],
        tags=tuple(row["tags"]),
        scope=row.get("scope", "user"),
        existing=existing,
        messages=tuple(row["messages"]),
        gold=parse_facts(row.get("gold", ())),
        allow=parse_facts(row.get("allow", ())),
        forbid=parse_facts(row.get("forbid", ())),
        stale=stale,
        kept=tuple((place, Expected("", parse_groups(groups))) for place, groups in sorted(kept.items())),
    )


def parse_facts(rows: Sequence[Mapping[str, Any]]) -> tuple[Expected, ...]:
    return tuple(Expected(row["text"], parse_groups(row["must"]), tuple(row.get("not", ()))) for row in rows)


def parse_groups(groups: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of alternatives.

    Raises:
        ValueError: there is none, or one of them is empty or a lone string.
    """
    if not groups or any(isinstance(group, str) or not group for group in groups):
        raise ValueError(f"must is a list of lists of alternatives, none of them empty: {groups!r}")
    return tuple(tuple(group) for group in groups)


def refuse(name: str, unknown: Set[Any]) -> None:
    if unknown:
        raise ValueError(f"unknown {name}: {sorted(unknown)}")
