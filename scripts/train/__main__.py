"""Train the bundled memory model: `python -m scripts.train` from the repository's root.

Builds the examples, trains the spotter and the judge, exports them as int8 ONNX and scores what ships
on the author who was never trained on. A run that was broken off goes on where its last epoch ended.
`--toy` does all of it at a size that takes seconds and writes nothing of worth.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several threads on busy cores are slower

import torch

from scripts.train import evaluate, export, judge, spotter
from scripts.train.examples import TEST_AUTHOR, messages, spotter_corrections, spotter_examples
from scripts.train.fit import Plan
from scripts.train.minilm import published_folder, published_vectors
from scripts.train.pairs import judge_corrections, judge_examples, written_pairs

HERE = Path(__file__).parent
WORK, MODELS = HERE / "runs", HERE.parents[1] / "models" / "memory"


@dataclass(frozen=True)
class Size:
    """How much to train, and on how many rows at most."""

    spotter: Plan
    judge: Plan
    rows: int | None = None


FULL = Size(Plan(epochs=3), Plan(epochs=5))
TOY_PLAN = Plan(epochs=2, layers=1, frozen_layers=0)
TOY = Size(TOY_PLAN, TOY_PLAN, rows=48)


def corrections(plan: Plan) -> Plan:
    """Return the plan of the last pass, which mends what the first examples taught wrong."""
    return replace(plan, epochs=1, rate=3e-5)


def make_spotter(size: Size, seed: int, work: Path, models: Path) -> dict[str, Any]:
    """Train, export and score the spotter; return the scores."""
    published, plan = published_folder(), replace(size.spotter, seed=seed)
    test = messages([TEST_AUTHOR])[: size.rows]
    model = spotter.untrained(published, plan)
    spotter.train(model, published, spotter_examples(seed)[: size.rows], test, plan, work / "spotter")
    data = spotter_corrections(seed)[: size.rows]
    spotter.train(model, published, data, test, corrections(plan), work / "spotter-corrections")
    graph = export.spotter_graph(model, published)
    export.write_folder(graph, export.spotter_manifest(), models / "spotter")
    return evaluate.spotter_scores(models / "spotter", test)


def make_judge(size: Size, seed: int, work: Path, models: Path) -> dict[str, Any]:
    """Train, export and score the judge; return the scores."""
    published, plan = published_folder(), replace(size.judge, seed=seed)
    test = written_pairs([TEST_AUTHOR])[: size.rows]
    model = judge.untrained(published, plan)
    judge.train(model, published, judge_examples(seed)[: size.rows], test, plan, work / "judge")
    data = judge_corrections(seed, published_vectors(published), size.rows)
    judge.train(model, published, data, test, corrections(plan), work / "judge-corrections")
    graph = export.judge_graph(model, published)
    export.write_folder(graph, export.judge_manifest(1.0), models / "judge")
    scores = evaluate.judge_scores(models / "judge", test)
    export.write_manifest(export.judge_manifest(scores["temperature"]), models / "judge")
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=WORK, help="checkpoints, resumed if there; logs")
    parser.add_argument("--models", type=Path, default=MODELS, help="what ships")
    parser.add_argument("--only", choices=("spotter", "judge"), help="train one of the two")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--toy", action="store_true", help="seconds instead of an hour; needs --work and --models"
    )
    asked = parser.parse_args()
    if asked.toy and (asked.work == WORK or asked.models == MODELS):
        parser.error("--toy would overwrite real runs or models: give it a --work and a --models of its own")
    torch.set_num_threads(1)
    size = TOY if asked.toy else FULL
    for name, train in (("spotter", make_spotter), ("judge", make_judge)):
        if asked.only in (None, name):
            scores = train(size, asked.seed, asked.work, asked.models)
            print(f"{name} as it ships, author {TEST_AUTHOR}:", json.dumps(scores), flush=True)


if __name__ == "__main__":
    main()
