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
from tinymem.understand.evidence import CALENDAR
from tinymem.understand.forgetting import LEAST, fit
from tinymem.understand.judge import Verdict
from tinymem.understand.opposites import opposed, swaps_a_word
from tinymem.understand.people import FULL, PERSONS
from tinymem.understand.succession import succeeds
from tinymem.understand.terms import adds_nothing, content, fold, is_negated, stem, word_set

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

CALLED = re.compile(r"Is (?:named|called) \S")  # for "Name is ..."


NAMING = re.compile(r"^[\w-]+(?: [\w-]+)? (?:is|are) (?:(?:named|called) )?(?P<name>[A-Z][\w'-]+)")
"""A statement that gives a person's name: "Girlfriend is named Hana"."""
WHEN = frozenset(map(stem, word_set("day week month year hour minute time now today"))) | {
    *map(stem, CALENDAR)
}
"""Words that two statements may share and be about different things."""
NEVER = 2.0  # no confidence is that high
SUCCESSION = 0.79
"""The confidence of a replacement that the words themselves prove: for one memory, not for several."""


LOOKED_BACK = 8  # facts of the same call that a fact is compared with


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
    proven: bool = False


class BundledReconciler:
    """Fulfils `types.Reconciler` with the bundled judge; with `judge=None` only repetitions are recognised.

    Args:
        judge: Says what a fact does to a memory.
        same_at: Confidence from which a repetition is believed; None is the judge's own threshold.
        update_at: Confidence from which a memory is replaced; None is the judge's own threshold.
        delete_at: Confidence from which a memory is removed; None is the judge's own threshold.
        others_at: Confidence from which a second memory that one fact supersedes is removed as well.
        strange_at: Confidence needed when memory and fact share no content word.
        within_at: Confidence from which a fact corrects or repeats an earlier one of the same call.
        apart_at: Confidence needed when a fact about the speaker ends who somebody is ("Manager is Ana").
        slot_at: Confidence needed when both give a value for what has only one ("Favorite color is ...").
    """

    def __init__(
        self,
        judge: PairJudge | None = None,
        *,
        same_at: float | None = None,
        update_at: float | None = None,
        delete_at: float | None = None,
        others_at: float = 0.8,
        strange_at: float = 0.88,
        slot_at: float = 0.35,
        within_at: float = 0.75,
        apart_at: float = 0.8,
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
        self.slot_at, self.within_at, self.apart_at = slot_at, within_at, apart_at

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        """Decide about every Fact, in order; see `types.Reconciler`."""
        requests = [place for place, fact in enumerate(facts) if fact.forget]
        told = [place for place in range(len(facts)) if place not in requests]
        decided = self._statements([facts[place] for place in told], [candidates[place] for place in told])
        for place in requests:
            written = {each.target.id for each in decided if each.target and each.event != "NONE"}
            free = [record for record in candidates[place] if record.id not in written]
            decided += forgotten(facts[place], free)
        return decided

    def _statements(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        """Decide about Facts that state something, in order."""
        verdicts = self._verdicts(facts, candidates)
        settled = {place: Decision("NONE", facts[place]) for place in self._outdated(facts)}
        kept: list[str] = []
        for place, fact in enumerate(facts):
            if place in settled:
                continue
            repeated = self._repeated(fact, candidates[place], verdicts, place)
            if repeated is not None or any(adds_nothing(fact.text, text) for text in kept):
                settled[place] = Decision("NONE", fact, repeated)
            else:
                kept.append(fact.text)
        claims = self._claims(facts, candidates, verdicts, settled)
        return _decided(facts, settled, claims, self.others_at)

    def _outdated(self, facts: Sequence[Fact]) -> set[int]:
        """Return the places of Facts that a later one of the same call corrects, or says more fully."""
        places = range(len(facts))
        near = [(i, j) for j in places for i in range(max(0, j - LOOKED_BACK), j)]
        near = [(i, j) for i, j in near if share_subject(facts[i].text, facts[j].text)]
        if self.judge is None or not near:
            return set()
        said = self.judge.judge_many([(facts[i].text, facts[j].text) for i, j in near])
        outdated: set[int] = set()
        for (i, j), verdict in zip(near, said, strict=True):
            earlier, later = facts[i].text, facts[j].text
            if facts[i].about != facts[j].about or {i, j} & outdated:
                continue
            replaced = verdict.relation in ("update", "delete") and verdict.replaced >= self.within_at
            if replaced and facts[i].message < facts[j].message:
                outdated.add(i)
            again = verdict.relation == "same" and verdict.confidence >= self.within_at
            if again and not swaps_a_word(earlier, later) and not opposed(earlier, later):
                outdated.add(i if len(content(later)) > len(content(earlier)) else j)
        return outdated

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
                    claims.append(Claim(SUCCESSION, place, record, event, proven=True))
                    continue
                if said.relation not in ("update", "delete"):
                    continue
                # Update or delete: either way the memory no longer stands as it is.
                confidence = max(said.confidence, said.replaced)
                if confidence >= self._least(record.text, fact.text, said):
                    claims.append(Claim(confidence, place, record, said.relation))
        return sorted(claims, key=lambda claim: (not claim.proven, -claim.confidence))

    def _least(self, memory: str, fact: str, said: Verdict) -> float:
        """Return the confidence needed for replacing this memory by this fact."""
        if not share_subject(memory, fact):
            return self.apart_at if NAMING.match(memory) else NEVER
        if other_slot(memory, fact):
            return NEVER
        if not set(content(fact)).intersection(content(memory)) - WHEN:
            return self.strange_at
        return self.slot_at if same_slot(memory, fact) else self.least[said.relation]


def forgotten(request: Fact, near: Sequence[Record]) -> list[Decision]:
    """Return what a request to forget does: the memories that it means best are deleted."""
    fits = [fit(request.text, record.text) for record in near]
    best = max([LEAST, *fits])
    meant = [record for record, each in zip(near, fits, strict=True) if each >= best and not record.immutable]
    return [Decision("DELETE", request, record) for record in meant] or [Decision("NONE", request)]


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
    one, other = _slot(memory), _slot(fact)
    if one is None or other is None or is_negated(memory) or is_negated(fact):
        return False
    words = one[0].split()
    return one == other and not (len(words) == 1 and words[0].removesuffix("'s") in PERSONS)


def other_slot(memory: str, fact: str) -> bool:
    """Return whether both give values of different things alike: "Favourite food", "Favourite color"."""
    one, other = _slot(memory), _slot(fact)
    if one is None or other is None:
        return False
    first, second = one[0].split(), other[0].split()
    return min(len(first), len(second)) > 1 and first[0] == second[0] and first[-1][:3] != second[-1][:3]


def _slot(text: str) -> tuple[str, str] | None:
    """Return of what a statement gives the value, and how it is linked to it; None if of nothing certain."""
    if CALLED.match(text):
        return "name", ""
    match = SLOT.match(text)
    return match and (fold(match["thing"] or match["verb"]), fold(match["link"] or ""))


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
    naming = NAMING.search(text)
    after = words[first + 1] if first + 1 < len(words) else ""
    name = naming["name"] if naming else after if after[:1].isupper() else ""
    return stem(FULL.get(relation, relation)), stem(re.sub(r"'s$", "", fold(name)))
