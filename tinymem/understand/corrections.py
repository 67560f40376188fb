"""A speaker who corrects himself within one call: "I live in Leeds. Actually, make that York."

Two cases are certain enough: a marked correction that begins like the fact it replaces, and a marked
correction that is nothing but another day, time or number. Without a marker both facts stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinymem.understand.terms import content, fold, is_negated

MARKER = re.compile(
    r"(?:^|[\s,.!?;:-])(?:actually|correction|scratch that|i mean|i meant|make that|or "
    r"rather|sorry|oops|wait|no longer|not anymore|"
    r"nope?|changed my mind|on second thought)\b",
)
DAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow|tonight)"
MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
DATE = rf"{MONTH} \d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}"
CLOCK = r"\d{1,2}(?:[:.]\d\d)?\s?(?:am|pm)|\d{1,2}:\d\d"
NUMBER = r"\d+(?:[.,]\d+)*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
KINDS = tuple(re.compile(rf"\b(?:{kind})\b(?![:.]\d)") for kind in (DATE, DAY, MONTH, CLOCK, NUMBER))
NAMED = re.compile(rf"\b(?:{DAY}|{MONTH})\b")
VALUE_ONLY = re.compile(
    r"(?:actually|sorry|wait|correction|i mean|i meant|scratch that|make that|oops|or "
    r"rather)[\s,.!:-]*(?:no[\s,.!]*)?"
    r"(?:(?:it's|its|it is|that's|make it|make that|on|at|i mean|i meant)\s+)?(?:(?:on|"
    r"at)\s+)?(?:the )?"
    rf"(?P<value>{DATE}|[\w:.]+(?: ?(?:am|pm))?)(?:,? not (?P<wrong>[\w: ]+?))?(?:,? sorry)?$"
)


def is_marked(clause: str) -> bool:
    """Return whether a clause, given with some text before it, says that it corrects something."""
    return MARKER.search(fold(clause)) is not None


def supersedes(new: str, old: str) -> bool:
    """Return whether a fact from a marked clause corrects an earlier one: it begins alike, or denies it."""
    begin, other = fold(new).split(), fold(old).split()
    shared = 0
    while shared < min(len(begin), len(other)) and begin[shared] == other[shared]:
        shared += 1
    needed = 3 if begin[:1] in (["has"], ["is"], ["wants"], ["needs"]) else 2
    if shared >= needed:
        return True
    return (
        is_negated(new) != is_negated(old)
        and bool(content(old))
        and sorted(content(new)) == sorted(content(old))
    )


def corrected(clause: str, facts: Sequence[str]) -> tuple[int, str] | None:
    """Return (which fact, its new text) for a clause that only gives another day, time or number."""
    match = VALUE_ONLY.search(fold(clause).rstrip(" .!"))
    if match is None:
        return None
    value = match.group("value")
    for kind in KINDS:
        if not kind.fullmatch(value):
            continue
        for place in range(len(facts) - 1, -1, -1):
            places = list(kind.finditer(fold(facts[place])))
            wrong = match.group("wrong")
            if len(places) == 1 and wrong in (None, places[0].group()):
                start, end = places[0].span()
                shown = NAMED.sub(lambda name: name.group().capitalize(), value)
                return place, facts[place][:start] + shown + facts[place][end:]
    return None
