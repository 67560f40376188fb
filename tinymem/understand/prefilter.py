"""Saving a language model work: no call for a conversation with nothing in it, no needless candidate.

The bundled encoders take milliseconds where a model takes seconds. They only ever leave out what they
are very sure of, and never what they cannot read: they learned English.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tinymem.types import Decision, Extraction, Extractor, Fact, Message, Reconciler, Record, Role
from tinymem.understand.extract import ClauseSpotter
from tinymem.understand.forgetting import asked_to_forget
from tinymem.understand.judge import Verdict
from tinymem.understand.reconcile import PairJudge
from tinymem.understand.spot import Utterance, before_of
from tinymem.understand.terms import adds_nothing, word_set, words

NOTHING_AT = 0.05
UNRELATED_AT = 0.95
ONLY_ENGLISH = word_set("""
the my you your it's that this these what how with please thanks thank thx they them which would could should
does don't i'm i've i'll hey hello yeah
""")
"""Frequent words that no neighbouring language writes alike."""


class SpottedExtractor:
    """Asks another Extractor only about conversations in which the spotter finds anything.

    Args:
        extractor: who is asked.
        spotter: scores messages.
        nothing_at: probability below which a message holds nothing, 0..1.
    """

    def __init__(
        self, extractor: Extractor, spotter: ClauseSpotter, *, nothing_at: float = NOTHING_AT
    ) -> None:
        self.extractor, self.spotter, self.nothing_at = extractor, spotter, nothing_at

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        """Return what the other extractor finds; nothing, without a call, where there is nothing."""
        if self.is_empty(messages, about):
            return Extraction()
        return self.extractor.extract(messages, about, today)

    def is_empty(self, messages: Sequence[Message], about: Sequence[Role]) -> bool:
        """Tell whether every message that counts is plain English and surely holds nothing."""
        read = [place for place, message in enumerate(messages) if message.role in about]
        if any(not self.may_judge(messages[place]) for place in read):
            return False
        said = [
            Utterance(before_of(messages, place), messages[place].content, (), messages[place].role)
            for place in read
        ]
        return all(found.probability < self.nothing_at for found in self.spotter.spot_many(said))

    def may_judge(self, message: Message) -> bool:
        """Tell whether the spotter can be believed about a message."""
        if message.role == "system" or asked_to_forget(message.content) is not None:
            return False
        return is_plain_english(message.content)


class NarrowedReconciler:
    """Shows another Reconciler only the memories that a fact may concern.

    Args:
        reconciler: who is asked.
        judge: says what a fact does to a memory.
        unrelated_at: confidence from which a memory is left out, 0..1.
    """

    def __init__(
        self, reconciler: Reconciler, judge: PairJudge, *, unrelated_at: float = UNRELATED_AT
    ) -> None:
        self.reconciler, self.judge, self.unrelated_at = reconciler, judge, unrelated_at

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        """Decide about every Fact, in order; one that concerns nothing is added without a call."""
        narrowed = self.narrowed(facts, candidates)
        open_facts = [place for place in range(len(facts)) if narrowed[place] or repeats(facts, place)]
        asked = [facts[place] for place in open_facts]
        decided = self.reconciler.reconcile(asked, [narrowed[place] for place in open_facts]) if asked else []
        free = [facts[place] for place in range(len(facts)) if place not in open_facts]
        return [*decided, *(Decision("ADD", fact) for fact in free)]

    def narrowed(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[list[Record]]:
        """Return for each Fact the candidates that it may concern."""
        pairs = [
            (record.text, fact.text) for fact, near in zip(facts, candidates, strict=True) for record in near
        ]
        verdicts = iter(self.judge.judge_many(pairs))
        return [
            [record for record in near if self.may_concern(record, next(verdicts))] for near in candidates
        ]

    def may_concern(self, record: Record, verdict: Verdict) -> bool:
        """Tell whether a memory must be shown."""
        sure = verdict.relation == "unrelated" and verdict.confidence >= self.unrelated_at
        return not (sure and is_plain_english(record.text))


def repeats(facts: Sequence[Fact], place: int) -> bool:
    """Tell whether a Fact may say again what one before it said."""
    return any(adds_nothing(facts[place].text, earlier.text) for earlier in facts[:place])


def is_plain_english(text: str) -> bool:
    """Tell whether a text is surely English: only ASCII letters, and some words of English alone."""
    if not text.isascii():
        return False
    said = words(text)
    return len(ONLY_ENGLISH.intersection(said)) >= (1 if len(said) < 8 else 2)
