"""What the speed bench measures with: made-up memories, the times inside engines, verdicts."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from scripts.bench import crowd, rows
from scripts.bench.rows import Bench, Figures, inside_engines
from scripts.bench.speed import ROWS, Row, exponent
from tinymem import Memory
from tinymem.engines.llama import LlamaCpp
from tinymem.engines.onnx import OnnxEmbedder
from tinymem.testing import HashEmbedder


def test_a_file_that_was_cut_off_is_finished_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "AT_ONCE", 20)
    embedder = HashEmbedder()
    crowd.fill(tmp_path / "cut.db", 40, 3, embedder)
    for name in ("cut.db", "whole.db"):
        crowd.fill(tmp_path / name, 100, 3, embedder)
    with Memory(tmp_path / "cut.db", embedder=embedder) as cut, Memory(tmp_path / "whole.db") as whole:
        assert cut.count() == 100
        assert cut.count(user_id="user 1") == 33
        assert cut.count(filters=rows.KIND) == 3
        assert {one["memory"] for one in cut.get_all()["results"]} == {
            one["memory"] for one in whole.get_all()["results"]
        }
        assert cut.check() == []


def test_made_up_words_are_as_frequent_as_in_a_language() -> None:
    words = " ".join(crowd.texts(500, seed=1)).lower().split()
    assert len(words) == 500 * crowd.WORDS_EACH
    assert words.count("the") > 10 * words.count("battery")
    assert len(set(crowd.queries(50))) == 50
    assert crowd.texts(5, seed=2) == crowd.texts(5, seed=2) != crowd.texts(5, seed=3)


def test_made_up_vectors_are_normalised_and_near_real_ones() -> None:
    drawn = crowd.Mixed(HashEmbedder()).draw(50)
    assert np.allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-5)
    assert len(np.unique(drawn.round(6), axis=0)) == 50


def test_an_engine_inside_another_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def embed(self) -> None:
            time.sleep(0.01)
            self.run()

        def run(self) -> None:
            time.sleep(0.01)

    monkeypatch.setattr(rows, "ENGINES", ((Slow, ("embed", "run")),))
    with inside_engines() as spent:
        Slow().embed()
        Slow().run()
    assert len(spent) == 2
    assert spent[0] > spent[1] >= 0.01
    Slow().run()
    assert len(spent) == 2


def test_every_engine_that_is_timed_is_there() -> None:
    for engine, names in rows.ENGINES:
        assert all(callable(getattr(engine, name)) for name in names)
    assert {OnnxEmbedder, LlamaCpp} <= {engine for engine, _ in rows.ENGINES}


@pytest.mark.parametrize(
    ("ours", "peer", "more_is_better", "figure", "verdict"),
    [
        (3.0, 2.0, False, "1.50x", "goal"),
        (6.0, 2.0, False, "3.00x", "floor"),
        (6.1, 2.0, False, "3.05x", "misses"),
        (2.0, 7.0, True, "3.50x", "goal"),
        (4.0, 7.0, True, "1.75x", "floor"),
        (2.5, None, False, "2.50 ms", "floor"),
    ],
)
def test_a_row_says_its_figure_and_verdict(
    tmp_path: Path, ours: float, peer: float | None, more_is_better: bool, figure: str, verdict: str
) -> None:
    limits = (1.5, 3.0) if more_is_better else (3.0, 1.5)
    row = Row("title", lambda bench: Figures(ours, peer, "note"), *limits, more_is_better=more_is_better)
    line = row.line(Bench(tmp_path, HashEmbedder(), 5, None))
    assert (line[3], line[6]) == (figure, verdict)


def test_a_goal_is_harder_than_its_floor() -> None:
    for row in ROWS.values():
        assert (row.goal > row.floor) == row.more_is_better


def test_an_exponent_is_that_of_the_growth() -> None:
    sizes = [1_000, 10_000, 100_000]
    assert exponent(sizes, [one**0.5 for one in sizes]) == pytest.approx(0.5)
    assert exponent(sizes, [7.0] * 3) == pytest.approx(0)
