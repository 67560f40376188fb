"""The writer in training: its house words, its batches and scores; torch and the exported graphs agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scripts.train.writer_examples import Passage
from scripts.train.writer_rows import END, NEXT, Reader, Row
from tests.writer_parts import HOUSE, SILENT, TALK, reader_of, row_of
from tinymem.engines.catalog import verify
from tinymem.engines.onnx_writer import OnnxWriter
from tinymem.understand.passage import Passage as Seen
from tinymem.understand.wording import FORMS, plain
from tinymem.understand.writer import Writer

if TYPE_CHECKING:
    from scripts.train.writer_net import Writer as WriterNet

torch = pytest.importorskip("torch", reason="torch is only installed for training (dependency group `train`)")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return reader_of(HOUSE)


@pytest.fixture(scope="module")
def rows(reader: Reader) -> list[Row]:
    return [row_of(reader, TALK), row_of(reader, SILENT)]


def untrained(reader: Reader, layers: int) -> WriterNet:
    """Return a writer of a few of MiniLM's layers that has learned nothing."""
    from scripts.train.minilm import MiniLM, published_folder
    from scripts.train.writer_net import Writer as WriterNet

    torch.manual_seed(0)
    pieces = [reader.pieces(word)[0] or [100] for word in HOUSE]
    return WriterNet(MiniLM.load(published_folder(), layers), pieces, layers=tuple(range(layers)))


def test_house_words_are_the_marks_what_facts_are_made_of_and_verbs() -> None:
    from scripts.train.writer import house_words

    facts = ["Has a dog", "Has a Skoda", "Drives a Skoda", "Is Danish", "Is not Danish", "Likes iPhones"]
    house = house_words(facts)
    assert house[:2] == [END, NEXT]
    assert {"has", "a", "Skoda", "is", "Danish", "works", "worked"} <= set(house)
    assert not {"dog", "iPhones", "skoda"} & set(house)
    assert len({plain(word) for word in house}) == len(house)


def test_padded_rows_keep_every_choice(rows: list[Row]) -> None:
    from scripts.train.writer import stacked

    batch = stacked(rows, len(HOUSE))
    width = batch["places"].shape[1]
    for place, row in enumerate(rows):
        assert batch["mask"][place].sum() == len(row.ids)
        assert batch["real"][place].sum() == len(row.words)
        for step, ways in enumerate(row.ways):
            chosen = [way for way in batch["ways"][place, step].tolist() if way >= 0]
            assert chosen == [n if form < 0 else len(HOUSE) + form * width + n for form, n in ways]
        assert (batch["ways"][place, len(row.ways) :] == -1).all()


def test_scores_count_facts_that_are_near() -> None:
    from scripts.train.writer import near, scores

    assert near("Has two dogs named Rex and Max", "Has dogs named Rex and Max")
    assert not near("Likes tea", "Does not like coffee")
    passages = [TALK, Passage("x", "user:", "ok", (0, 2)), Passage("y", "user:", "hm", (0, 2))]
    replies = [["Has a dog named Rex", "Sister Maya works at Leeds"], [], ["Likes hm"]]
    assert scores(passages, replies) == {"P": 0.667, "R": 1.0, "exact": 0.5, "silent": 0.5}


def on_grid(weight: Any) -> None:
    """Round a torch weight (out, in) to what the graph can store: int8 with one scale for each row."""
    steps = weight.detach().abs().amax(1, keepdim=True).clamp(min=1e-9) / 127
    weight.data.copy_((weight / steps).round() * steps)


@pytest.fixture(scope="module")
def net(reader: Reader) -> WriterNet:
    """A writer that has learned nothing, with weights that int8 can hold."""
    model = untrained(reader, 2).eval()
    parts = [model.out, model.queries, *(m for m in model.layers.modules() if isinstance(m, torch.nn.Linear))]
    for part in parts:
        on_grid(part.weight)
    on_grid(model.words)
    return model


def test_the_exported_step_says_what_torch_says(rows: list[Row], net: WriterNet) -> None:
    import onnxruntime

    from scripts.train.writer import stacked
    from scripts.train.writer_onnx import packed_cross, step_graph

    batch = stacked(rows, len(HOUSE))
    session = onnxruntime.InferenceSession(step_graph(net).SerializeToString())
    with torch.no_grad():
        states, words = net.read(batch["ids"], batch["kinds"], batch["mask"], batch["places"])
        expected = net.write(batch["fed"], states, batch["mask"], words, batch["real"]).numpy()
        weight, bias = packed_cross(net)
        state = {
            "past": np.zeros((2, 0, weight.shape[0]), np.float32),
            "cross": states.numpy() @ weight.T + bias,
            "piece_bias": np.where(batch["mask"], 0, -1e4).astype(np.float32),
            "word_bias": np.where(batch["real"], 0, -1e4).astype(np.float32),
            "copied": net.copied(words).numpy(),
            "keys": net.keys(words).numpy(),
        }
    sayable = np.repeat(batch["real"].numpy()[:, None, :], len(FORMS), 1).reshape(2, -1)
    sayable = np.concatenate([np.ones((2, len(HOUSE)), bool), sayable], 1)
    for step in range(batch["fed"].shape[1]):
        said, now = session.run(["said", "now"], {**state, "fed": batch["fed"][:, step : step + 1].numpy()})
        np.testing.assert_allclose(said[sayable], expected[:, step][sayable], atol=1e-3)
        state["past"] = np.concatenate([state["past"], now], axis=1)


def test_a_written_folder_is_one_that_the_library_reads(
    rows: list[Row], net: WriterNet, tmp_path: Path
) -> None:
    from scripts.train.export import write_writer, writer_manifest
    from scripts.train.writer import stacked

    write_writer(net, HOUSE, writer_manifest(), tmp_path / "writer", int8=False)
    verify(tmp_path / "writer")
    model = OnnxWriter(tmp_path / "writer", threads=1)
    batch = stacked(rows, len(HOUSE))
    reads = model.read([(row.ids, row.kinds, row.places) for row in rows])
    with torch.no_grad():
        _, words = net.read(batch["ids"], batch["kinds"], batch["mask"], batch["places"])
        for row, read, states in zip(rows, reads, words, strict=True):
            real = states[: len(row.words)]
            np.testing.assert_allclose(read.copied, net.copied(real).numpy(), atol=1e-3)
            np.testing.assert_allclose(read.keys, net.keys(real).numpy(), atol=1e-3)
    replies = Writer(model).write_many([Seen(TALK.before, TALK.text, TALK.mark), Seen("", "", (0, 0))])
    assert len(replies) == 2


def test_a_few_steps_of_training_lower_the_loss(reader: Reader, rows: list[Row]) -> None:
    from scripts.train.writer import greedy, loss_of_rows

    model = untrained(reader, 1)
    model.body.requires_grad_(False)
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learned, 1e-3)
    losses = []
    for _ in range(6):
        loss = loss_of_rows(model, rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    replies = greedy(model, rows, HOUSE)
    assert len(replies) == 2
    assert all(0 <= least <= 1 for _, least in replies)
