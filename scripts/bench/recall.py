#!/usr/bin/env python3
"""Does search find what it should? Questions asked of facts and of conversations, beside other ways to rank.

    python scripts/bench/recall.py [--locomo FILE.json.gz] [--grid]

Facts: those of the training corpus in one file, of which eight persons have some of their own, and the
questions of questions.jsonl; once alone, and once as inferred from the messages they came from.
Conversations: a LoCoMo file (never shipped: its licence forbids it), every session told to `add` word for
word, with names and its date; to be found is the turn that holds the evidence. The other ways to rank get the
same embedder and FTS5 index, and turns with the speaker's name before them, because they know it from nowhere
else. --grid tries other weights of `recall/fuse.py`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from math import log2
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run by its path, too, it finds its sibling

from scripts.bench.known_facts import EachOnce, KnownFacts, infer
from scripts.bench.other_ways import BEFORE, ask_others
from tinymem import Memory, config
from tinymem.recall.fuse import (
    ALONE,
    AROUND_WEIGHT,
    ASKING,
    IN_TALK,
    SPEAKER_WEIGHT,
    TIME_WEIGHT,
    with_more,
)

HERE = Path(__file__).parent
CORPUS = HERE.parent / "train" / "corpus"
PERSONS = 8
FLOOR, GOAL = (0.78, 0.60), (0.85, 0.70)  # R@10 and nDCG@10 on LoCoMo
SURE_OF_FACTS, SURE_OF_MESSAGES = 0.25, 0.6  # what the docstring of `search` says of thresholds
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop"}
MEASURES = ("R@5", "R@10", "R@20", "MRR@10", "nDCG@10")
NONSENSE = (
    *("asdf qwer zxcv", "lorem ipsum dolor sit amet", "the of and to", "hm", "1234567890", "??? !!!"),
    *("colourless green ideas sleep furiously", "purple Tuesday multiplied by seven umbrellas"),
    *("SELECT * FROM users WHERE 1=1", "def fibonacci(n): return n", "http 502 bad gateway nginx"),
    *(
        "boiling point of tungsten",
        "capital of Burkina Faso",
        "prove that the square root of 2 is irrational",
    ),
    *("who won the 1934 world cup", "translate good night into Finnish", "GDP of Peru in 1987"),
)

Result = dict[str, Any]
Row = tuple[float, ...]
Curve = tuple[float, float]  # half and weight of the keyword part


@dataclass(frozen=True)
class Question:
    """A query, what answers it (texts of facts, or ids of turns), of which kind it is, and who asks."""

    query: str
    wanted: frozenset[str]
    kind: str
    person: str = "all"


@dataclass(frozen=True)
class Talk:
    """A conversation: sessions of (time, [(turn, speaker, text), ...]), and questions about it."""

    sessions: list[tuple[str, list[tuple[str, str, str]]]]
    questions: list[Question]

    def speakers(self) -> list[str]:
        return sorted({name for _, turns in self.sessions for _, name, _ in turns})


def measured(found: Sequence[str], wanted: frozenset[str]) -> Row:
    """Return recall@5, @10, @20, reciprocal rank and nDCG within 10 of one question."""
    hits = [each in wanted for each in found[:20]]
    recalls = [sum(hits[:cut]) / len(wanted) for cut in (5, 10, 20)]
    rank = next((1 / place for place, hit in enumerate(hits[:10], 1) if hit), 0.0)
    gain = sum(hit / log2(place + 1) for place, hit in enumerate(hits[:10], 1))
    return *recalls, rank, gain / sum(1 / log2(place + 1) for place in range(1, min(len(wanted), 10) + 1))


def mean(rows: Sequence[Row]) -> Row:
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def rescored(one: Result, now: Curve, other: Curve) -> float:
    """Return the score that another half and weight of the keyword part would give a result."""
    parts, (half, weight) = one["score_details"], other
    bm25 = now[0] * parts["keyword_score"] / (1 - parts["keyword_score"])
    own = 1 - (1 - parts["semantic_score"]) * (1 - weight * bm25 / (bm25 + half))
    if now == IN_TALK and one["memory"].rstrip().endswith("?"):
        own *= 1 - ASKING
    beside = AROUND_WEIGHT * parts["context_score"] + SPEAKER_WEIGHT * parts["speaker_score"]
    return with_more(own, beside + TIME_WEIGHT * parts["time_score"])


def reranked(results: Sequence[Result], now: Curve, other: Curve) -> list[Result]:
    return sorted(results, key=lambda one: -rescored(one, now, other))


# -- facts


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def corpus_facts() -> tuple[dict[str, list[str]], list[Question], dict[str, list[dict[str, Any]]]]:
    """Return the facts of every person, the questions, and the conversations; most facts are "others"'."""
    talks = {
        talk["id"]: talk for path in sorted(CORPUS.glob("conversations_*.jsonl")) for talk in jsonl(path)
    }
    told = {name: [fact["text"] for fact in talk["facts"]] for name, talk in talks.items()}
    rows = jsonl(HERE / "questions.jsonl")
    asked_about = sorted({fact.split(":")[0] for row in rows for fact in row["fact_ids"]})
    owners = dict(zip(asked_about, cycle(f"person {number}" for number in range(PERSONS)), strict=False))
    anybody = cycle(sorted(set(owners.values())))
    facts: dict[str, list[str]] = defaultdict(list)
    heard: dict[str, list[dict[str, Any]]] = defaultdict(list)
    questions = []
    for row in rows:
        person = owners[row["fact_ids"][0].split(":")[0]] if row["facts"] else next(anybody)
        facts[person] += row["facts"]
        heard[person] += [talks[fact.split(":")[0]] for fact in row["fact_ids"]]
        questions.append(Question(row["query"], frozenset(row["facts"]), row["kind"], person))
    for talk, owner in owners.items():
        facts[owner] += told[talk]
        heard[owner].append(talks[talk])
    known = {text for texts in facts.values() for text in texts}
    facts["others"] = [text for texts in told.values() for text in texts if text not in known]
    return {person: list(dict.fromkeys(texts)) for person, texts in facts.items()}, questions, heard


