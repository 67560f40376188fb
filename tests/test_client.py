"""mem0's client classes: their arguments are taken, said to be unused once, and a file is all there is."""

from __future__ import annotations

import asyncio
import warnings

import pytest

from tests.fakes import EveryMessage, SameBeginning
from tinymem import AsyncMemory, AsyncMemoryClient, Memory, MemoryClient, ValidationError, client
from tinymem.testing import HashEmbedder

FAKES = {"embedder": HashEmbedder(), "extractor": EveryMessage(), "reconciler": SameBeginning()}
HOSTED = {"host": "https://example.org", "org_id": "o", "project_id": "p", "organization": "o", "client": 1}


@pytest.fixture(autouse=True)
def nothing_warned_yet(monkeypatch):
    monkeypatch.setattr(client, "_warned", set())


@pytest.mark.parametrize("kind", [MemoryClient, AsyncMemoryClient])
def test_what_only_a_server_needs_is_warned_of_once(kind, tmp_path):
    with pytest.warns(UserWarning, match="not used") as told:
        kind("key", path=str(tmp_path / "a.db"), **HOSTED, **FAKES)
    assert sorted(str(each.message).split(": ")[1].split()[0] for each in told) == sorted(
        ["api_key", *HOSTED]
    )
    assert {each.filename for each in told} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(api_key="other", path=str(tmp_path / "b.db"), **HOSTED, **FAKES)


@pytest.mark.parametrize("kind", [MemoryClient, AsyncMemoryClient])
def test_what_was_not_given_is_not_warned_of(kind):
    kind(path=":memory:", api_key=None, host=None, **FAKES)
    kind(path=":memory:", **FAKES)


@pytest.mark.parametrize("kind", [MemoryClient, AsyncMemoryClient])
def test_a_misspelt_setting_is_a_type_error(kind):
    with pytest.raises(TypeError, match="api_kye"):
        kind(path=":memory:", api_kye="key")


def test_without_a_path_the_file_is_that_of_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYMEM_DB", str(tmp_path / "memory.db"))
    with MemoryClient(**FAKES) as one:
        assert isinstance(one, Memory)
        one.add("Has a dog", user_id="ana", infer=False)
    with Memory(**FAKES) as other:
        assert other.count() == 1


def test_a_client_does_what_memory_does():
    with MemoryClient(path=":memory:", **FAKES) as one:
        messages = [{"role": "user", "content": "Likes tea"}, {"role": "assistant", "content": "Noted"}]
        one.add(messages, user_id="alex", version="v2", output_format="v1.1")
        found = one.search("tea", version="v2", filters={"AND": [{"user_id": "alex"}]})
        assert [item["memory"] for item in found["results"]] == ["Likes tea"]


def test_an_async_client_does_what_async_memory_does():
    async def run():
        async with AsyncMemoryClient(path=":memory:", **FAKES) as one:
            assert isinstance(one, AsyncMemory)
            await one.add("Likes tea", user_id="alex")
            return [item["memory"] for item in (await one.get_all(user_id="alex"))["results"]]

    assert asyncio.run(run()) == ["Likes tea"]


def test_a_client_is_made_from_a_config_too(tmp_path):
    config = {"path": str(tmp_path / "memory.db")}
    with MemoryClient.from_config(config) as one:
        assert isinstance(one, MemoryClient)
    other = AsyncMemoryClient.from_config(config)
    assert isinstance(other, AsyncMemoryClient)
    asyncio.run(other.close())


PETS = [{"pets": "animals that live with somebody"}]


def test_a_project_is_the_settings_of_the_file(tmp_path):
    path = str(tmp_path / "memory.db")
    with MemoryClient(path=path, **FAKES) as one:
        assert one.project.get() == {}
        assert one.project.update(custom_categories=PETS, enable_graph=True) == {
            "custom_categories": PETS,
            "enable_graph": True,
        }
        assert one.project.get(fields=["custom_categories", "excludes"]) == {
            "custom_categories": PETS,
            "excludes": None,
        }
    with MemoryClient(path=path, **FAKES) as again:
        assert again.project.get() == again.configure() == {"custom_categories": PETS, "enable_graph": True}
        again.project.update(custom_categories=None)
        assert again.project.get() == {"enable_graph": True}


def test_an_async_project_is_the_same_awaited():
    async def run():
        async with AsyncMemoryClient(path=":memory:", **FAKES) as one:
            assert await one.project.update(custom_categories=PETS) == {"custom_categories": PETS}
            assert await one.project.get() == await one.configure() == {"custom_categories": PETS}
            assert await one.project.get(["excludes"]) == {"excludes": None}
            with pytest.raises(TypeError, match="decay"):
                await one.project.update(decay=True)

    asyncio.run(run())


def test_a_project_refuses_what_is_no_setting_of_a_file():
    with MemoryClient(path=":memory:", **FAKES) as one:
        with pytest.raises(TypeError, match="decay"):
            one.project.update(decay=True)
        with pytest.raises(ValidationError, match="enable_graph"):
            one.project.update(enable_graph="yes")
        assert one.project.get() == {}
