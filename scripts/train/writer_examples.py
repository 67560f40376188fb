"""The corpus as training examples for the writer: a marked clause, what came before it, and its facts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scripts.train.examples import CORPUS, doubted, read_lines, spans_by_fact
from tinymem.understand.clauses import clauses
from tinymem.understand.passage import Passage as Seen

Range = tuple[int, int]


@dataclass(frozen=True)
class Told:
    """A fact with the characters that carry it, in the message and in what came before it."""

    text: str
    own: tuple[Range, ...]
    prior: tuple[Range, ...] = ()


@dataclass(frozen=True)
class Passage:
    """A clause to be written down: `mark` is its range in `text`, `facts` what it tells, in order."""

    id: str
    before: str
    text: str
    mark: Range
    facts: tuple[Told, ...] = field(default=())

    def seen(self) -> Seen:
        """Return the passage as the library's writer is given it."""
        return Seen(self.before, self.text, self.mark)


def context(messages: Sequence[dict[str, str]], turn: int) -> tuple[str, dict[int, int]]:
    """Return what the writer reads before message `turn`, and where in it each message's text begins."""
    parts, starts, length = [], {}, 0
    for place in range(max(0, turn - 2), turn):
        label = f"{messages[place]['role']}: "
        starts[place] = length + len(label)
        parts.append(f"{label}{messages[place]['content']} ")
        length += len(parts[-1])
    return "".join(parts) + f"{messages[turn]['role']}:", starts


def place_of(text: str, words: str) -> Range | None:
    """Return where words first stand in a text."""
    at = text.find(words)
    return (at, at + len(words)) if at >= 0 else None


def hull(ranges: Sequence[Range]) -> Range:
    """Return the range from the first to the last character of several."""
    return min(a for a, _ in ranges), max(b for _, b in ranges)


def overlap(a: Range, b: Range) -> int:
    """Return how many characters two ranges share."""
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def told(
    fact: dict[str, Any], stated: Sequence[Sequence[Any]], messages: Any, starts: dict[int, int]
) -> Told | None:
    """Return a fact with its evidence, or None if none of it is in its own message."""
    text = messages[fact["turn"]]["content"]
    own = [r for turn, words in stated if turn == fact["turn"] and (r := place_of(text, words))]
    prior = [
        (starts[turn] + r[0], starts[turn] + r[1])
        for turn, words in stated
        if turn in starts and (r := place_of(messages[turn]["content"], words))
    ]
    return Told(fact["text"], tuple(own), tuple(prior)) if own else None


def passages_of(
    talk: dict[str, Any], turn: int, doubts: set[str], spans: dict[str, Any], rng: random.Random | None
) -> Iterator[Passage]:
    """Yield the clauses of one message; without `rng` (a test) those with facts only, whole and once."""
    messages = talk["messages"]
    text, role = messages[turn]["content"], messages[turn]["role"]
    kind, letter = ("facts", "") if role == "user" else ("agent_facts", "a")
    before, starts = context(messages, turn)
    cut = clauses(text)
    if not cut:
        return
    facts: dict[Range, list[Told]] = {}
    units: list[set[int]] = []
    spoilt: set[int] = set()
    for number, fact in enumerate(talk[kind]):
        if fact["turn"] != turn:
            continue
        name = f"{talk['id']}:{letter}{number}"
        one = told(fact, fact.get("spans") or spans.get(name, ()), messages, starts)
        if one is None or name in doubts:
            touched = one.own if one else [(0, len(text))]
            spoilt |= {i for i, c in enumerate(cut) if any(overlap(c, r) for r in touched)}
            continue
        touched = {i for i, c in enumerate(cut) if any(overlap(c, r) for r in one.own)}
        if not touched:
            continue
        main = max(touched, key=lambda i: (overlap(cut[i], one.own[0]), -i))
        facts.setdefault(cut[main], []).append(one)
        units.append(touched)
    made = f"{talk['id']}/{turn}"
    for i, clause in enumerate(cut):
        if i in spoilt:
            continue
        mine = facts.get(clause, [])
        if mine:
            mine = sorted(mine, key=lambda t: t.own[0])
            yield Passage(made, before, text, clause, tuple(mine))
        elif rng and rng.random() < (0.5 if any(i in unit for unit in units) else 0.3):
            yield Passage(made, before, text, clause)
    if rng:
        yield from merged_units(made, before, text, cut, facts, units, spoilt, rng)


def merged_units(
    made: str, before: str, text: str, cut: Any, facts: Any, units: Any, spoilt: Any, rng: Any
) -> Iterator[Passage]:
    """Yield runs of two or three clauses marked together, now and then: a spotter's marks are not exact."""
    for i in range(len(cut) - 1):
        size = rng.choice((2, 2, 3))
        run = cut[i : i + size]
        if len(run) < 2 or any(k in spoilt for k in range(i, i + size)) or rng.random() > 0.2:
            continue
        mine = [t for c in run for t in facts.get(c, [])]
        if 0 < len(mine) <= 4:
            yield Passage(made, before, text, hull(run), tuple(sorted(mine, key=lambda t: t.own[0])))


def corpus_passages(
    who: Sequence[int], rng: random.Random | None = None, folder: Path = CORPUS
) -> list[Passage]:
    """Return the passages of these authors' conversations."""
    doubts, spans = doubted(folder), spans_by_fact(folder)
    found = []
    for author in who:
        for talk in read_lines(folder / f"conversations_{author}.jsonl"):
            silent = not talk["facts"] and not talk["agent_facts"]
            for turn, message in enumerate(talk["messages"]):
                if message["role"] == "system" or not message["content"].strip():
                    continue
                tells = message["role"] == "user" or any(f["turn"] == turn for f in talk["agent_facts"])
                if not tells and (rng is None or rng.random() > 0.04):
                    continue
                if silent and rng and rng.random() > 0.5:
                    continue
                found += passages_of(talk, turn, doubts, spans, rng)
    return found


def lower_case(passage: Passage) -> Passage:
    """Return the passage typed without capitals."""
    before, text = passage.before.lower(), passage.text.lower()
    same = len(text) == len(passage.text) and len(before) == len(passage.before)  # else ranges would be wrong
    return replace(passage, before=before, text=text) if same else passage
