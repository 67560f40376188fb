"""Whatever is wrong with a file or a model: an error of ours that says what to do, and nothing written."""

import itertools
import os
import shutil
import subprocess
import sys
from contextlib import suppress

import apsw
import pytest

from tests.fakes import EveryMessage, SameBeginning
from tinymem import (
    BusyError,
    CorruptError,
    EngineError,
    Memory,
    ModelFileError,
    NotADatabaseError,
    SchemaError,
    StoreError,
)
from tinymem.store.salvage import salvage
from tinymem.testing import HashEmbedder, ScriptedLlm

FAKES = {"embedder": HashEmbedder(), "extractor": EveryMessage(), "reconciler": SameBeginning()}


def content_of(folder):
    """Return every file of a folder, byte for byte."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def kept(memory):
    memory.add("Likes tea", user_id="ana", metadata={"a": 1}, infer=False)
    return memory


def make_sqlite(path):
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE diary(entry)")
    connection.close()


def make_ours(path):
    with Memory(path, **FAKES) as memory:
        memory.add([{"role": "user", "content": f"Fact {n}"} for n in range(50)], user_id="ana", infer=False)


def make_newer(path):
    make_ours(path)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 999)
    connection.close()


def make_cut(path):
    make_ours(path)
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.write_text("Dear diary"), NotADatabaseError),
        (lambda path: path.write_bytes(b"SQLite format 3\x00"), NotADatabaseError),
        (lambda path: path.write_bytes(os.urandom(8192)), NotADatabaseError),
        (make_sqlite, NotADatabaseError),
        (make_newer, SchemaError),
    ],
    ids=["text", "torn header", "noise", "another program's", "newer"],
)
def test_a_file_that_is_not_ours_to_touch_is_refused_and_left_as_it_was(tmp_path, make, kind):
    path = tmp_path / "x.db"
    make(path)
    before = content_of(tmp_path)
    with pytest.raises(kind, match=r"x\.db"):
        Memory(path, **FAKES)
    assert content_of(tmp_path) == before


def test_a_cut_file_is_reported_and_never_answers_wrongly(tmp_path):
    path = tmp_path / "x.db"
    make_cut(path)
    with pytest.raises(CorruptError, match="backup"):
        Memory(path, **FAKES).get_all()


def test_what_a_cut_file_still_holds_can_be_salvaged(tmp_path):
    path = tmp_path / "x.db"
    make_ours(path)
    with Memory(path, **FAKES) as memory:
        told = {item["id"]: item for item in memory.get_all()["results"]}
    os.truncate(path, path.stat().st_size * 9 // 10)
    said = salvage(path, tmp_path / "saved.db")
    with Memory(tmp_path / "saved.db", **FAKES) as saved:
        found = {item["id"]: item for item in saved.get_all()["results"]}
        assert len(found) == said["memories"] > 0
        assert {name: told[name] for name in found} == found
        saved.repair()
        assert saved.check() == []
    assert said["lost"] != []


def test_damaged_vectors_are_damage_whoever_meets_them(tmp_path):
    """sqlite-vec says so in words alone, which say nothing to who reads them."""
    path = tmp_path / "x.db"
    make_ours(path)
    connection = apsw.Connection(str(path))
    sql = "SELECT pageno FROM dbstat WHERE name LIKE 'memory_vec%' OR name LIKE '%autoindex_memory_vec%'"
    pages = [page for (page,) in connection.execute(sql)]
    connection.close()
    calls = {
        "compact": lambda memory, one: memory.compact(),
        "search": lambda memory, one: memory.search("fact 7"),
        "add": lambda memory, one: memory.add("New", user_id="ana"),
        "update": lambda memory, one: memory.update(one, "Changed"),
        "delete": lambda memory, one: memory.delete(one),
        "export": lambda memory, one: memory.export(tmp_path / "out.jsonl"),
        "snapshot": lambda memory, one: memory.snapshot(tmp_path / "out.db"),
    }
    sound, answered = path.read_bytes(), set()
    for page, call in itertools.product(pages, calls):
        path.write_bytes(sound[: (page - 1) * 4096] + bytes(4096) + sound[page * 4096 :])
        with Memory(path, **FAKES) as memory, suppress(CorruptError):  # any other error fails
            calls[call](memory, memory.get_all(limit=1)["results"][0]["id"])
            answered.add((page, call))
    assert len(answered) < len(pages) * len(calls) - 10, "nothing was damaged"


def test_an_empty_file_is_a_new_memory(tmp_path):
    path = tmp_path / "x.db"
    path.touch()
    with Memory(path, **FAKES) as memory:
        memory.add("Has a dog", user_id="ana", infer=False)
        assert memory.check() == []


@pytest.mark.parametrize("where", ["missing/folder/x.db", "", ".", "file.txt/x.db"])
def test_a_path_that_cannot_hold_a_file_is_our_error(tmp_path, where):
    (tmp_path / "file.txt").write_text("a file")
    with pytest.raises(StoreError, match=r"folder|opened|director"):
        Memory(tmp_path / where, **FAKES)
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


LOCK = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_file_locked_by_another_process_is_busy_but_can_be_read(kept, memory_factory, tmp_path):
    path = tmp_path / "memory.db"
    process = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "locked\n"
        impatient = memory_factory(busy_timeout_s=0.05)
        for write in (
            lambda: impatient.add("Has a dog", user_id="ana"),
            lambda: impatient.update("id-1", "x"),
            lambda: impatient.delete_all(user_id="ana"),
            impatient.reset,
        ):
            with pytest.raises(BusyError, match="try again"):
                write()
        assert [item["memory"] for item in impatient.search("tea")["results"]] == ["Likes tea"]
    finally:
        process.communicate("")
    assert impatient.add("Has a dog", user_id="ana")["results"][0]["event"] == "ADD"


def test_a_write_that_finds_no_space_is_rolled_back_whole(kept):
    before, stats = kept.get_all(), kept.stats()
    connection = kept._store._connection
    pages = connection.pragma("max_page_count")
    connection.pragma("max_page_count", connection.pragma("page_count"))
    with pytest.raises(StoreError, match="space"):
        kept.add(
            [{"role": "user", "content": "x" * 50_000}, {"role": "user", "content": "y"}],
            user_id="ana",
            infer=False,
        )
    connection.pragma("max_page_count", pages)
    assert kept.get_all() == before
    assert {**kept.stats(), "size_bytes": 0} == {**stats, "size_bytes": 0}
    kept.add("Still works", user_id="ana", infer=False)


# -- models


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), r"folder|GGUF"),
        (lambda path: path.write_bytes(b""), "GGUF"),
        (lambda path: path.write_text("not a model"), "GGUF"),
        (lambda path: path.write_bytes(b"GGUF" + b"\xff" * 100), "GGUF|load|damaged|read"),
    ],
    ids=["missing", "folder", "empty", "text", "damaged"],
)
def test_a_gguf_that_is_none_is_a_model_file_error_and_nothing_is_stored(tmp_path, make, words):
    gguf, path = tmp_path / "model.gguf", tmp_path / "x.db"
    make(gguf)
    with (
        pytest.raises(ModelFileError, match=words),
        Memory(path, embedder=HashEmbedder(), llm=gguf) as memory,
    ):
        memory.add("I live in Rome", user_id="ana")
    if path.exists():
        with Memory(path, **FAKES) as memory:
            assert memory.stats()["commits"] == 0


def damage(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        shutil.rmtree,
        lambda folder: (folder / "model.onnx").unlink(),
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: damage(folder, "model.onnx"),
        lambda folder: (folder / "model.onnx").write_bytes(b"no model"),
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
    ],
    ids=[
        "no folder",
        "no model",
        "no tokenizer",
        "torn manifest",
        "damaged model",
        "no onnx",
        "no tokenizer inside",
    ],
)
def test_an_embedder_that_is_missing_or_damaged_is_a_model_file_error(tmp_path, minilm_copy, spoil):
    spoil(minilm_copy)
    path = tmp_path / "x.db"
    with pytest.raises(ModelFileError), Memory(path, embedder=minilm_copy) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
    if path.exists():
        with Memory(path, **FAKES) as memory:
            assert memory.count() == 0


@pytest.fixture
def minilm_copy(tmp_path):
    from tinymem.engines.catalog import models_folder

    folder = models_folder() / "minilm"
    if not (folder / "model.onnx").exists():
        pytest.skip("the bundled embedder is not built yet")
    shutil.copytree(folder, tmp_path / "minilm")
    return tmp_path / "minilm"


def test_replies_that_are_no_json_are_an_error_and_nothing_is_stored(memory_factory):
    for replies in (["nonsense"] * 9, ['{"facts": [{"message": 99, "fact": "x"}]}'] * 9, ["[" * 5000] * 9):
        memory = memory_factory(llm=ScriptedLlm(replies), extractor=None, reconciler=None)
        with pytest.raises(EngineError):
            memory.add("I live in Rome", user_id="ana")
        assert memory.count() == 0
