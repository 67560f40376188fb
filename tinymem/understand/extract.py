"""The bundled extractor: spot the clauses that matter, write each as a fact, keep what is supported.

A small encoder says which messages and clauses hold something worth remembering, rules turn them into
house style, and the evidence check has the last word. Everything that is remembered points back at the
words it came from. Nothing may be taken from quoted text or from those who do not count as a source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Literal, Protocol

from tinymem.types import Extraction, Fact, Message, Rejection, Role, Span
from tinymem.understand.attribution import heard_by_each
from tinymem.understand.clauses import clauses, is_quoted, merged, quoted_spans, supposed_spans
from tinymem.understand.corrections import corrected, is_marked, supersedes
from tinymem.understand.evidence import unsupported
from tinymem.understand.forgetting import asked_to_forget, is_meant
from tinymem.understand.opposites import opposed
from tinymem.understand.passage import AFTER_MARK, Passage, said_before
from tinymem.understand.persona import persona
from tinymem.understand.polish import polished
from tinymem.understand.pretence import played
from tinymem.understand.spot import Spotted, Utterance, before_of
from tinymem.understand.statement import own_statement, statements
from tinymem.understand.succession import succeeds
from tinymem.understand.terms import gist
from tinymem.understand.write import NEAR, write
from tinymem.understand.writer import Draft


class ClauseSpotter(Protocol):
    """What the extractor needs of a spotter; `spot.Spotter` is one."""

    message_threshold: float
    clause_threshold: float

    def spot_many(self, utterances: Sequence[Utterance]) -> list[Spotted]:
        """Score messages and their clauses, in order."""
        ...


WORKS_AS = re.compile(r"^Works as(?= an? )")


@dataclass(frozen=True)
class Found:
    """A fact that was written, with the words it cites."""

    fact: Fact
    words: str

    @cached_property
    def key(self) -> tuple[object, ...]:
        """What two facts that say the same have in common."""
        return gist(WORKS_AS.sub("Is", self.fact.text))


class ClauseWriter(Protocol):
    """What the extractor needs of a writer; `writer.Writer` is one."""

    threshold: float
    alone: float

    def write_many(self, passages: Sequence[Passage]) -> list[list[Draft]]:
        """Return the facts of each passage, in order."""
        ...


Clause = tuple[int, int]
"""A clause by the place of its message and its number in it."""


class BundledExtractor:
    """Fulfils `types.Extractor` with the bundled models and rules.

    Args:
        spotter: Scores messages and clauses; without one every clause is tried.
        writer: Writes what the rules are not sure of; without one only the rules write.
        message_at: Probability from which a message is read, 0..1; None is the spotter's own threshold.
        clause_at: Probability from which a clause is written; None is the spotter's own threshold.
        third_at: Probability from which a clause without first person is kept as it stands.
    """

    def __init__(
        self,
        spotter: ClauseSpotter | None = None,
        writer: ClauseWriter | None = None,
        *,
        message_at: float | None = None,
        clause_at: float | None = None,
        third_at: float = 0.7,
    ) -> None:
        self.spotter, self.writer = spotter, writer
        self.message_at = (
            message_at if message_at is not None or spotter is None else spotter.message_threshold
        )
        self.clause_at = clause_at if clause_at is not None or spotter is None else spotter.clause_threshold
        self.third_at = third_at

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        """Return the Facts that those of `about` state, oldest first, and what had to be rejected.

        A conversation of one user message may also be a bare statement ("Prefers window seats"), which is
        kept in house style. `today` is not needed: relative dates stay as they were said. Of several named
        people in one role each is listened to by himself, so that none corrects what another one said.
        """
        parts = [self._extract(heard, roles) for heard, roles in heard_by_each(messages, about)]
        facts = sorted((fact for part in parts for fact in part.facts), key=lambda fact: fact.message)
        rejected = sorted((each for part in parts for each in part.rejected), key=lambda each: each.message)
        return Extraction(tuple(facts), tuple(rejected))

    def _extract(self, messages: Sequence[Message], about: Sequence[Role]) -> Extraction:
        found: list[Found] = []
        rejected: list[Rejection] = []
        for candidate in self._candidates(messages, about):
            if isinstance(candidate, Span):
                _correct(found, candidate, messages)
                continue
            if candidate.fact.forget:
                found = [*_unsaid(found, candidate.fact), candidate]
                continue
            reason = unsupported(candidate.fact.text, candidate.words)
            if reason:
                rejected.append(Rejection(candidate.fact.text, reason, candidate.fact.message))
            else:
                _keep(found, candidate, messages)
        return Extraction(tuple(_finished(each.fact, messages) for each in found), tuple(rejected))

    def _candidates(self, messages: Sequence[Message], about: Sequence[Role]) -> Iterator[Found | Span]:
        """Yield what was written, and the clauses that nothing was written from: they may be corrections."""
        invented = played(messages)
        read = [
            place for place, message in enumerate(messages) if message.role in about and place not in invented
        ]
        spoken = [place for place in read if messages[place].role != "system"]
        spans = {place: _said_clauses(messages[place].content) for place in spoken}
        marks = self._spotted(messages, spans)
        drafts = self._drafts(messages, spans, marks)
        for place in read:
            if messages[place].role == "system":
                yield from _persona_facts(messages, place)
                continue
            written = list(self._written(messages, place, spans[place], marks.get(place), drafts))
            if (
                len(messages) == 1
                and spans[place]
                and messages[place].role == "user"
                and not any(isinstance(w, Found) for w in written)
            ):
                written = list(_bare_statements(messages[place]))
            yield from written

    def _spotted(
        self, messages: Sequence[Message], spans: dict[int, list[tuple[int, int]]]
    ) -> dict[int, Spotted]:
        """Return what the spotter says of each message that has clauses."""
        if self.spotter is None:
            return {}
        asked = [place for place, clauses_of in spans.items() if clauses_of]
        utterances = [
            Utterance(
                before_of(messages, place), messages[place].content, tuple(spans[place]), messages[place].role
            )
            for place in asked
        ]
        return dict(zip(asked, self.spotter.spot_many(utterances), strict=True))

    def _chosen(self, marks: Spotted | None, order: int) -> bool:
        """Return whether a clause matters, by its message's scores and its own."""
        if marks is None:
            return True
        told = marks.probability >= (self.message_at or 0.0)
        return told and marks.clauses[order] >= (self.clause_at or 0.0)

    def _drafts(
        self, messages: Sequence[Message], spans: dict[int, list[tuple[int, int]]], marks: dict[int, Spotted]
    ) -> dict[Clause, list[Draft]]:
        """Return what the model writes of every clause that matters, where it can be believed at all."""
        if self.writer is None:
            return {}
        chosen = [
            (place, order)
            for place, clauses_of in spans.items()
            for order in range(len(clauses_of))
            if self._chosen(marks.get(place), order)
        ]
        said = [(message.role, message.content) for message in messages]
        passages = [
            Passage(said_before(said[:place], said[place][0]), said[place][1], spans[place][order])
            for place, order in chosen
        ]
        least = min(self.writer.threshold, self.writer.alone)
        written = self.writer.write_many(passages)
        return {
            clause: [draft for draft in drafts if draft.probability >= least]
            for clause, drafts in zip(chosen, written, strict=True)
        }

    def _written(
        self,
        messages: Sequence[Message],
        place: int,
        spans: list[tuple[int, int]],
        marks: Spotted | None,
        drafts: Mapping[Clause, Sequence[Draft]],
    ) -> Iterator[Found | Span]:
        """Yield the facts of the clauses that matter, as model or rules have them, or the clause itself."""
        text, role = messages[place].content, messages[place].role
        asked = messages[place - 1] if place and messages[place - 1].role == "assistant" != role else None
        told = _told_before(messages, place)
        for order, (start, end) in enumerate(spans):
            request = asked_to_forget(text[start:end]) if role == "user" else None
            if request is not None:
                yield Found(Fact(request, "user", place, (Span(place, start, end),), forget=True), text)
            if request is not None or not self._chosen(marks, order):
                continue
            before = asked.content if asked and order == 0 else ""
            facts = write(
                text[start:end],
                about="assistant" if role == "assistant" else "user",
                before=before,
                earlier=f"{told}{text[max(0, start - NEAR) : start]}",
                third=marks is not None and marks.clauses[order] >= self.third_at,
            )
            own = (Span(place, start, end),)
            context = (Span(place - 1, 0, len(before)),) if before else ()
            words = f"{told}{before}\n{text[max(0, start - NEAR) : end]}"
            ruled = [_found(fact, role, place, own, context, words) for fact in facts]
            cited, around = _cited(messages, place), _around(messages, place, end)
            modelled = [
                (draft.probability, _found(draft.text, role, place, own, cited, around))
                for draft in drafts.get((place, order), ())
            ]
            yield from self._best(ruled, modelled) or [own[0]]

    def _best(self, ruled: list[Found], modelled: Sequence[tuple[float, Found]]) -> Sequence[Found | Span]:
        """Return the model's facts where it is sure, else those of the rules, else the model's."""
        at = self.writer.threshold if self.writer is not None else 1.0
        sure = [found for probability, found in modelled if probability >= at and _is_supported(found)]
        named = [
            found for found in ruled if found.fact.text.startswith("Name is ")
        ]  # a rule is surer of that
        return [*named, *sure] if sure else ruled or [found for _, found in modelled]


