"""What every stored text gets besides itself: only where it is new, from the day it was said, per owner."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone

import numpy as np
import pytest

from tests.store_parts import record, unit
from tinymem.annotate import Annotator, dated, has_new_text, speaker_of
from tinymem.types import Change, EventDate, Scope, Triple

SAID = datetime(2025, 3, 12, tzinfo=timezone.utc)
TEA, OSLO = record("1", "Likes tea"), record("2", "Moves to Oslo tomorrow")


@dataclass
class Sorter:
    """Gives every text its first word as a category, and keeps what it was asked."""

    asked: list = field(default_factory=list)

    def assign(self, texts, vectors):
        self.asked.append((list(texts), [vector.tolist() for vector in vectors]))
        return [(text.split()[0].lower(),) for text in texts]


def relate(texts, speaker):
    """Relate the speaker to the last word of each text, if it is a name."""
    last = [text.split()[-1] for text in texts]
    return [(Triple(speaker, "knows", word),) if word[0].isupper() else () for word in last]


def annotator(**settings):
    parts = {"categorizer": None, "relate": None, "known": lambda one: {}}
    embed = {"embed": lambda texts: {text: unit(2) for text in texts}, "embed_for_file": lambda texts: {}}
    return Annotator(**{**parts, **embed, **settings})


def annotated(*changes, **settings):
    done, vectors = annotator(**settings).annotate(changes, lambda change: SAID)
    return [change.after for change in done], vectors


def test_a_text_is_new_if_another_or_none_stood_before():
    assert has_new_text(Change("ADD", after=TEA))
    assert has_new_text(Change("UPDATE", before=TEA, after=replace(TEA, text="Likes coffee")))
    assert not has_new_text(Change("UPDATE", before=TEA, after=replace(TEA, metadata={"a": 1})))
    assert not has_new_text(Change("DELETE", before=TEA))


def test_the_day_is_seen_from_the_day_it_was_said_on():
    event = EventDate(date(2025, 3, 13), date(2025, 3, 13))
    assert dated(Change("ADD", after=OSLO), SAID).after.event == event
    assert annotated(Change("ADD", after=OSLO))[0][0].event == event
    known = replace(OSLO, event=event)
    changed = Change("UPDATE", before=known, after=replace(known, text="Lives in Oslo"))
    assert annotated(changed)[0][0].event is None


def test_every_change_has_its_own_day():
    changes = [
        Change("ADD", after=replace(OSLO, id=str(day), created_at=SAID.replace(day=day))) for day in (1, 7)
    ]
    done, _ = annotator().annotate(changes, lambda change: change.after.created_at)
    assert [change.after.event.start.day for change in done] == [2, 8]


def test_only_new_texts_are_looked_at():
    sorter = Sorter()
    changes = (
        Change("UPDATE", before=TEA, after=replace(TEA, archived=True)),
        Change("DELETE", before=OSLO),
        Change("ADD", after=record("3", "Knows Bob")),
    )
    done, _ = annotator(categorizer=sorter, relate=relate).annotate(changes, lambda change: SAID)
    assert done[:2] == changes[:2]
    assert (done[2].after.categories, done[2].after.relations) == (
        ("knows",),
        (Triple("maya", "knows", "Bob"),),
    )
    assert [texts for texts, _ in sorter.asked] == [["Knows Bob"]]


def test_categories_come_from_the_vectors_at_hand_and_others_are_made():
    sorter, made = Sorter(), []

    def embed(texts):
        made.append(list(texts))
        return {text: unit(0, 1) for text in texts}

    changes = (Change("ADD", after=TEA, vector=unit(1)), Change("ADD", after=OSLO))
    done, _ = annotator(categorizer=sorter, embed=embed).annotate(changes, lambda change: SAID)
    assert [change.after.categories for change in done] == [("likes",), ("moves",)]
    assert made == [["Moves to Oslo tomorrow"]]
    assert sorter.asked == [
        (["Likes tea", "Moves to Oslo tomorrow"], [unit(1).tolist(), unit(0, 1).tolist()])
    ]


def test_a_memory_that_is_changed_loses_what_the_text_before_was_related_to():
    bob = replace(record("1", "Knows Bob"), relations=(Triple("maya", "knows", "Bob"),))
    change = Change("UPDATE", before=bob, after=replace(bob, text="Knows nobody"))
    for wanted in (None, relate):
        assert annotated(change, relate=wanted)[0][0].relations == ()
    kept = Change("UPDATE", before=bob, after=replace(bob, metadata={"a": 1}))
    assert annotated(kept, relate=relate)[0][0].relations == bob.relations


def test_entities_are_spelt_as_their_owner_spells_them_and_nobody_else():
    """Maya knows a Maria Garcia Lopez; that Bob's Maria Garcia is her is nothing to be told to Bob."""

    def name_all(texts, speaker):
        return [(Triple(speaker, "knows", text),) for text in texts]

    said = [("maya", "Maria Garcia Lopez"), ("bob", "Maria Garcia"), ("maya", "maria garcia")]
    changes = [
        Change("ADD", after=record(str(place), text, scope=Scope(user_id=user)))
        for place, (user, text) in enumerate(said)
    ]
    vectors = {text: unit(1) for _, text in said}
    done, _ = annotated(
        *changes,
        relate=name_all,
        embed_for_file=lambda texts: {text: vectors[text] for text in texts if text in vectors},
    )
    assert [one.relations[0].target for one in done] == [
        "Maria Garcia Lopez",
        "Maria Garcia",
        "Maria Garcia Lopez",
    ]


def test_known_entities_are_asked_for_once_an_owner_and_new_ones_embedded_together():
    asked, embedded = [], []

    def known(one):
        asked.append(one.scope.user_id)
        return {"Bob": None}

    def embed(texts):
        embedded.append(list(texts))
        return {text: unit(1) for text in texts}

    texts = ("Knows BOB", "Knows Al", "Knows nobody", "Knows AL")
    changes = [Change("ADD", after=record(str(n), text)) for n, text in enumerate(texts)]
    done, vectors = annotated(*changes, relate=relate, known=known, embed_for_file=embed)
    assert [one.relations for one in done] == [
        (Triple("maya", "knows", "Bob"),),
        (Triple("maya", "knows", "Al"),),
        (),
        (Triple("maya", "knows", "Al"),),
    ]
    assert asked == ["maya"]
    assert len(embedded) == 1
    assert np.array_equal(vectors["Al"], unit(1))
    assert "Bob" not in vectors


@pytest.mark.parametrize(
    ("fields", "speaker"),
    [
        ({"scope": Scope("ana", None, "r"), "actor_id": "Al"}, "Al"),
        ({"scope": Scope("ana", None, "r", "p")}, "ana"),
        ({"scope": Scope(None, "bot", "r")}, "bot"),
        ({"scope": Scope(run_id="r", app_id="p")}, "r"),
        ({"scope": Scope(app_id="p")}, "p"),
        ({"scope": Scope()}, "user"),
    ],
)
def test_the_speaker_is_whoever_is_known_best(fields, speaker):
    assert speaker_of(record(**fields)) == speaker
