"""What is said of the speaker, turned into what is said of a third person.

["live", "in", "Leeds", "and", "work", "as", "a", "nurse"] becomes "Lives in Leeds" and "Works as a nurse".
Verbs of the moment ("I guess", "I'm tired", "I'll try") say nothing lasting and give nothing. It must never
return a predicate whose verb it did not recognise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tinymem.understand.conjugate import AMBIGUOUS, NOT_VERBS, is_base, is_past, third_person
from tinymem.understand.lexicon import (
    ASKED,
    ASKED_FOR,
    ASKS,
    BEGINS,
    HEAD_ADVERBS,
    LITTLE_PROMISES,
    LITTLE_SKILLS,
    MOMENTARY,
    SILENT_ADVERBS,
    STATE,
)
from tinymem.understand.standalone import finish
from tinymem.understand.terms import one_of

SPLIT_AFTER = frozenset({"and", "but", "then"})
GOING_TO = re.compile(rf"going to {one_of(' '.join(LITTLE_PROMISES | ASKS))}\b")
FAN = re.compile(
    r"(?P<no>not )?(?:(?:a|such a|much of a|really a) )?(?:(?:big|huge|massive|great) )?fan of (?P<what>.+)"
)
AGE = re.compile(r"(\d{1,2})(?: (?:years? old|yo|y/o))?(?:[ ,]+(?:now|today))?")
WEIGHT = re.compile(r"(\d{2,3}(?:\.\d)?) ?(kg|kilos?|lbs?|pounds)")
SEEKING = frozenset({"looking", "searching", "after", "planning", "thinking", "writing", "working", "making"})
ABSOLUTE = frozenset({"never", "always", "rarely", "often"})
UNSPLIT = frozenset({"am", "was", "can", "will", "want", "need", "used", "cannot", "did"})


def third_person_facts(words: Sequence[str]) -> list[str]:
    """Return what "I" followed by these words says, as house-style facts; [] when that is not certain.

    `words` is the predicate with contractions written out: ["do", "not", "eat", "meat"].
    """
    facts: list[str] = []
    for part in coordinated(list(words)):
        fact = conjugated(part)
        finished = finish(fact) if fact else None
        if finished is None:
            return facts  # what follows may lean on what was not understood
        facts.append(finished)
    return facts


def coordinated(words: list[str]) -> list[list[str]]:
    """Return the predicates that certainly share the subject: "live in Leeds and work as a nurse" is two."""
    first = _finite(words)
    parts = [words]
    for place in range(2, len(words) - 1):
        if not (words[place] in SPLIT_AFTER or words[place - 1].endswith(",")):
            continue
        begin = place + 1 if words[place] in SPLIT_AFTER else place
        rest = words[begin:]
        while len(rest) > 1 and rest[0].lower() in HEAD_ADVERBS:
            rest = rest[1:]
        joined = _starts_predicate(rest, first)
        if joined is None:
            continue
        head = words[: place - 1 if words[place - 1] == "," else place]
        return [_without_comma(head), *coordinated(joined)]
    return parts


def _without_comma(words: list[str]) -> list[str]:
    return [*words[:-1], words[-1].rstrip(",")]


def _finite(words: list[str]) -> str:
    """Return the first word that is no adverb, lower-cased."""
    return next((word.lower() for word in words if word.lower() not in HEAD_ADVERBS), "")


def _starts_predicate(rest: list[str], first: str) -> list[str] | None:
    """Return a coordinated predicate, with a shared "am" put back, or None when it may be an object."""
    if len(rest) < 2:
        return None
    low, following = rest[0].lower(), rest[1].lower().strip(",")
    if low in ("am", "have", "do", "cannot", "was", "had", "did", "used"):
        return rest
    if low in ("can", "will") and is_base(following):
        return rest
    shares_am = (
        low in STATE
        or (low == "not" and following in STATE)
        or (low in ("a", "an") and following not in ("half", "bit", "lot", "little") and len(rest) <= 8)
    )
    if first == "am" and shares_am:
        return ["am", *rest]
    if is_past(first):
        return rest if is_past(low) and not (low.endswith("ed") and following not in BEGINS) else None
    if not is_base(low) or first in UNSPLIT or first in ("do", "have", "had", "would", "going"):
        return None
    return rest if low not in AMBIGUOUS or following in BEGINS else None


def conjugated(words: list[str]) -> str | None:
    """Return one predicate of "I" in the third person, or None when it says nothing lasting or is unclear."""
    adverbs = []
    while len(words) > 1 and words[0].lower() in HEAD_ADVERBS:
        adverbs.append(words[0].lower())
        words = words[1:]
    if [word.lower() for word in words[:2]] == ["no", "longer"]:
        said = conjugated(words[2:]) if len(words) > 3 else None
        return f"no longer {said}" if said else None
    low, rest = words[0].lower(), words[1:]
    if not rest:  # "I never swear" says something, "I swear" does not
        return (
            f"{adverbs[-1]} {third_person(low)}"
            if adverbs and adverbs[-1] in ABSOLUTE and is_base(low)
            else None
        )
    if not low.isalpha():
        return None
    shown = [adverb for adverb in adverbs if adverb not in SILENT_ADVERBS]
    said = SPECIAL[low](rest) if low in SPECIAL else _with_verb(low, rest)
    return " ".join([*shown, said]) if said else None


def _with_verb(low: str, rest: list[str]) -> str | None:
    said = " ".join(rest)
    if low in ASKS or low in ASKED or (low in NOT_VERBS and low != "own"):
        return None
    if low in ("need", "want") and _asks(rest):
        return None
    if low == "read" or (low in SAME_IN_PAST and HABIT.search(said)):
        return f"{third_person(low)} {said}"  # what was read or is done every week: the present is likelier
    if low == "look" and rest[0].lower() == "forward":
        return None
    if is_past(low) or (low.endswith("ed") and len(low) > 4 and not is_base(low)):
        return f"{low} {said}"
    if is_base(low) or (len(low) > 3 and not low.endswith(("ly", "ing", "s"))):
        return f"{third_person(low)} {said}"
    return None


SAME_IN_PAST = frozenset({"bet", "cut", "hit", "let", "put", "quit", "set", "shut", "split", "spread"})
HABIT = re.compile(
    r"\b(?:every|each|always|usually|often|(?:a|per) (?:day|week|month|year)|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days)\b"
)


def _asks(rest: list[str]) -> bool:
    """Return whether what is wanted or needed is the assistant's answer."""
    return not ASKED_FOR.isdisjoint(word.lower().strip(",") for word in rest[:4])


