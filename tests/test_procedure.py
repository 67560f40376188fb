"""How a task was done, without a language model: every step in order, word for word, tools included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem import ValidationError
from tinymem.testing import ScriptedLlm
from tinymem.types import Message
from tinymem.understand.dialogue import parse_messages
from tinymem.understand.procedure import HEADING, recorded_procedure

TASK = [
    {"role": "system", "content": "Be brief"},
    {"role": "user", "content": "Find a flight to Rome\non Friday"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "flights", "arguments": '{"to": "FCO"}'}},
            {"id": "c2", "type": "function", "function": {"name": "prices", "arguments": {"max": 100}}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "name": "flights", "content": "AZ 610, 08:15\nLH 230, 09:40"},
    {"role": "tool", "tool_call_id": "c2", "name": None, "content": "AZ 610: 89 €"},
    {"role": "assistant", "content": "Booked AZ 610.", "tool_calls": []},
    {"role": "user", "content": "Thanks", "name": "Ana"},
]
RECORD = """Record of a task, word for word (not summarised).
Task: Find a flight to Rome
   on Friday
1. The system: Be brief
2. The assistant: Calls flights({"to": "FCO"})
   Calls prices({"max": 100})
3. flights: AZ 610, 08:15
   LH 230, 09:40
4. tool: AZ 610: 89 €
5. The assistant: Booked AZ 610.
6. Ana: Thanks"""


def test_every_step_is_kept_word_for_word(memory):
    added = memory.add(TASK, agent_id="bot", memory_type="procedural_memory", metadata={"task": 7})
    assert added == {"results": [{"id": "id-1", "memory": RECORD, "event": "ADD"}], "commit_id": "id-2"}
    item = memory.get("id-1")
    assert (item["memory_type"], item["agent_id"], item["metadata"], item["role"]) == (
        *("procedural_memory", "bot", {"task": 7}, "assistant"),
    )
    assert memory.search("flight to Rome", agent_id="bot")["results"][0]["id"] == "id-1"
    assert memory.get_all(filters={"memory_type": "procedural_memory"})["results"] == [item]


@pytest.mark.parametrize("ids", [{"user_id": "ana"}, {"run_id": "r"}, {"app_id": "p"}])
@pytest.mark.parametrize("infer", [True, False])
def test_a_record_works_under_any_id_and_whatever_infer_says(memory, ids, infer):
    memory.add("Count to 2", memory_type="procedural_memory", infer=infer, **ids)
    assert memory.get_all(**ids)["results"][0]["memory"] == f"{HEADING}\nTask: Count to 2"


def test_a_dry_run_shows_the_record_and_writes_nothing(memory):
    plan = memory.add(TASK, agent_id="bot", memory_type="procedural_memory", dry_run=True)
    assert plan["results"][0]["memory"] == RECORD
    assert memory.count() == 0


def test_tools_say_nothing_in_an_ordinary_add(memory):
    memory.add(TASK, user_id="ana", agent_id="bot", infer=False)
    stored = {item["memory"] for item in memory.get_all()["results"]}
    assert stored == {"Find a flight to Rome\non Friday", "Booked AZ 610.", "Thanks"}


def test_a_chat_model_is_told_of_the_tools_too(memory_factory):
    llm = ScriptedLlm(["Goal: a flight."])
    memory_factory(llm=llm).add(TASK, agent_id="bot", memory_type="procedural_memory")
    told = "".join(message.content for prompt in llm.prompts for message in prompt)
    for each in ('flights({"to": "FCO"})', "LH 230, 09:40", "AZ 610: 89 €", "Booked AZ 610."):
        assert each in told


def test_a_record_too_long_for_one_memory_is_refused(memory):
    with pytest.raises(ValidationError, match="the record of the task has"):
        memory.add("x" * 100_000, agent_id="bot", memory_type="procedural_memory")
    assert memory.count() == 0


@pytest.mark.parametrize("calls", [["flights"], [{"id": "c1"}], [{"function": {"arguments": "{}"}}], 5, "x"])
def test_a_call_of_no_tool_is_refused(memory, calls):
    said = [{"role": "assistant", "content": "Let me see", "tool_calls": calls}]
    with pytest.raises(ValidationError, match=r"messages\[0\] calls a tool without a name"):
        memory.add(said, agent_id="bot", memory_type="procedural_memory")
    assert memory.add(said, agent_id="bot", infer=False)["results"][0]["memory"] == "Let me see"


def test_what_a_tool_returned_must_be_text_too(memory):
    for wrong in ({"role": "tool", "content": "\ud800"}, {"role": "tool", "content": [{"type": "image"}]}):
        with pytest.raises(ValidationError, match=r"messages\[1\]"):
            memory.add([TASK[1], wrong], agent_id="bot", memory_type="procedural_memory")


def test_without_a_user_there_is_no_task():
    assert recorded_procedure([Message("assistant", "Done")]) == f"{HEADING}\n1. The assistant: Done"


lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).map(
    lambda t: f"x{t}x"
)
texts = st.lists(lines, min_size=1, max_size=3).map("\n".join)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), texts), min_size=1, max_size=6))
def test_all_that_was_said_can_be_read_back_from_a_record(talk):
    messages = parse_messages([{"role": role, "content": text} for role, text in talk])
    steps = recorded_procedure(messages).replace("\n   ", "\v").split("\n")[1:]
    said = [step.split(": ", 1)[1].replace("\v", "\n") for step in steps]
    task = next((place for place, message in enumerate(messages) if message.role == "user"), None)
    in_order = sorted(range(len(messages)), key=lambda place: place != task)
    assert said == [messages[place].content for place in in_order]
