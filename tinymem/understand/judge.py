"""Judge what a new fact does to a stored memory: the same, an update, a deletion, or nothing.

A cross-encoder reads (memory, fact) and its softmax is the confidence. Most memories that a search
offers for a fact are neither contradicted nor repeated by it, so a wrong "update" is the costly error:
`thresholds` hold the least confidence at which each answer may be acted on. This module judges pairs;
it never decides what is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymem.errors import ConfigError
from tinymem.types import Relation
from tinymem.understand.encoder import PairEncoder

Numbers = NDArray[Any]

RELATIONS: tuple[Relation, ...] = ("same", "update", "delete", "unrelated")
"""The classes in the order of the model's output."""


@dataclass(frozen=True)
class Verdict:
    """What a fact does to a memory, and how sure the judge is, 0 to 1.

    `replaced` is the probability that the memory no longer stands as it is (update or delete), which
    may be high even when the judge cannot tell the two apart.
    """

    relation: Relation
    confidence: float
    replaced: float = 0.0


class Judge:
    """Judges pairs of memory and fact with a pair encoder of kind `judge`.

    Raises:
        ConfigError: the model is of another kind, or answers with other classes.
    """

    def __init__(self, model: PairEncoder) -> None:
        manifest = model.manifest
        if manifest.get("kind") != "judge" or tuple(manifest.get("relations", ())) != RELATIONS:
            raise ConfigError(
                f"a model of kind {manifest.get('kind')!r} with relations {manifest.get('relations')!r}"
                f" cannot judge facts: pass one of kind 'judge' with relations {list(RELATIONS)!r}"
            )
        self.model = model
        self.temperature: float = manifest.get("temperature", 1.0)
        self.thresholds: Mapping[Relation, float] = manifest.get("thresholds", {})

    def judge(self, memories: Sequence[str], fact: str) -> list[Verdict]:
        """Return what one new fact does to each of these memories, in their order.

        >>> judge.judge(["Lives in Oslo", "Has a cat"], "Moved to Bergen")  # doctest: +SKIP
        [Verdict(relation='update', confidence=0.97, ...), Verdict(relation='unrelated', ...)]
        """
        return self.judge_many([(memory, fact) for memory in memories])

    def judge_many(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Return a verdict for each (memory, fact), read together."""
        if not pairs:
            return []
        rows = self.model.encode([memory for memory, _ in pairs], [fact for _, fact in pairs])
        logits = np.stack([row.outputs["relation"].reshape(-1) for row in rows])
        return [self.verdict(row) for row in softmax(logits / self.temperature)]

    def verdict(self, row: Numbers) -> Verdict:
        """Return the likeliest relation of one row of probabilities."""
        best = int(np.argmax(row))
        replaced = row[RELATIONS.index("update")] + row[RELATIONS.index("delete")]
        return Verdict(RELATIONS[best], float(row[best]), float(replaced))


def softmax(logits: Numbers) -> Numbers:
    """Turn logits (rows, classes) into probabilities, float64, rows summing to 1."""
    weights = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
