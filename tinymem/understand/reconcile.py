"""The bundled reconciler: what new facts do to stored memories, as the judge sees it.

A fact that repeats a memory does nothing; one that supersedes a memory takes its place under the same
id; one that only takes a memory back removes it; everything else is added. Only memories about the same
person can be replaced, never an immutable one, and never one record twice. Without a judge nothing is
ever replaced: repetitions are recognised by their words, the rest is added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tinymem.types import Decision, Fact, Record, Relation
from tinymem.understand.judge import Verdict
from tinymem.understand.opposites import opposed, swaps_a_word
from tinymem.understand.people import FULL, PERSONS
from tinymem.understand.succession import succeeds
from tinymem.understand.terms import adds_nothing, content, fold, is_negated, stem

ENDS = re.compile(
    r"\b(?:no longer|not|never|no|cannot|n't|stopped|quit|gave up|given up|cancelled|"
    r"canceled|called off|is off|"
    r"broke up|dropped|abandoned|withdrew|wrong|mistaken)\b|n't\b"
)


SLOT = re.compile(
    r"(?:(?P<thing>(?!(?:Is|Has|Was)\b)[^\W_][\w' -]*?) (?:is|are)(?P<link> (?:on|at|in|"
    r"from|called|named|a|an|the))? \S|"
    r"(?P<verb>Lives in|Weighs|Works as|Is based in) \S)"
)


SUCCESSION = 0.89
"""The confidence of a replacement that the words themselves prove: for one memory, not for several."""


class PairJudge(Protocol):
    """What the reconciler needs of a judge; `judge.Judge` is one."""

    thresholds: Mapping[Relation, float]

    def judge_many(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """Return a verdict for each (memory, fact), in order."""
        ...


@dataclass(frozen=True)
class Claim:
    """A fact's wish to replace a record: `fact` counts facts, `confidence` is 0..1."""

    confidence: float
    fact: int
    record: Record
    relation: Relation


class BundledReconciler:
    """Fulfils `types.Reconciler` with the bundled judge; with `judge=None` only repetitions are recognised.

    Args:
        judge: Says what a fact does to a memory.
        same_at: Confidence from which a repetition is believed; None is the judge's own threshold.
        update_at: Confidence from which a memory is replaced; None is the judge's own threshold.
        delete_at: Confidence from which a memory is removed; None is the judge's own threshold.
        others_at: Confidence from which a second memory that one fact supersedes is removed as well.
        strange_at: Confidence needed when memory and fact share no content word.
        slot_at: Confidence needed when both give a value for what has only one ("Favorite color is ...").
    """

    def __init__(
        self,
        judge: PairJudge | None = None,
        *,
        same_at: float | None = None,
        update_at: float | None = None,
        delete_at: float | None = None,
        others_at: float = 0.9,
        strange_at: float = 0.9,
        slot_at: float = 0.4,
    ) -> None:
        own: Mapping[Relation, float] = judge.thresholds if judge is not None else {}
        self.judge = judge
        self.least: dict[Relation, float] = {
            "same": own.get("same", 0.6) if same_at is None else same_at,
            "update": own.get("update", 0.7) if update_at is None else update_at,
            "delete": own.get("delete", 0.7) if delete_at is None else delete_at,
        }
        self.others_at = others_at
        self.strange_at = strange_at
        self.slot_at = slot_at

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        """Decide about every Fact, in order; see `types.Reconciler`."""
        verdicts = self._verdicts(facts, candidates)
        settled: dict[int, Decision] = {}
        kept: list[str] = []
        for place, fact in enumerate(facts):
            repeated = self._repeated(fact, candidates[place], verdicts, place)
            if repeated is not None or any(adds_nothing(fact.text, text) for text in kept):
                settled[place] = Decision("NONE", fact, repeated)
            else:
                kept.append(fact.text)
        claims = self._claims(facts, candidates, verdicts, settled)
        return _decided(facts, settled, claims, self.others_at)

    def _verdicts(
        self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]
    ) -> dict[tuple[int, str], Verdict]:
        """Return the judge's verdicts by (fact, record id)."""
        if self.judge is None:
            return {}
        asked = [(place, record) for place, near in enumerate(candidates) for record in near]
        pairs = [(record.text, facts[place].text) for place, record in asked]
        answers = self.judge.judge_many(pairs)
        return {(place, record.id): said for (place, record), said in zip(asked, answers, strict=True)}

    def _repeated(
        self,
        fact: Fact,
        near: Sequence[Record],
        verdicts: Mapping[tuple[int, str], Verdict],
        place: int,
    ) -> Record | None:
        """Return the record that says the fact already; one that says its opposite never does."""
        near = [record for record in near if not opposed(record.text, fact.text)]
        for record in near:
            if adds_nothing(fact.text, record.text):
                return record
        for record in near:
            said = verdicts.get((place, record.id))
            if swaps_a_word(record.text, fact.text):
                continue
            if said and said.relation == "same" and said.confidence >= self.least["same"]:
                return record
        return None

    def _claims(
        self,
        facts: Sequence[Fact],
        candidates: Sequence[Sequence[Record]],
        verdicts: Mapping[tuple[int, str], Verdict],
        settled: Mapping[int, Decision],
    ) -> list[Claim]:
        """Return which records which facts replace, the surest first."""
        claims = []
        for place, fact in enumerate(facts):
            for record in candidates[place] if place not in settled else ():
                said = verdicts.get((place, record.id))
                if said is None or record.immutable:
                    continue
                if succeeds(record.text, fact.text) or opposed(record.text, fact.text):
                    event: Relation = "delete" if said.relation == "delete" else "update"
                    claims.append(Claim(SUCCESSION, place, record, event))
                    continue
                if said.relation not in ("update", "delete"):
                    continue
                # Update or delete: either way the memory no longer stands as it is.
                confidence = max(said.confidence, said.replaced)
                if confidence >= self._least(record.text, fact.text, said) and share_subject(
                    record.text, fact.text
                ):
                    claims.append(Claim(confidence, place, record, said.relation))
        return sorted(claims, key=lambda claim: -claim.confidence)

    def _least(self, memory: str, fact: str, said: Verdict) -> float:
        """Return the confidence needed for replacing this memory by this fact."""
        if set(content(fact)).isdisjoint(content(memory)):
            return self.strange_at
        return self.slot_at if same_slot(memory, fact) else self.least[said.relation]


