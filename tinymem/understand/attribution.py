"""Whose statement it is, where several people speak in one conversation: their names go into the facts.

With a single speaker a fact needs no subject ("Likes tea"); among several it would be anybody's, so it
becomes "Bo likes tea" and "Bo's sister is a vet". A fact that already names its speaker, or is about
somebody named in it, is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tinymem.types import Fact, Message, Role, entity_key
from tinymem.understand.conjugate import base_of_third, is_past
from tinymem.understand.people import ADJECTIVES, PERSONS
from tinymem.understand.terms import FANCY, word_set

WORDS = re.compile(r"[^\W_]+")
VERBS = word_set("""
is isn't has hasn't does doesn't was wasn't will won't can cannot can't would wouldn't could couldn't had
hadn't did didn't may might must should never used always usually often sometimes rarely hardly currently
recently already also just still no not really mostly only once soon goes
""")
OWNED = word_set("""
name age birthday phone number address email favourite favorite job work boss team company office shop school
class course exam thesis degree salary house home flat apartment room garden kitchen landlord rent car van
bike bicycle laptop computer phone tablet camera guitar piano keyboard wedding anniversary flight appointment
surgery diet allergy medication blood pronouns timezone language password account budget goal hobby family
pets church club band project business website blog channel address postcode passport licence license hair
eyes height weight shoe size star-sign nickname surname
""")

MODALS = frozenset({"will", "may", "might"})
FOLLOWS_NAME = frozenset({"is", "was", "has", "lives", "works", "likes", "will"})


def speakers_named(messages: Sequence[Message], role: str) -> set[str]:
    """Return the names under which messages of a role were said."""
    return {message.name for message in messages if message.role == role and message.name is not None}


def heard_by_each(
    messages: Sequence[Message], about: Sequence[Role]
) -> list[tuple[Sequence[Message], Sequence[Role]]]:
    """Return conversations to read one by one, with whose statements count: one for each of several people.

    To each, what the others ask is a question of the other side, and what they state is silence. All
    messages keep their places.
    """
    shared = [role for role in about if len(speakers_named(messages, role)) < 2]
    heard: list[tuple[Sequence[Message], Sequence[Role]]] = [(messages, shared)] if shared else []
    for role in about:
        if role not in shared:
            names = dict.fromkeys(message.name for message in messages if message.role == role)
            heard += [([heard_by(name, role, each) for each in messages], (role,)) for name in names]
    return heard


def heard_by(name: str | None, role: Role, message: Message) -> Message:
    """Return a message as the person of this name hears it, who speaks in this role."""
    if message.role != role or message.name == name:
        return message
    other: Role = "assistant" if role == "user" else "user"
    return replace(message, role=other, content=message.content if "?" in message.content else "")


def attributed(fact: Fact, messages: Sequence[Message]) -> Fact:
    """Return a Fact with its speaker's name in it, if several named people speak in its role.

    >>> talk = [Message("user", "I like tea", name="Bo"), Message("user", "I don't", name="Al")]
    >>> attributed(Fact("Likes tea", "user", 0), talk).text
    'Bo likes tea'
    """
    name = messages[fact.message].name
    if name is None or fact.forget or len(speakers_named(messages, messages[fact.message].role)) < 2:
        return fact
    return replace(fact, text=with_subject(fact.text, name))


def with_subject(text: str, name: str) -> str:
    """Return a fact in house style with whoever it is about at its beginning.

    >>> with_subject("Sister is a vet", "Bo"), with_subject("Maya lives in Porto", "Bo")
    ("Bo's sister is a vet", 'Maya lives in Porto')
    """
    named = " ".join(WORDS.findall(entity_key(text)))
    if not named or f" {' '.join(WORDS.findall(entity_key(name)))} " in f" {named} ":
        return text
    said = text.strip()
    first, second = (*said.translate(FANCY).lower().split()[:2], "")[:2]
    rest = said[len(first) :]
    owned = second if first in ADJECTIVES else first
    if owned.removesuffix("'s") in OWNED or owned.removesuffix("'s") in PERSONS:
        return f"{name}'s {first}{rest}"
    is_verb = first in VERBS or base_of_third(first.rpartition("-")[2]) is not None or is_past(first)
    return f"{name} {first}{rest}" if is_verb and not is_name(first, second) else text


def is_name(first: str, second: str) -> bool:
    """Tell whether a word that could be a verb is a name, by the verb after it: "Rose lives in Oslo"."""
    return second in FOLLOWS_NAME and (first in MODALS or is_past(first))
