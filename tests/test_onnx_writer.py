"""The writer's two graphs: what they give, alone or side by side; whatever is broken is an error of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinymem import EmbeddingError, ModelFileError
from tinymem.engines.catalog import model_folder, models_folder, verify
from tinymem.engines.int8_check import product_graph
from tinymem.engines.onnx_writer import STEP, WORDS, OnnxWriter
from tinymem.understand.passage import CLS, SEP, Passage
from tinymem.understand.wording import FORMS, plain
from tinymem.understand.writer import Writer

PUBLISHED = model_folder("memory/writer")
PASSAGE = Passage("user:", "I live in Oslo", (0, 14))


@pytest.fixture(scope="module")
def model() -> OnnxWriter:
    return OnnxWriter(PUBLISHED, threads=1)


def source_of(model: OnnxWriter, text: str) -> tuple[list[int], list[int], list[int]]:
    """Return a text as the trunk is given it, with every piece a word."""
    ids = [CLS, *model.pieces(text)[0], SEP]
    return ids, [0] * len(ids), list(range(1, len(ids) - 1))


def copy_of(folder: Path, *, listed: bool = True, **changes: Any) -> Path:
    """Write a folder of the published files; with `listed` False its manifest has digests of no own ones."""
    folder.mkdir()
    models = models_folder().as_posix()
    text = (PUBLISHED / "manifest.json").read_text(encoding="utf-8").replace('"../..', f'"{models}')
    manifest = json.loads(text)
    own = [name for name in manifest["files"] if not name.startswith(models)]
    for name in own:
        (folder / name).symlink_to((PUBLISHED / name).resolve())
        if not listed:
            del manifest["files"][name]
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}), encoding="utf-8")
    return folder


def replaced(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    return folder


def write(folder: Path) -> object:
    return Writer(OnnxWriter(folder, threads=1)).write_many([PASSAGE])


# -- what it gives


def test_the_files_are_the_published_ones() -> None:
    verify(PUBLISHED)


def test_the_house_words_begin_with_the_two_marks_and_are_told_apart(model: OnnxWriter) -> None:
    assert model.house[:2] == ["<end>", "<next>"]
    assert len({plain(word) for word in model.house}) == len(model.house)
    assert all(word and not any(character.isspace() for character in word) for word in model.house)


def test_pieces_have_the_characters_that_they_stand_for(model: OnnxWriter) -> None:
    text = "Zoë lives\ud800 in\n漢字 [SEP] 😀unbelievably"
    ids, offsets = model.pieces(text)
    assert len(ids) == len(offsets)
    assert SEP not in ids
    cut = [text[start:end] for start, end in offsets]
    assert cut[:6] == ["Zoë", "lives", "in", "漢", "字", "["]
    assert "".join(cut[-3:]).endswith("believably")
    assert model.pieces("") == model.pieces(" \n\ud800") == ([], [])


def test_the_trunk_gives_what_the_step_looks_at(model: OnnxWriter) -> None:
    ids, kinds, places = source_of(model, "I live in Oslo")
    (read,) = model.read([(ids, kinds, places[::2])])
    assert len(read.cross) == len(ids)
    assert read.copied.shape == read.keys.shape == (2, 384)
    assert {read.cross.dtype, read.copied.dtype, read.keys.dtype} == {np.dtype(np.float32)}
    assert model.read([]) == []


def test_passages_are_padded_to_one_shape(model: OnnxWriter) -> None:
    texts = ["I live in Oslo with my sister and two cats", "", "tea"]
    reads = model.read([source_of(model, text) for text in texts])
    state = model.begin(reads)
    assert {len(values) for values in state.values()} == {3}
    assert state["past"].shape[1] == 0
    assert state["cross"].shape[:2] == state["piece_bias"].shape == (3, 12)
    assert state["keys"].shape[:2] == state["copied"].shape[:2] == state["word_bias"].shape == (3, 10)
    assert (state["piece_bias"] == 0).sum(axis=1).tolist() == [12, 2, 3]
    assert (state["word_bias"] == 0).sum(axis=1).tolist() == [10, 0, 1]


def test_a_step_shares_out_one_among_all_that_can_be_said(model: OnnxWriter) -> None:
    state = model.begin(model.read([source_of(model, text) for text in ("I live in Oslo", "tea", "")]))
    fed = np.zeros(3, dtype=np.int64)
    for steps in (1, 2, 3):
        said, state = model.step(fed, state)
        assert said.shape == (3, len(model.house) + len(FORMS) * 4)
        np.testing.assert_allclose(np.exp(said).sum(axis=1), 1, atol=1e-4)
        assert state["past"].shape[1] == steps
        words = np.exp(said[:, len(model.house) :]).reshape(3, len(FORMS), 4)
        assert words[1, :, 1:].max() == words[2].max() == 0  # padding is never said
        fed = said.argmax(axis=1)
        fed = np.where(fed < len(model.house), fed, len(model.house) + (fed - len(model.house)) % 4)


def test_a_step_says_the_same_alone_and_beside_others(model: OnnxWriter) -> None:
    texts = ["I live in Oslo", "My sister Maya is a nurse in Leeds and likes tea", "thanks"]
    reads = model.read([source_of(model, text) for text in texts])
    size, fed = len(model.house), np.array([0, 0, 0])
    together, state = model.step(fed, model.begin(reads))
    again, _ = model.step(np.array([5, size + 1, 7]), state)
    for row, (read, second) in enumerate(zip(reads, (5, size + 1, 7), strict=True)):
        alone, own = model.step(np.array([0]), model.begin([read]))
        later, _ = model.step(np.array([second]), own)
        np.testing.assert_allclose(alone[0, :size], together[row, :size], atol=1e-3)
        np.testing.assert_allclose(later[0, :size], again[row, :size], atol=1e-3)


def test_threads_that_come_at_once_load_once_and_get_the_same() -> None:
    model, together = OnnxWriter(PUBLISHED, threads=1), threading.Barrier(4)
    loaded = []

    def say(_: int) -> np.ndarray:
        together.wait()
        state = model.begin(model.read([source_of(model, "I live in Oslo")]))
        said, _ = model.step(np.array([0]), state)
        loaded.append(model._runner())
        return said

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(say, range(4)))
    assert len(set(map(id, loaded))) == 1
    for said in found:
        np.testing.assert_allclose(said, found[0], atol=1e-5)


# -- what is broken


@pytest.mark.parametrize("name", [STEP, WORDS, "model.onnx"])
def test_a_folder_that_lacks_a_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    folder = copy_of(tmp_path / "writer")
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=f"{name} is missing"):
        OnnxWriter(folder)


def test_a_folder_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(ModelFileError, match=r"step\.onnx is missing"):
        OnnxWriter(model_folder("memory/judge"))


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("change", [half, flipped], ids=["half", "one bit"])
@pytest.mark.parametrize("name", [STEP, WORDS])
def test_damage_is_found_on_first_use(tmp_path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    folder = replaced(copy_of(tmp_path / "writer"), name, change((PUBLISHED / name).read_bytes()))
    with pytest.raises(ModelFileError, match=rf"{name}.*(sha256|is not JSON)"):
        write(folder)


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_a_step_that_is_no_graph_is_found_without_digests_too(tmp_path: Path, content: bytes) -> None:
    folder = replaced(copy_of(tmp_path / "writer", listed=False), STEP, content)
    with pytest.raises(ModelFileError, match=r"step\.onnx cannot be loaded"):
        write(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "must hold a JSON list"),
        (b"[", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[]", "no list of words"),
        (b'["<end>", 1]', "no list of words"),
        (b'["<end>", "<next>", "is"]', "do not belong together"),
    ],
)
def test_words_that_are_none_are_found_without_digests_too(tmp_path: Path, content: bytes, said: str) -> None:
    folder = replaced(copy_of(tmp_path / "writer", listed=False), WORDS, content)
    with pytest.raises(ModelFileError, match=said):
        write(folder)


def step_that_says(value: float) -> bytes:
    """Return a graph with the step's inputs that always says the same."""
    names = ("past", "cross", "piece_bias", "word_bias", "copied", "keys")
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    inputs.append(helper.make_tensor_value_info("fed", TensorProto.INT64, None))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("said", "now")]
    constant = numpy_helper.from_array(np.full((1, 1, 1), value, np.float32), "value")
    nodes = [helper.make_node("Identity", ["value"], [name]) for name in ("said", "now")]
    graph = helper.make_graph(nodes, "step", inputs, outputs, [constant])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = made.SerializeToString()
    return content


def test_numbers_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    folder = replaced(copy_of(tmp_path / "writer", listed=False), STEP, step_that_says(float("nan")))
    with pytest.raises(EmbeddingError, match="not finite"):
        write(folder)


def test_a_step_that_fails_is_an_error_with_its_cause(tmp_path: Path) -> None:
    folder = replaced(copy_of(tmp_path / "writer", listed=False), STEP, product_graph())
    with pytest.raises(EmbeddingError, match="failed at a step") as caught:
        write(folder)
    assert caught.value.__cause__ is not None
