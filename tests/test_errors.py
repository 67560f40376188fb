"""Every class of the error tree, met in the situation it was made for; none is decoration."""

import inspect

import apsw
import numpy as np
import pytest

import tinymem
from tests.fakes import EveryMessage, SameBeginning
from tinymem import LlamaCpp, Memory, OnnxEmbedder, errors
from tinymem.testing import HashEmbedder, ScriptedLlm

FAKES = {"embedder": HashEmbedder(), "extractor": EveryMessage(), "reconciler": SameBeginning()}


def unknown_setting(path):
    Memory.from_config({"colour": "red"})


def empty_text(path):
    Memory(path, **FAKES).add("", user_id="ana")


def unknown_id(path):
    Memory(path, **FAKES).delete("nobody")


def moved_meanwhile(path):
    with Memory(path, **FAKES) as other:
        key = other.add("Lives here", user_id="ana", infer=False)["results"][0]["id"]
        number = iter(range(100))
        restless = SameBeginning(before=lambda: other.update(key, f"Lives at {next(number)}"))
        Memory(path, **{**FAKES, "reconciler": restless}).add("Lives there", user_id="ana")


def immutable_memory(path):
    memory = Memory(path, **FAKES)
    memory.update(
        memory.add("Born in 1990", user_id="ana", immutable=True)["results"][0]["id"], "Born in 1991"
    )


def missing_gguf(path):
    LlamaCpp(path.with_suffix(".gguf"))


def missing_onnx(path):
    OnnxEmbedder(path.with_suffix(".onnx")).embed(["x"])


def no_reply(path):
    Memory(path, embedder=HashEmbedder(), llm=ScriptedLlm([])).add("I live in Rome", user_id="ana")


def useless_vectors(path):
    class Broken(HashEmbedder):
        def embed(self, texts, *, kind="document"):
            return np.full((len(texts), 64), np.nan, np.float32)

    Memory(path, **{**FAKES, "embedder": Broken()}).add("Likes tea", user_id="ana")


def closed_file(path):
    memory = Memory(path, **FAKES)
    memory.close()
    memory.count()


def some_other_file(path):
    path.write_text("Dear diary")
    Memory(path, **FAKES)


def newer_file(path):
    Memory(path, **FAKES).close()
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 999)
    connection.close()
    Memory(path, **FAKES)


def locked_file(path):
    memory = Memory(path, busy_timeout_s=0.05, **FAKES)
    writer = apsw.Connection(str(path))
    writer.execute("BEGIN IMMEDIATE")
    try:
        memory.add("Likes tea", user_id="ana")
    finally:
        writer.close()


def encrypted_file_without_its_key(path):
    path.write_bytes(bytes(range(16)) + b"\x10\x00\x02\x02\x20\x40\x20\x20" + bytes(4072))
    Memory(path, **FAKES)


def full_quota(path):
    Memory(path, max_memories=1, **FAKES).add_many(["Likes tea", "Likes figs"], user_id="ana")


def damaged_file(path):
    with Memory(path, **FAKES) as memory:
        memory.add([{"role": "user", "content": f"Fact {n}"} for n in range(50)], user_id="ana", infer=False)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    Memory(path, **FAKES).get_all()


def full_disk(path):
    memory = Memory(path, **FAKES)
    pages = memory._store._connection.pragma("page_count")
    memory._store._connection.pragma("max_page_count", pages)
    memory.add([{"role": "user", "content": "x" * 50_000}], user_id="ana", infer=False)


SITUATIONS = {
    "ConfigError": [unknown_setting],
    "ValidationError": [empty_text],
    "MemoryNotFoundError": [unknown_id],
    "ConflictError": [moved_meanwhile],
    "ImmutableError": [immutable_memory],
    "MemoryQuotaExceededError": [full_quota],
    "ModelFileError": [missing_gguf, missing_onnx],
    "ReplyError": [no_reply],
    "EmbeddingError": [useless_vectors],
    "StoreError": [closed_file],
    "NotADatabaseError": [some_other_file],
    "AuthenticationError": [encrypted_file_without_its_key],
    "SchemaError": [newer_file],
    "BusyError": [locked_file],
    "CorruptError": [damaged_file],
    "DiskFullError": [full_disk],
}
BASES = {"TinymemError", "EngineError"}  # never raised themselves


@pytest.mark.parametrize(
    ("name", "situation"), [(name, each) for name in SITUATIONS for each in SITUATIONS[name]]
)
def test_the_situation_raises_its_error(tmp_path, name, situation):
    with pytest.raises(getattr(errors, name)) as caught:
        situation(tmp_path / "memory.db")
    assert type(caught.value).__name__ == name
    assert len(str(caught.value)) > 20


def test_every_class_of_the_tree_has_a_situation_and_a_public_name():
    classes = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and kind.__name__ == name}
    assert classes == SITUATIONS.keys() | BASES
    assert all(getattr(tinymem, name) is getattr(errors, name) for name in classes)
    assert all(issubclass(getattr(errors, name), errors.TinymemError) for name in classes)


def test_the_tree_that_is_drawn_is_the_tree_that_is():
    def drawn(kind, indent=0):
        yield kind.__name__, indent
        for child in sorted(kind.__subclasses__(), key=lambda each: list(vars(errors)).index(each.__name__)):
            if child.__module__ == "tinymem.errors":
                yield from drawn(child, indent + 1)

    lines = [line for line in errors.__doc__.splitlines() if "Error" in line and line.startswith("    ")][:19]
    shown = [
        (
            line.replace("│", " ").replace("├──", "   ").replace("└──", "   ").split()[0],
            (len(line) - len(line.lstrip(" │├└─")) - 4) // 4,
        )
        for line in lines
    ]
    assert sorted(shown) == sorted(drawn(errors.TinymemError))


def test_what_is_shown_of_a_value_is_short():
    wide = [[[["x" * 99] * 9] * 9] * 9] * 9
    for value in ("x" * 10**6, 10**5000, [10**5000], wide, {"k" * 10**5: "v" * 10**5}, object()):
        assert 0 < len(errors.shown(value)) <= 120


def test_what_is_shown_of_a_deep_value_is_its_outside():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert errors.shown(deep).strip("[]") == "..."
