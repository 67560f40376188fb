"""The spotter: is anything in this message worth remembering, and which words say it?

One MiniLM reads (the message before + who speaks now, the message) and answers twice: a logit at
[CLS] for the message, a logit at each token of the message for "part of words that state a fact".
A clause's score is the mean over its characters. Never trained on the test author.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.train.examples import IGNORED, Seen, rough_clauses
from scripts.train.fit import Plan, fit
from scripts.train.minilm import DROPOUT, WIDTH, Encoded, MiniLM, Pairs, stack
from scripts.train.scores import at_threshold, auc, best_threshold

LONGEST, LONGEST_FIRST = 256, 64
"""Tokens of both texts with their marks, and of the first alone."""
THRESHOLDS = {"message": 0.5, "clause": 0.35}
"""From which probability on a message, and a clause in it, is worth writing down: see the model card."""


class SpotterNet(nn.Module):
    def __init__(self, body: MiniLM) -> None:
        super().__init__()
        self.body, self.message, self.token = body, nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1)

    def forward(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits: of the messages (rows,), of the tokens (rows, tokens)."""
        x = F.dropout(self.body(ids, kinds, mask), DROPOUT, self.training)
        return self.message(x[:, 0])[:, 0], self.token(x)[..., 0]


def first_text(seen: Seen) -> str:
    """Return what stands before the message: `assistant: How old are you? user:` (see understand/spot.py)."""
    return f"{seen.before} {seen.speaker}:".lstrip()


def token_labels(row: Encoded, seen: Seen) -> list[float]:
    """Return 1.0 for tokens that state a fact, 0.0 for the message's other tokens, IGNORED for the rest."""

    def label(offset: tuple[int, int] | None) -> float:
        if offset is None:
            return IGNORED
        inside = [
            any(a < offset[1] and offset[0] < b for a, b in where) for where in (seen.marked, seen.masked)
        ]
        return 1.0 if inside[0] else IGNORED if inside[1] else 0.0

    return [label(offset) for offset in row.offsets]


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over labels that are not IGNORED."""
    counted = labels != IGNORED
    loss = F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none")
    return (loss * counted).sum() / counted.sum().clamp(min=1)


def padded(rows: Sequence[Sequence[float]]) -> Tensor:
    """Return rows of labels as float32 (rows, longest), padded with IGNORED."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *([IGNORED] * (width - len(row)))] for row in rows])


Answer = tuple[float, list[tuple[int, int, float]]]
"""A message's probability, and for each of its tokens (start, end, probability)."""


def answers(model: SpotterNet, rows: Sequence[Encoded], size: int = 64) -> list[Answer]:
    """Return the model's answer for every row."""
    model.eval()
    out: dict[int, Answer] = {}
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    with torch.no_grad():
        for start in range(0, len(order), size):
            group = order[start : start + size]
            whole, tokens = model(*stack([rows[i] for i in group]))
            for i, w, row in zip(group, whole.sigmoid().tolist(), tokens.sigmoid().tolist(), strict=True):
                placed = zip(rows[i].offsets, row, strict=False)
                out[i] = (w, [(at[0], at[1], p) for at, p in placed if at is not None])
    return [out[i] for i in range(len(rows))]


def clause_score(tokens: Sequence[tuple[int, int, float]], start: int, end: int) -> float:
    """Return the mean probability of the characters of a clause; 0.0 if no token reaches it."""
    parts = [(min(b, end) - max(a, start), p) for a, b, p in tokens if a < end and start < b]
    return sum(n * p for n, p in parts) / max(1, sum(n for n, _ in parts))


def clause_truth(seen: Seen, start: int, end: int) -> bool | None:
    """Return whether a clause states a fact: a span covers half of it or has half of itself in it."""

    def hit(where: Sequence[tuple[int, int]]) -> bool:
        return any(2 * (min(b, end) - max(a, start)) >= min(b - a, end - start) for a, b in where)

    return True if hit(seen.marked) else None if hit(seen.masked) else False


def measure(seen: Sequence[Seen], found: Sequence[Answer]) -> dict[str, Any]:
    """Score answers: messages, tokens and clauses, and how many facts' words are reached."""
    whole = [(a[0], s.worth > 0) for s, a in zip(seen, found, strict=True) if s.worth != IGNORED]
    tokens, clauses, reached = [], [], []
    for message, (_, marks) in zip(seen, found, strict=True):
        for start, end, p in marks:
            inside = [any(a < end and start < b for a, b in w) for w in (message.marked, message.masked)]
            if inside[0] or not inside[1]:
                tokens.append((p, inside[0]))
        for start, end in rough_clauses(message.text):
            truth = clause_truth(message, start, end)
            if truth is not None:
                clauses.append((clause_score(marks, start, end), truth))
        reached += [clause_score(marks, a, b) for a, b in message.marked]
    out: dict[str, Any] = {}
    for name, rows in (("message", whole), ("token", tokens), ("clause", clauses)):
        p, y = [r[0] for r in rows], [r[1] for r in rows]
        found_scores = {"n": len(rows), "positive": sum(y), "auc": round(auc(p, y), 4)}
        out[name] = {**found_scores, "at_0.5": at_threshold(p, y, 0.5), "best": best_threshold(p, y)}
    shares = {t: round(sum(r >= t for r in reached) / max(1, len(reached)), 3) for t in (0.3, 0.4, 0.5)}
    return {**out, "spans_reached_at": shares}


def untrained(published: Path, plan: Plan) -> SpotterNet:
    """Return MiniLM with fresh heads."""
    torch.manual_seed(plan.seed)
    return SpotterNet(MiniLM.load(published, plan.layers))


def train(
    model: SpotterNet, published: Path, data: Sequence[Seen], test: Sequence[Seen], plan: Plan, folder: Path
) -> None:
    """Fine-tune `model` on `data` and score on `test` after each epoch; `fit` says what `folder` gets."""
    pairs = Pairs(published, LONGEST, LONGEST_FIRST)
    model.body.freeze(plan.frozen_layers)
    rows = [pairs.encode(first_text(seen), seen.text) for seen in data]
    labels = [token_labels(row, seen) for row, seen in zip(rows, data, strict=True)]
    held = [pairs.encode(first_text(seen), seen.text) for seen in test]
    users = [i for i, seen in enumerate(test) if seen.speaker == "user"]
    others = [i for i, seen in enumerate(test) if seen.speaker != "user"]

    def loss_of(group: list[int]) -> Tensor:
        whole, tokens = model(*stack([rows[i] for i in group]))
        worth = torch.tensor([data[i].worth for i in group])
        return masked_loss(whole, worth) + masked_loss(tokens, padded([labels[i] for i in group]))

    def score() -> dict[str, Any]:
        found = answers(model, held)
        parts = {
            n: measure([test[i] for i in g], [found[i] for i in g])
            for n, g in (("user", users), ("agent", others))
        }
        return {"keep": parts["user"]["message"]["auc"] + parts["user"]["token"]["auc"], **parts}

    fit(model, [len(row.ids) for row in rows], loss_of, score, plan, folder)
    model.load_state_dict(torch.load(folder / "best.pt"))