def _decided(
    facts: Sequence[Fact], settled: Mapping[int, Decision], claims: Sequence[Claim], others_at: float
) -> list[Decision]:
    """Return the decisions in the order of the facts; every record is written by at most one of them."""
    made: dict[int, list[Decision]] = {place: [decision] for place, decision in settled.items()}
    taken: set[str] = set()
    for claim in claims:
        fact = facts[claim.fact]
        if claim.record.id in taken:
            continue
        if claim.fact not in made:
            taken.add(claim.record.id)
            gone = claim.relation == "delete" and ENDS.search(fold(fact.text)) is not None
            event = Decision("DELETE", fact, claim.record) if gone else None
            made[claim.fact] = [event or Decision("UPDATE", fact, claim.record, fact.text)]
        elif claim.fact not in settled and claim.confidence >= others_at:
            taken.add(claim.record.id)
            made[claim.fact].append(Decision("DELETE", fact, claim.record))
    return [each for place, fact in enumerate(facts) for each in made.get(place, [Decision("ADD", fact)])]


def same_slot(memory: str, fact: str) -> bool:
    """Return whether both statements give the value of the same thing, which can have only one.

    "Rent is 900" and "Rent is 950" do, so do "Lives in Oslo" and "Lives in Bergen"; "Brother is tall" and
    "Brother is ill" do not.
    """
    one, other = SLOT.match(memory), SLOT.match(fact)
    if one is None or other is None or is_negated(memory) or is_negated(fact):
        return False
    things = [fold(match.group("thing") or match.group("verb")) for match in (one, other)]
    links = [fold(match.group("link") or "") for match in (one, other)]
    if things[0].split()[0].removesuffix("'s") in PERSONS and len(things[0].split()) == 1:
        return False
    return things[0] == things[1] and links[0] == links[1]


def share_subject(memory: str, fact: str) -> bool:
    """Return whether two statements can be about the same one: the speaker, or the same other person.

    "Has a rabbit named Marzipan" and "Rabbit Marzipan died" can be, "Sister Maya is a nurse" and "Is a nurse"
    cannot.
    """
    one, other = _subject(memory), _subject(fact)
    if one == other:
        return True
    if one and other:
        return one[1] == other[1] if one[1] and other[1] else one[0] == other[0]
    person, text = (one, fact) if one else (other, memory)
    assert person is not None, "one of them has a person as its subject"
    mentioned = {stem(word) for word in re.findall(r"[^\W_]+(?:-[^\W_]+)*", fold(text))}
    return (person[1] or person[0]) in mentioned


def _subject(text: str) -> tuple[str, str] | None:
    """Return (relation, name or "") of the person whom a fact is about, as stems; None is the speaker."""
    words = text.split()
    first = 0
    while first < min(2, len(words) - 1) and fold(words[first]) not in PERSONS:
        first += 1
    relation = re.sub(r"'s$", "", fold(words[first]).strip(",.")) if words else ""
    if relation not in PERSONS or (first and fold(words[0]) in ("has", "is", "had", "wants", "likes")):
        return None
    if first and not words[0][:1].isupper():
        return None
    name = words[first + 1] if first + 1 < len(words) and words[first + 1][:1].isupper() else ""
    return stem(FULL.get(relation, relation)), stem(re.sub(r"'s$", "", fold(name)))
