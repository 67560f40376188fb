"""The numbers of many verdicts, and how a person reads them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.evaluate.cases import NOTHING
from scripts.evaluate.judge import Verdict
from tinymem.engines.catalog import models_folder


def share(part: int, whole: int) -> float | None:
    """Return a share, 0 to 1, or None of nothing."""
    return round(part / whole, 3) if whole else None


def total(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the figures of the table; facts and memories count alike, whatever case they belong to.

    Precision is the share of new memories that are credited, recall that of facts that are held.
    """
    facts = sum(len(each.case.gold) for each in verdicts)
    found = sum(len(each.found) for each in verdicts)
    new = sum(len(each.new) for each in verdicts)
    credited = sum(len(each.credited) for each in verdicts)
    precision, recall = share(credited, new), share(found, facts)
    both = (precision or 0.0) + (recall or 0.0)
    return {
        "cases": len(verdicts),
        "f1": round(2 * (precision or 0.0) * (recall or 0.0) / both, 3) if both else 0.0,
        "precision": precision,
        "recall": recall,
        "facts": facts,
        "new_memories": new,
        "perfect": sum(not each.faults for each in verdicts),
        **existing_figures(verdicts),
        **{
            f"add_p{part}_s": percentile([each.outcome.seconds for each in verdicts], part)
            for part in (50, 95)
        },
        "models_mb": megabytes(models_folder()),
    }


def existing_figures(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Return what happened to that which was there before, and what else must not happen."""
    empty = [each for each in verdicts if NOTHING in each.case.tags]
    return {
        "harmful": sum(len(each.harmful) for each in verdicts),
        "repeated": sum(len(each.repeated) for each in verdicts),
        "lasting": sum(len(each.case.lasting) for each in verdicts),
        "lost": sum(len(each.lost) for each in verdicts),
        "stale": sum(len(each.case.stale) for each in verdicts),
        "stale_resolved": sum(len(each.case.stale) - len(each.survived) for each in verdicts),
        "none": len(empty),
        "none_untouched": sum(each.is_untouched for each in empty),
        "errors": sum(each.outcome.error is not None for each in verdicts),
    }


def percentile(values: Sequence[float], part: int) -> float:
    """Return the value that `part` percent of the values do not exceed; 0.0 of none."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * part // 100)], 3) if ordered else 0.0


def megabytes(folder: Path) -> float:
    """Return how large the files below a folder are, in millions of bytes."""
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)


def render_table(figures: dict[str, Any]) -> str:
    """Return the figures as lines for a person."""
    rows = {
        "F1": shown(figures["f1"]),
        "precision": f"{shown(figures['precision'])} of {figures['new_memories']} new memories",
        "recall": f"{shown(figures['recall'])} of {figures['facts']} facts",
        "perfect cases": f"{figures['perfect']} of {figures['cases']}",
        "harmful": figures["harmful"],
        "stored twice": figures["repeated"],
        "kept memories lost": f"{figures['lost']} of {figures['lasting']}",
        "stale resolved": f"{figures['stale_resolved']} of {figures['stale']}",
        "none untouched": f"{figures['none_untouched']} of {figures['none']}",
        "errors": figures["errors"],
        "add p50, p95": f"{figures['add_p50_s']:.3f} s, {figures['add_p95_s']:.3f} s",
        "model files": f"{figures['models_mb']:.1f} MB",
    }
    return "\n".join(f"{name:20}{value}" for name, value in rows.items())


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def by_tag(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    """Return cases, perfect cases and recall of every tag."""
    tags = sorted({tag for each in verdicts for tag in each.case.tags})
    return {tag: tag_figures([each for each in verdicts if tag in each.case.tags]) for tag in tags}


def tag_figures(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    facts = sum(len(each.case.gold) for each in verdicts)
    return {
        "cases": len(verdicts),
        "perfect": sum(not each.faults for each in verdicts),
        "recall": share(sum(len(each.found) for each in verdicts), facts),
    }


def render_tags(tags: dict[str, dict[str, Any]]) -> str:
    """Return the scores by tag as lines for a person."""
    lines = [f"{'tag':16}{'cases':>6}{'perfect':>9}{'recall':>8}"]
    for name, row in tags.items():
        lines.append(f"{name:16}{row['cases']:6}{row['perfect']:9}{shown(row['recall']):>8}")
    return "\n".join(lines)


def render_fault(verdict: Verdict) -> str:
    """Return what is wrong with one case, and everything that is held."""
    lines = [f"{verdict.case.id}  ({', '.join(verdict.case.tags)})"]
    lines += [f"  {kind:9}{each}" for kind, wrong in verdict.faults.items() for each in wrong]
    mark = {text: "  " for text in verdict.case.existing}
    return "\n".join([*lines, *(f"    held {mark.get(text, '+ ')}{text}" for text in verdict.outcome.held)])


def render_reading(verdicts: Sequence[Verdict], count: int, seed: int) -> str:
    """Return a random choice of credited memories with the user's or assistant's words they came from."""
    credited = [(each.case, memory) for each in verdicts for memory, _ in each.credited]
    chosen = random.Random(seed).sample(credited, min(count, len(credited)))
    return "\n".join(
        f"{memory}\n    {case.id}: "
        + " / ".join(
            message["content"] for message in case.messages if is_source(message["role"], case.scope)
        )
        for case, memory in chosen
    )


def is_source(role: str, scope: str) -> bool:
    return (role == "user") == (scope == "user")


def as_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return everything as JSON-like data: the figures, the scores by tag, and every case."""
    rows = [
        {
            "id": each.case.id,
            "tags": list(each.case.tags),
            "held": list(each.outcome.held),
            "seconds": round(each.outcome.seconds, 4),
            "found": list(each.found),
            "credited": [list(pair) for pair in each.credited],
            "faults": {kind: list(wrong) for kind, wrong in each.faults.items()},
        }
        for each in verdicts
    ]
    return {"total": total(verdicts), "tags": by_tag(verdicts), "cases": rows}
