"""Which messages of a conversation are played: from "let's roleplay" to "end of roleplay".

What is said in a part is nobody's fact. Pure; a game that nobody ends lasts to the end of the conversation,
and so does the silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinymem.types import Message

BEGINS = re.compile(
    r"\brole-?\s?play(?:ing)?\b|\b(?:let['’]?s|lets|can we|we) pretend\b"
    r"|\bpretend (?:to be|that you|you['’]?re|you are)\b"
    r"|\b(?:let['’]?s|lets) play (?:a )?(?:scene|d&d|dnd|make-believe)\b",
    re.IGNORECASE,
)
ENDS = re.compile(
    r"\b(?:end|ends|ended|stop|stopped|finish|finished|done|enough|over|out)\b[^.!?]{0,20}"
    r"\b(?:role-?\s?play(?:ing)?|scene|game|character|pretend(?:ing)?)\b"
    r"|\b(?:role-?\s?play|scene|game)\b[^.!?]{0,12}\b(?:is )?(?:over|done|finished)\b",
    re.IGNORECASE,
)


def played(messages: Sequence[Message]) -> set[int]:
    """Return the places of the messages that are part of a role play, the one that begins it included.

    Example:
        >>> played([Message("user", "let's roleplay, you're a waiter"), Message("user", "I'm a duke")])
        {0, 1}
    """
    places: set[int] = set()
    playing = False
    for place, message in enumerate(messages):
        if message.role == "user" and ENDS.search(message.content):
            playing = False
        elif message.role == "user" and BEGINS.search(message.content):
            playing = True
        if playing:
            places.add(place)
    return places
