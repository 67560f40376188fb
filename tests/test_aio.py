"""AsyncMemory is Memory, awaited: the same methods and results, and no cancelled call is half written."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading

import pytest

from tests.fakes import EveryMessage, SameBeginning
from tinymem import AsyncMemory, ConfigError, EngineError, Memory, MemoryNotFoundError, StoreError
from tinymem.aio import WORKERS
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids

METHODS = sorted(
    name
    for name, value in inspect.getmembers(Memory, callable)
    if not name.startswith("_") and name != "from_config"
)


def fakes(**settings):
    made = {"embedder": HashEmbedder(), "extractor": EveryMessage(), "reconciler": SameBeginning()}
    return {**made, "clock": FrozenClock(), "new_id": counting_ids(), **settings}


@pytest.fixture
def open_async(tmp_path):
    """Return a function (**settings) -> AsyncMemory on one real file, which is examined in the end."""
    path = tmp_path / "memory.db"
    opened = []

    def make(**settings):
        opened.append(AsyncMemory(path, **fakes(**settings)))
        return opened[-1]

    yield make
    for memory in opened:
        asyncio.run(memory.close())
    assert [left.name for left in tmp_path.glob("memory.db-*")] == []
    with Memory(path, embedder=HashEmbedder()) as memory:
        assert memory.check() == []


def texts(found):
    return sorted(item["memory"] for item in found["results"])


# -- parity


def test_there_is_an_awaited_method_for_every_public_one():
    public = {name for name in vars(AsyncMemory) if not name.startswith("_")}
    assert public == {*METHODS, "from_config"}
    assert {name for name in METHODS if not inspect.iscoroutinefunction(getattr(AsyncMemory, name))} == set()


@pytest.mark.parametrize("name", [name for name in METHODS if name != "close"])
def test_signature_and_docstring_are_those_of_memory(name):
    one, other = getattr(AsyncMemory, name), getattr(Memory, name)
    assert inspect.signature(one) == inspect.signature(other)
    assert inspect.getdoc(one) == inspect.getdoc(other)
    assert one.__name__ == name


TALK = [
    {"role": "user", "content": "Lives in Rome", "name": "Ana"},
    {"role": "assistant", "content": "Speaks French"},
]


def steps(folder):
    """Return (method, positional arguments, keyword arguments) that use every method of Memory once."""
    return [
        ("configure", (), {"enable_graph": True}),
        ("add", (TALK,), {"user_id": "ana", "agent_id": "bot", "metadata": {"k": 1}}),
        ("add", ("Lives in Oslo",), {"user_id": "ana"}),
        ("add", ("Has a dog",), {"user_id": "ana", "infer": False, "timestamp": 0}),
        ("undo", ("id-6",), {}),
        ("add_many", (["Skis", "Sails"],), {"user_id": "bob"}),
        ("update", ("id-1", "Lives in Bern"), {"metadata": {"k": None}}),
        ("batch_update", ([{"memory_id": "id-2", "text": "Speaks Dutch"}],), {}),
        ("search", ("Where does ana live?",), {"user_id": "ana", "explain": True, "limit": 3}),
        ("get", ("id-1",), {}),
        ("get_all", (), {"page": 1, "page_size": 2}),
        ("count", (), {"user_id": "ana"}),
        ("history", ("id-1",), {}),
        ("log", (), {"limit": 3}),
        ("why", ("id-1",), {}),
        ("feedback", ("id-1", "POSITIVE", "true"), {}),
        ("archive", ("id-2",), {}),
        ("unarchive", ("id-2",), {}),
        ("users", (), {}),
        ("entities", (), {"user_id": "ana"}),
        ("related", ("id-1",), {}),
        ("recategorize", (), {"user_id": "ana"}),
        ("export", (folder / "all.jsonl",), {}),
        ("import_", (folder / "all.jsonl",), {}),
        ("backup", (folder / "backup",), {}),
        ("snapshot", (folder / "snapshot",), {"user_id": "ana"}),
        ("stats", (), {}),
        ("check", (), {}),
        ("repair", (), {}),
        ("reembed", (), {}),
        ("erase", (), {"user_id": "bob"}),
        ("compact", (), {}),
        ("batch_delete", (["id-2"],), {}),
        ("delete", ("id-1",), {}),
        ("delete_all", (), {"user_id": "ana"}),
        ("delete_users", (), {"user_id": "bob"}),
        ("rekey", (None,), {}),
        ("reset", (), {}),
        ("close", (), {}),
    ]


def test_the_same_scenario_gives_the_same_on_both(tmp_path):
    scenario = steps(tmp_path)
    assert {name for name, _, _ in scenario} == set(METHODS)
    memory = Memory(tmp_path / "one.db", **fakes())
    expected = [getattr(memory, name)(*given, **named) for name, given, named in scenario]
    for written in ("backup", "snapshot"):
        (tmp_path / written).unlink()

    async def run():
        awaited = AsyncMemory(tmp_path / "other.db", **fakes())
        return [await getattr(awaited, name)(*given, **named) for name, given, named in scenario]

    assert asyncio.run(run()) == expected


def test_errors_are_those_of_memory(open_async):
    async def run():
        memory = open_async()
        with pytest.raises(MemoryNotFoundError, match="'nobody'"):
            await memory.delete("nobody")
        with pytest.raises(TypeError, match="userid"):
            await memory.add("x", userid="ana")

    asyncio.run(run())


# -- opening and closing


def test_a_block_closes_the_file_also_after_an_error(open_async):
    async def run():
        memory = open_async()

        async def fail():
            async with memory as entered:
                assert entered is memory
                await memory.add("Has a dog", user_id="ana")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        await memory.close()
        await memory.close()
        with pytest.raises(StoreError, match="was closed; open it again"):
            await memory.get("id-1")
        with pytest.raises(StoreError, match="was closed; open it again"):
            await memory.add("Has a dog", user_id="ana")

    asyncio.run(run())


def test_from_config_opens_the_same_file(tmp_path):
    path = str(tmp_path / "memory.db")
    with Memory(path, **fakes()) as memory:
        memory.add("Has a dog", user_id="ana", infer=False)

    async def run():
        async with AsyncMemory.from_config({"vector_store": {"config": {"path": path}}}) as memory:
            assert type(memory) is AsyncMemory
            return await memory.count()

    assert asyncio.run(run()) == 1
    with pytest.raises(ConfigError, match="path_"):
        AsyncMemory.from_config({"path_": path})


def test_one_memory_serves_several_event_loops(open_async):
    memory = open_async()
    for number in range(3):
        asyncio.run(memory.add(f"Fact{number}", user_id="ana", infer=False))
    assert asyncio.run(memory.count()) == 3


# -- several at once


def test_many_adds_at_once_are_all_stored_once(open_async):
    async def run():
        memory = open_async()
        await asyncio.gather(*(memory.add(f"Fact{n % 20} holds", user_id="ana") for n in range(40)))
        assert texts(await memory.get_all()) == sorted(f"Fact{n} holds" for n in range(20))

    asyncio.run(run())


def test_the_event_loop_goes_on_while_a_model_works(open_async):
    going = threading.Event()

    class Waiting(EveryMessage):
        def extract(self, messages, about, today):
            assert going.wait(30)
            return super().extract(messages, about, today)

    async def run():
        memory = open_async(extractor=Waiting())
        adding = asyncio.create_task(memory.add("Has a dog", user_id="ana"))
        await asyncio.sleep(0)
        assert await memory.count() == 0
        going.set()
        assert (await adding)["results"][0]["event"] == "ADD"

    asyncio.run(run())


def test_a_failure_of_one_leaves_the_others_alone(open_async):
    class Doubting(EveryMessage):
        def extract(self, messages, about, today):
            if "doubt" in messages[0].content:
                raise EngineError("no idea")
            return super().extract(messages, about, today)

    async def run():
        memory = open_async(extractor=Doubting())
        said = ("Has a dog", "Has a doubt", "Skis")
        ended = await asyncio.gather(*(memory.add(s, user_id=s) for s in said), return_exceptions=True)
        assert [isinstance(each, EngineError) for each in ended] == [False, True, False]
        assert texts(await memory.get_all()) == ["Has a dog", "Skis"]

    asyncio.run(run())


def test_a_clock_sees_the_callers_context_variables(open_async):
    asked = contextvars.ContextVar("asked")

    def clock():
        asked.get()
        return FrozenClock()()

    async def run():
        asked.set("here")
        memory = open_async(clock=clock)
        await memory.add("Has a dog", user_id="ana")

    asyncio.run(run())


# -- cancelling


class Stopped(HashEmbedder):
    """Waits in the middle of an add until the test lets it go on."""

    def __init__(self):
        super().__init__()
        self.reached, self.going = threading.Event(), threading.Event()

    def embed(self, texts, *, kind="document"):
        self.reached.set()
        assert self.going.wait(30)
        return super().embed(texts, kind=kind)


def test_a_cancelled_add_is_whole_and_closing_waits_for_it(open_async, tmp_path):
    embedder = Stopped()

    async def run():
        memory = open_async(embedder=embedder)
        adding = asyncio.create_task(memory.add(TALK, user_id="ana", agent_id="bot"))
        while not embedder.reached.is_set():
            await asyncio.sleep(0.001)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        assert await memory.count() == 0
        closing = asyncio.create_task(memory.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        embedder.going.set()
        await closing
        with Memory(tmp_path / "memory.db", **fakes()) as again:
            assert texts(again.get_all()) == ["Lives in Rome", "Speaks French"]

    asyncio.run(run())


def test_a_cancelled_close_still_closes(open_async):
    embedder = Stopped()

    async def run():
        memory = open_async(embedder=embedder)
        adding = asyncio.create_task(memory.add("Has a dog", user_id="ana"))
        while not embedder.reached.is_set():
            await asyncio.sleep(0.001)
        closing = asyncio.create_task(memory.close())
        await asyncio.sleep(0.01)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        embedder.going.set()
        assert (await adding)["results"][0]["event"] == "ADD"
        await memory.close()

    asyncio.run(run())


def test_adds_cancelled_at_any_moment_are_all_or_nothing(open_async, tmp_path):
    async def run():
        memory = open_async()
        for number in range(40):
            adding = memory.add(TALK, user_id="ana", agent_id="bot", run_id=f"r{number}")
            try:
                await asyncio.wait_for(adding, timeout=number * 0.0004)
            except asyncio.TimeoutError:
                continue
        assert len((await memory.add(TALK, user_id="ana", agent_id="bot", run_id="r40"))["results"]) == 2
        await memory.close()
        with Memory(tmp_path / "memory.db", **fakes()) as again:
            assert {again.count(run_id=f"r{number}") for number in range(41)} <= {0, 2}

    asyncio.run(run())


def test_a_call_cancelled_while_it_waits_for_a_thread_never_runs(open_async):
    embedder = Stopped()

    async def run():
        memory = open_async(embedder=embedder)
        adds = [memory.add(f"Fact{n}", user_id="ana", infer=False) for n in range(WORKERS + 1)]
        adding = [asyncio.create_task(each) for each in adds]
        while not embedder.reached.is_set():
            await asyncio.sleep(0.001)
        adding[-1].cancel()
        embedder.going.set()
        await asyncio.gather(*adding[:-1])
        assert texts(await memory.get_all()) == [f"Fact{n}" for n in range(WORKERS)]

    asyncio.run(run())
