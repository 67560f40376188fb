#!/usr/bin/env python3
"""Does search find what was at the time that a question names? With what it knows of time, and without.

    python -m scripts.bench.time_questions

The memories and questions of time_questions.jsonl: facts of three persons and a conversation of two, said
over some years, and asked about on 2025-03-12. "range" names days, "open" what lies before or after them,
"event" another memory in their place, and "when" asks for a date. They were written for this bench; the
weights of time were then chosen on them and on LoCoMo.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run by its path, too, it finds its sibling

from scripts.bench.recall import jsonl, mean, print_table
from tinymem import Memory, reading
from tinymem.understand.asking import Asking

HERE = Path(__file__).parent
ASKED_ON = date(2025, 3, 12)
CONVERSATION = "omar"  # whose memories are messages with names; all others have facts

Row = tuple[float, float]


def tell(memory: Memory, rows: list[dict[str, Any]]) -> None:
    """Add the memories of every person day by day."""
    for (person, said), each in groupby(rows, key=lambda row: (row["person"], row["said"])):
        messages = []
        for row in each:
            name, _, text = row["memory"].partition(": ")
            named = {"name": name, "content": text} if person == CONVERSATION else {"content": row["memory"]}
            messages.append({"role": "user", **named})
        memory.add(messages, user_id=person, timestamp=f"{said}T18:00:00", infer=False)


@contextmanager
def without_time() -> Iterator[None]:
    """Let search take no question for one about time."""
    knowing = vars(reading)["asking_of"]
    vars(reading)["asking_of"] = lambda query, today: Asking(query)
    try:
        yield
    finally:
        vars(reading)["asking_of"] = knowing


def ask(memory: Memory, questions: list[dict[str, Any]]) -> dict[str, list[Row]]:
    """Return (is the first a right one, share of the right ones among the first five) of every question."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for one in questions:
        found = memory.search(one["query"], user_id=one["person"], top_k=5, reference_date=ASKED_ON)[
            "results"
        ]
        wanted = {
            text.partition(": ")[2] if one["person"] == CONVERSATION else text for text in one["wanted"]
        }
        right = [item["memory"] in wanted for item in found]
        row = (float(right[0]), sum(right) / min(5, len(wanted)))
        rows[one["kind"]].append(row)
        rows["all"].append(row)
    return rows


def main() -> None:
    told = jsonl(HERE / "time_questions.jsonl")
    memories, questions = ([row for row in told if key in row] for key in ("memory", "query"))
    with Memory(":memory:", categorize=False) as memory:
        tell(memory, memories)
        now = ask(memory, questions)
        with without_time():
            before = ask(memory, questions)
    print_table(
        [f"{len(memories)} memories", "questions", "R@1", "R@5", "R@1 without time", "R@5 without time"],
        [
            [kind, str(len(rows)), *(f"{one:.3f}" for one in (*mean(rows), *mean(before[kind])))]
            for kind, rows in sorted(now.items())
        ],
    )


if __name__ == "__main__":
    main()
