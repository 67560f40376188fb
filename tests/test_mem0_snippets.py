"""What stands in the code of mem0's users runs here as it is: only the import names another library.

Each test is a piece of such a program, of the open-source library or of the hosted platform, in either
generation of their arguments; the models are those that ship. Settings of the platform that mean nothing
in a file (a key, a host, an organisation) are given, as they would be.
"""

import asyncio
import json
import os
import time
from datetime import datetime, timedelta, timezone

import pytest

from tinymem import (
    AsyncMemory,
    AsyncMemoryClient,
    ConfigError,
    ImmutableError,
    Mem0ValidationError,
    Memory,
    MemoryClient,
)
from tinymem.client import HOSTED
from tinymem.testing import ScriptedLlm

MESSAGES = [
    {"role": "user", "content": "Hi, I'm allergic to peanuts and I live in Lisbon."},
    {"role": "assistant", "content": "Thanks, I'll keep that in mind."},
    {"role": "user", "content": "What should I cook tonight?"},
]
FACTS = {"Is allergic to peanuts", "Lives in Lisbon"}


@pytest.fixture(autouse=True)
def a_file_of_its_own(tmp_path, monkeypatch):
    """Let constructors without a path open the test's file, and what only a server needs be said before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYMEM_DB", str(tmp_path / "memory.db"))
    monkeypatch.setenv("MEM0_API_KEY", "m0-not-a-key")
    monkeypatch.setattr("tinymem.client._warned", set(HOSTED))


def texts(answer):
    return {item["memory"] for item in answer["results"]}


# -- the open-source library


def test_a_first_program_with_the_library():
    m = Memory()

    result = m.add(MESSAGES, user_id="alice", metadata={"category": "profile"})
    for item in result["results"]:
        assert item["event"] == "ADD"

    related = m.search("What can she not eat?", user_id="alice", limit=3)
    lines = [f"- {entry['memory']} ({entry['score']:.2f})" for entry in related["results"]]
    assert lines[0].startswith("- Is allergic to peanuts (0.")

    everything = m.get_all(user_id="alice")
    memory_id = next(entry["id"] for entry in everything["results"] if "Lisbon" in entry["memory"])
    assert m.get(memory_id)["metadata"] == {"category": "profile"}

    m.update(memory_id=memory_id, data="Lives in Porto")
    history = m.history(memory_id=memory_id)
    assert [(row["event"], row["new_memory"]) for row in history] == [
        ("ADD", "Lives in Lisbon"),
        ("UPDATE", "Lives in Porto"),
    ]

    m.delete(memory_id=memory_id)
    m.delete_all(user_id="alice")
    m.reset()
    assert m.get_all(user_id="alice")["results"] == []


def test_a_config_with_its_parts_and_one_that_needs_a_service(tmp_path):
    config = {
        "version": "v1.1",
        "vector_store": {"provider": "sqlite", "config": {"path": str(tmp_path / "store.db")}},
        "embedder": {"provider": "onnx"},
        "custom_categories": [{"food": "What somebody eats, drinks or cannot eat"}],
        "enable_graph": True,
    }
    m = Memory.from_config(config_dict=config)
    m.add("My sister Maya lives in Porto.", user_id="alice")
    assert m.search("Porto", user_id="alice")["relations"]

    hosted = {
        "llm": {"provider": "openai", "config": {"model": "gpt-5-mini", "temperature": 0.1}},
        "vector_store": {"provider": "qdrant", "config": {"host": "localhost", "port": 6333}},
    }
    with pytest.raises(ConfigError, match="offline"):
        Memory.from_config(hosted)


def test_agents_and_sessions_of_the_library():
    m = Memory()
    m.add("I prefer window seats.", user_id="alice", agent_id="travel-bot", run_id="trip-2024")
    m.add([{"role": "assistant", "content": "My name is Nova."}], agent_id="travel-bot")

    assert texts(m.get_all(user_id="alice", run_id="trip-2024")) == {"Prefers window seats"}
    assert texts(m.search("seats", user_id="alice", agent_id="travel-bot", run_id="trip-2024"))
    assert texts(m.get_all(agent_id="travel-bot")) == {"Name is Nova"}


def test_messages_stored_as_they_are_and_found_by_their_metadata():
    m = Memory()
    m.add(MESSAGES, user_id="alice", infer=False)
    assert len(m.get_all(user_id="alice")["results"]) == 3

    m.add("Ordered a red bike", user_id="bob", metadata={"price": 300, "tags": ["bike"]}, infer=False)
    m.add("Ordered a lamp", user_id="bob", metadata={"price": 20, "tags": []}, infer=False)
    expensive = m.search("orders", filters={"user_id": "bob", "price": {"gte": 100}}, top_k=5, threshold=0.0)
    assert texts(expensive) == {"Ordered a red bike"}
    either = {"OR": [{"price": {"lt": 50}}, {"tags": {"contains": "bike"}}]}
    assert len(m.get_all(filters={"AND": [{"user_id": "bob"}, either]})["results"]) == 2


def test_the_librarys_second_generation():
    with Memory() as m:
        added = m.add("The gym pass is valid this year", user_id="alice", expiration_date="2020-12-31")
        memory_id = added["results"][0]["id"]
        assert m.get_all(filters={"user_id": "alice"}, top_k=20)["results"] == []
        assert m.get_all(filters={"user_id": "alice"}, show_expired=True)["results"]

        m.update(memory_id, text="Has a gym pass", metadata={"kind": "pass"}, expiration_date=None)
        (hit,) = m.search("gym", filters={"user_id": "alice"}, explain=True, rerank=False)["results"]
        assert hit["score"] == hit["score_details"]["final_score"]


def test_how_an_agent_did_something_is_kept():
    m = Memory()
    steps = [
        {"role": "user", "content": "Find the cheapest flight to Oslo."},
        {"role": "assistant", "content": "Searched three airlines. The cheapest is 89 EUR."},
    ]
    result = m.add(steps, agent_id="booker", memory_type="procedural_memory")
    assert "1. The assistant: Searched three airlines. The cheapest is 89 EUR." in texts(result).pop()


def test_errors_are_caught_by_their_names():
    m = Memory()
    caught = []
    for call in (
        lambda: m.add("I like tea.", memory_type="short_term", user_id="alice"),
        lambda: m.add(42, user_id="alice"),
    ):
        try:
            call()
        except Mem0ValidationError as error:
            caught.append(str(error))
    for call in (lambda: m.delete(memory_id="no-such-id"), m.delete_all, lambda: m.search("", user_id="a")):
        try:
            call()
        except ValueError as error:
            caught.append(str(error))
    assert len(caught) == 5


def test_old_memories_are_found_and_archived():
    m = Memory()
    m.add("Has a blue car", user_id="alice", timestamp=int(time.time()) - 90 * 86400, infer=False)
    m.add("Has a red car", user_id="alice", infer=False)
    cutoff = datetime.now(timezone.utc) - timedelta(days=30)
    for memory in m.get_all(user_id="alice")["results"]:
        if datetime.fromisoformat(memory["created_at"].replace("Z", "+00:00")) < cutoff:
            m.update(memory["id"], metadata={"archived": True})
    assert texts(m.get_all(user_id="alice", filters={"archived": {"ne": True}})) == {"Has a red car"}


@pytest.mark.parametrize("awaited", [True, False])
def test_the_library_awaited(awaited):
    async def main():
        config = {"vector_store": {"config": {"path": ":memory:"}}}
        memory = await AsyncMemory.from_config(config) if awaited else AsyncMemory()
        await memory.add(messages=MESSAGES, user_id="alice")
        found = await memory.search(query="Where does she live?", user_id="alice")
        first = found["results"][0]
        await memory.update(memory_id=first["id"], data="Lives in Porto")
        history = await memory.history(memory_id=first["id"])
        await asyncio.gather(*(memory.get(memory_id=first["id"]) for _ in range(10)))
        await memory.delete_all(user_id="alice")
        left = await memory.get_all(user_id="alice")
        await memory.close()
        return first["memory"], [row["event"] for row in history], left["results"]

    assert asyncio.run(main()) == ("Lives in Lisbon", ["ADD", "UPDATE"], [])


# -- the hosted platform


def test_a_first_program_with_the_client():
    client = MemoryClient(api_key=os.environ["MEM0_API_KEY"], org_id="acme", project_id="support")

    client.add(MESSAGES, user_id="alex", version="v2", output_format="v1.1", async_mode=False)
    filters = {"AND": [{"user_id": "alex"}]}
    found = client.search("Which food is dangerous?", version="v2", filters=filters, top_k=3)
    assert found["results"][0]["memory"] == "Is allergic to peanuts"

    page = client.get_all(version="v2", filters=filters, page=1, page_size=50)
    assert (page["count"], page["next"], page["previous"]) == (2, None, None)
    assert texts(page) == FACTS

    memory_id = page["results"][0]["id"]
    client.update(memory_id, text="Is allergic to nuts", metadata={"checked": True})
    assert [row["event"] for row in client.history(memory_id)] == ["ADD", "UPDATE"]
    client.delete(memory_id)
    assert client.get(memory_id) is None
    client.delete_all(user_id="alex")


def test_everything_that_add_takes_on_the_platform():
    client = MemoryClient(api_key="m0-key", host="https://api.example.org")

    result = client.add(
        MESSAGES,
        user_id="alex",
        app_id="kitchen",
        run_id="evening",
        metadata={"source": "chat"},
        version="v2",
        output_format="v1.1",
        includes="food, health",
        excludes="addresses",
        custom_categories=[{"diet": "What somebody can or cannot eat, allergies"}],
        enable_graph=True,
        expiration_date="2099-12-31",
        timestamp=1721577600,
        immutable=True,
    )
    (added,) = result["results"]
    memory = client.get(added["id"])
    assert memory["memory"] == "Is allergic to peanuts"
    assert memory["categories"] == ["diet"]
    assert memory["created_at"].startswith("2024-07-21")
    assert (memory["app_id"], memory["run_id"]) == ("kitchen", "evening")
    assert memory["expiration_date"] == "2099-12-31"
    assert "relations" in result
    with pytest.raises(ImmutableError):
        client.update(added["id"], text="Eats peanuts")

    client.add("Say it exactly so", user_id="alex", infer=False, output_format="v1.0")
    assert "Say it exactly so" in texts(client.get_all(user_id="alex"))


def test_filters_of_the_platform():
    client = MemoryClient(api_key="m0-key")
    client.add("I'm allergic to peanuts.", user_id="alex", agent_id=None, timestamp=1721520000)
    client.add("I play tennis on Sundays.", user_id="alex", run_id="chat-1", timestamp=1722211200)
    client.add("I play the cello.", user_id="blair", run_id="chat-2")

    in_july = {"created_at": {"gte": "2024-07-01", "lte": "2024-07-31"}}
    asked = {"AND": [{"user_id": "alex"}, in_july]}
    assert len(client.get_all(version="v2", filters=asked)["results"]) == 2
    assert texts(client.get_all(version="v2", filters={"AND": [asked, {"run_id": "*"}]})) == {
        "Plays tennis on Sundays"
    }
    either = {"OR": [{"user_id": "blair"}, {"categories": {"contains": "health"}}]}
    assert texts(client.search("what about them?", version="v2", filters=either)) == {
        "Is allergic to peanuts",
        "Plays the cello",
    }
    others = {"AND": [{"NOT": [{"user_id": {"in": ["alex"]}}]}]}
    assert texts(client.search("music", version="v2", filters=others)) == {"Plays the cello"}
    words = {"AND": [{"user_id": "alex"}, {"keywords": {"icontains": "TENNIS"}}]}
    assert len(client.get_all(filters=words)["results"]) == 1
    assert texts(client.search("hobbies", user_id="alex", categories=["sports"], keyword_search=True)) == {
        "Plays tennis on Sundays"
    }


def test_categories_and_settings_of_a_project():
    client = MemoryClient(api_key="m0-key")
    categories = [{"music": "Instruments, bands and songs"}, {"pets": "Animals that live with somebody"}]
    client.project.update(custom_categories=categories)
    assert client.project.get(fields=["custom_categories"])["custom_categories"] == categories

    client.add("I have a dog called Rex.", user_id="alex")
    client.add("I play the cello.", user_id="alex")
    assert texts(client.get_all(user_id="alex", categories=["pets"])) == {"Has a dog called Rex"}
    assert texts(client.search("what?", user_id="alex", categories=["music"])) == {"Plays the cello"}


def test_instructions_of_a_project_are_followed_by_a_language_model():
    llm = ScriptedLlm(['{"facts": []}', '{"facts": []}'])
    client = MemoryClient(api_key="m0-key", llm=llm)
    client.project.update(custom_instructions="Keep only what is about money.")
    client.add(MESSAGES, user_id="alex", excludes="health")
    client.add(MESSAGES, user_id="alex", custom_instructions="Keep only what is about food.")
    first, second = ("".join(message.content for message in prompt) for prompt in llm.prompts)
    assert "Keep only what is about money." in first
    assert "Never extract facts about: health." in first
    assert ("about food" in second, "about money" in second) == (True, False)
    client.project.update(custom_instructions=None)
    assert client.project.get() == {}
    with pytest.raises(ConfigError, match="language model"):
        MemoryClient(api_key="m0-key").project.update(custom_instructions="Keep only what is about money.")


def test_users_batches_feedback_and_export_of_the_platform(tmp_path):
    client = MemoryClient(api_key="m0-key")
    client.add(MESSAGES, user_id="alex")
    client.add("I play the cello.", user_id="blair")
    assert [(user["id"], user["total_memories"]) for user in client.users()["results"]] == [
        ("alex", 2),
        ("blair", 1),
    ]
    ids = [memory["id"] for memory in client.get_all(user_id="alex")["results"]]
    client.batch_update([{"memory_id": id, "text": f"Fact {place}"} for place, id in enumerate(ids)])
    assert texts(client.get_all(user_id="alex")) == {"Fact 0", "Fact 1"}

    client.feedback(memory_id=ids[0], feedback="POSITIVE", feedback_reason="Right.")
    assert client.get(ids[0])["feedback"] == "POSITIVE"

    client.export(str(tmp_path / "export.jsonl"), filters={"user_id": "alex"})
    lines = [json.loads(line) for line in (tmp_path / "export.jsonl").read_text().splitlines()]
    assert sum(line["kind"] == "memory" for line in lines) == 2

    client.batch_delete([{"memory_id": id} for id in ids])
    client.delete_users(user_id="blair")
    assert client.users()["results"] == []
    client.reset()


def test_the_graph_of_the_platform():
    client = MemoryClient(api_key="m0-key")
    client.add("My sister Maya lives in Porto.", user_id="alex", enable_graph=True, output_format="v1.1")
    found = client.search("Who lives in Porto?", user_id="alex", enable_graph=True, output_format="v1.1")
    assert {"source": "Maya", "relationship": "lives_in", "target": "Porto"} in found["relations"]
    assert client.get_all(user_id="alex", enable_graph=True)["relations"]


def test_the_client_awaited():
    async def main():
        async with AsyncMemoryClient(api_key="m0-key") as client:
            await client.project.update(custom_categories=[{"music": "Instruments and songs"}])
            await client.add([{"role": "user", "content": "I play the cello."}], user_id="alex")
            filters = {"AND": [{"user_id": "alex"}]}
            found = await client.search("Which instrument?", version="v2", filters=filters)
            page = await client.get_all(version="v2", filters=filters, page=1, page_size=10)
            users = await client.users()
            await client.delete_users(user_id="alex")
            return texts(found), page["results"][0]["categories"], users["count"]

    assert asyncio.run(main()) == ({"Plays the cello"}, ["music"], 1)