def ask_about_facts() -> tuple[list[Question], dict[str, list[list[Result]]], dict[str, list[list[Result]]]]:
    """Return the questions, what each finds in one person's facts and in all, and what nonsense finds.

    One person's facts are asked for alone, and then as inferred from their messages.
    """
    facts, questions, heard = corpus_facts()
    known, embedder = KnownFacts(), EachOnce(config.build_embedder(None, None))
    found: dict[str, list[list[Result]]] = {}
    nothing: dict[str, list[list[Result]]] = {}
    own = len(facts) - 1
    for how in ("", ", inferred from messages"):
        memory = Memory(":memory:", embedder=embedder, extractor=known, reconciler=known, categorize=False)
        for person, texts in facts.items():
            if how and person != "others":
                infer(memory, known, person, texts, heard[person])
            else:
                memory.add_many(texts, user_id=person)
        count = memory.count()
        few = f"{count - len(facts['others']):,} facts of {own} persons, each asked alone{how}"
        found[few] = [asked(memory, one.query, one.person) for one in questions]
        nothing[few] = [asked(memory, query, f"person {n % own}") for n, query in enumerate(NONSENSE)]
        if not how:
            all_of_them = {f"all {count:,} facts at once": [asked(memory, one.query) for one in questions]}
        memory.close()
    return questions, found | all_of_them, nothing


def asked(memory: Memory, query: str, person: str | None = None) -> list[Result]:
    results: list[Result] = memory.search(query, user_id=person, top_k=100, explain=True)["results"]
    return results


