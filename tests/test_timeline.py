from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from tests.store_parts import NOW, add, commit, opened, record
from tinymem.errors import CorruptError
from tinymem.store.store import Store
from tinymem.types import Change, HistoryEntry, Message, Scope, Span


@pytest.fixture
def store() -> Iterator[Store]:
    with opened() as fresh:
        yield fresh


def test_history_tells_every_change_with_before_and_after_oldest_first(store: Store) -> None:
    one, two = record("m1", "One", metadata={"n": 1}), record("m1", "Two", categories=("a",))
    store.apply(commit(Change("ADD", after=one, evidence=(Span(0, 1, 2),)), commit_id="a", call="add"))
    add(store, record("other"))
    later = replace(
        commit(Change("UPDATE", before=one, after=two), commit_id="b", call="update"), at=NOW + timedelta(1)
    )
    store.apply(later)
    store.apply(commit(Change("DELETE", before=two), commit_id="c", call="delete"))
    assert store.history("m1") == [
        HistoryEntry("a", "add", NOW, "ADD", None, one, (Span(0, 1, 2),)),
        HistoryEntry("b", "update", NOW + timedelta(1), "UPDATE", one, two),
        HistoryEntry("c", "delete", NOW, "DELETE", two, None),
    ]


def test_history_of_an_unknown_id_is_empty(store: Store) -> None:
    assert store.history("nobody") == []


def test_times_come_back_in_utc(store: Store) -> None:
    moment = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    store.apply(replace(commit(Change("ADD", after=record())), at=moment))
    at = store.history("m1")[0].at
    assert at == moment
    assert at.tzinfo is timezone.utc


def test_messages_are_kept_word_for_word_and_in_order(store: Store) -> None:
    told = (
        Message("user", "I moved to Lyon\x00 «là» 🏠", "Maya", NOW),
        Message("assistant", "", None, None),
        Message("system", "Be kind", None, NOW - timedelta(days=1)),
    )
    store.apply(commit(Change("ADD", after=record()), commit_id="a", messages=told, scope=Scope("maya")))
    store.apply(commit(commit_id="b"))
    assert store.messages_of("a") == list(told)
    assert store.messages_of("b") == store.messages_of("unknown") == []


def test_messages_are_not_kept_when_not_wanted(store: Store) -> None:
    secret = commit(Change("ADD", after=record()), commit_id="a", messages=(Message("user", "secret"),))
    store.apply(secret, keep_messages=False)
    assert store.messages_of("a") == []
    assert store.get("m1") == record()


def test_a_past_that_can_not_be_read_is_damage() -> None:
    store = Store(":memory:")
    add(store, record("m1"))
    with store._open() as connection:
        connection.execute("UPDATE changes SET after = '{}'")
    with pytest.raises(CorruptError, match=r"a past memory can not be read .* run check"):
        store.history("m1")
    store.close()
