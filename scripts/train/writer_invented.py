"""Invented passages: the writer learns to read, copy and inflect before it sees the corpus.

From permissive text (`--texts`, never committed): statements of the first person with what the rules make of
them, third-person sentences turned round, persona lines aligned with dialogues, and facts whose telegram-like
remains are to be said in full.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.train.examples import content_words
from scripts.train.writer_examples import Passage, Told
from tinymem.understand.clauses import clauses
from tinymem.understand.conjugate import base_of_third
from tinymem.understand.write import write

FIRST_PERSON = re.compile(r"^(?:I|I'm|I've|I'll|My|We|We're|Our)\b")
THIRD_PERSON = re.compile(r"^(?:He|She|[A-Z][a-z]+) (?P<verb>[a-z]+)(?P<rest> .+)$")
OTHERS = re.compile(
    r"\b(?:he|she|him|her|his|hers|they|them|their|it|its|I|me|my|you|your|we|us|our|this|that|these|those)\b",
    re.I,
)
THIRDS = {"is": "am", "has": "have", "was": "was", "does": "do"}
CONTRACTED = (
    ("I am ", "I'm "),
    ("I am ", "im "),
    ("I have been ", "I've been "),
    ("do not ", "don't "),
    ("does not ", "doesn't "),
    ("cannot ", "can't "),
    ("I will ", "I'll "),
)
FILLERS = (
    "so ",
    "well, ",
    "yeah ",
    "btw ",
    "oh and ",
    "also ",
    "fyi ",
    "ok so ",
    "honestly ",
    "haha ",
    "hmm ",
    "for the record, ",
    "just so you know, ",
)
ENDS = ("", "", "", ".", "!", " lol", " :)", ", you know", " btw", " haha", " tbh")


def lines(path: Path) -> list[str]:
    """Return the lines of a gzipped text, stripped, without empty ones."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip()]


