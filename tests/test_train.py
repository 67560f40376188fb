"""Training at toy size, from the corpus to a folder that the library reads, and its parts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is only installed for training (dependency group `train`)")
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def repository_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def run_toy(folder: Path, *more: str) -> str:
    command = [sys.executable, "-m", "scripts.train", "--toy", "--work", str(folder / "work")]
    command += ["--models", str(folder / "models"), *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_toy_training_makes_folders_that_the_library_reads(tmp_path: Path) -> None:
    from tinymem.engines.catalog import verify
    from tinymem.engines.onnx import OnnxModel
    from tinymem.engines.onnx_writer import OnnxWriter
    from tinymem.understand.judge import Judge
    from tinymem.understand.passage import Passage
    from tinymem.understand.spot import Spotter
    from tinymem.understand.writer import Writer

    run_toy(tmp_path)
    for name in ("spotter", "judge", "writer"):
        verify(tmp_path / "models" / name)
        log = (tmp_path / "work" / name / "log.jsonl").read_text(encoding="utf-8").splitlines()
        losses = [json.loads(line)["loss"] for line in log]
        assert losses[1] < losses[0], "the second epoch learned nothing"
    spotted = Spotter(OnnxModel(tmp_path / "models" / "spotter")).spot("", "I live in Oslo", [(0, 14)])
    assert 0 < spotted.probability < 1
    assert len(Judge(OnnxModel(tmp_path / "models" / "judge")).judge(["Lives in Oslo"], "Moved away")) == 1
    writer = Writer(OnnxWriter(tmp_path / "models" / "writer"))
    assert len(writer.write_many([Passage("user:", "I live in Oslo", (0, 14))])) == 1


def test_a_run_broken_off_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    import torch

    from scripts.train.fit import Plan, fit

    def train(folder: Path, plan: Plan, stop_after: int) -> torch.nn.Linear:
        torch.manual_seed(3)
        model, rows = torch.nn.Linear(4, 1), torch.randn(40, 4, generator=torch.Generator().manual_seed(1))
        calls: list[int] = []

        def score() -> dict[str, float]:
            calls.append(1)
            if len(calls) > stop_after:
                raise KeyboardInterrupt
            return {"keep": float(len(calls))}

        def loss_of(group: list[int]) -> torch.Tensor:
            return (torch.nn.functional.dropout(model(rows[group]), 0.5) - 1).square().mean()

        try:
            fit(model, [1] * 40, loss_of, score, plan, folder)
        except KeyboardInterrupt:
            return train(folder, plan, 99)
        return model

    plan = Plan(epochs=4, rate=0.05)
    broken, whole = train(tmp_path / "broken", plan, 2), train(tmp_path / "whole", plan, 99)
    assert torch.equal(broken.weight, whole.weight)


def test_no_example_comes_from_the_test_author() -> None:
    from scripts.train.examples import messages, spotter_corrections, spotter_examples
    from scripts.train.pairs import judge_examples, written_pairs

    held = {seen.id.split("/")[0].split(":")[0] for seen in messages([4])}
    assert len(held) > 300
    learned = [*spotter_examples(0), *spotter_corrections(0)]
    assert not held & {seen.id.split("/")[0].split(":")[0] for seen in learned}
    kept = {pair.source for pair in judge_examples(0)}
    assert "pairs_4" not in kept
    assert not any(source.startswith("4-") for source in kept)
    assert {pair.source for pair in written_pairs([4])} == {"pairs_4"}


def test_marked_words_are_the_annotated_spans_and_doubts_teach_nothing() -> None:
    from scripts.train.examples import messages

    by_id = {seen.id: seen for seen in messages([4])}
    told = by_id["4-002/0"]
    assert [told.text[a:b] for a, b in told.marked] == [
        "I'm Tomasz",
        "34 years old",
        "from Gdańsk",
        "I drive a tram",
    ]
    doubted = by_id["4-004/0"]
    assert [doubted.text[a:b] for a, b in doubted.masked] == [
        "on Saturdays and my husband runs the snack bar"
    ]


def test_examples_are_the_same_for_the_same_seed() -> None:
    from scripts.train.examples import spotter_corrections, spotter_examples
    from scripts.train.pairs import judge_examples

    assert judge_examples(1) == judge_examples(1)
    assert judge_examples(1) != judge_examples(2)
    assert spotter_examples(1) == spotter_examples(1)
    assert spotter_corrections(1) == spotter_corrections(1)


def test_corrections_show_short_facts_changed_numbers_and_strangers_on_the_same_topic() -> None:
    import numpy as np

    from scripts.train.examples import spotter_corrections
    from scripts.train.pairs import RELATIONS, changed_slots, offered, written_pairs

    clips = [seen for seen in spotter_corrections(0) if seen.id.endswith("clip")]
    assert {seen.worth for seen in clips} == {0.0, 1.0}
    assert all(seen.marked == ((0, len(seen.text)),) for seen in clips if seen.worth)
    for pair in changed_slots([1, 2], 50, 0):
        assert pair.memory != pair.fact
        assert RELATIONS[pair.relation] == "update"
        assert len(pair.memory.split()) == len(pair.fact.split())
    written = written_pairs([1])
    strangers = offered(written, lambda texts: np.eye(len(texts), 64, dtype=np.float32), 0)
    assert {RELATIONS[pair.relation] for pair in strangers} == {"unrelated"}
    assert not {(p.memory, p.fact) for p in strangers} & {(p.memory, p.fact) for p in written}


def test_torch_and_the_exported_graph_agree(tmp_path: Path) -> None:
    import numpy as np
    import onnxruntime
    import torch

    from scripts.train.export import judge_graph
    from scripts.train.judge import LONGEST, LONGEST_FIRST, JudgeNet
    from scripts.train.minilm import MiniLM, Pairs, published_folder, stack

    torch.manual_seed(0)
    model = JudgeNet(MiniLM.load(published_folder(), layers=2)).eval()
    session = onnxruntime.InferenceSession(judge_graph(model, published_folder()).SerializeToString())
    pairs = Pairs(published_folder(), LONGEST, LONGEST_FIRST)
    rows = [pairs.encode("Lives in Oslo", "Moved to Bergen"), pairs.encode("Has a dog", "Walks")]
    ids, kinds, mask = stack(rows)
    feed = {"input_ids": ids.numpy(), "token_type_ids": kinds.numpy(), "attention_mask": mask.long().numpy()}
    with torch.no_grad():
        np.testing.assert_allclose(session.run(None, feed)[0], model(ids, kinds, mask).numpy(), atol=1e-4)


def test_auc_equals_counting_pairs() -> None:
    from scripts.train.scores import auc

    rng = random.Random(0)
    scores = [rng.randrange(5) / 5 for _ in range(40)]
    wanted = [rng.random() < 0.4 for _ in range(40)]
    good = [s for s, w in zip(scores, wanted, strict=True) if w]
    bad = [s for s, w in zip(scores, wanted, strict=True) if not w]
    counted = sum((g > b) + 0.5 * (g == b) for g in good for b in bad) / (len(good) * len(bad))
    assert auc(scores, wanted) == pytest.approx(counted)
