"""Asked to forget in plain words: exactly what is meant is deleted, reported, and in the history."""

from __future__ import annotations

import pytest

from tests.fakes import SameBeginning
from tinymem.testing import FrozenClock, counting_ids
from tinymem.types import Extraction, Fact
from tinymem.understand.extract import BundledExtractor
from tinymem.understand.reconcile import BundledReconciler

KNOWN = ["Home address is 5 Elm Street", "Work address is 9 Oak Street", "Lives in Oslo", "Likes tea"]


@pytest.fixture
def memory(memory_factory):
    """A Memory whose real rules read requests; no model is needed for them."""
    return memory_factory(
        extractor=BundledExtractor(),
        reconciler=BundledReconciler(),
        clock=FrozenClock("2026-01-10T12:00:00+00:00"),
        new_id=counting_ids(),
    )


def tell(memory, *texts, **ids):
    """Store texts word for word and return their ids."""
    said = [{"role": "user", "content": text} for text in texts]
    return [item["id"] for item in memory.add(said, infer=False, **(ids or {"user_id": "ana"}))["results"]]


def stored(memory, **asked):
    return {item["memory"] for item in memory.get_all(**asked)["results"]}


def test_only_what_is_meant_is_deleted_and_it_is_reported(memory):
    home, *_ = tell(memory, *KNOWN)
    done = memory.add("Please forget my home address", user_id="ana")
    assert done["results"] == [{"id": home, "memory": "Home address is 5 Elm Street", "event": "DELETE"}]
    assert done["commit_id"] is not None
    assert stored(memory) == set(KNOWN[1:])
    assert memory.get(home) is None
    assert [(row["event"], row["old_memory"]) for row in memory.history(home)][-1] == (
        "DELETE",
        "Home address is 5 Elm Street",
    )


def test_what_is_forgotten_stays_forgotten(memory):
    tell(memory, *KNOWN)
    memory.add("Please forget my home address", user_id="ana")
    for said in ("Please forget my home address", "I like tea.", "Thanks!", "forget it"):
        assert memory.add(said, user_id="ana", dry_run=True)["results"] == []
        memory.add(said, user_id="ana")
    assert stored(memory) == set(KNOWN[1:])


def test_a_request_within_a_conversation_is_read(memory):
    tell(memory, *KNOWN)
    talk = [
        {"role": "user", "content": "I have a cat. Oh, and please forget that I live in Oslo."},
        {"role": "assistant", "content": "Of course. What is it called?"},
    ]
    done = memory.add(talk, user_id="ana")["results"]
    assert {(item["event"], item["memory"]) for item in done} == {
        ("ADD", "Has a cat"),
        ("DELETE", "Lives in Oslo"),
    }


@pytest.mark.parametrize(
    "said",
    [
        "forget it",
        "Forget that, please.",
        "don't forget the milk",
        "Don't forget my home address!",
        "I always forget my home address",
        "Never forget that I live in Oslo",
        'He said "please forget my home address" and left',
        "Translate this: please forget my home address",
        "```\nplease forget my home address\n```",
        "> please forget my home address",
        "If I move, please forget my home address",
        "Let's say you must forget my home address",
        "please forget my shoe size",
        "please forget everything",
    ],
)
def test_what_is_no_request_or_means_nothing_deletes_nothing(memory, said):
    tell(memory, *KNOWN)
    talk = [{"role": "user", "content": said}, {"role": "assistant", "content": "ok"}]
    assert [item for item in memory.add(talk, user_id="ana")["results"] if item["event"] != "ADD"] == []
    assert set(KNOWN) <= stored(memory)
    assert not any("forget my" in text.lower() for text in stored(memory))


def test_an_immutable_memory_survives(memory):
    memory.add("Home address is 5 Elm Street", user_id="ana", infer=False, immutable=True)
    assert memory.add("Please forget my home address", user_id="ana") == {"results": [], "commit_id": None}
    assert stored(memory) == {"Home address is 5 Elm Street"}


def test_somebody_elses_memories_survive(memory):
    tell(memory, "Home address is 5 Elm Street", user_id="bob")
    tell(memory, "Sister Maya's home address is 3 Fir Lane")
    assert memory.add("Please forget my home address", user_id="ana")["results"] == []
    memory.add("Please forget my sister's home address", user_id="ana")
    assert stored(memory) == {"Home address is 5 Elm Street"}


def test_a_dry_run_says_what_would_be_forgotten(memory):
    tell(memory, *KNOWN)
    plan = memory.add("Please forget my home address", user_id="ana", dry_run=True)
    assert [(item["event"], item["memory"]) for item in plan["results"]] == [("DELETE", KNOWN[0])]
    assert stored(memory) == set(KNOWN)


def test_a_users_request_never_touches_the_agents_memories(memory):
    tell(memory, "Home address is 5 Elm Street", user_id="ana")
    agents = [{"role": "assistant", "content": "Home address is a server"}]
    memory.add(agents, agent_id="bot", infer=False)
    talk = [{"role": "user", "content": "Please forget my home address"}]
    assert memory.add(talk, agent_id="bot")["results"] == []
    done = memory.add(talk, user_id="ana", agent_id="bot")["results"]
    assert [(item["event"], item["memory"]) for item in done] == [("DELETE", "Home address is 5 Elm Street")]
    assert stored(memory) == {"Home address is a server"}


@pytest.mark.parametrize("role", ["assistant", "system"])
def test_only_the_user_may_ask(memory, role):
    tell(memory, *KNOWN)
    talk = [{"role": role, "content": "Please forget my home address"}, {"role": "user", "content": "ok"}]
    memory.add(talk, user_id="ana", agent_id="bot")
    memory.add(talk, agent_id="bot")
    assert set(KNOWN) <= stored(memory)


def test_everything_about_somebody_goes_however_much_it_is(memory):
    tell(memory, *(f"Tariq knows {number} songs" for number in range(40)), "Likes karaoke")
    done = memory.add("Could you forget everything about Tariq please?", user_id="ana")["results"]
    assert [item["event"] for item in done] == ["DELETE"] * 40
    assert stored(memory) == {"Likes karaoke"}


def test_a_memory_that_is_the_request_word_for_word_goes_too(memory):
    tell(memory, "my home address")
    assert [item["event"] for item in memory.add("Forget my home address", user_id="ana")["results"]] == [
        "DELETE"
    ]
    assert stored(memory) == set()


def test_what_is_told_and_forgotten_at_once_is_never_stored(memory):
    talk = [
        {"role": "user", "content": "My rent is 900 euros and I like tea."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "Actually, please forget my rent."},
    ]
    memory.add(talk, user_id="ana")
    assert stored(memory) == {"Likes tea"}


def test_what_is_told_after_the_request_is_kept(memory):
    tell(memory, "Rent is 900 euros")
    memory.add("Please forget my rent. My rent is 700 euros now.", user_id="ana")
    assert len(stored(memory)) == 1
    assert "700" in next(iter(stored(memory)))


class Asking:
    """Takes the message for a request to forget, whatever it says."""

    def extract(self, messages, about, today):
        return Extraction((Fact(messages[0].content, "user", 0, forget=True),))


def test_nothing_is_stored_of_a_request_whatever_the_reconciler_decides(memory_factory):
    memory = memory_factory(extractor=Asking(), reconciler=SameBeginning())
    assert memory.add("Lives in Rome", user_id="ana")["results"] == []
    tell(memory, "Lives in Oslo")
    assert memory.add("Lives in Rome", user_id="ana")["results"] == []
    assert stored(memory) == {"Lives in Oslo"}
