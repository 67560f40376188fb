"""Settings: where the file is, mem0-shaped dictionaries, and what cannot work is said at once."""

import sys
from pathlib import Path

import pytest

from tinymem import ConfigError, LlamaCpp, Memory, StoreError, ValidationError
from tinymem.config import Config, database_path, default_path, parse_config
from tinymem.testing import HashEmbedder


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ({}, Config()),
        ({"path": "x.db", "threads": 2}, Config(path="x.db", threads=2)),
        (
            {"path": Path("x.db"), "llm": Path("m.gguf"), "n_ctx": 512},
            Config(path="x.db", llm="m.gguf", n_ctx=512),
        ),
        (
            {"llm": "m.gguf", "custom_instructions": "Only food."},
            Config(llm="m.gguf", custom_instructions="Only food."),
        ),
        ({"version": "v1.1"}, Config()),
        (
            {"vector_store": {"provider": "sqlite_vec", "config": {"path": ":memory:"}}},
            Config(path=":memory:"),
        ),
        (
            {"llm": {"config": {"model": "m.gguf", "n_ctx": 512, "threads": 1}}},
            Config(llm="m.gguf", n_ctx=512, threads=1),
        ),
        ({"embedder": {"provider": "onnx", "config": {"model": "minilm"}}}, Config(embedder="minilm")),
        ({"embedder": {"provider": "onnx"}, "llm": {}}, Config()),
    ],
)
def test_flat_and_mem0_shaped_dictionaries_are_understood(given, understood):
    assert parse_config(given) == understood


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "config must be a dict"),
        ("x.db", "config must be a dict"),
        ([("path", "x.db")], "config must be a dict"),
        ({"pth": "x.db"}, "'pth' is not known"),
        ({"history_db_path": "h.db"}, "'history_db_path' is not known"),
        ({1: 2}, "1 is not known"),
        ({"path": 5}, "'path' has a value of the wrong type"),
        ({"threads": "2"}, "'threads' has a value of the wrong type"),
        ({"threads": True}, "'threads' has a value of the wrong type"),
        (
            {"llm": {"provider": "openai", "config": {"model": "gpt-5-mini"}}},
            "llm provider 'openai'.*offline",
        ),
        ({"vector_store": {"provider": "qdrant", "config": {"host": "localhost"}}}, "'qdrant'.*offline"),
        ({"embedder": {"provider": None}}, "embedder provider None"),
        ({"llm": {"config": {"api_key": "x"}}}, r"unknown settings \['api_key'\]"),
        ({"llm": {"config": ["m.gguf"]}}, "'config' must be a dict"),
        ({"llm": {"model": "m.gguf"}}, r"unknown keys \['model'\]"),
        ({"vector_store": "x.db"}, "'vector_store'"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(given, words):
    with pytest.raises(ConfigError, match=words):
        parse_config(given)


def test_from_config_opens_the_file(tmp_path):
    path = str(tmp_path / "x.db")
    with Memory.from_config({"vector_store": {"provider": "sqlite", "config": {"path": path}}}) as memory:
        assert memory.count() == 0
    assert Path(path).exists()
    with pytest.raises(ConfigError, match="colour"):
        Memory.from_config(config_dict={"path": path, "colour": "red"})


def test_the_path_is_the_argument_else_the_environment_else_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYMEM_DB", str(tmp_path / "from_environment.db"))
    assert database_path(tmp_path / "mine.db") == str(tmp_path / "mine.db")
    assert database_path(None) == str(tmp_path / "from_environment.db")
    assert database_path(":memory:") == ":memory:"
    with Memory(embedder=HashEmbedder()) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
    assert (tmp_path / "from_environment.db").stat().st_size > 0


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert database_path("~/x.db") == str(tmp_path / "x.db")


@pytest.mark.skipif(sys.platform != "linux", reason="the platform's data folder is elsewhere")
def test_the_default_file_is_made_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TINYMEM_DB", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert default_path() == tmp_path / "share" / "tinymem" / "memory.db"
    Memory(embedder=HashEmbedder()).close()
    assert default_path().exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the platform's data folder is elsewhere")
def test_a_data_folder_that_cannot_be_made_is_our_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.delenv("TINYMEM_DB", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="TINYMEM_DB"):
        Memory(embedder=HashEmbedder())


@pytest.mark.parametrize("path", ["", "  ", "a\x00b", 5, True, b"x.db", ["x.db"]])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ConfigError, match="path"):
        Memory(path, embedder=HashEmbedder())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"embedder": 5}, "embedder must have the method `embed`"),
        ({"embedder": type("Nameless", (), {"embed": len})()}, "embedder must have the property `identity`"),
        ({"llm": 5}, "llm must have the method `complete`"),
        ({"extractor": "bundled"}, "extractor must have the method `extract`"),
        ({"reconciler": object()}, "reconciler must have the method `reconcile`"),
        ({"clock": "noon"}, "clock must be a function"),
        ({"new_id": "id-1"}, "new_id must be a function"),
        ({"custom_instructions": "Only food."}, "need a language model"),
        ({"custom_instructions": 5}, "custom_instructions must be a text"),
        ({"custom_instructions": " "}, "custom_instructions must be a text"),
        ({"busy_timeout_s": "5"}, "busy_timeout_s must be a number"),
        ({"busy_timeout_s": -1}, "busy_timeout_s must be a number"),
        ({"busy_timeout_s": float("nan")}, "busy_timeout_s must be a number"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"threads": "2"}, "threads must be a whole number"),
        ({"threads": 10**6}, "threads must be at most 1024, got int: 1000000"),
        ({"threads": -(10**5000)}, "threads must be at least 1, got something with an integer too long"),
        ({"includes": 10**5000}, "includes must be topics.*got something with an integer too long"),
        ({"excludes": ["health", 10**5000]}, "a topic of excludes must be a text.*too long to print"),
        ({"custom_categories": 10**5000}, "custom_categories must be a list.*too long to print"),
        ({"custom_categories": [{"pets": 10**5000}]}, "the description of category 'pets'.*too long"),
        ({"keep_messages": 1}, "keep_messages must be True or False"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_before_the_file_is_made(tmp_path, settings, words):
    with pytest.raises((ConfigError, ValidationError), match=words):
        Memory(tmp_path / "x.db", **{"embedder": HashEmbedder(), **settings})
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_setting_is_a_type_error(tmp_path):
    with pytest.raises(TypeError, match="embeder"):
        Memory(tmp_path / "x.db", embeder=HashEmbedder())
    assert list(tmp_path.iterdir()) == []


def test_the_context_length_is_that_of_the_setting(noise_gguf, tmp_path):
    with Memory(tmp_path / "x.db", embedder=HashEmbedder(), llm=noise_gguf(), n_ctx=256) as memory:
        assert isinstance(memory._llm, LlamaCpp)
        assert memory._llm.n_ctx == 256
