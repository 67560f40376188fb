"""What every stored text gets besides itself: categories, the day it tells of, entities and relations.

One step for all ways of writing, between deciding and the commit. Only a text that is new or has changed
is looked at; what stands is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tinymem.meanwhile import meanwhile
from tinymem.store.entities import owner_of
from tinymem.types import Change, Record, Triple, Vector
from tinymem.understand.entities import Names, canonical, renamed

if TYPE_CHECKING:
    from tinymem.understand.categorize import Categorizer

Relate = Callable[[Sequence[str], str], Sequence[tuple[Triple, ...]]]
"""Returns the relations of each text, of which the named speaker is the source where nobody else is."""

Known = Callable[[Record], Mapping[str, Vector | None]]
"""Returns the entities that the owner of a Record has already, with their vectors where they have one."""

Embed = Callable[[Sequence[str]], Mapping[str, Vector]]
"""Returns the vector of each text, by text."""

Missing = Callable[[], Mapping[str, Vector]]
"""Computes the vectors, by text, of Changes that have none so far."""


@dataclass(frozen=True)
class Annotator:
    """How one call annotates what it stores.

    `categorizer` and `relate` are None where categories or relations are not wanted. `embed` returns the
    vectors of texts, `embed_for_file` none where the file's are of another embedder; with the vectors that
    `known` returns, the latter serve to recognise entities by another spelling.
    """

    categorizer: Categorizer | None
    relate: Relate | None
    known: Known
    embed: Embed
    embed_for_file: Embed

    def annotate(
        self,
        changes: Sequence[Change],
        said_at: Callable[[Change], datetime],
        missing: Missing | None = None,
    ) -> tuple[tuple[Change, ...], dict[str, Vector]]:
        """Return the Changes with annotated Records, and the vectors of the names in new relations.

        `said_at` returns when that was said which a Change stores. With `missing` the Changes have no vectors
        so far; the days are found while those are computed.
        """
        fresh = [place for place, change in enumerate(changes) if has_new_text(change)]
        done = list(changes)

        def find_days() -> None:
            for place in fresh:
                done[place] = dated(done[place], said_at(done[place]))

        if missing is None:
            find_days()
        else:
            with meanwhile(find_days) as found:
                vectors = missing()
            found.result()
            for place in fresh:
                done[place] = replace(done[place], vector=vectors.get(record_of(done[place]).text))
        if self.categorizer is not None:
            self._categorize(done, fresh)
        names = self._relate(done, fresh) if self.relate is not None else {}
        return tuple(done), names

    def _categorize(self, changes: list[Change], fresh: Sequence[int]) -> None:
        assert self.categorizer is not None, "asked only with a categorizer"
        after = [record_of(changes[place]) for place in fresh]
        given = [changes[place].vector for place in fresh]
        missing = self.embed([one.text for one, vector in zip(after, given, strict=True) if vector is None])
        vectors = [
            missing.get(one.text) if vector is None else vector
            for one, vector in zip(after, given, strict=True)
        ]
        known = [place for place, vector in enumerate(vectors) if vector is not None]
        found = self.categorizer.assign(
            [after[place].text for place in known],
            [vector for vector in vectors if vector is not None],
        )
        for place, categories in zip(known, found, strict=True):
            at = fresh[place]
            changes[at] = replace(changes[at], after=replace(after[place], categories=categories))

    def _relate(self, changes: list[Change], fresh: Sequence[int]) -> dict[str, Vector]:
        """Put relations into the Records, entities in the spelling that their owner's have already."""
        found = self._relations([record_of(changes[place]) for place in fresh])
        owners: dict[str, Names] = {}
        new: list[str] = []
        for place, relations in zip(fresh, found, strict=True):
            after = record_of(changes[place])
            if relations and (owner := owner_of(after.scope)) not in owners:
                owners[owner] = Names(self.known(after))
            new += [name for name in names_in(relations) if owners[owner_of(after.scope)].same(name) is None]
        vectors = self.embed_for_file(new)
        for place, relations in zip(fresh, found, strict=True):
            if relations:
                after = record_of(changes[place])
                spelt = canonical(names_in(relations), owners[owner_of(after.scope)], vectors)
                after = replace(after, relations=renamed(relations, spelt))
                changes[place] = replace(changes[place], after=after)
        return dict(vectors)

    def _relations(self, records: Sequence[Record]) -> list[tuple[Triple, ...]]:
        """Return the relations of each Record's text; all of one speaker are found together."""
        assert self.relate is not None, "asked only where relations are wanted"
        found: list[tuple[Triple, ...]] = [()] * len(records)
        by_speaker: dict[str, list[int]] = {}
        for place, record in enumerate(records):
            by_speaker.setdefault(speaker_of(record), []).append(place)
        for speaker, places in by_speaker.items():
            texts = [records[place].text for place in places]
            for place, relations in zip(places, self.relate(texts, speaker), strict=True):
                found[place] = tuple(relations)
        return found


def names_in(relations: Sequence[Triple]) -> list[str]:
    """Return the names that stand in relations."""
    return [name for triple in relations for name in (triple.source, triple.target)]


def has_new_text(change: Change) -> bool:
    """Tell whether a Change stores a text that did not stand before."""
    return change.after is not None and (change.before is None or change.before.text != change.after.text)


def record_of(change: Change) -> Record:
    """Return the Record that a Change leaves."""
    assert change.after is not None, "only what is stored is annotated"
    return change.after


def dated(change: Change, said_at: datetime) -> Change:
    """Return the Change with the day that its text tells of, seen from the day it was said on.

    What the text before was related to is gone with it.
    """
    from tinymem.understand.dates import event_of

    after = record_of(change)
    event = event_of(after.text, said_at.date())
    if event == after.event and not after.relations:
        return change
    return replace(change, after=replace(after, event=event, relations=()))


def speaker_of(record: Record) -> str:
    """Return what the graph calls whoever a fact without a subject is about."""
    ids = record.scope
    return record.actor_id or ids.user_id or ids.agent_id or ids.run_id or ids.app_id or "user"