def _is_supported(found: Found) -> bool:
    return unsupported(found.fact.text, found.words) is None


def _cited(messages: Sequence[Message], place: int) -> tuple[Span, ...]:
    """Return the message before, unless it is empty, as what a short answer may draw on."""
    length = len(messages[place - 1].content) if place else 0
    return (Span(place - 1, 0, length),) if length else ()


def _around(messages: Sequence[Message], place: int, end: int) -> str:
    """Return all the words that the writer had before it."""
    ahead = [message.content for message in messages[max(0, place - 2) : place]]
    return "\n".join([*ahead, messages[place].content[: end + AFTER_MARK]])


def _found(
    text: str, role: Role, place: int, own: tuple[Span, ...], context: tuple[Span, ...], words: str
) -> Found:
    """Return a fact, about the user or (said by the assistant or a system message) about the assistant."""
    whose: Literal["user", "assistant"] = "user" if role == "user" else "assistant"
    return Found(Fact(text, whose, place, (*own, *context)), words)


SECRET = re.compile(
    r"\b(?:do not|don['’]?t|never|please don['’]?t) (?:store|save|remember|note|log|record|keep|memori[sz]e) "
    r"(?:any of )?(?:this|that|it|what i)\b|\boff the record\b",
    re.IGNORECASE,
)


