"""How `add` finds what to store: whose statements, which memories they meet, and what races do to it."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import EveryMessage, SameBeginning
from tinymem import ConfigError, ConflictError, Decision, EngineError, Memory, ReplyError, ValidationError
from tinymem.testing import FrozenClock, HashEmbedder, ScriptedLlm, counting_ids

TALK = [
    {"role": "system", "content": "You are Bot"},
    {"role": "user", "content": "Has a dog"},
    {"role": "assistant", "content": "Speaks French", "name": "Bot"},
]


def stored(memory, **asked):
    return [item["memory"] for item in memory.get_all(**asked)["results"]]


# -- whose statements count


@pytest.mark.parametrize(
    ("ids", "about", "kept"),
    [
        ({"user_id": "ana"}, ("user",), {"Has a dog"}),
        ({"run_id": "r"}, ("user",), {"Has a dog"}),
        ({"app_id": "p", "session_id": "r"}, ("user",), {"Has a dog"}),
        ({"agent_id": "bot"}, ("assistant", "system"), {"Speaks French", "You are Bot"}),
        ({"user_id": "ana", "agent_id": "bot"}, ("user", "assistant"), {"Has a dog", "Speaks French"}),
    ],
)
def test_the_ids_say_who_speaks(memory_factory, ids, about, kept):
    extractor = EveryMessage()
    memory = memory_factory(extractor=extractor)
    memory.add(TALK, **ids)
    messages, roles, _ = extractor.calls[0]
    assert set(roles) == set(about)
    assert [message.role for message in messages] == ["system", "user", "assistant"]
    assert set(stored(memory)) == kept


def test_with_both_ids_no_memory_carries_both(memory):
    memory.add(TALK, user_id="ana", agent_id="bot", run_id="r")
    by_text = {item["memory"]: item for item in memory.get_all()["results"]}
    dog, french = by_text["Has a dog"], by_text["Speaks French"]
    assert (dog["user_id"], dog["run_id"], dog["role"]) == ("ana", "r", "user")
    assert (french["agent_id"], french["run_id"], french["role"], french["actor_id"]) == (
        "bot",
        "r",
        "assistant",
        "Bot",
    )
    assert "agent_id" not in dog
    assert "user_id" not in french


def test_word_for_word_with_both_ids_is_tagged_by_role_too(memory):
    memory.add(TALK, user_id="ana", agent_id="bot", infer=False)
    assert stored(memory, user_id="ana") == ["Has a dog"]
    assert stored(memory, agent_id="bot") == ["Speaks French"]


def test_a_fact_meets_only_memories_of_its_own_scope(memory):
    memory.add("Lives in Rome", user_id="bob")
    memory.add([{"role": "assistant", "content": "Lives in a server"}], agent_id="bot")
    added = memory.add([{"role": "user", "content": "Lives in Oslo"}], user_id="ana", agent_id="bot")
    assert [item["event"] for item in added["results"]] == ["ADD"]
    assert sorted(stored(memory)) == ["Lives in Oslo", "Lives in Rome", "Lives in a server"]


# -- identical texts


def test_the_same_text_is_stored_once_and_no_model_is_asked_about_it(memory_factory):
    reconciler = SameBeginning()
    memory = memory_factory(reconciler=reconciler)
    memory.add("Has a dog", user_id="ana", infer=False)
    twice = [
        {"role": "user", "content": "Has a dog"},
        {"role": "user", "content": "Skis"},
        {"role": "user", "content": "Skis"},
    ]
    assert [item["memory"] for item in memory.add(twice, user_id="ana")["results"]] == ["Skis"]
    assert reconciler.calls == [["Skis"]]
    assert memory.add("Has a dog", user_id="bob")["results"][0]["event"] == "ADD"
    assert memory.add("Has a dog", user_id="ana", run_id="r")["results"][0]["event"] == "ADD"


class Stubborn(SameBeginning):
    """Rewrites the first candidate, if there is one, as what it is told to."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def decide(self, fact, offered):
        target = next((record for record in offered if record.text != self.text), None)
        return Decision("UPDATE", fact, target, self.text) if target else Decision("ADD", fact)


