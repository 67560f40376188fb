"""Texts as tokens: pairs are cut where they should be, offsets count characters, batches stay small."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import bert_builder as tiny
from tests.bert_builder import WEIGHTS, spotter
from tinymem import EmbeddingError
from tinymem.engines.onnx import OnnxModel
from tinymem.engines.onnx_session import shared_vocabulary
from tinymem.engines.tokens import BATCH_TOKENS, batches


def test_a_pair_gives_every_output_without_padding_and_offsets_of_the_second_text(tmp_path: Path) -> None:
    model = OnnxModel(spotter(tmp_path / "spotter"))
    rows = model.encode(["you and ana", ""], ["i like Tea", "peanuts"])
    ids, kinds = [2, 6, 16, 22, 3, 5, 8, 10, 3], [0, 0, 0, 0, 0, 1, 1, 1, 1]
    hidden = tiny.reference_hidden(WEIGHTS, ids, kinds)
    np.testing.assert_allclose(rows[0].outputs["message"], hidden[0].sum(keepdims=True), atol=1e-4)
    np.testing.assert_allclose(rows[0].outputs["token"], hidden[:, :2], atol=1e-4)
    assert rows[0].offsets == [None] * 5 + [(0, 1), (2, 6), (7, 10), None]
    assert rows[1].outputs["token"].shape == (4, 2)
    assert rows[1].offsets == [None, None, (0, 7), None]


def test_a_single_text_has_its_own_offsets(tmp_path: Path) -> None:
    (row,) = OnnxModel(spotter(tmp_path / "spotter")).encode(["ana  likes tea"])
    assert row.offsets == [None, (0, 3), (5, 10), (11, 14), None]


def test_the_first_text_loses_its_beginning_and_the_second_its_end(tmp_path: Path) -> None:
    model = OnnxModel(spotter(tmp_path / "spotter"))
    first = "ana " * 2000 + "you like tea and"
    (tokens,) = model.tokenise([first], ["i like cake in lisbon and porto"])
    assert tokens.ids == [2, 6, 8, 10, 16, 3, 5, 8, 11, 13, 14, 3]  # 12 tokens, 4 of the first text
    assert tokens.kinds == [0] * 6 + [1] * 6


def test_a_plain_text_keeps_all_its_tokens_and_gets_no_special_ones(tmp_path: Path) -> None:
    cutter = OnnxModel(spotter(tmp_path / "spotter")).session.cutter
    found = cutter.plain("i like [SEP] tea " * 30)
    assert len(found.ids) == 6 * 30
    assert not {2, 3} & set(found.ids)
    assert found.offsets[:2] == [(0, 1), (2, 6)]
    assert cutter.plain("").ids == []


def test_offsets_count_characters_whatever_the_text_holds(tmp_path: Path) -> None:
    text = "🎉\ud800é tea"
    (row,) = OnnxModel(spotter(tmp_path / "spotter")).encode(["x"], [text])
    assert text[slice(*row.offsets[-2])] == "tea"


def test_models_with_the_same_tokenizer_share_one_while_they_use_it(tmp_path: Path) -> None:
    folders = [spotter(tmp_path / name) for name in ("one", "other")]
    models = [OnnxModel(folder) for folder in folders]
    one, other = (shared_vocabulary(folder / "tokenizer.json") for folder in folders)
    assert one is other
    assert models[0].tokenise(["i like tea"]) == models[1].tokenise(["i like tea"])
    assert shared_vocabulary(folders[0] / "tokenizer.json") is one
    gone = weakref.ref(one)
    del one, other, models
    assert gone() is None
    (folders[0] / "tokenizer.json").write_bytes((folders[0] / "tokenizer.json").read_bytes() + b"\n")
    anew, as_ever = (shared_vocabulary(folder / "tokenizer.json") for folder in folders)
    assert anew is not as_ever


def test_unequal_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="1 first texts cannot be paired with 2"):
        OnnxModel(spotter(tmp_path / "spotter")).encode(["a"], ["b", "c"])


def test_no_texts_give_nothing(tmp_path: Path) -> None:
    assert OnnxModel(spotter(tmp_path / "spotter")).encode([], []) == []


@given(st.lists(st.integers(1, 600), max_size=200), st.integers(1, 64))
def test_batches_hold_every_text_once_and_stay_small(lengths: list[int], batch_size: int) -> None:
    found = list(batches(lengths, batch_size))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    for batch in found:
        assert 1 <= len(batch) <= batch_size
        assert len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= BATCH_TOKENS