def by_kind(questions: Sequence[Question], found: Sequence[list[Result]]) -> dict[str, list[Row]]:
    """Return the rows of every kind, and of all."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for question, results in zip(questions, found, strict=True):
        if question.wanted:
            row = measured([one["memory"] for one in results], question.wanted)
            rows[question.kind].append(row)
            rows["all"].append(row)
    return rows


def report_facts(grid: bool) -> None:
    questions, found, nonsense = ask_about_facts()
    columns = {where: by_kind(questions, each) for where, each in found.items()}
    plain = next(iter(found))
    was = by_kind(questions, [reranked(one, ALONE, BEFORE) for one in found[plain]])
    columns["the first, as scored before conversations were known"] = was
    print_table(
        ["facts: R@5", "questions", *columns],
        [
            [kind, str(len(rows)), *(f"{mean(column[kind])[0]:.3f}" for column in columns.values())]
            for kind, rows in sorted(was.items())
        ],
    )
    change = [one[0] - other[0] for one, other in zip(columns[plain]["all"], was["all"], strict=True)]
    by, error = statistics.fmean(change), statistics.stdev(change) / len(change) ** 0.5
    print(f"among one person's facts R@5 changed by {by:+.3f}, with a standard error of {error:.3f}\n")
    for where, nothing in nonsense.items():
        pairs = list(zip(questions, found[where], strict=True))
        right = [
            one["score"]
            for question, results in pairs
            for one in results[:10]
            if one["memory"] in question.wanted
        ]
        none = [results for question, results in pairs if not question.wanted]
        wrong = {"questions that nothing answers": none, "pieces of nonsense": nothing}
        report_threshold("one person's facts" + where.partition("alone")[2], right, wrong, SURE_OF_FACTS)
        if grid:
            print_grid(found[where], [one.wanted for one in questions], "memory", ALONE)


# -- conversations


def read_talks(path: Path) -> Iterator[Talk]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        talks = json.load(file)
    for talk in talks:
        conversation, sessions = talk["conversation"], []
        names = [name for name in conversation if re.fullmatch(r"session_\d+", name)]
        for name in sorted(names, key=lambda name: int(name.split("_")[1])):
            said = datetime.strptime(conversation[f"{name}_date_time"], "%I:%M %p on %d %B, %Y")
            turns = [(turn["dia_id"], turn["speaker"], turn["text"]) for turn in conversation[name]]
            sessions.append((said.isoformat(), turns))
        known = {turn for _, turns in sessions for turn, _, _ in turns}
        questions = []
        for row in talk["qa"]:
            evidence = frozenset(re.findall(r"D\d+:\d+", " ".join(row.get("evidence", [])))) & known
            if evidence and row["category"] in CATEGORIES:
                questions.append(Question(row["question"], evidence, CATEGORIES[row["category"]]))
        yield Talk(sessions, questions)


def tell(memory: Memory, talk: Talk) -> dict[str, str]:
    """Add a conversation as an application would; return the turn of every memory's id."""
    turn_of: dict[str, str] = {}
    for said, turns in talk.sessions:
        messages = [{"role": "user", "name": name, "content": text} for _, name, text in turns]
        added = memory.add(messages, user_id="all", timestamp=said, infer=False)["results"]
        turn_of |= {item["id"]: turn for item, (turn, _, _) in zip(added, turns, strict=True)}
    return turn_of


def ask_talk(talk: Talk, queries: Iterable[str], most: int) -> list[list[Result]]:
    """Return what `search` finds for every query; each result says under "turn" which turn it is."""
    with Memory(":memory:", categorize=False) as memory:
        turn_of = tell(memory, talk)
        found = [
            memory.search(query, user_id="all", top_k=most, explain=True)["results"] for query in queries
        ]
    return [[{**one, "turn": turn_of[one["id"]]} for one in results] for results in found]


def about_others(talk: Talk, other: Talk, *, renamed: bool) -> list[str]:
    """Return the questions of another conversation; renamed, they ask about those who speak in this one."""
    queries = [question.query for question in other.questions]
    if renamed:
        for theirs, mine in zip(other.speakers(), talk.speakers(), strict=True):
            queries = [query.replace(theirs, mine) for query in queries]
    return queries


def rank_others(talk: Talk) -> dict[str, list[Row]]:
    """Return the rows of every other way to rank."""
    turns = [turn for _, turns in talk.sessions for turn in turns]
    texts, queries = [f"{name}: {text}" for _, name, text in turns], [one.query for one in talk.questions]
    return {
        way: [
            measured([turns[place][0] for place in places], question.wanted)
            for places, question in zip(found, talk.questions, strict=True)
        ]
        for way, found in ask_others(texts, queries, 20).items()
    }


