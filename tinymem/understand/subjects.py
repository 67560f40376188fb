"""Clauses whose subject is not "I": "my sister ...", "she ...", "the rent ...".

The subject loses its "my", a pronoun gets the name that the message gave, and the predicate stays as it
is: it is in the third person already. Where the verb cannot be told from a noun, there is no fact.
"""

from __future__ import annotations

import re

from tinymem.understand.conjugate import (
    AMBIGUOUS,
    base_of_third,
    is_base,
    is_participle,
    is_past,
    is_progressive,
    third_person,
)
from tinymem.understand.lexicon import (
    ARTICLES,
    FINITE,
    NO_SUBJECT,
    NOT_SUBJECT,
    PASSIVE,
    PROVES_VERB,
    REPORTS,
)
from tinymem.understand.people import COMPLEMENT, FAMILY, GROUPS, PERSONS, POSSESSIVES, meant, possessor
from tinymem.understand.predicate import third_person_facts
from tinymem.understand.standalone import finish

APPOSITIVE = re.compile(
    r"^(?:my|our) (?P<who>(?:[a-z]+ )?[\w-]+(?: [A-Z][\w'-]+){0,2}), (?P<what>(?:an?|the) [^,]+)",
    re.IGNORECASE,
)
RELATIVE = re.compile(
    r"^(?:my|our) (?P<who>(?:[a-z]+ )?[\w-]+(?: (?-i:[A-Z])[\w'-]+){0,2}),? who (?P<what>[^,]+)",
    re.IGNORECASE,
)
NEXT_VERB = re.compile(r"\s(?:is|was|has|will|can|wants|says|said|needs|just)\s")


def lowered(words: list[str]) -> list[str]:
    """Return the words in lower case, without commas."""
    return [word.lower().strip(",") for word in words]


def appositive(words: list[str]) -> list[str]:
    """Return the fact of "my brother Luca, a chef in Rome" and "my cousin Ana, who lives in Porto"."""
    text = " ".join(words)
    match = APPOSITIVE.match(text) or RELATIVE.match(text)
    if not match or PERSONS.isdisjoint(match.group("who").lower().split()):
        return []
    if match.re is RELATIVE:
        predicate = match.group("what").split()
        single = len(predicate) > 1 and FINITE.isdisjoint(lowered(predicate[2:]))
        return (
            about(match.group("who"), predicate)
            if single and is_verb([match.group("who"), *predicate], 1)
            else []
        )
    return about(match.group("who"), f"is {NEXT_VERB.split(match.group('what'))[0]}".split())


def owned(words: list[str]) -> list[str]:
    """Return the facts of "my X is ..."; "my wife and I ..." is about the speaker."""
    low = lowered(words)
    if low[0].removesuffix("'s") in FAMILY:
        words, low = ["my", *words], ["my", *low]
    if low[0] not in ("my", "our"):
        return []
    for place in range(2, min(8, len(words))):
        if low[place] == "i" and low[place - 1] in ("and", "&"):
            rest = words[place + 1 :]
            return third_person_facts(["am", *rest[1:]] if rest[:1] == ["are"] else rest)
    if low[1] == "name" and len(words) in (3, 4) and all(word[:1].isupper() for word in words[2:]):
        return [f"Name is {' '.join(words[2:])}"]
    found = _parted(words)
    if found is None:
        return []
    subject, predicate = found
    if predicate[0] in ("is", "was") and predicate[1].lower() in ("that", "to", "what", "how", "when"):
        return []
    return about(subject, predicate)


def pronoun(words: list[str], earlier: str) -> list[str]:
    """Return the facts of "she is ..." and "her name is ...", when the text before says whom that means."""
    low = lowered(words)
    if low[0] in POSSESSIVES:
        owner = possessor(low[0], earlier)
        found = _parted(words) if owner else None
        return about(f"{owner} {found[0]}", found[1]) if found else []
    if low[0] not in ("he", "she", "they") or len(words) < 3:
        return []
    label = meant(low[0], earlier)
    if label is None:
        return []
    place = 1
    while place < len(words) - 2 and low[place] in ("also", "just", "really", "actually", "even"):
        place += 1
    predicate = words[place:]
    at = 1 if low[place] in ("always", "never", "usually", "often", "only", "still") else 0
    verb = predicate[at].lower()
    plural = low[0] == "they"
    known = verb in FINITE or base_of_third(verb) or is_past(verb) or (plural and is_base(verb))
    if not known or verb in ("would", "should", "could", "may", "might"):
        return []
    if plural and GROUPS.isdisjoint(label.lower().split()):
        predicate[at] = third_person(verb) if is_base(verb) or verb in ("are", "were") else verb
    return about(label, predicate)


