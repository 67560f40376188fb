"""Parts that take no time: every message is one fact, every fact is new, and the shortest text is best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from tinymem.types import Decision, Extraction, Fact, Message, Record, Role, Span, Vector


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


class ByLength:
    """Judges a text by how short it is."""

    def rerank(self, query: str, texts: Sequence[str]) -> Vector:
        """Return float32 (len(texts),), each above 0 and at most 1."""
        return np.array([1 / (1 + len(text)) for text in texts], dtype=np.float32)