def test_an_update_to_what_another_memory_says_leaves_one_of_them(memory_factory):
    memory = memory_factory(reconciler=Stubborn("Likes tea and coffee"), new_id=counting_ids())
    memory.add("Likes coffee", user_id="ana", infer=False)
    memory.add("Likes tea and coffee", user_id="ana", infer=False)
    added = memory.add("Likes both", user_id="ana")
    assert [(item["event"], item["memory"]) for item in added["results"]] == [("DELETE", "Likes coffee")]
    assert stored(memory) == ["Likes tea and coffee"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.booleans(),
            st.sampled_from(["Has x", "Has y", "Is z", "Not any more: Has"]),
        ),
        max_size=12,
    )
)
def test_whatever_is_inferred_no_text_stands_twice_in_a_scope(said):
    with Memory(
        ":memory:", embedder=HashEmbedder(), extractor=EveryMessage(), reconciler=SameBeginning()
    ) as memory:
        for user, both, text in said:
            memory.add(text, user_id=user, **({"agent_id": "bot"} if both else {}))
            for each in "ab":
                assert len(stored(memory, user_id=each)) == len(set(stored(memory, user_id=each)))
        assert memory.check() == []


# -- races


def test_a_decision_about_a_memory_that_moved_meanwhile_is_made_again(memory_factory):
    other = memory_factory()
    lives = other.add("Lives in Rome", user_id="ana", infer=False)["results"][0]["id"]
    moves = iter(["Lives in Oslo", "Lives in Bern"])
    reconciler = SameBeginning(
        before=lambda: other.update(lives, text) if (text := next(moves, None)) else None
    )
    extractor = EveryMessage()
    memory = memory_factory(extractor=extractor, reconciler=reconciler)
    added = memory.add("Lives in Kyiv", user_id="ana", metadata={"k": 1})["results"]
    assert added == [
        {"id": lives, "memory": "Lives in Kyiv", "event": "UPDATE", "previous_memory": "Lives in Bern"}
    ]
    assert len(reconciler.calls) == 3
    assert len(extractor.calls) == 1
    assert [row["new_memory"] for row in memory.history(lives)] == [
        *("Lives in Rome", "Lives in Oslo", "Lives in Bern", "Lives in Kyiv"),
    ]


def test_a_decision_about_a_memory_that_was_deleted_meanwhile_is_made_again(memory_factory):
    other = memory_factory()
    lives = other.add("Lives in Rome", user_id="ana", infer=False)["results"][0]["id"]
    once = iter([lives])
    memory = memory_factory(reconciler=SameBeginning(before=lambda: [other.delete(key) for key in once]))
    added = memory.add("Lives in Kyiv", user_id="ana")["results"]
    assert [(item["event"], item["id"] == lives) for item in added] == [("ADD", False)]


def test_who_never_wins_gets_a_conflict_error_and_writes_nothing(memory_factory):
    other = memory_factory()
    lives = other.add("Lives in Rome", user_id="ana", infer=False)["results"][0]["id"]
    count = iter(range(1000))
    restless = SameBeginning(before=lambda: other.update(lives, f"Lives in number {next(count)}"))
    memory = memory_factory(reconciler=restless)
    with pytest.raises(ConflictError, match="another writer"):
        memory.add(
            [{"role": "user", "content": "Has a dog"}, {"role": "user", "content": "Lives in Kyiv"}],
            user_id="ana",
        )
    assert stored(memory) == [f"Lives in number {next(count) - 1}"]


def test_an_update_that_lost_a_race_is_made_again_on_what_is_stored_now(memory_factory):
    other = memory_factory()
    key = other.add("Likes tea", user_id="ana", metadata={"a": 1}, infer=False)["results"][0]["id"]

    class Interrupted(HashEmbedder):
        once = iter([key])

        def embed(self, texts, *, kind="document"):
            for each in self.once:
                other.update(each, metadata={"b": 2})
            return super().embed(texts, kind=kind)

    memory = memory_factory(embedder=Interrupted())
    memory.update(key, text="Likes coffee", metadata={"c": 3})
    assert memory.get(key)["metadata"] == {"a": 1, "b": 2, "c": 3}
    assert memory.get(key)["memory"] == "Likes coffee"


def test_threads_that_say_the_same_store_it_once(memory_factory):
    memories = [memory_factory() for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: memories[n % 2].add(f"Fact{n % 4} holds", user_id="ana"), range(32)))
    assert sorted(stored(memories[0])) == [f"Fact{number} holds" for number in range(4)]


PROCESS = """
import sys
from tests.fakes import EveryMessage, SameBeginning
from tinymem import Decision, Memory
from tinymem.testing import HashEmbedder

class AlwaysNew(SameBeginning):
    def decide(self, fact, offered):
        return Decision("ADD", fact)

with Memory(sys.argv[1], embedder=HashEmbedder(), extractor=EveryMessage(), reconciler=AlwaysNew()) as memory:
    for number in range(20):
        memory.add(f"Fact {number}", user_id="ana")
"""


