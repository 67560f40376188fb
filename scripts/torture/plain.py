"""An understanding that takes no time: every message is one fact, and every fact is new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tinymem.types import Decision, Extraction, Fact, Message, Record, Role, Span


class EveryMessage:
    """Takes every message as one fact about the user."""

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        """Return a fact for each message."""
        return Extraction(
            tuple(
                Fact(message.content, "user", place, (Span(place, 0, len(message.content)),))
                for place, message in enumerate(messages)
            )
        )


class AlwaysAdd:
    """Adds every fact, so that only the store keeps one from being stored twice."""

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        """Return an ADD for each fact."""
        return [Decision("ADD", fact) for fact in facts]
