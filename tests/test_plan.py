"""Decisions become Changes: whose they are, what they carry, and what inference may never do."""

from dataclasses import replace
from datetime import date, datetime, timezone

import numpy as np
import pytest

from tinymem.errors import EngineError
from tinymem.plan import Circumstances, new_record, plan_decisions, scope_of, texts_to_store
from tinymem.testing import counting_ids
from tinymem.types import Decision, Fact, Message, Record, Scope, Span

NOW = datetime(2026, 1, 10, tzinfo=timezone.utc)
BOTH = Scope("ana", "bot", "r1")
MESSAGES = [Message("user", "I like tea", "Ana"), Message("assistant", "I am Bot")]
TEA = Fact("Likes tea", "user", 0, (Span(0, 0, 10),))
NAME = Fact("Is called Bot", "assistant", 1)
OLD = Record("old", "Likes coffee", Scope("ana"), NOW, NOW, {"a": 1, "b": 2}, role="user")


def plan(*decisions, vectors=None, **circumstances):
    call = Circumstances(**{"scope": Scope("ana"), "now": NOW, **circumstances})
    return plan_decisions(decisions, MESSAGES, vectors or {}, call, counting_ids("m"))


def test_with_both_ids_each_speaker_has_their_own():
    assert scope_of(BOTH, "user") == Scope("ana", None, "r1")
    assert scope_of(BOTH, "assistant") == Scope(None, "bot", "r1")
    for scope in (Scope("ana"), Scope(None, "bot"), Scope(run_id="r"), Scope("ana", None, "r", "app")):
        assert scope_of(scope, "user") == scope_of(scope, "assistant") == scope


def test_an_add_carries_all_that_the_call_says():
    vector = np.ones(1, np.float32)
    (change,) = plan(
        Decision("ADD", TEA),
        vectors={"Likes tea": vector},
        scope=BOTH,
        metadata={"k": "v"},
        created_at=datetime(2020, 1, 1, tzinfo=timezone.utc),
        expiration_date=date(2027, 1, 1),
        immutable=True,
    )
    record = change.after
    assert (change.event, change.before, change.unique, change.vector, change.evidence) == (
        *("ADD", None, True, vector, TEA.spans),
    )
    assert (record.id, record.text, record.scope) == ("m1", "Likes tea", Scope("ana", None, "r1"))
    assert (record.metadata, record.immutable, record.expiration_date) == ({"k": "v"}, True, date(2027, 1, 1))
    assert record.created_at == record.updated_at == datetime(2020, 1, 1, tzinfo=timezone.utc)
    assert (record.role, record.actor_id) == ("user", "Ana")


def test_facts_of_both_speakers_are_tagged_separately():
    changes = plan(Decision("ADD", TEA), Decision("ADD", NAME), scope=BOTH)
    assert [change.after.scope for change in changes] == [Scope("ana", None, "r1"), Scope(None, "bot", "r1")]
    assert [change.after.role for change in changes] == ["user", "assistant"]


def test_the_same_text_is_added_once_for_each_owner():
    same = replace(NAME, text="Likes tea")
    changes = plan(Decision("ADD", TEA), Decision("ADD", TEA), Decision("ADD", same), scope=BOTH)
    assert [change.after.scope.ids() for change in changes] == [
        {"user_id": "ana", "run_id": "r1"},
        {"agent_id": "bot", "run_id": "r1"},
    ]


def test_an_update_keeps_the_id_and_merges_metadata():
    (change,) = plan(
        Decision("UPDATE", TEA, OLD, "Likes tea, no longer coffee"),
        metadata={"b": 3},
        scope=Scope("ana", run_id="r9"),
        created_at=datetime(2020, 1, 1, tzinfo=timezone.utc),
    )
    assert change.before == OLD
    assert change.after == replace(OLD, text="Likes tea, no longer coffee", metadata={"a": 1, "b": 3})
    assert OLD.metadata == {"a": 1, "b": 2}


def test_an_update_of_an_immutable_call_may_not_change_any_more():
    (change,) = plan(Decision("UPDATE", TEA, OLD, "Likes tea"), immutable=True)
    assert change.after == replace(OLD, text="Likes tea", immutable=True)


def test_an_update_makes_an_expired_memory_visible_again():
    def expires_after(before, given=None):
        old = replace(OLD, expiration_date=before)
        (change,) = plan(Decision("UPDATE", TEA, old, "x"), expiration_date=given)
        return change.after.expiration_date

    assert expires_after(date(2026, 1, 9)) is None
    assert expires_after(date(2026, 1, 10)) == date(2026, 1, 10)
    assert expires_after(date(2026, 1, 9), date(2026, 3, 1)) == date(2026, 3, 1)
    assert expires_after(None) is None


def test_deletes_have_only_a_before_and_nothing_leaves_no_trace():
    (change,) = plan(Decision("NONE", TEA, OLD), Decision("DELETE", TEA, OLD))
    assert (change.event, change.before, change.after, change.vector) == ("DELETE", OLD, None, None)
    assert plan() == plan(Decision("NONE", TEA)) == ()


def test_inference_never_changes_or_deletes_an_immutable_memory_and_keeps_the_new_fact():
    fixed = replace(OLD, immutable=True)
    (change,) = plan(Decision("UPDATE", TEA, fixed, "Likes tea"), Decision("DELETE", TEA, fixed))
    assert (change.event, change.after.text, change.after.id) == ("ADD", "Likes tea", "m1")


@pytest.mark.parametrize(
    "broken",
    [
        Decision("UPDATE", TEA, OLD),
        Decision("UPDATE", TEA, OLD, ""),
        Decision("UPDATE", TEA),
        Decision("DELETE", TEA),
    ],
)
def test_a_decision_that_says_too_little_is_an_error_not_a_lost_fact(broken):
    with pytest.raises(EngineError, match="Likes tea"):
        plan(broken)


@pytest.mark.parametrize("event", ["ADD", "UPDATE", "NONE"])
def test_nothing_is_stored_of_a_request_to_forget(event):
    request = replace(TEA, forget=True)
    assert plan(Decision(event, request, None if event == "ADD" else OLD, "Likes tea")) == ()
    (change,) = plan(Decision("DELETE", request, OLD))
    assert (change.event, change.before) == ("DELETE", OLD)


def test_records_of_one_call_share_no_metadata():
    call = Circumstances(Scope("ana"), NOW, {"a": 1})
    one, other = (new_record("x", "user", None, call, counting_ids()) for _ in range(2))
    one.metadata["a"] = 2
    assert other.metadata == call.metadata == {"a": 1}


def test_every_text_to_store_needs_one_vector():
    decisions = [
        Decision("ADD", TEA),
        Decision("ADD", TEA),
        Decision("UPDATE", NAME, OLD, "Likes both"),
        Decision("DELETE", TEA, OLD),
        Decision("NONE", replace(TEA, text="nothing"), OLD),
    ]
    assert texts_to_store(decisions) == ["Likes tea", "Likes both"]
