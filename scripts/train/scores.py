"""The numbers that a classifier is judged by: AUC, precision, recall, F1, a table of confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def auc(scores: Sequence[float], wanted: Sequence[bool]) -> float:
    """Return how often a wanted item scores higher than an unwanted one, 0 to 1; ties count half."""
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(wanted, dtype=bool)
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    good, bad = int(truth.sum()), int((~truth).sum())
    return (
        float((ranks[truth].sum() - good * (good + 1) / 2) / (good * bad)) if good and bad else float("nan")
    )


def at_threshold(scores: Sequence[float], wanted: Sequence[bool], threshold: float) -> dict[str, float]:
    """Return precision, recall and F1 of calling everything at or above the threshold wanted."""
    called, truth = np.asarray(scores) >= threshold, np.asarray(wanted, dtype=bool)
    right = int((called & truth).sum())
    precision, recall = right / max(1, int(called.sum())), right / max(1, int(truth.sum()))
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"P": round(precision, 3), "R": round(recall, 3), "F1": round(f1, 3)}


def best_threshold(scores: Sequence[float], wanted: Sequence[bool]) -> dict[str, float]:
    """Return the threshold (steps of 0.01) with the highest F1, and what it gives; optimistic by nature."""
    rows = ({"t": step / 100, **at_threshold(scores, wanted, step / 100)} for step in range(1, 100))
    return max(rows, key=lambda row: row["F1"])


def confusion(guessed: Sequence[int], wanted: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, F1 by class, and the table (rows wanted, columns guessed)."""
    table = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(table, (np.asarray(wanted), np.asarray(guessed)), 1)
    f1 = 2 * table.diagonal() / np.maximum(1, table.sum(0) + table.sum(1))
    by_name = {name: round(float(value), 3) for name, value in zip(names, f1, strict=True)}
    return {"accuracy": round(float(table.trace() / table.sum()), 4), "F1": by_name, "table": table.tolist()}