def _said_clauses(text: str) -> list[tuple[int, int]]:
    """Return the clauses of a message that are neither quoted nor supposed; none if it may not be stored."""
    if SECRET.search(text):
        return []
    quoted = merged([*quoted_spans(text), *supposed_spans(text)])
    return [span for span in clauses(text) if not is_quoted(span, quoted)]


def _told_before(messages: Sequence[Message], place: int) -> str:
    """Return what the same speaker said in the message before, in which pronouns may find their names."""
    same = [
        message.content
        for message in messages[max(0, place - 2) : place]
        if message.role == messages[place].role
    ]
    return "".join(f"{said[-NEAR:]}\n" for said in same)


def _persona_facts(messages: Sequence[Message], place: int) -> Iterator[Found]:
    text = messages[place].content
    for fact, (start, end) in persona(text):
        yield _found(fact, "system", place, (Span(place, start, end),), (), text)


def _bare_statements(message: Message) -> list[Found]:
    """Return the facts of a single message that is a statement the caller wants remembered."""
    quoted = quoted_spans(message.content)
    return [
        _found(fact, "user", 0, (Span(0, start, end),), (), message.content)
        for fact, (start, end) in statements(message.content) or own_statement(message.content)
        if not is_quoted((start, end), quoted)
    ]


def _unsaid(found: Sequence[Found], request: Fact) -> list[Found]:
    """Return what was found but the facts that a request to forget means: they were told before it."""
    return [
        each
        for each in found
        if each.fact.forget or each.fact.about != request.about or not is_meant(request.text, each.fact.text)
    ]


def _keep(found: list[Found], new: Found, messages: Sequence[Message]) -> None:
    """Add a fact unless it is there already; one that corrects an earlier one takes its place."""
    same = [
        place for place, old in enumerate(found) if old.fact.about == new.fact.about and not old.fact.forget
    ]
    for place in same:
        old = found[place].fact
        if opposed(old.text, new.fact.text) or (
            old.message < new.fact.message and succeeds(old.text, new.fact.text)
        ):
            found[place] = new
            return
    if any(found[place].key == new.key for place in same):
        return
    span = new.fact.spans[0]
    clause = messages[span.message].content[max(0, span.start - 20) : span.end]
    for place in same if is_marked(clause) else ():
        if supersedes(new.fact.text, found[place].fact.text):
            found[place] = new
            return
    found.append(new)


def _finished(fact: Fact, messages: Sequence[Message]) -> Fact:
    """Return a supported fact as it is to be stored: without the chat words of its source."""
    if fact.forget:
        return fact
    said = " ".join(messages[each.message].content[each.start : each.end] for each in fact.spans[:1])
    return replace(fact, text=polished(fact.text, said))


def _correct(found: list[Found], span: Span, messages: Sequence[Message]) -> None:
    """Put another day, time or number into the fact before, if the clause is nothing but that."""
    clause = messages[span.message].content[max(0, span.start - 15) : span.end]
    recent = [
        place
        for place, each in enumerate(found)
        if span.message - each.fact.message <= 2 and not each.fact.forget
    ]
    change = corrected(clause, [found[place].fact.text for place in recent])
    if change is not None:
        old = found[recent[change[0]]]
        fact = replace(old.fact, text=change[1], message=span.message, spans=(span, *old.fact.spans))
        found[recent[change[0]]] = Found(fact, old.words)
