"""How good are the rules of tinymem.understand.write on an annotated corpus?

    PYTHONPATH=. python scripts/train/measure_rules.py CORPUS [--authors 4] [--show 40] [--missed 40]

CORPUS holds conversations_N.jsonl and spans_N.jsonl. Every user message that makes a fact known is cut
into clauses; the "gold" clauses are those that reach into an annotated span. Two ways are measured: gold
clauses only (the spotter is perfect), and every clause (no spotter). A written fact is near when its
content-word F1 with a gold fact of the same message is at least 0.6, exact when it is the same text. Last,
the evidence check is tried on the gold facts and on facts of other messages.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinymem.understand.clauses import clauses, is_quoted, quoted_spans
from tinymem.understand.evidence import unsupported
from tinymem.understand.terms import content, is_negated
from tinymem.understand.write import write

NEAR = 0.6


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def spans_of(folder: Path, author: int) -> dict[str, list[Any]]:
    names = (f"spans_{author}{part}.jsonl" for part in ("", "a", "b"))
    return {
        row["id"]: row["spans"]
        for name in names
        if (folder / name).exists()
        for row in read_lines(folder / name)
    }


def messages_of(folder: Path, author: int) -> Iterator[tuple[str, str, list[str], list[tuple[int, int]]]]:
    """Yield (message before, message, its facts, where they stand) for every user message."""
    spans = spans_of(folder, author)
    for talk in read_lines(folder / f"conversations_{author}.jsonl"):
        for turn, message in enumerate(talk["messages"]):
            if message["role"] != "user":
                continue
            marked, facts = [], []
            for place, fact in enumerate(talk["facts"]):
                if fact["turn"] != turn:
                    continue
                facts.append(fact["text"])
                for at, words in fact.get("spans") or spans.get(f"{talk['id']}:{place}", []):
                    start = message["content"].find(words)
                    if at == turn and start >= 0:
                        marked.append((start, start + len(words)))
            previous = talk["messages"][turn - 1] if turn else {"role": "", "content": ""}
            before = previous["content"] if previous["role"] == "assistant" else ""
            yield before, message["content"], facts, marked


def written(before: str, text: str, marked: list[tuple[int, int]] | None) -> list[tuple[str, str]]:
    """Return (clause, fact) for what the rules write; only from marked clauses unless `marked` is None."""
    found, quoted = [], quoted_spans(text)
    for place, (start, end) in enumerate(clauses(text)):
        if is_quoted((start, end), quoted):
            continue
        reach = sum(max(0, min(end, b) - max(start, a)) for a, b in marked or [])
        if marked is not None and 3 * reach < min(end - start, 60):
            continue
        facts = write(
            text[start:end],
            before=before if place == 0 else "",
            earlier=text[:start],
            third=marked is not None,
        )
        found += [(text[start:end], fact) for fact in facts]
    return found


def overlap(one: str, other: str) -> float:
    """Return the F1 of the content words of two statements; a lone negation counts as a word."""
    bags = []
    for text in (one, other):
        bag = Counter(content(text))
        if is_negated(text):
            bag["<not>"] += 1
        bags.append(bag)
    shared = sum((bags[0] & bags[1]).values())
    return 2 * shared / sum(sum(bag.values()) for bag in bags) if shared else 0.0


def match(said: list[str], wanted: list[str]) -> list[tuple[int, int, float]]:
    """Return (said, wanted, overlap) of a greedy one-to-one matching."""
    pairs = sorted(
        ((overlap(s, w), i, j) for i, s in enumerate(said) for j, w in enumerate(wanted)), reverse=True
    )
    matched: list[tuple[int, int, float]] = []
    for score, i, j in pairs:
        if score and all(i != a and j != b for a, b, _ in matched):
            matched.append((i, j, score))
    return matched


def measure(
    rows: list[tuple[str, str, list[str], list[tuple[int, int]]]], gold: bool
) -> tuple[Counter[str], list[Any]]:
    counts: Counter[str] = Counter()
    misses = []
    for before, text, facts, marked in rows:
        if gold and not facts:
            continue
        pairs = written(before, text, marked if gold else None)
        said = list(dict.fromkeys(fact for _, fact in pairs))
        matched = match(said, facts)
        good = {i for i, _, score in matched if score >= NEAR}
        counts["said"] += len(said)
        counts["wanted"] += len(facts)
        counts["near"] += len(good)
        counts["exact"] += len({s.casefold() for s in said} & {w.casefold() for w in facts})
        counts["silent"] += not said and not facts
        counts["empty"] += not facts
        misses += [(clause, fact, facts) for clause, fact in pairs if said.index(fact) not in good]
        if gold:
            hit = {j for _, j, score in matched if score >= NEAR}
            misses += [(text, None, wanted) for j, wanted in enumerate(facts) if j not in hit]
    return counts, misses


def report(name: str, counts: Counter[str]) -> None:
    said, wanted = counts["said"] or 1, counts["wanted"] or 1
    print(f"{name:14} said {said:5}  wanted {wanted:5}", end="")
    for kind in ("near", "exact"):
        hits = counts[kind]
        shares = (hits / said, hits / wanted, 2 * hits / (said + wanted))
        print("  {} P {:.3f} R {:.3f} F1 {:.3f}".format(kind, *shares), end="")
    print(f"  silent when nothing to say {counts['silent'] / counts['empty']:.3f}" if counts["empty"] else "")


def report_evidence(rows: list[Any]) -> None:
    """Print how many true facts the evidence check refuses, and how many of another message's facts."""
    chooser = random.Random(0)
    facts = [(fact, f"{before}\n{text}") for before, text, found, _ in rows for fact in found]
    true = sum(unsupported(fact, words) is not None for fact, words in facts)
    other = sum(unsupported(fact, chooser.choice(facts)[1]) is not None for fact, _ in facts)
    print(
        f"evidence refuses {true / len(facts):.3f} of true facts, "
        f"{other / len(facts):.3f} of another message's"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--authors", default="4", help="comma-separated numbers")
    parser.add_argument("--show", type=int, default=0, help="how many wrong facts to print")
    parser.add_argument(
        "--missed", type=int, default=0, help="how many facts that nothing was written for to print"
    )
    parser.add_argument("--every", action="store_true", help="show wrong facts of the every-clause way")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = [
        row for author in arguments.authors.split(",") for row in messages_of(arguments.corpus, int(author))
    ]
    counts, misses = measure(rows, gold=True)
    report("gold clauses", counts)
    every, false = measure(rows, gold=False)
    report("every clause", every)
    report_evidence(rows)
    wrong = false if arguments.every else [miss for miss in misses if miss[1]]
    chooser = random.Random(arguments.seed)
    for clause, fact, facts in chooser.sample(wrong, min(arguments.show, len(wrong))):
        print(f"- {clause!r}\n    said {fact!r}\n    gold {facts}")
    silent = [miss for miss in misses if miss[1] is None]
    for text, _, wanted in chooser.sample(silent, min(arguments.missed, len(silent))):
        print(f"- {text!r}\n    missed {wanted!r}")


if __name__ == "__main__":
    main()
