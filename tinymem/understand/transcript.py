"""A conversation as a language model reads it: one line a message, a number before each source.

Lines that go on are indented, so that no text can pass itself off as another speaker's line. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from tinymem.types import Message


def render_transcript(
    messages: Sequence[Message], numbers: Mapping[int, int] | None = None, today: date | None = None
) -> str:
    """Return the messages as lines such as `[0] user Ana (2026-05-01): Hello`.

    Args:
        messages: the conversation.
        numbers: place in `messages` -> the number it is cited by; other lines have none.
        today: is said first, and a message's own day wherever it is another one.
    """
    lines = [] if today is None else [f"Today is {today.isoformat()}.", ""]
    day = today
    for place, message in enumerate(messages):
        sent = None if message.at is None else message.at.date()
        changed = sent is not None and today is not None and sent != day
        day = sent or day
        number = None if numbers is None else numbers.get(place)
        opening = (
            "" if number is None else f"[{number}] ",
            message.role,
            "" if message.name is None else f" {_in_one_line(message.name)}",
            f" ({sent})" if changed else "",
        )
        lines.append(f"{''.join(opening)}: {_indented(message.content)}")
    return "\n".join(lines)


def _indented(text: str) -> str:
    """Return the text with four spaces before every line but the first."""
    return "\n    ".join(text.strip().splitlines())


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
