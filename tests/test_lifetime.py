"""A Memory from opening to closing: what stays on the disk, whose engines are whose, which day it is."""

from datetime import date, datetime, timezone

import pytest

from tests.fakes import EveryMessage
from tinymem import ConfigError, Memory, StoreError, ValidationError
from tinymem.testing import FrozenClock, HashEmbedder


def texts(found):
    return [item["memory"] for item in found["results"]]


def test_what_was_stored_is_there_after_reopening(memory_factory, tmp_path):
    memory = memory_factory()
    added = memory.add("Likes tea", user_id="ana", metadata={"k": [1.5, None]}, infer=False)["results"][0]
    seen = memory.get(added["id"])
    memory.close()
    assert [path.name for path in tmp_path.iterdir()] == ["memory.db"]
    again = memory_factory()
    assert again.get(added["id"]) == seen
    assert texts(again.search("tea", user_id="ana")) == ["Likes tea"]


def test_closing_twice_is_fine_and_using_it_afterwards_a_clear_error(memory):
    memory.add("Likes tea", user_id="ana", infer=False)
    memory.close()
    memory.close()
    for use in (
        *(
            lambda: memory.get("id-1"),
            lambda: memory.get_all(),
            lambda: memory.search("tea"),
            lambda: memory.count(),
        ),
        *(lambda: memory.add("x", user_id="ana"), lambda: memory.add("x?", user_id="ana")),
        *(lambda: memory.add("x", user_id="ana", infer=False), lambda: memory.update("id-1", "x")),
        *(
            lambda: memory.delete("id-1"),
            lambda: memory.delete_all(user_id="ana"),
            lambda: memory.history("id-1"),
        ),
        *(memory.reset, memory.check, memory.stats),
    ):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_a_with_block_closes_the_file_and_lets_errors_through(tmp_path):
    with pytest.raises(KeyError), Memory(tmp_path / "x.db", embedder=HashEmbedder()) as memory:
        raise KeyError("mine")
    with pytest.raises(StoreError):
        memory.count()


class ClosingEmbedder(HashEmbedder):
    closed = False

    def close(self):
        self.closed = True


def test_closing_a_memory_leaves_the_callers_engines_open(memory_factory):
    shared = ClosingEmbedder()
    memory_factory("one.db", embedder=shared).close()
    assert not shared.closed


def test_a_clock_without_a_zone_and_ids_that_are_none_are_refused(memory_factory):
    naive = memory_factory("a.db", clock=lambda: datetime(2026, 1, 1))
    with pytest.raises(ConfigError, match="aware"):
        naive.add("x", user_id="a", infer=False)
    for wrong in (5, "", None):
        with pytest.raises(ValidationError, match="new_id"):
            memory_factory("b.db", new_id=lambda wrong=wrong: wrong).add("x", user_id="a", infer=False)


def test_today_is_read_from_the_clock_at_every_call(memory_factory):
    clock = FrozenClock("2026-01-10T23:30:00-05:00")
    extractor = EveryMessage()
    memory = memory_factory(clock=clock, extractor=extractor)
    memory.add("One", user_id="a")
    clock.advance(days=1)
    memory.add("Two", user_id="a")
    assert [today for _, _, today in extractor.calls] == [date(2026, 1, 11), date(2026, 1, 12)]
    assert memory.get_all()["results"][0]["created_at"] == datetime(
        2026, 1, 12, 4, 30, tzinfo=timezone.utc
    ).isoformat(timespec="microseconds")
