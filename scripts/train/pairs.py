"""The corpus as training examples for the judge: pairs of a stored memory and a new fact.

A store offers, for one new fact, several memories of which most must stay as they are; so besides the
authors' own pairs and contexts there are facts that were told side by side, strangers that a search
would offer, and the same statement with another number or day. The test author teaches nothing.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.train.examples import CORPUS, content_words, doubted, learned_from, read_lines

RELATIONS = ("same", "update", "delete", "unrelated")
SAME, UPDATE, DELETE, UNRELATED = range(len(RELATIONS))

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Turns texts into rows of unit length."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "June", "July", "August", "October", "November")
SLOT = re.compile(r"\b(?:\d{1,4}|" + "|".join((*DAYS, *MONTHS)) + r")\b")
PAST = re.compile(
    r"\w+ed\b|(?:Was|Had|Went|Ran|Bought|Got|Met|Saw|Took|Made|Lost|Found|Paid|Sold|Told|Won|Broke)\b"
)


@dataclass(frozen=True)
class Pair:
    """A stored memory, a new fact, and what the fact does to it (an index into RELATIONS)."""

    memory: str
    fact: str
    relation: int
    source: str


def written_pairs(who: Sequence[int], folder: Path = CORPUS) -> list[Pair]:
    """Return the authors' own pairs."""
    rows = ((a, row) for a in who for row in read_lines(folder / f"pairs_{a}.jsonl"))
    return [Pair(r["memory"], r["fact"], RELATIONS.index(r["relation"]), f"pairs_{a}") for a, r in rows]


def context_pairs(folder: Path = CORPUS) -> list[Pair]:
    """Return every memory of every context with the context's fact."""
    rows = [row for path in sorted(folder.glob("contexts_*.jsonl")) for row in read_lines(path)]
    return [
        Pair(memory, row["fact"], RELATIONS.index(relation), row["id"])
        for row in rows
        for memory, relation in zip(row["memories"], row["relations"], strict=True)
    ]


def neighbours(who: Sequence[int], count: int, seed: int, folder: Path = CORPUS) -> list[Pair]:
    """Return pairs of facts told side by side in one conversation, which leave each other alone.

    Pairs that share words come first, as a search would offer them; pairs that share more than half
    of their words are left out, since one may correct the other.
    """
    rng, doubts = random.Random(seed), doubted(folder)
    close, far = [], []
    for author in who:
        for talk in read_lines(folder / f"conversations_{author}.jsonl"):
            facts = [f["text"] for i, f in enumerate(talk["facts"]) if f"{talk['id']}:{i}" not in doubts]
            for earlier in range(len(facts)):
                for later in range(earlier + 1, len(facts)):
                    one, two = facts[earlier], facts[later]
                    alike = likeness(one, two)
                    if alike <= 0.5:
                        (close if alike > 0 else far).append(Pair(one, two, UNRELATED, talk["id"]))
    rng.shuffle(close)
    rng.shuffle(far)
    wanted_close = min(len(close), round(count * 0.7))
    return close[:wanted_close] + far[: count - wanted_close]


def likeness(one: str, two: str) -> float:
    """Return the F1 of two statements' content words, 0 to 1."""
    first, second = Counter(content_words(one)), Counter(content_words(two))
    return 2 * sum((first & second).values()) / max(1, sum(first.values()) + sum(second.values()))


def strangers(who: Sequence[int], count: int, seed: int, folder: Path = CORPUS) -> list[Pair]:
    """Return random facts of different conversations that share no content word."""
    rng = random.Random(f"{seed}/strangers")
    facts = [
        (t["id"], f["text"])
        for a in who
        for t in read_lines(folder / f"conversations_{a}.jsonl")
        for f in t["facts"]
    ]
    out: list[Pair] = []
    while len(out) < count:
        (here, memory), (there, fact) = rng.choice(facts), rng.choice(facts)
        if here != there and not likeness(memory, fact):
            out.append(Pair(memory, fact, UNRELATED, "strangers"))
    return out


