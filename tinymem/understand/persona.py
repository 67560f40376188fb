"""What a system message says about the assistant itself: its name, what it is, how it behaves.

"You are Max, a cheerful cooking assistant. You never swear." gives "Name is Max", "Is a cheerful cooking
assistant" and "Never swears". Only sentences about "you" count; a system message is never a source of
facts about the user.
"""

from __future__ import annotations

import re

from tinymem.understand.clauses import clauses, is_quoted, quoted_spans
from tinymem.understand.predicate import third_person_facts
from tinymem.understand.standalone import finish
from tinymem.understand.terms import FANCY

NAME = r"(?:[A-Z][\w'.-]*|\"[^\"]+\")(?: [A-Z][\w'.-]*){0,3}"
YOU_ARE_NAMED = re.compile(
    rf"^You(?: are|'re) (?:called |named )?(?P<name>{NAME})(?:(?:,| -) (?P<what>(?:an?|the|our) .+))?$"
)
YOUR_NAME = re.compile(rf"^Your name is (?P<name>{NAME})(?: and you are (?P<what>(?:an?|the) .+))?$")
YOU = re.compile(r"^You(?:'re| are)? ")
NOT_A_NAME = re.compile(r"^(?:an?|the|not|ChatGPT|AI)$", re.IGNORECASE)


def persona(text: str) -> list[tuple[str, tuple[int, int]]]:
    """Return the facts of a system message about the assistant, each with the (start, end) of its clause."""
    found: list[tuple[str, tuple[int, int]]] = []
    quoted = [span for span in quoted_spans(text) if span[1] - span[0] > 40]
    for start, end in clauses(text):
        if not is_quoted((start, end), quoted):
            found += [
                (fact, (start, end)) for fact in _facts(text[start:end].translate(FANCY).strip(" .,;!-*#"))
            ]
    return found


def _facts(sentence: str) -> list[str]:
    named = YOU_ARE_NAMED.match(sentence) or YOUR_NAME.match(sentence)
    if named and not NOT_A_NAME.match(named.group("name").split()[0]):
        name = named.group("name").strip('"')
        what = finish(f"is {_neutral(named.group('what'))}", others=True) if named.group("what") else None
        return [f"Name is {name}", *([what] if what else [])]
    if not YOU.match(sentence) or sentence.startswith("You will be"):
        return []
    words = _neutral(sentence).split()
    rest = words[1:]
    if rest[:1] == ["are"]:
        rest = ["am", *rest[1:]]
    if rest[:1] in (["should"], ["may"], ["need"], ["can"]) and rest[1:2] != ["not"]:
        return []
    return third_person_facts(rest)


def _neutral(text: str) -> str:
    """Return a sentence about "you" without "your" and contractions."""
    text = re.sub(r"\byou(?:'re| are)\b", "you are", text, flags=re.IGNORECASE)
    text = re.sub(r"\bdon't\b", "do not", text)
    text = re.sub(r"\bcan't\b", "cannot", text)
    return re.sub(r"\b(?:your|our) ", "the ", text, flags=re.IGNORECASE)
