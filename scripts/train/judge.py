"""The judge: what does a new fact do to a stored memory? A cross-encoder over (memory, fact).

One MiniLM, a linear head at [CLS], four classes. A store shows it one fact and several memories of
which most must stay as they are, so that is what it learns from, and `stores` measures it there:
the memory that should be replaced among its nearest strangers. Never trained on the test author.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from scripts.train.fit import Plan, fit
from scripts.train.minilm import DROPOUT, WIDTH, Encoded, MiniLM, Pairs, published_vectors, stack
from scripts.train.pairs import DELETE, RELATIONS, SAME, UNRELATED, UPDATE, Embed, Pair, likeness
from scripts.train.scores import confusion

LONGEST, LONGEST_FIRST = 256, 126
"""Tokens of both texts with their marks, and of the memory alone."""
THRESHOLDS = {"same": 0.6, "update": 0.55, "delete": 0.55}
"""From which confidence on a verdict may be acted on: see the model card."""

Logits = NDArray[np.float32]
"""float32 (pairs, 4), in the order of RELATIONS."""


class JudgeNet(nn.Module):
    def __init__(self, body: MiniLM) -> None:
        super().__init__()
        self.body, self.relation = body, nn.Linear(WIDTH, len(RELATIONS))

    def forward(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """Return logits (rows, 4)."""
        return self.relation(F.dropout(self.body(ids, kinds, mask)[:, 0], DROPOUT, self.training))


def logits_of(model: JudgeNet, rows: Sequence[Encoded], size: int = 128) -> Logits:
    """Return the model's logits for every row."""
    model.eval()
    out = np.zeros((len(rows), len(RELATIONS)), dtype=np.float32)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    with torch.no_grad():
        for start in range(0, len(order), size):
            group = order[start : start + size]
            out[group] = model(*stack([rows[i] for i in group])).numpy()
    return out


def shares(logits: Logits, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the softmax of logits / temperature, float64 (pairs, 4)."""
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def fitted_temperature(logits: Logits, wanted: Sequence[int]) -> float:
    """Return the temperature (in steps of 0.05) under which the wanted classes are likeliest."""
    rows = np.arange(len(wanted))

    def loss(temperature: float) -> float:
        return float(-np.log(shares(logits, temperature)[rows, list(wanted)] + 1e-12).mean())

    return min((step / 20 for step in range(8, 61)), key=loss)


def calibration(logits: Logits, wanted: Sequence[int], temperature: float) -> list[dict[str, float]]:
    """Return, for least confidences, which share of pairs is answered and how many answers are right."""
    confidence = shares(logits, temperature)
    right, sure = confidence.argmax(axis=1) == np.asarray(wanted), confidence.max(axis=1)
    return [
        {
            "t": t,
            "answered": round(float((sure >= t).mean()), 3),
            "right": round(float(right[sure >= t].mean()), 3),
        }
        for t in (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
        if (sure >= t).any()
    ]


@dataclass(frozen=True)
class Store:
    """One new fact against several memories, of which the first is the one it was written for."""

    fact: str
    memories: tuple[str, ...]
    relation: int


def stores(pairs: Sequence[Pair], embed: Embed, beside: int = 9) -> list[Store]:
    """Put every related pair among the memories of other pairs that are nearest to its fact.

    Memories that say nearly the same as the target are left out: they would rightly be replaced too.
    """
    every = sorted({pair.memory for pair in pairs})
    related = [pair for pair in pairs if pair.relation != UNRELATED]
    cosines = embed([pair.fact for pair in related]) @ embed(every).T
    out = []
    for pair, row in zip(related, cosines, strict=True):
        nearest = [every[i] for i in np.argsort(-row)]
        others = [m for m in nearest if m != pair.memory and likeness(m, pair.memory) < 0.5]
        out.append(Store(pair.fact, (pair.memory, *others[:beside]), pair.relation))
    return out


def store_outcomes(found: Sequence[Store], logits: Logits, temperature: float) -> list[dict[str, float]]:
    """Return, for least confidences, what the best update or delete of a store hits.

    A store is decided by its likeliest memory only, as the reconciler does: `resolved` counts targets
    of update or delete that are replaced, `wrong` strangers that are, `strangers` all that would be
    if every sure memory were replaced, `twice` targets of `same` that are replaced although nothing
    changed, `repeated` those of `same` that are seen as told again. Some strangers do contradict.
    """
    sure = shares(logits, temperature).reshape(len(found), -1, len(RELATIONS))
    changed = sure[:, :, UPDATE] + sure[:, :, DELETE]
    rows, best = [], changed.argmax(axis=1)
    relations = np.asarray([store.relation for store in found])
    due = np.isin(relations, (UPDATE, DELETE))
    for t in (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95):
        replaced = changed[np.arange(len(found)), best] >= t
        row = {"resolved": (replaced & due & (best == 0)).sum() / max(1, due.sum())}
        row["wrong"] = int((replaced & (best != 0)).sum())
        row["strangers"] = int((changed[:, 1:] >= t).sum())
        row["twice"] = int((replaced & ~due & (best == 0)).sum())
        row["repeated"] = (sure[~due, 0, SAME] >= t).sum() / max(1, (~due).sum())
        rows.append({"t": t, **{name: round(float(value), 3) for name, value in row.items()}})
    return rows


def measure(logits: Logits, test: Sequence[Pair]) -> dict[str, Any]:
    """Score logits of pairs: accuracy, F1 by class, the table of confusions, and what confidence is worth."""
    wanted = [pair.relation for pair in test]
    temperature = fitted_temperature(logits, wanted)
    table = confusion(logits.argmax(axis=1).tolist(), wanted, RELATIONS)
    return {**table, "temperature": temperature, "calibration": calibration(logits, wanted, temperature)}


def untrained(published: Path, plan: Plan) -> JudgeNet:
    """Return MiniLM with fresh heads."""
    torch.manual_seed(plan.seed)
    return JudgeNet(MiniLM.load(published, plan.layers))


def train(
    model: JudgeNet, published: Path, data: Sequence[Pair], test: Sequence[Pair], plan: Plan, folder: Path
) -> None:
    """Fine-tune `model` on `data` and score on `test` after each epoch; `fit` says what `folder` gets."""
    pairs = Pairs(published, LONGEST, LONGEST_FIRST)
    model.body.freeze(plan.frozen_layers)
    rows = [pairs.encode(pair.memory, pair.fact) for pair in data]
    held = [pairs.encode(pair.memory, pair.fact) for pair in test]
    found = stores(test, published_vectors(published))
    among = [pairs.encode(memory, store.fact) for store in found for memory in store.memories]

    def loss_of(group: list[int]) -> Tensor:
        wanted = torch.tensor([data[i].relation for i in group])
        return F.cross_entropy(model(*stack([rows[i] for i in group])), wanted, label_smoothing=0.05)

    def score() -> dict[str, Any]:
        scores = measure(logits_of(model, held), test)
        outcomes = store_outcomes(found, logits_of(model, among), scores["temperature"])
        return {"keep": scores["accuracy"], **scores, "stores": outcomes}

    fit(model, [len(row.ids) for row in rows], loss_of, score, plan, folder)
    model.load_state_dict(torch.load(folder / "best.pt"))
