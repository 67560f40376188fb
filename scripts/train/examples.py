"""The corpus as training examples for the spotter: messages with the words in them that state facts.

An author is always whole on one side: authors 4 and 23 test, all others train. Facts that a second
reader doubted (`doubts.txt`) teach nothing, neither for nor against: their words are masked.
This module never reads anything but the corpus folder.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
TEST_AUTHORS = (4, 23)
IGNORED = -1.0
"""The label of what must teach nothing."""

WORD = re.compile(r"[^\W_]+(?:[.,:/'’-][^\W_]+)*")
CLAUSE_END = re.compile(
    r"(?<=[.!?;])\s+|\n+|\s*,\s+|\s+[-–—]+\s+|\s+(?=(?:and|but|so|because|which|while)\s)", re.I
)
COMMON = frozenset(
    WORD.findall(
        "a an the and or but so if of to in on at for with from by as is are was were be been am i'm im i me"
        " my we our you your it its he she they his her their this that these those not no do does did have"
        " has had will would can could just really very too also than then when who which what how about"
        " user wants plans"
    )
)


@dataclass(frozen=True)
class Seen:
    """One message: who speaks, the message before, and what of it states facts.

    `marked` and `masked` are character ranges: words that state a fact, and words that must teach
    nothing. `worth` is 1.0 if the message holds a fact, 0.0 if not, IGNORED if all are doubtful.
    """

    id: str
    speaker: str
    before: str
    text: str
    worth: float
    marked: tuple[tuple[int, int], ...] = ()
    masked: tuple[tuple[int, int], ...] = ()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def authors(kind: str, folder: Path = CORPUS) -> list[int]:
    """Return the numbers of the authors who wrote a file of this kind."""
    return sorted(int(path.stem.rsplit("_", 1)[1]) for path in folder.glob(f"{kind}_*.jsonl"))


def learned_from(kind: str, folder: Path = CORPUS) -> list[int]:
    """Return the authors of this kind of file whom a model may learn from."""
    return [author for author in authors(kind, folder) if author not in TEST_AUTHORS]


def tested_on(kind: str, folder: Path = CORPUS) -> list[int]:  # noqa: PT028 - no test, whatever it is called
    """Return the authors of this kind of file whom no model has seen."""
    return [author for author in authors(kind, folder) if author in TEST_AUTHORS]


def doubted(folder: Path = CORPUS) -> set[str]:
    """Return the ids of facts that a second reader found inferred, superseded or unsupported."""
    lines = (folder / "doubts.txt").read_text(encoding="utf-8").splitlines()
    return {found[1] for line in lines if (found := re.match(r"(\d+-\d+:a?\d+)[ \t]", line))}


def spans_by_fact(folder: Path = CORPUS) -> dict[str, list[tuple[int, str]]]:
    """Return the evidence that stands in `spans_*`: fact id -> (turn, words)."""
    files = sorted(folder.glob("spans_*.jsonl"))
    return {
        row["id"]: [(turn, words) for turn, words in row["spans"]]
        for file in files
        for row in read_lines(file)
    }


def content_words(text: str) -> set[str]:
    """Return the words of a text that carry meaning, lower-cased."""
    return {word for word in WORD.findall(text.lower()) if word not in COMMON}


def rough_clauses(text: str) -> list[tuple[int, int]]:
    """Cut a text at punctuation and conjunctions; ranges without the white space around them."""
    ends = [(found.start(), found.end()) for found in CLAUSE_END.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), len(text)]
    return [(a, b) for a, b in zip(starts, stops, strict=True) if text[a:b].strip()]


def evidence(
    fact: dict[str, Any], turn: int, spans: Sequence[tuple[int, str]], text: str
) -> list[tuple[int, int]]:
    """Return where in `text` (message `turn`) the fact stands: its spans, else its likeliest clause."""
    own = [words for at, words in (fact.get("spans") or spans) if at == turn and words in text]
    if own:
        return [(text.index(words), text.index(words) + len(words)) for words in own]
    wanted, clauses = content_words(fact["text"]), rough_clauses(text)
    return [max(clauses, key=lambda c: len(wanted & content_words(text[c[0] : c[1]])))] if clauses else []


def said_by(
    talk: dict[str, Any], speakers: Sequence[str], doubts: set[str], spans: dict[str, Any]
) -> Iterator[Seen]:
    """Yield a conversation's messages of these roles, marked."""
    messages = talk["messages"]
    for turn, message in enumerate(messages):
        role, text = message["role"], message["content"]
        if role not in speakers or not text.strip():
            continue
        kind, letter = ("facts", "") if role == "user" else ("agent_facts", "a")
        facts = [(f"{talk['id']}:{letter}{i}", f) for i, f in enumerate(talk[kind]) if f["turn"] == turn]
        marked: list[tuple[int, int]] = []
        masked: list[tuple[int, int]] = []
        for name, fact in facts:
            (masked if name in doubts else marked).extend(evidence(fact, turn, spans.get(name, ()), text))
        worth = 1.0 if marked else IGNORED if masked else 0.0
        before = f"{messages[turn - 1]['role']}: {messages[turn - 1]['content']}" if turn else ""
        yield Seen(f"{talk['id']}/{turn}", role, before, text, worth, tuple(marked), tuple(masked))


