"""The facts of the training corpus as a Memory gets them by inference: with the messages they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np

from tinymem import Memory
from tinymem.types import Decision, Embedder, Extraction, Fact, Message, Record, Role, Span, Vector

Talk = dict[str, Any]


class EachOnce:
    """An embedder that embeds every text once, however often it is asked."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[tuple[str, str], Vector] = {}

    @property
    def identity(self) -> Mapping[str, Any]:
        return self._embedder.identity

    def embed(self, texts: Sequence[str], *, kind: Literal["document", "query"] = "document") -> Vector:
        new = [text for text in dict.fromkeys(texts) if (text, kind) not in self._vectors]
        if new:
            vectors = self._embedder.embed(new, kind=kind)
            self._vectors |= {(text, kind): vector for text, vector in zip(new, vectors, strict=True)}
        return np.stack([self._vectors[text, kind] for text in texts])


class KnownFacts:
    """Extracts from a conversation the facts that it is known to hold, and lets each be stored."""

    def __init__(self) -> None:
        self._facts: tuple[Fact, ...] = ()

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        return Extraction(self._facts)

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        return [Decision("ADD", fact) for fact in facts]

    def tell(self, memory: Memory, person: str, talk: Talk, wanted: set[str]) -> None:
        """Let a Memory infer those of the facts of a conversation that are still wanted."""
        facts = {fact["text"]: fact["turn"] for fact in talk["facts"] if fact["text"] in wanted}
        wanted.difference_update(facts)
        lengths = [len(message["content"]) for message in talk["messages"]]
        self._facts = tuple(
            Fact(text, "user", turn, (Span(turn, 0, lengths[turn]),)) for text, turn in facts.items()
        )
        if facts:
            memory.add(talk["messages"], user_id=person)


def infer(
    memory: Memory, known: KnownFacts, person: str, facts: Sequence[str], talks: Sequence[Talk]
) -> None:
    """Let a Memory that extracts by `known` infer a person's facts, each from the first talk with it."""
    wanted = set(facts)
    for talk in talks:
        known.tell(memory, person, talk, wanted)
