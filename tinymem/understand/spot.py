"""Spot what is worth remembering: one small encoder reads a message after the one before it.

It answers twice: how likely the message holds something worth remembering about its speaker, and how
likely each of its words is part of such a statement, which gives every clause a score. Messages longer
than the model's window are read in several windows; nothing is ever silently cut. This module only
scores: which clauses are written down, and how, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymem.errors import ConfigError
from tinymem.types import Message, Role
from tinymem.understand.encoder import PairEncoder, Reading

WINDOW_CHARACTERS = 4000
"""Longest piece handed to the tokenizer at once: more than fills any window, and bounds its work."""


@dataclass(frozen=True)
class Utterance:
    """A message to look at: `before` is the message before it as `assistant: ...`, or empty.

    `clauses` are (start, end) character ranges of `message`, in ascending order; `speaker` is the role
    whose statements are looked for.
    """

    before: str
    message: str
    clauses: tuple[tuple[int, int], ...]
    speaker: Role = "user"


@dataclass(frozen=True)
class Spotted:
    """Probabilities, 0 to 1: that the message holds something worth remembering, and for each clause."""

    probability: float
    clauses: tuple[float, ...]


@dataclass
class Marks:
    """What is known of one message so far: (start, end, probability) of its tokens, in order."""

    probability: float = 0.0
    tokens: list[tuple[int, int, float]] = field(default_factory=list)


class Spotter:
    """Scores messages and their clauses with a pair encoder of kind `spotter`.

    Raises:
        ConfigError: the model is of another kind.
    """

    def __init__(self, model: PairEncoder) -> None:
        kind = model.manifest.get("kind")
        if kind != "spotter":
            raise ConfigError(f"a model of kind {kind!r} cannot spot facts: pass one of kind 'spotter'")
        self.model = model
        thresholds = model.manifest.get("thresholds", {})
        self.message_threshold: float = thresholds.get("message", 0.5)
        self.clause_threshold: float = thresholds.get("clause", 0.5)

    def spot(
        self, before: str, message: str, clauses: Sequence[tuple[int, int]], *, speaker: Role = "user"
    ) -> Spotted:
        """Score one message and its clauses; see `Utterance` for the arguments.

        >>> spotter.spot("assistant: Any allergies?", "just peanuts", [(0, 12)])  # doctest: +SKIP
        Spotted(probability=0.99, clauses=(0.96,))
        """
        return self.spot_many([Utterance(before, message, tuple(clauses), speaker)])[0]

    def spot_many(self, utterances: Sequence[Utterance]) -> list[Spotted]:
        """Score many messages, read together; the answers are in the order of the utterances."""
        marks = [Marks() for _ in utterances]
        pending = [(index, 0) for index, said in enumerate(utterances) if said.message.strip()]
        while pending:
            pieces = [piece(utterances[index], start) for index, start in pending]
            firsts = [first_text(utterances[index]) for index, _ in pending]
            rows = self.model.encode(firsts, pieces)
            following = []
            for (index, start), text, row in zip(pending, pieces, rows, strict=True):
                self.note(marks[index], row, start)
                restart = self.next_window(utterances[index], start, text, row)
                if restart is not None:
                    marks[index].tokens = [mark for mark in marks[index].tokens if mark[0] < restart]
                    following.append((index, restart))
            pending = following
        return [
            Spotted(found.probability, tuple(clause_score(found, *clause) for clause in said.clauses))
            for found, said in zip(marks, utterances, strict=True)
        ]

    def note(self, marks: Marks, row: Reading, start: int) -> None:
        """Add what the model says about the window that begins at character `start`."""
        marks.probability = max(marks.probability, float(sigmoid(row.outputs["message"].reshape(-1)[:1])[0]))
        for at, probability in zip(row.offsets, sigmoid(row.outputs["token"].reshape(-1)), strict=True):
            if at is not None:
                marks.tokens.append((start + at[0], start + at[1], float(probability)))

    def next_window(self, said: Utterance, start: int, text: str, row: Reading) -> int | None:
        """Return where the next window begins, or None when the message is read to its end.

        It begins with the clause that this window did not reach the end of, so that every clause that
        fits a window is read whole.
        """
        ends = [at[1] for at in row.offsets if at is not None]
        full = len(row.offsets) >= int(self.model.manifest["max_tokens"])
        reached = start + (max(ends, default=0) if full else len(text))
        if reached <= start or not said.message[reached:].strip():
            return None
        begun = [a for a, b in said.clauses if start < a < reached < b]
        return begun[0] if begun else reached


def before_of(messages: Sequence[Message], place: int) -> str:
    """Return the message before `place` in the form that the spotter was trained on."""
    if not place or messages[place - 1].role == "system" or not messages[place - 1].content:
        return ""
    return f"{messages[place - 1].role}: {messages[place - 1].content}"


def piece(said: Utterance, start: int) -> str:
    """Return the part of the message that a window beginning at `start` may read."""
    return said.message[start : start + WINDOW_CHARACTERS]


def first_text(said: Utterance) -> str:
    """Return the first text of the pair: the message before, then who speaks (the end is never cut off)."""
    return f"{said.before} {said.speaker}:".lstrip()


def clause_score(marks: Marks, start: int, end: int) -> float:
    """Return the mean probability of a clause's characters, 0 to 1; 0.0 if it has no token."""
    parts = [(min(b, end) - max(a, start), p) for a, b, p in marks.tokens if a < end and start < b]
    counted = sum(characters for characters, _ in parts)
    return sum(characters * p for characters, p in parts) / counted if counted else 0.0


def sigmoid(logits: NDArray[Any]) -> NDArray[Any]:
    """Turn logits into probabilities."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -60.0, 60.0)))