def _am(rest: list[str]) -> str | None:
    while len(rest) > 1 and rest[0].lower() in SILENT_ADVERBS:
        rest = rest[1:]
    low = rest[0].lower().strip(",")
    if low == "not" and len(rest) > 1:
        low = rest[1].lower().strip(",")
    if low in MOMENTARY or (low in SEEKING and _asks(rest[1:])):
        return None
    if low == "going" and rest[-1].lower() != low and GOING_TO.search(" ".join(rest).lower()):
        return None
    if low == "thinking" and (len(rest) < 3 or rest[1].lower() not in ("of", "about")):
        return None
    text = " ".join(rest)
    if fan := FAN.match(text):
        return f"{'does not like' if fan.group('no') else 'likes'} {fan.group('what')}"
    if age := AGE.fullmatch(text):
        return f"is {age.group(1)} years old"
    if weight := WEIGHT.fullmatch(text):
        return f"weighs {weight.group(1)} {weight.group(2)}"
    return f"is {text}"


def _was(rest: list[str]) -> str | None:
    low = rest[0].lower().strip(",")
    return None if low in MOMENTARY or low in ("gonna", "going") else f"was {' '.join(rest)}"


def _have(rest: list[str]) -> str | None:
    low = [word.lower().strip(",") for word in rest]
    if low[0] == "got" and len(rest) > 1:
        return _have(rest[1:])
    if low[0] in ("no", "a", "an", "some", "any") and low[1:2] and low[1] in EMPTY_HANDED:
        return None
    if low[0] in ("heard", "seen", "tried", "read", "noticed"):
        return None
    if low[0] == "been" and low[1:2] and low[1] in ("thinking", "wondering", "trying", "meaning", "looking"):
        return None
    return f"has {' '.join(word for word in rest if word.lower() != 'just')}"