def repeated(who: Sequence[int], count: int, seed: int, folder: Path = CORPUS) -> list[Pair]:
    """Return facts told again word for word."""
    rng = random.Random(f"{seed}/repeated")
    facts = [
        f["text"] for a in who for t in read_lines(folder / f"conversations_{a}.jsonl") for f in t["facts"]
    ]
    return [Pair(fact, fact, SAME, "repeated") for fact in rng.sample(facts, min(count, len(facts)))]


def current_facts(who: Sequence[int], folder: Path = CORPUS) -> list[str]:
    """Return the facts of these authors' conversations that nobody doubted."""
    doubts = doubted(folder)
    talks = [talk for author in who for talk in read_lines(folder / f"conversations_{author}.jsonl")]
    return [f["text"] for t in talks for i, f in enumerate(t["facts"]) if f"{t['id']}:{i}" not in doubts]


def changed_slots(who: Sequence[int], count: int, seed: int, folder: Path = CORPUS) -> list[Pair]:
    """Return standing facts against themselves with one number, day or month changed: an update.

    To a small encoder "Is 46 years old" and "Is 47 years old" are all but the same text. Past events
    are left out: another number is another event.
    """
    rng = random.Random(f"{seed}/slots")
    facts = [f for f in current_facts(who, folder) if len(SLOT.findall(f)) == 1 and not PAST.match(f)]
    return [
        Pair(fact, SLOT.sub(lambda found: another(found[0], rng), fact), UPDATE, "slots")
        for fact in rng.sample(facts, min(count, len(facts)))
    ]


def another(value: str, rng: random.Random) -> str:
    """Return a different number, day or month."""
    if value.isdigit():
        return str(max(1, int(value) + rng.choice((1, 1, 2, 5, 10, 40))))
    names = DAYS if value in DAYS else MONTHS
    return rng.choice([name for name in names if name != value])


def offered(pairs: Sequence[Pair], embed: Embed, seed: int, nearest: int = 8) -> list[Pair]:
    """Return every related pair's fact against a memory of another pair that a search would offer with it.

    One of the nearest few, at random, and none that shares half of its words with the pair: it might be
    rightly replaced. A few of those that are left would be, too (one of 36 read by eye).
    """
    rng = random.Random(f"{seed}/offered")
    out = []
    for source in sorted({pair.source for pair in pairs}):
        own = [pair for pair in pairs if pair.source == source and pair.relation != UNRELATED]
        every = sorted({pair.memory for pair in pairs if pair.source == source})
        for pair, row in zip(own, embed([p.fact for p in own]) @ embed(every).T, strict=True):
            near = (every[i] for i in np.argsort(-row))
            others = [m for m in near if max(likeness(m, pair.memory), likeness(m, pair.fact)) < 0.5][
                :nearest
            ]
            if others:
                out.append(Pair(rng.choice(others), pair.fact, UNRELATED, f"{source}/offered"))
    return out


def judge_examples(seed: int, folder: Path = CORPUS) -> list[Pair]:
    """Return the training pairs, weighed as a store meets them: most memories stay as they are."""
    talkers = learned_from("conversations", folder)
    return [
        *written_pairs(learned_from("pairs", folder), folder),
        *context_pairs(folder),
        *neighbours(talkers, 8000, seed, folder),
        *strangers(talkers, 600, seed, folder),
        *repeated(talkers, 200, seed, folder),
    ]


def judge_corrections(seed: int, embed: Embed, rows: int | None = None, folder: Path = CORPUS) -> list[Pair]:
    """Return pairs against the judge's two habits, same words and same topic, among what it has learned.

    With `rows`, at most so many pairs, without embedding all the others.
    """
    learned = judge_examples(seed, folder)
    talkers = learned_from("conversations", folder)
    written = [pair for pair in learned if pair.source.startswith("pairs_")]
    return [
        *random.Random(f"{seed}/again").sample(learned, 2000)[:rows],
        *offered(written[:rows], embed, seed),
        *changed_slots(talkers, 350, seed, folder),
    ][:rows]
