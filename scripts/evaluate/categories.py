"""How well are categories and topics assigned? `python -m scripts.evaluate.categories [--show]`.

categories.jsonl holds facts in house style with the `categories` that a careful reader would file them
under; a category in `also` is right but not asked for, and counts neither for nor against. topics.jsonl
holds (topic, text, belongs) for `includes` and `excludes`. Both were written before anything was scored;
104 more facts and 60 more topic rows, with which methods and thresholds were chosen, are in neither. No text
is among the examples from which categories are learned, but the same hand wrote both: strangers' facts may
do worse.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from tinymem.config import build_embedder
from tinymem.types import Embedder, Vector
from tinymem.understand.categories import REST, Category, default_categories
from tinymem.understand.categorize import Categorizer, Topics

FACTS = Path(__file__).with_name("categories.jsonl")
TOPICS = Path(__file__).with_name("topics.jsonl")
ROUNDS = 10  # over all facts, to measure the time

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Marks:
    """How often something was rightly said, wrongly said, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)

    def __str__(self) -> str:
        return f"{self.precision:9.3f}{self.recall:9.3f}{self.f1:9.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--show", action="store_true", help="print every fact and topic that is wrong")
    asked = parser.parse_args(arguments)
    facts, topics = read_rows(FACTS), read_rows(TOPICS)
    embedder = build_embedder(None, None)
    vectors = embedder.embed([row["text"] for row in facts])
    begin = perf_counter()
    Categorizer(embedder).assign([facts[0]["text"]], vectors[:1])
    first_s = perf_counter() - begin
    found = assigned(embedder, facts, vectors, None)
    words_only = [Category(each.name, each.description) for each in default_categories() if each.name != REST]
    print(f"{len(facts)} facts {'':14}precision   recall       F1   macro F1")
    for title, table in (
        ("all 15 categories", marks(facts, found)),
        ("without misc", marks(facts, found, {REST})),
        ("debatable ones as wrong", marks(facts, found, strict=True)),
        ("descriptions only", marks(facts, assigned(embedder, facts, vectors, words_only), {REST})),
    ):
        macro = sum(each.f1 for each in table.values()) / len(table)
        print(f"{title:24}{total(table)}{macro:11.3f}")
    print()
    for name, each in marks(facts, found).items():
        print(f"{name:24}{each}   {each.right + each.missed:3} facts")
    print("\n" + render_abstentions(facts, found))
    print("\n" + render_topics(embedder, topics, facts, vectors))
    print(f"\nfirst use {first_s * 1e3:.0f} ms, then {time_of(embedder, facts, vectors):.3f} ms a fact")
    if asked.show:
        print("\n" + render_faults(embedder, facts, found, topics))


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def assigned(
    embedder: Embedder, facts: Sequence[Row], vectors: Vector, definitions: Sequence[Category] | None
) -> list[set[str]]:
    """Return the categories that each fact is given."""
    texts = [row["text"] for row in facts]
    return [set(names) for names in Categorizer(embedder, definitions).assign(texts, vectors)]


def marks(
    facts: Sequence[Row], found: Sequence[set[str]], without: set[str] | None = None, *, strict: bool = False
) -> dict[str, Marks]:
    """Return the Marks of each category; `strict` counts what is debatable as wrong."""
    counts: dict[str, Counter[str]] = {
        each.name: Counter() for each in default_categories() if each.name not in (without or set())
    }
    for row, got in zip(facts, found, strict=True):
        wanted = set(row["categories"])
        for name, count in counts.items():
            if name in got and name in row.get("also", ()) and not strict:
                continue
            count["right"] += name in got and name in wanted
            count["wrong"] += name in got and name not in wanted
            count["missed"] += name not in got and name in wanted
    return {name: Marks(count["right"], count["wrong"], count["missed"]) for name, count in counts.items()}


def total(table: Mapping[str, Marks]) -> Marks:
    """Return the Marks of all categories together (micro averages)."""
    return Marks(
        sum(each.right for each in table.values()),
        sum(each.wrong for each in table.values()),
        sum(each.missed for each in table.values()),
    )


def render_abstentions(facts: Sequence[Row], found: Sequence[set[str]]) -> str:
    """Return what became of the facts that no category was found for, and of those that have none."""
    empty = [row for row, got in zip(facts, found, strict=True) if got <= {REST}]
    homeless = [row for row in facts if row["categories"] == [REST]]
    rightly = sum(row["categories"] == [REST] for row in empty)
    return (
        f"no category was found for {len(empty)} of {len(facts)} facts (they are {REST}): rightly for "
        f"{rightly}, wrongly for {len(empty) - rightly}; of {len(homeless)} facts that have none, "
        f"{len(homeless) - rightly} were given one"
    )


def render_topics(embedder: Embedder, rows: Sequence[Row], facts: Sequence[Row], vectors: Vector) -> str:
    """Return how right includes and excludes are, and how many unrelated facts an exclusion costs."""
    lines = [f"{len(rows)} topic rows {'':11}precision   recall       F1   accuracy"]
    for argument in ("includes", "excludes"):
        said = found_in(embedder, rows, argument)
        pairs = list(zip(said, (row["belongs"] for row in rows), strict=True))
        each = Marks(pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True)))
        accuracy = sum(one == other for one, other in pairs) / len(pairs)
        lines.append(f"{argument:24}{each}{accuracy:11.3f}")
    dropped = unrelated = 0
    for name in (each.name for each in default_categories() if each.name != REST):
        allowed = Topics(embedder, excludes=(name,)).allowed([row["text"] for row in facts], vectors)
        other = [name not in (*row["categories"], *row.get("also", ())) for row in facts]
        unrelated += sum(other)
        dropped += sum(strange and not kept for strange, kept in zip(other, allowed, strict=True))
    lines.append(
        f"excluding a default category drops {dropped / unrelated:.1%} of the facts that are not of it"
    )
    return "\n".join(lines)


def found_in(embedder: Embedder, rows: Sequence[Row], argument: str) -> list[bool]:
    """Return for each row whether its topic, as `includes` or `excludes`, is found in its text."""
    vectors = embedder.embed([row["text"] for row in rows])
    found = []
    for row, vector in zip(rows, vectors, strict=True):
        (kept,) = Topics(embedder, **{argument: (row["topic"],)}).allowed([row["text"]], [vector])
        found.append(kept == (argument == "includes"))
    return found


def time_of(embedder: Embedder, facts: Sequence[Row], vectors: Vector) -> float:
    """Return the milliseconds that a fact takes whose vector is known, all facts at once."""
    begin = perf_counter()
    for _ in range(ROUNDS):
        assigned(embedder, facts, vectors, None)
    return (perf_counter() - begin) / ROUNDS / len(facts) * 1e3


def render_faults(
    embedder: Embedder, facts: Sequence[Row], found: Sequence[set[str]], topics: Sequence[Row]
) -> str:
    """Return every wrong answer, for a person to read."""
    lines = []
    for row, got in zip(facts, found, strict=True):
        wanted = set(row["categories"])
        missed, wrong = wanted - got, got - wanted - set(row.get("also", ()))
        if missed or wrong:
            lines.append(f"{row['text']}\n    missed {sorted(missed)}, wrong {sorted(wrong)}")
    for argument in ("includes", "excludes"):
        said = found_in(embedder, topics, argument)
        wrong_rows = [row for row, is_of in zip(topics, said, strict=True) if is_of != row["belongs"]]
        lines += [f"{argument}={row['topic']!r}: {row['text']}" for row in wrong_rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