EMPTY_HANDED = frozenset({"idea", "clue", "question", "questions", "doubt", "request"})


def _do_not(rest: list[str]) -> str | None:
    if rest[0].lower() != "not":
        return (
            None
            if is_base(rest[0].lower()) and rest[0].lower() not in AMBIGUOUS
            else f"does {' '.join(rest)}"
        )
    if len(rest) < 3:
        return None
    skip = 2 if rest[1].lower() in HEAD_ADVERBS | {"really"} and len(rest) > 3 else 1
    verb, following = rest[skip].lower(), rest[skip + 1]
    known = verb == "know" and following[:1].isupper()
    if not is_base(verb) or (verb in ASKS and verb != "mind" and not known):
        return None
    if verb in ("want", "need") and following.lower() == "you":
        return None
    return f"does not {' '.join(rest[skip:])}"


def _did_not(rest: list[str]) -> str | None:
    if rest[0].lower() != "not" or len(rest) < 3:
        return None
    verb = rest[1].lower()
    return f"did {' '.join(rest)}" if is_base(verb) and verb not in ASKS else None


def _would(rest: list[str]) -> str | None:
    low = [word.lower() for word in rest]
    if low[0] == "rather" and len(rest) > 1 and not {"say", "tell", "answer", "share"}.intersection(low):
        return f"would rather {' '.join(rest[1:])}"
    if low[0] == "prefer" and len(rest) > 1:
        return f"prefers {' '.join(rest[1:])}"
    lasting = len(low) > 2 and low[1] == "to" and low[2] not in ("know", "ask", "see", "hear", "thank")
    return f"wants {' '.join(rest[1:])}" if low[0] in ("like", "love") and lasting else None


def _will(rest: list[str]) -> str | None:
    verb = rest[1 if rest[0].lower() == "not" and len(rest) > 1 else 0].lower()
    if verb in LITTLE_PROMISES or not (is_base(verb) or verb in ("also", "only")) or len(rest) < 3:
        return None
    return f"will {' '.join(rest)}"


def _can(rest: list[str]) -> str | None:
    verb = rest[0].lower()
    return f"can {' '.join(rest)}" if is_base(verb) and verb not in LITTLE_SKILLS else None


def _cannot(rest: list[str]) -> str | None:
    said = _can([word for word in rest if word.lower() not in ("even", "really")] or rest)
    return said.replace("can ", "cannot ", 1) if said else None


def _used(rest: list[str]) -> str | None:
    return f"used {' '.join(rest)}" if len(rest) > 2 or rest[0].lower() != "to" else None


def _had(rest: list[str]) -> str | None:
    return None if rest[0].lower() == "better" else f"had {' '.join(rest)}"


def _could(rest: list[str]) -> str | None:
    return f"could not {' '.join(rest[1:])}" if rest[0].lower() == "not" and len(rest) > 2 else None


def _nothing(rest: list[str]) -> str | None:
    return None


def _kept(modal: str) -> Callable[[list[str]], str | None]:
    return lambda rest: f"{modal} {' '.join(rest)}"


SPECIAL: dict[str, Callable[[list[str]], str | None]] = {
    "am": _am,
    "are": _am,
    "was": _was,
    "were": _was,
    "have": _have,
    "had": _had,
    "do": _do_not,
    "did": _did_not,
    "would": _would,
    "could": _could,
    "will": _will,
    "can": _can,
    "cannot": _cannot,
    "used": _used,
    **{modal: _kept(modal) for modal in ("must", "might", "may")},
    "shall": _will,
    **dict.fromkeys(("should", "is", "has", "does"), _nothing),
}