def test_processes_that_say_the_same_store_it_once(memory_factory, tmp_path):
    path = tmp_path / "memory.db"
    root = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(path)], env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    assert sorted(stored(memory_factory())) == sorted(f"Fact {number}" for number in range(20))


# -- models that fail


class Failing(EveryMessage):
    def extract(self, messages, about, today):
        raise EngineError("the model is on fire")


def test_a_model_that_fails_is_an_error_and_nothing_is_written(memory_factory):
    memory = memory_factory(extractor=Failing())
    before = memory.stats()
    with pytest.raises(EngineError, match="on fire"):
        memory.add("Has a dog", user_id="ana")
    assert memory.stats() == before


def test_a_fact_too_long_for_one_memory_is_refused_before_anything_is_stored(memory):
    with pytest.raises(ValidationError, match=r"messages\[1\] has 100001 characters"):
        memory.add(
            [{"role": "user", "content": "ok"}, {"role": "user", "content": "x" * 100_001}],
            user_id="ana",
            infer=False,
        )
    assert memory.count() == 0


# -- a chat model


def test_a_chat_model_extracts_and_reconciles(memory_factory):
    llm = ScriptedLlm(
        [
            '{"facts": [{"message": 0, "fact": "Lives in Rome"}]}',
            '{"facts": [{"message": 0, "fact": "Moved to Oslo"}]}',
            '{"event": "UPDATE", "memory": 0, "text": "Moved to Oslo"}',
        ]
    )
    memory = memory_factory(llm=llm, extractor=None, reconciler=None, new_id=counting_ids())
    assert memory.add("I live in Rome", user_id="ana")["results"][0]["event"] == "ADD"
    assert memory.add("I moved to Oslo", user_id="ana")["results"] == [
        {"id": "id-1", "memory": "Moved to Oslo", "event": "UPDATE", "previous_memory": "Lives in Rome"}
    ]
    assert llm.replies == []


def test_a_commit_says_what_decided_and_a_verbatim_one_that_nothing_did(memory_factory):
    llm = ScriptedLlm(['{"facts": [{"message": 0, "fact": "Lives in Rome"}]}'], name="model-7.gguf")
    memory = memory_factory(llm=llm, extractor=None)
    memory.add("I live in Rome", user_id="ana")
    memory.add("word for word", user_id="ana", infer=False)
    engines = [
        json.loads(engine) for (engine,) in memory._store._connection.execute("SELECT engine FROM commits")
    ]
    assert engines[0]["model"] == "model-7.gguf"
    assert engines[0]["reconciler"] == "SameBeginning"
    assert engines[1] == {}


def test_a_procedure_is_one_summary_with_the_calls_ids(memory_factory):
    llm = ScriptedLlm(["Goal: reboot the router.\n1. Pressed the button."])
    memory = memory_factory(llm=llm, new_id=counting_ids())
    added = memory.add(
        [{"role": "user", "content": "Reboot it"}, {"role": "assistant", "content": "Pressed the button."}],
        agent_id="bot",
        memory_type="procedural_memory",
        metadata={"task": 7},
        prompt="Keep it short.",
    )
    assert [(item["event"], item["memory"]) for item in added["results"]] == [
        ("ADD", "Goal: reboot the router.\n1. Pressed the button.")
    ]
    item = memory.get("id-1")
    assert (item["memory_type"], item["agent_id"], item["metadata"]) == (
        "procedural_memory",
        "bot",
        {"task": 7},
    )
    assert "Keep it short." in "".join(message.content for message in llm.prompts[0])


@pytest.mark.parametrize("name", ["prompt", "custom_instructions"])
def test_instructions_need_a_chat_model(memory_factory, name):
    memory = memory_factory()
    with pytest.raises(ConfigError, match="language model"):
        memory.add("Did it", user_id="ana", **{name: "Only food"})
    assert memory.count() == 0


def test_a_chat_model_out_of_words_stores_nothing(memory_factory):
    memory = memory_factory(llm=ScriptedLlm([]), extractor=None, reconciler=None)
    with pytest.raises(ReplyError):
        memory.add("I live in Rome", user_id="ana")
    assert memory.count() == 0


def test_expired_memories_are_not_offered_to_a_decision(memory_factory):
    memory = memory_factory(clock=FrozenClock("2026-01-10T00:00:00+00:00"))
    memory.add("Lives in Rome", user_id="ana", expiration_date=date(2026, 1, 9), infer=False)
    assert memory.add("Lives in Oslo", user_id="ana")["results"][0]["event"] == "ADD"