def statements(texts: Path, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (said, fact): what rules make of first-person lines, and third-person lines turned round."""
    found = lines(texts / "first_person_facts.txt.gz") + lines(texts / "sentences.txt.gz")
    with gzip.open(texts / "talk.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            for message in json.loads(line)["messages"]:
                found += re.split(r"(?<=[.!])\s+", message["content"])[:3]
    rng.shuffle(found)
    for line in found:
        size = len(line.split())
        if not 3 <= size <= 18 or line.endswith("?"):
            continue
        if FIRST_PERSON.match(line):
            facts = write(line)
            if len(facts) == 1:
                yield line.rstrip("."), facts[0]
        elif (turned := reversed_line(line)) is not None:
            yield turned


def reversed_line(line: str) -> tuple[str, str] | None:
    """Return (first person, house style) of a sentence about a third person; None if it is not that plain."""
    match = THIRD_PERSON.match(line.rstrip(".!"))
    if not match or OTHERS.search(match["rest"]):
        return None
    verb = match["verb"]
    base = THIRDS.get(verb) or base_of_third(verb)
    if base is None:
        return None
    return f"I {base}{match['rest']}", f"{verb.capitalize()}{match['rest']}"


def noisy(said: str, rng: random.Random) -> str:
    """Return a statement as people type it: contracted, with fillers, without capitals."""
    for long, short in CONTRACTED:
        if long in said and rng.random() < 0.4:
            said = said.replace(long, short, 1)
    if rng.random() < 0.3:
        said = rng.choice(FILLERS) + said
    if rng.random() < 0.3:
        said += rng.choice(ENDS)
    return said.lower() if rng.random() < 0.35 else said


def embedded(said: str, fact: str, others: Sequence[str], rng: random.Random) -> Passage:
    """Put a statement among other sentences, as one marked clause."""
    said = noisy(said, rng)
    ahead = rng.choice(others) + " " if rng.random() < 0.35 else ""
    after = " " + rng.choice(others) if rng.random() < 0.35 else ""
    mark = (len(ahead), len(ahead) + len(said))
    before = f"assistant: {rng.choice(others)} " if rng.random() < 0.4 else ""
    return Passage("invented", f"{before}user:", f"{ahead}{said}{after}", mark, (Told(fact, (mark,)),))


LEADS = re.compile(
    r"^(?:(?:Has|Is|Does|Wants|Likes|Works|Lives|Plays|Uses|Takes|Eats|Drinks|Drives|Owns|Plans|Prefers|Needs|"
    r"Had|Was|Went|Got|Bought|Started|Speaks|Studies|Loves|Hates)\b"
    r"(?: (?:a|an|the|to|in|at|as|with|for|on|about))*)\s+(?P<rest>.+)$"
)
DROPPED = re.compile(r"\b(?:a|an|the|is|are|has|to)\b ", re.I)
ASKING = {
    "Has": ("Do you have any {noun}?", "What do you have there?", "Anything you own or have?"),
    "Is": ("How would you describe yourself?", "And you are?", "What are you?"),
    "Works": ("What do you do for work?", "Where do you work?"),
    "Lives": ("Where do you live?", "Where are you based?"),
}
OPEN = (
    "What do you {base}?",
    "And what do you {base} these days?",
    "Do you {base} anything special?",
    "Tell me, what do you {base}?",
    "So do you {base} something?",
    "What else do you {base}?",
)
PAST = {
    "Had": ("What did you have?",),
    "Was": ("What were you back then?",),
    "Went": ("Where did you go?",),
    "Got": ("What did you get?",),
    "Bought": ("What did you buy?",),
    "Started": ("What did you start?",),
}


def telegram(fact: str, rng: random.Random) -> Passage | None:
    """Return a fact's bare remains, said in a few words, perhaps after a question that holds its verb."""
    match = LEADS.match(fact)
    if not match or len(match["rest"].split()) < 1:
        return None
    verb, rest = fact.split()[0], match["rest"]
    said = rest
    if rng.random() >= 0.5:
        said = DROPPED.sub(lambda m: "" if rng.random() < 0.6 else m.group(0), rest)
    question = ""
    if rng.random() < 0.75:
        own = ASKING.get(verb, ()) if rng.random() < 0.4 else ()
        base = base_of_third(verb.lower()) or verb.lower()
        frames = PAST.get(verb) or own or [frame.format(base=base, noun="{noun}") for frame in OPEN]
        question = f"assistant: {rng.choice(frames).format(noun=rest.split()[-1])} "
    said = noisy(said, rng)
    mark = (0, len(said))
    prior = ((len("assistant: "), len(question)),) if question else ()
    return Passage("telegram", f"{question}user:", said, mark, (Told(fact, (mark,), prior),))


def aligned(texts: Path, least: float = 0.6) -> Iterator[Passage]:
    """Yield clauses of dialogues with the persona line that they tell, in house style."""
    with gzip.open(texts / "dialogues_with_facts.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            talk = json.loads(line)
            for fact, said in (
                zip(talk["user_facts"], talk["user_said"], strict=True) if "user_facts" in talk else ()
            ):
                if said >= least:
                    yield from aligned_one(talk["messages"], fact)


def aligned_one(messages: Sequence[dict[str, str]], fact: str) -> Iterator[Passage]:
    """Yield the user's clause that tells a persona line best, if one does."""
    house = write(fact)
    wanted = content_words(fact)
    if len(house) != 1 or not wanted:
        return
    best, share = None, 0.0
    for turn, message in enumerate(messages):
        if message["role"] != "user" or message["content"].rstrip().endswith("?"):
            continue
        for a, b in clauses(message["content"]):
            words = content_words(message["content"][a:b])
            found = len(wanted & words) / len(wanted)
            if found > share and len(words) <= 3 * len(wanted) + 3:
                best, share = (turn, (a, b)), found
    if best and share >= 0.6:
        turn, mark = best
        before = f"assistant: {messages[turn - 1]['content']} " if turn else ""
        yield Passage(
            "dialogue", f"{before}user:", messages[turn]["content"], mark, (Told(house[0], (mark,)),)
        )


def invented(texts: Path, rng: random.Random, known: Sequence[str], most: int = 60_000) -> list[Passage]:
    """Return the invented passages, shuffled; `known` are facts of the corpus to be told in remains."""
    others = [line for line in lines(texts / "sentences.txt.gz")[:20_000] if len(line) < 70]
    others += [line for line in lines(texts / "commands.txt.gz")[:20_000] if len(line) < 70]
    pairs = list(statements(texts, rng))
    found = [embedded(said, fact, others, rng) for said, fact in pairs]
    found += list(aligned(texts))
    remains = [
        telegram(fact, rng)
        for fact in [*known, *(fact for _, fact in rng.sample(pairs, min(len(pairs), 12_000)))]
    ]
    found += [passage for passage in remains if passage]
    rng.shuffle(found)
    return found[:most]