def third_person_statement(words: list[str]) -> list[str]:
    """Return a statement about someone or something else, if its subject is short and its verb is plain."""
    low = lowered(words)
    if low[0] in NO_SUBJECT or not words[0][:1].isalnum() or is_progressive(low[0]):
        return []
    if (is_base(low[0]) and low[0] not in AMBIGUOUS) or is_past(low[0]) or base_of_third(low[0]):
        return []
    for place in range(min(6, len(words) - 1)):
        if place and (words[place - 1].endswith(",") or low[place] in NO_SUBJECT - ARTICLES):
            return []
        if words[place].endswith("'s") and _means_is(words, place):
            verb = "has" if _means_has(low[place + 1]) else "is"
            return about(" ".join([*words[:place], words[place][:-2]]), [verb, *words[place + 1 :]])
        if place and is_verb(words, place):
            return about(" ".join(words[:place]), words[place:])
    return []


def about(subject: str, predicate: list[str]) -> list[str]:
    """Return the fact that says the predicate of someone else, [] when it only passes on their words."""
    if predicate[0].lower() in REPORTS or subject.lower().split()[-1] in NOT_SUBJECT:
        return []
    fact = finish(" ".join(predicate), subject=subject)
    return [fact] if fact else []


def _parted(words: list[str]) -> tuple[str, list[str]] | None:
    """Return the subject of "my X ..." without "my", and its predicate; None where the verb is not plain."""
    low = lowered(words)
    for place in range(1, min(9, len(words) - 1)):
        if place > 1 and is_verb(words, place):
            return " ".join(words[1:place]), words[place:]
        if words[place].endswith("'s") and _means_is(words, place):
            subject = " ".join([*words[1:place], words[place][:-2]])
            return subject, ["has" if _means_has(low[place + 1]) else "is", *words[place + 1 :]]
        if low[place] in NOT_SUBJECT or (words[place - 1].endswith(",") and place > 3):
            return None
    return None


def is_verb(words: list[str], place: int) -> bool:
    """Return whether the word at `place`, not the first, is the verb of the noun phrase in front of it."""
    low = lowered(words[place - 1 : place + 2])
    previous, word, following = low[0], low[1], low[2] if len(low) > 2 else ""
    if word in FINITE:
        return previous not in ("of", "and")
    noun = previous in PERSONS or words[place - 1][:1].isupper()
    proved = following in PROVES_VERB
    base = base_of_third(word)
    if base is not None:
        return noun or base not in AMBIGUOUS or proved
    if is_past(word) or (word.endswith("ed") and len(word) > 4):
        known = noun if is_past(word) else noun and proved
        return (known or proved) and previous not in ("recently", "newly", "just", "of", "the", "a")
    if word.endswith("s") and noun and proved:
        return not word.endswith(("ss", "us", "'s"))
    plural = previous in GROUPS or (
        previous.endswith("s") and not previous.endswith(("ss", "us", "is", "'s"))
    )
    return plural and is_base(word) and (word not in AMBIGUOUS or following in PROVES_VERB)


def _means_is(words: list[str], place: int) -> bool:
    """Return whether the 's at `place` is "is" or "has" rather than a possessive."""
    low = lowered(words)
    following = low[place + 1]
    if following in COMPLEMENT or following[:1].isdigit() or is_progressive(following):
        return True
    if low[place] == "name's" or (place == len(low) - 2 and place < 3 and words[-1][:1].isupper()):
        return True
    ambiguous = following in ("left", "cut", "set", "put")
    return is_participle(following) and place + 2 < len(low) and not ambiguous


def _means_has(following: str) -> bool:
    """Return whether 's in front of this word is "has"."""
    return following in ("got", "been", "had", "gone", "become", "grown") or (
        is_participle(following) and following not in PASSIVE
    )