def messages(
    who: Sequence[int], speakers: Sequence[str] = ("user", "assistant", "system"), folder: Path = CORPUS
) -> list[Seen]:
    """Return the messages of these authors, marked with what is worth remembering."""
    doubts, spans = doubted(folder), spans_by_fact(folder)
    talks = (talk for author in who for talk in read_lines(folder / f"conversations_{author}.jsonl"))
    return [seen for talk in talks for seen in said_by(talk, speakers, doubts, spans)]


def clips(talk: dict[str, Any], doubts: set[str], spans: dict[str, Any]) -> Iterator[Seen]:
    """Yield pieces of a user's messages as messages of their own: facts in a few words, and other clauses.

    Without them nearly every short first message of the corpus holds nothing ("thanks"), and a model
    learns that shortness means nothing. A fact's words are taken only where they say it by themselves.
    """
    for i, fact in enumerate(talk["facts"]):
        name = f"{talk['id']}:{i}"
        stated = fact.get("spans") or spans.get(name, ())
        if name in doubts or len(stated) != 1 or stated[0][0] != fact["turn"]:
            continue
        words, wanted = stated[0][1], content_words(fact["text"])
        if len(words.split()) <= 10 and 2 * len(wanted & content_words(words)) >= len(wanted):
            yield Seen(f"{name}/clip", "user", "", words, 1.0, ((0, len(words)),))
    for seen in said_by(talk, ("user",), doubts, spans):
        for start, end in rough_clauses(seen.text) if seen.marked else ():
            if not any(a < end and start < b for a, b in (*seen.marked, *seen.masked)):
                yield Seen(f"{seen.id}/{start}/clip", "user", "", seen.text[start:end], 0.0)


def spotter_examples(seed: int, silent_assistants: int = 1200, folder: Path = CORPUS) -> list[Seen]:
    """Return the training messages: all users', all that tell about an assistant, some that do not."""
    found = messages(learned_from("conversations", folder), folder=folder)
    silent = [seen for seen in found if seen.speaker == "assistant" and seen.worth == 0.0]
    rest = [seen for seen in found if not (seen.speaker == "assistant" and seen.worth == 0.0)]
    return rest + random.Random(seed).sample(silent, min(silent_assistants, len(silent)))


def spotter_corrections(
    seed: int, short_facts: int = 1000, short_silences: int = 600, again: int = 2000, folder: Path = CORPUS
) -> list[Seen]:
    """Return short messages, cut from longer ones, among what the spotter has learned."""
    rng = random.Random(f"{seed}/short")
    who = learned_from("conversations", folder)
    doubts, spans = doubted(folder), spans_by_fact(folder)
    talks = (talk for author in who for talk in read_lines(folder / f"conversations_{author}.jsonl"))
    pieces = [piece for talk in talks for piece in clips(talk, doubts, spans) if piece.text.strip()]
    facts = [piece for piece in pieces if piece.worth == 1.0]
    others = [piece for piece in pieces if piece.worth == 0.0 and len(piece.text.split()) > 2]
    return [
        *rng.sample(spotter_examples(seed, folder=folder), again),
        *rng.sample(facts, min(short_facts, len(facts))),
        *rng.sample(others, min(short_silences, len(others))),
    ]
