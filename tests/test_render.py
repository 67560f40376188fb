"""mem0's keys: what callers see of Records, Hits, Changes and the past, and what they can do with it."""

import json
from dataclasses import replace
from datetime import date, datetime, timezone

from tinymem.render import (
    render_change,
    render_commit,
    render_history,
    render_hit,
    render_record,
    render_rejections,
)
from tinymem.types import Change, Commit, Extraction, HistoryEntry, Hit, Message, Record, Rejection, Scope

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
LATER = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
TEA = Record("1", "Likes tea", Scope("ana"), NOW, NOW)
FULL = Record(
    "2",
    "Likes green tea",
    Scope("ana", "bot", "r1", "app"),
    NOW,
    LATER,
    {"a": {"b": [1, None]}},
    ("food", "drinks"),
    "Ana",
    "user",
    "procedural_memory",
    date(2026, 5, 1),
    True,
)


def test_a_record_shows_mem0s_keys_and_no_empty_ones():
    assert render_record(TEA) == {
        "id": "1",
        "memory": "Likes tea",
        "hash": "ed0d2a668f61805c737f938e64f1961d",
        "metadata": {},
        "categories": [],
        "created_at": "2026-01-01T12:00:00.000000+00:00",
        "updated_at": "2026-01-01T12:00:00.000000+00:00",
        "user_id": "ana",
    }


def test_a_record_shows_all_that_is_set_as_plain_json():
    item = render_record(FULL)
    assert item["metadata"] == {"a": {"b": [1, None]}}
    assert item["categories"] == ["food", "drinks"]
    assert (item["user_id"], item["agent_id"], item["run_id"], item["app_id"]) == ("ana", "bot", "r1", "app")
    assert (item["actor_id"], item["role"], item["memory_type"]) == ("Ana", "user", "procedural_memory")
    assert (item["expiration_date"], item["immutable"]) == ("2026-05-01", True)
    assert item["updated_at"] == "2026-01-02T12:00:00.000000+00:00"
    assert json.loads(json.dumps(item)) == item


def test_a_hit_is_a_record_with_its_score_and_its_parts_only_when_asked():
    hit = Hit(TEA, 0.75, {"semantic_score": 0.5})
    assert render_hit(hit, explain=False) == {**render_record(TEA), "score": 0.75}
    assert render_hit(hit, explain=True)["score_details"] == {"semantic_score": 0.5}


def test_changes_say_what_happened_to_which_text():
    coffee = replace(TEA, text="Likes coffee")
    commit = Commit(
        "c", "add", NOW, (Change("ADD", None, TEA), Change("UPDATE", TEA, coffee), Change("DELETE", coffee))
    )
    assert render_commit(commit) == [
        {"id": "1", "memory": "Likes tea", "event": "ADD"},
        {"id": "1", "memory": "Likes coffee", "event": "UPDATE", "previous_memory": "Likes tea"},
        {"id": "1", "memory": "Likes coffee", "event": "DELETE"},
    ]


def test_word_for_word_always_says_who_said_it():
    assert render_change(Change("ADD", None, FULL), word_for_word=True)["actor_id"] == "Ana"
    item = render_change(Change("ADD", None, replace(TEA, role="user")), word_for_word=True)
    assert (item["actor_id"], item["role"]) == (None, "user")


def test_a_rejected_statement_comes_with_its_reason_and_message():
    extraction = Extraction((), (Rejection("Is 40", "number 40 was never said", 1),))
    messages = [Message("user", "hi"), Message("user", "I'm a nurse")]
    assert render_rejections(extraction, messages) == [
        {"text": "Is 40", "reason": "number 40 was never said", "message": "I'm a nurse"}
    ]


def test_history_has_mem0s_keys_and_both_event_and_action():
    coffee = replace(TEA, text="Likes coffee", updated_at=LATER, role="user", actor_id="Ana")
    rows = render_history(
        [
            HistoryEntry("c1", "add", NOW, "ADD", None, TEA),
            HistoryEntry("c2", "update", LATER, "UPDATE", TEA, coffee),
            HistoryEntry("c3", "delete", LATER, "DELETE", coffee, None),
        ]
    )
    assert [(row["old_memory"], row["new_memory"]) for row in rows] == [
        (None, "Likes tea"),
        ("Likes tea", "Likes coffee"),
        ("Likes coffee", None),
    ]
    assert [row["event"] for row in rows] == [row["action"] for row in rows] == ["ADD", "UPDATE", "DELETE"]
    assert [row["is_deleted"] for row in rows] == [False, False, True]
    assert {row["memory_id"] for row in rows} == {"1"}
    assert len({row["id"] for row in rows}) == 3
    assert {row["created_at"] for row in rows} == {"2026-01-01T12:00:00.000000+00:00"}
    assert rows[1]["updated_at"] == "2026-01-02T12:00:00.000000+00:00"
    assert (rows[1]["actor_id"], rows[1]["role"], rows[1]["commit_id"]) == ("Ana", "user", "c2")
