"""How a task was done, without a language model: a record of its steps, word for word.

Nothing is left out or put otherwise, so nothing can be wrong; a summary needs a model, and the first line
says that none wrote this.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinymem.types import Message

HEADING = "Record of a task, word for word (not summarised)."
SPEAKERS = {"user": "The user", "assistant": "The assistant", "system": "The system"}


def recorded_procedure(messages: Sequence[Message]) -> str:
    """Return the steps of a conversation, numbered from 1; the first message is the task.

    >>> print(recorded_procedure([Message("user", "Count to 2"), Message("assistant", "1 2")]))
    Record of a task, word for word (not summarised).
    Task: Count to 2
    1. The assistant: 1 2
    """
    task = next((place for place, message in enumerate(messages) if message.role == "user"), None)
    lines = [HEADING]
    if task is not None:
        lines.append(f"Task: {indented(messages[task].content)}")
    steps = [message for place, message in enumerate(messages) if place != task]
    lines += [f"{number}. {said_by(step)}: {indented(step.content)}" for number, step in enumerate(steps, 1)]
    return "\n".join(lines)


def said_by(message: Message) -> str:
    """Return who said a message, by name where there is one."""
    return message.name or SPEAKERS[message.role]


def indented(text: str) -> str:
    """Return a text whose further lines stand a little to the right, so that steps stay apart."""
    return text.strip().replace("\n", "\n   ")