def report_talks(path: Path, grid: bool) -> None:
    talks = list(read_talks(path))
    rows: dict[str, list[Row]] = defaultdict(list)
    right: list[float] = []
    wrong: dict[str, list[list[Result]]] = defaultdict(list)
    wide: list[list[Result]] = []
    for talk, other in zip(talks, [*talks[1:], *talks[:1]], strict=True):
        for way, each in rank_others(talk).items():
            rows[way] += each
        asked = [question.query for question in talk.questions]
        absent, present = (about_others(talk, other, renamed=renamed) for renamed in (False, True))
        found = ask_talk(talk, [*asked, *absent, *present], 20)
        for results, question in zip(found, talk.questions, strict=False):
            row = measured([one["turn"] for one in results], question.wanted)
            rows["`search`"].append(row)
            rows[f"`search`, {question.kind}"].append(row)
            right += [one["score"] for one in results[:10] if one["turn"] in question.wanted]
        wrong["questions about people who are not there"] += found[len(asked) : -len(present)]
        wrong["questions about these people, from another life"] += found[-len(present) :]
        wide += ask_talk(talk, asked, 100) if grid else []
    turns = sum(len(turns) for talk in talks for _, turns in talk.sessions)
    print_table(
        [f"LoCoMo: {len(talks)} conversations, {turns:,} turns", "questions", *MEASURES],
        [[way, str(len(each)), *(f"{one:.3f}" for one in mean(each))] for way, each in rows.items()],
    )
    print_verdict(mean(rows["`search`"]))
    report_threshold("messages", right, wrong, SURE_OF_MESSAGES)
    if grid:
        print_grid(wide, [one.wanted for talk in talks for one in talk.questions], "turn", IN_TALK)


# -- printing


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def print_verdict(row: Row) -> None:
    said = []
    for name, value, floor, goal in zip(("R@10", "nDCG@10"), (row[1], row[4]), FLOOR, GOAL, strict=True):
        verdict = "meets" if value >= floor else "misses"
        said.append(f"{name} {value:.3f} {verdict} the floor {floor:.2f}, the goal is {goal:.2f}")
    print("; ".join(said) + "\n")


def report_threshold(
    title: str, right: list[float], wrong: dict[str, list[list[Result]]], documented: float
) -> None:
    """Say which threshold keeps 95 % of the right answers, and what that and the documented one drop."""
    exact = sorted(right)[len(right) // 20]
    head = [f"{title}: threshold", f"keeps of {len(right)} right answers"]
    head += [f"drops of what {len(found)} {name} return" for name, found in wrong.items()]
    rows = []
    for threshold in (exact, documented):
        kept = sum(score >= threshold for score in right) / len(right)
        dropped = [
            statistics.fmean(one["score"] < threshold for results in found for one in results[:10])
            for found in wrong.values()
        ]
        rows.append([f"{threshold:.3f}", *(f"{share:.0%}" for share in (kept, *dropped))])
    print_table(head, rows)


def print_grid(found: Sequence[list[Result]], wanted: Sequence[frozenset[str]], key: str, now: Curve) -> None:
    rows = []
    for half in (6.0, 8.0, 10.0, 15.0, 20.0):
        for weight in (0.5, 0.65, 0.8, 0.9):
            each = [
                measured([one[key] for one in reranked(results, now, (half, weight))], answers)
                for results, answers in zip(found, wanted, strict=True)
                if answers
            ]
            mark = " (now)" if (half, weight) == now else ""
            rows.append([f"half {half:g}, weight {weight:g}{mark}", *(f"{one:.3f}" for one in mean(each))])
    print_table([f"grid over {key}s", *MEASURES], rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--locomo", type=Path, help="a LoCoMo file, gzipped JSON")
    parser.add_argument("--grid", action="store_true", help="try other weights of words against meaning")
    chosen = parser.parse_args()
    report_facts(chosen.grid)
    if chosen.locomo:
        report_talks(chosen.locomo, chosen.grid)


if __name__ == "__main__":
    main()
