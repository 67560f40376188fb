"""Topics to keep, and topics never to store: told to a model that can follow, enforced whatever it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinymem import Memory, ValidationError
from tinymem.remember import UNWANTED
from tinymem.testing import FrozenClock, HashEmbedder, ScriptedLlm, counting_ids

HEALTH, MUSIC, FOOD = "Takes insulin twice a day", "Plays the drums", "Likes to cook Thai food"
TALK = [
    {"role": "system", "content": "Talk about health"},
    {"role": "user", "content": HEALTH},
    {"role": "user", "content": MUSIC},
    {"role": "assistant", "content": "Your insulin helps"},
    {"role": "user", "content": FOOD},
]


@pytest.fixture
def make(memory_factory):
    """Return a function (**settings) -> Memory with the bundled embedder, which knows meanings."""

    def opened(**settings):
        return memory_factory(embedder=None, clock=FrozenClock(), new_id=counting_ids(), **settings)

    return opened


def stored(memory, **asked):
    return {item["memory"] for item in memory.get_all(**asked)["results"]}


# -- enforced


@pytest.mark.parametrize("infer", [True, False])
@pytest.mark.parametrize(
    ("topics", "kept"),
    [
        ({"excludes": "health"}, {MUSIC, FOOD}),
        ({"excludes": ["health", "music"]}, {FOOD}),
        ({"includes": "health, music"}, {HEALTH, MUSIC}),
        ({"includes": ["music"], "excludes": ["health"]}, {MUSIC}),
        ({"includes": ["health"], "excludes": ["health"]}, set()),  # never to store wins
        ({"includes": ["astronomy"]}, set()),
    ],
)
def test_only_wanted_facts_are_stored_and_the_others_rejected(make, infer, topics, kept):
    memory = make()
    said = [message for message in TALK if message["role"] != "assistant"]
    added = memory.add(said, user_id="ana", infer=infer, **topics)
    assert stored(memory) == kept == {item["memory"] for item in added["results"]}
    assert {(each["text"], each["reason"], each["message"]) for each in added["rejected"]} == {
        (text, UNWANTED, text) for text in {HEALTH, MUSIC, FOOD} - kept
    }
    assert (added["commit_id"] is None) == (not kept)


def test_word_for_word_every_message_is_looked_at_but_the_systems(make):
    memory = make()
    added = memory.add(TALK, user_id="ana", agent_id="bot", infer=False, excludes="health")
    assert stored(memory) == {MUSIC, FOOD}
    assert [each["text"] for each in added["rejected"]] == [HEALTH, "Your insulin helps"]
    assert [item["role"] for item in added["results"]] == ["user", "user"]


def test_where_all_is_wanted_nothing_is_rejected(make):
    memory = make()
    for topics in ({}, {"excludes": "astronomy"}, {"includes": "health, music, food"}):
        memory.reset()
        assert "rejected" not in memory.add(TALK, user_id="ana", **topics)
        assert stored(memory) == {HEALTH, MUSIC, FOOD}


def test_a_rejected_fact_touches_nothing_that_is_stored(make):
    memory = make()
    memory.add("Takes aspirin", user_id="ana", infer=False)
    added = memory.add("Takes insulin twice a day", user_id="ana", excludes="health")
    assert (added["results"], len(added["rejected"])) == ([], 1)
    assert stored(memory) == {"Takes aspirin"}


def test_what_was_stored_before_can_still_be_forgotten(make):
    memory = make(extractor=None, reconciler=None)
    memory.add(HEALTH, user_id="ana", infer=False)
    done = memory.add("Please forget that I take insulin twice a day.", user_id="ana", excludes="health")
    assert [(item["event"], item["memory"]) for item in done["results"]] == [("DELETE", HEALTH)]
    assert stored(memory) == set()


def test_a_dry_run_says_what_would_be_rejected(make):
    memory = make()
    plan = memory.add(TALK, user_id="ana", excludes="health", dry_run=True)
    assert [each["text"] for each in plan["rejected"]] == [HEALTH]
    assert memory.count() == 0


def test_a_topics_own_words_count_with_any_embedder(memory_factory):
    memory = memory_factory(embedder=HashEmbedder())
    said = [{"role": "user", "content": text} for text in ("Talks of salaries", "Skis")]
    memory.add(said, user_id="ana", excludes="salary")
    assert stored(memory) == {"Skis"}


def test_a_file_of_another_embedder_is_no_way_around(make, memory_factory):
    hashed = memory_factory()
    hashed.add("Skis", user_id="ana", infer=False)
    memory = make()
    assert memory.add(TALK, user_id="ana", excludes="health", infer=False)["rejected"]
    assert HEALTH not in stored(memory)
    assert hashed.repair()  # what the other one wrote without a vector


# -- whose word goes first


def test_the_call_goes_before_the_memory_and_that_before_the_file(make):
    memory, plain = make(excludes="health"), make()
    plain.configure(excludes="music")
    memory.add(TALK, user_id="by the Memory")
    assert stored(memory, user_id="by the Memory") == {MUSIC, FOOD}
    memory.add(TALK, user_id="by the call", excludes="food")
    assert stored(memory, user_id="by the call") == {HEALTH, MUSIC}
    plain.add(TALK, user_id="by the file")
    assert stored(plain, user_id="by the file") == {HEALTH, FOOD}
    plain.add(TALK, user_id="both", includes="music, health")  # what the call does not say, the file does
    assert stored(plain, user_id="both") == {HEALTH}


def test_loading_in_bulk_is_no_way_around(make):
    memory = make(excludes="health")
    done = memory.add_many([HEALTH, MUSIC, FOOD], user_id="ana")
    assert stored(memory) == {MUSIC, FOOD}
    assert (done["added"], done["skipped"]) == (2, 0)
    assert done["rejected"] == [{"id": done["ids"][0], "text": HEALTH, "reason": UNWANTED}]
    again = memory.add_many([HEALTH, MUSIC, FOOD], user_id="ana")
    assert (again["added"], again["skipped"], len(again["rejected"])) == (0, 2, 1)


@pytest.mark.parametrize("name", ["includes", "excludes"])
@pytest.mark.parametrize("wrong", ["", " , ", [], [""], [5], 5, True, {"health": 1}])
def test_what_are_no_topics_is_refused_by_name(make, name, wrong):
    memory = make()
    for infer in (True, False):
        with pytest.raises(ValidationError, match=name):
            memory.add(TALK, user_id="ana", infer=infer, **{name: wrong})
    assert memory.count() == 0


# -- told to a chat model


def reply(*facts):
    listed = ", ".join(f'{{"message": {place}, "fact": "{text}"}}' for place, text in facts)
    return f'{{"facts": [{listed}]}}'


def prompts(llm):
    return ["\n".join(message.content for message in prompt) for prompt in llm.prompts]


def test_a_chat_model_is_told_and_what_it_does_not_follow_is_enforced(make):
    llm = ScriptedLlm([reply((0, HEALTH), (1, MUSIC))])
    memory = make(llm=llm, extractor=None, includes="music, food", excludes=["health"])
    talk = [{"role": "user", "content": f"I say this: {text}"} for text in (HEALTH, MUSIC)]
    added = memory.add(talk, user_id="ana")
    assert "Extract only facts about: music, food." in prompts(llm)[0]
    assert "Never extract facts about: health." in prompts(llm)[0]
    assert stored(memory) == {MUSIC}
    assert [(each["text"], each["message"]) for each in added["rejected"]] == [(HEALTH, talk[0]["content"])]


def test_instructions_are_told_after_the_topics_and_are_not_lost(make):
    llm = ScriptedLlm([reply(), reply(), reply()])
    memory = make(llm=llm, extractor=None, custom_instructions="Write in capitals.")
    memory.add("I play the drums", user_id="ana", excludes="health")
    memory.add("I play the drums", user_id="ana", excludes="health", prompt="Write in verse.")
    memory.add("I play the drums", user_id="ana")
    one, two, three = prompts(llm)
    assert one.index("Never extract facts about: health.") < one.index("Write in capitals.")
    assert two.index("Never extract facts about: health.") < two.index("Write in verse.")
    assert "Write in capitals." not in two
    assert "Write in capitals." in three
    assert "health" not in three


def test_an_extractor_of_the_callers_own_is_not_replaced(make):
    llm = ScriptedLlm([])
    memory = make(llm=llm)
    memory.add(TALK, user_id="ana", excludes="health")
    assert llm.prompts == []
    assert stored(memory) == {MUSIC, FOOD}


def test_the_words_of_an_unwanted_message_are_not_kept_as_a_source(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with Memory(path, excludes="health") as memory:
        memory.add("I inject insulin every morning.", user_id="ana")
        memory.add([{"role": "user", "content": "I inject insulin too"}], user_id="bo", infer=False)
    assert b"insulin" not in path.read_bytes()
