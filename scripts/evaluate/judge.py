"""What is right and wrong about the memories that a store holds in the end.

The verdict says it memory by memory and fact by fact; `report` only counts. A memory that is new is
credited for a fact of the case, allowed, or wrong; a fact is credited once, however often it is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.evaluate.cases import NOTHING, Case, Expected
from scripts.evaluate.statements import says, states


@dataclass(frozen=True)
class Outcome:
    """What one run left behind: the memories held, how long `add` took, and what it raised, if anything."""

    held: tuple[str, ...]
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class Verdict:
    """One case judged: facts by their text, memories as they are stored.

    `credited` are (memory, fact) of the new memories that state a wanted fact, `repeated` state one that
    is already held, `spurious` state none, `harmful` say what must not be held; `lost` and `survived` are
    existing memories that should be there and are not, and the other way round.
    """

    case: Case
    outcome: Outcome
    found: tuple[str, ...]
    missing: tuple[str, ...]
    credited: tuple[tuple[str, str], ...]
    repeated: tuple[str, ...]
    spurious: tuple[str, ...]
    harmful: tuple[str, ...]
    lost: tuple[str, ...]
    survived: tuple[str, ...]

    @property
    def new(self) -> tuple[str, ...]:
        """The memories held that were not there before."""
        return tuple(text for text in self.outcome.held if text not in self.case.existing)

    @property
    def faults(self) -> dict[str, tuple[str, ...]]:
        """What is wrong, by kind; empty for a perfect case."""
        kinds = ("missing", "repeated", "spurious", "harmful", "lost", "survived")
        found = {kind: wrong for kind in kinds if (wrong := getattr(self, kind))}
        return {**found, "error": (self.outcome.error,)} if self.outcome.error else found

    @property
    def is_untouched(self) -> bool:
        """Was there nothing to remember, is all as it was before, and did nothing fail?"""
        same = sorted(self.outcome.held) == sorted(self.case.existing)
        return NOTHING in self.case.tags and same and self.outcome.error is None


def judge(case: Case, outcome: Outcome) -> Verdict:
    """Compare what is held in the end with what the case asks for."""
    held = outcome.held
    found = [fact.text for fact in case.gold if any(states(fact, memory) for memory in held)]
    credited, repeated, spurious = sort_new(case, held)
    return Verdict(
        case=case,
        outcome=outcome,
        found=tuple(found),
        missing=tuple(fact.text for fact in case.gold if fact.text not in found),
        credited=credited,
        repeated=repeated,
        spurious=spurious,
        harmful=tuple(m for m in held if m not in case.existing and any(says(f, m) for f in case.forbid)),
        lost=tuple(text for place, text in case.lasting.items() if not is_kept(case, place, held)),
        survived=tuple(case.existing[place] for place in sorted(case.stale) if case.existing[place] in held),
    )


def sort_new(
    case: Case, held: Sequence[str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]:
    """Return the new memories that are credited (with the fact), that repeat a fact, and that are wrong.

    Repeating is stating one fact of the case, and nothing else that is wanted, after another memory did;
    or saying again what an existing memory says that is still held.
    """
    credited: list[tuple[str, str]] = []
    repeated: list[str] = []
    spurious: list[str] = []
    told: set[Expected] = set()
    for memory in sorted(held, key=lambda text: text not in case.existing):
        stated = [fact for fact in (*case.gold, *case.allow) if states(fact, memory)]
        known = [case.existing[place] for place, fact in case.kept if states(fact, memory)]
        again = stated[0] in told if len(stated) == 1 else not stated and all(text in held for text in known)
        if len(stated) == 1 and stated[0] in case.gold:
            told.add(stated[0])
        if memory in case.existing:
            continue
        if not stated and not known:
            spurious.append(memory)
        elif again:
            repeated.append(memory)
        else:
            credited.append((memory, stated[0].text if stated else known[0]))
    return tuple(credited), tuple(repeated), tuple(spurious)


def is_kept(case: Case, place: int, held: Sequence[str]) -> bool:
    """Is an existing memory still held, word for word or as a text that says the same?"""
    rewritten = [fact for at, fact in case.kept if at == place]
    return case.existing[place] in held or any(states(f, memory) for f in rewritten for memory in held)
