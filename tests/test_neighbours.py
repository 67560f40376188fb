"""What stands around a memory, who is known to have spoken, and what was said last: exact lookups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.store_parts import NOW, add, commit, opened, record
from tinymem.store.filters import EVERYTHING, Where, scope_where
from tinymem.store.neighbours import Around
from tinymem.store.store import Store
from tinymem.types import Change, Scope

HOUR = timedelta(hours=1)
MAYA = scope_where(Scope(user_id="maya"), user_or_agent=True)


@pytest.fixture
def store() -> Iterator[Store]:
    with opened() as fresh:
        yield fresh


def tell(store: Store, *texts: str, prefix: str = "m") -> None:
    """Store a conversation, one memory after another: m1, m2, m3, ..."""
    follows = [None, *(f"{prefix}{number}" for number in range(1, len(texts)))]
    add(
        store,
        *(
            record(f"{prefix}{number}", text, follows=last)
            for number, (text, last) in enumerate(zip(texts, follows, strict=True), 1)
        ),
    )


def test_a_message_stands_after_two_and_before_one(store: Store) -> None:
    tell(store, "a", "b", "c", "d")
    assert store.around([1, 2, 3, 4]) == {
        1: Around(None, None, 2),
        2: Around(1, None, 3),
        3: Around(2, 1, 4),
        4: Around(3, 2, None),
    }
    assert store.around([3]) == {3: Around(2, 1, 4)}


def test_a_message_is_known_to_ask_by_its_end(store: Store) -> None:
    tell(store, "Tea? I like tea.", "I do. And you? ", "喝茶吗？", "نعم؟", "?")
    asks = [around.asks for _, around in sorted(store.around([1, 2, 3, 4, 5]).items())]
    assert asks == [False, True, True, True, True]


def test_what_stands_alone_or_is_not_there_is_left_out(store: Store) -> None:
    add(store, record("m1"), record("m2", follows="gone"))
    assert store.around([1, 2, 99]) == store.around([]) == {}


def test_a_deleted_memory_leaves_a_gap_and_comes_back_into_it(store: Store) -> None:
    tell(store, "a", "b", "c")
    middle = store.get("m2")
    store.apply(commit(Change("DELETE", middle)))
    assert store.around([1, 3]) == {}
    store.apply(commit(Change("ADD", after=middle)))
    assert store.around([1, 3]) == {1: Around(None, None, 2), 3: Around(2, 1, None)}


def test_of_two_that_followed_the_same_the_older_row_stands_after_it(store: Store) -> None:
    tell(store, "a", "b")
    add(store, record("other", follows="m1"))
    assert store.around([1, 3]) == {1: Around(None, None, 2), 3: Around(1, None, None)}


def test_those_that_meet_a_condition_are_picked(store: Store) -> None:
    add(store, record("m1"), record("m2", scope=Scope(user_id="bo")), record("m3"))
    assert store.meeting(MAYA, [1, 2, 99]) == {1}
    assert store.meeting(EVERYTHING, [2, 3, 99]) == {2, 3}
    assert store.meeting(EVERYTHING, []) == set()


def test_speakers_are_those_of_the_memories_that_are_searched(store: Store) -> None:
    bo = scope_where(Scope(user_id="bo"), user_or_agent=True)
    add(
        store,
        record("m1", actor_id="Ana"),
        record("m2", actor_id="Ana"),
        record("m3", actor_id="Rose", scope=Scope(user_id="bo")),
        record("m4"),
    )
    asked = ["ana", "ANA", "rose", "tea", ""]
    assert store.speakers(asked, EVERYTHING) == ["Ana", "Rose"]
    assert store.speakers(asked, MAYA) == ["Ana"]
    assert store.speakers(asked, bo) == ["Rose"]
    assert store.speakers(asked, MAYA & Where("m.text = ?", ("Text of m4",))) == []
    assert store.speakers([], EVERYTHING) == store.speakers(["' OR 1 --", '"', "%"], EVERYTHING) == []


def test_what_one_of_them_said_is_found_however_the_name_is_written(store: Store) -> None:
    add(store, record("m1", actor_id="Ana"), record("m2", actor_id="ana"), record("m3", actor_id="Anastasia"))
    assert store.said_by("ANA", [1, 2, 3, 99]) == {1, 2}
    assert store.said_by("ana", [3]) == store.said_by("Bo", [1, 2, 3]) == set()


def test_the_last_that_was_said_is_the_newest_of_exactly_this_scope(store: Store) -> None:
    maya, session = Scope(user_id="maya"), Scope(user_id="maya", run_id="r")
    add(
        store,
        record("old", age=30, role="user"),
        record("same time", age=10, role="user"),
        record("newest", age=10, role="assistant"),
        record("in a session", age=5, role="user", scope=session),
        record("older, told later", age=20, role="user"),
        record("nobody's words", age=1),
        record("another's", age=1, role="user", scope=Scope(user_id="bo")),
    )
    assert store.last_said(maya, NOW - HOUR, NOW) == "newest"
    assert store.last_said(session, NOW - HOUR, NOW) == "in a session"
    assert store.last_said(maya, NOW - HOUR, NOW - timedelta(seconds=15)) == "older, told later"
    assert store.last_said(maya, NOW, NOW + HOUR) is None
    assert store.last_said(Scope(agent_id="maya"), NOW - HOUR, NOW) is None


def test_looking_up_the_last_and_the_speakers_reads_no_more_than_it_needs(store: Store) -> None:
    """Both are asked with every message or search, so neither may read the whole file."""
    add(store, *(record(f"m{n}", "x", age=9000 - n, role="user", actor_id="Ana") for n in range(9000)))
    steps: list[int] = []

    def count() -> bool:
        steps.append(100)
        return False

    with store._open() as connection:
        connection.set_progress_handler(count, 100)
        assert store.last_said(Scope(user_id="maya"), NOW - HOUR, NOW) is not None
        assert store.speakers(["ana", "what"], MAYA) == ["Ana"]
        assert store.speakers(["what", "did", "she", "say"], MAYA) == []
        connection.set_progress_handler(None)
    assert sum(steps) < 5000
