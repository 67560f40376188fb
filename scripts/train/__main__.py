"""Train the bundled memory model: `python -m scripts.train` from the repository's root.

Builds the examples, trains the spotter, the judge and the writer, exports them as ONNX and scores what
ships on the authors who were never trained on. A run that was broken off goes on where its last epoch
ended. `--toy` does all of it at a size that takes seconds and writes nothing of worth.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from scripts.train import evaluate, export, judge, spotter, writer
from scripts.train.examples import learned_from, messages, spotter_corrections, spotter_examples, tested_on
from scripts.train.families import family_pairs
from scripts.train.fit import Plan
from scripts.train.minilm import published_folder, published_vectors
from scripts.train.pairs import judge_corrections, judge_examples, written_pairs
from scripts.train.writer_examples import corpus_passages, lower_case
from scripts.train.writer_invented import invented

HERE = Path(__file__).parent
INVENTED = 32_000
WORK, MODELS = HERE / "runs", HERE.parents[1] / "models" / "memory"


@dataclass(frozen=True)
class Size:
    """How much to train, and on how many rows at most."""

    spotter: Plan
    judge: Plan
    writer: Plan
    rows: int | None = None


FULL = Size(Plan(epochs=3), Plan(epochs=5), Plan(epochs=4, rate=1e-4, batch=32, frozen_layers=0))
TOY_PLAN = Plan(epochs=2, layers=1, frozen_layers=0)
TOY = Size(TOY_PLAN, TOY_PLAN, TOY_PLAN, rows=48)


def corrections(plan: Plan) -> Plan:
    """Return the plan of the last pass, which mends what the first examples taught wrong."""
    return replace(plan, epochs=1, rate=3e-5)


def make_spotter(size: Size, seed: int, work: Path, models: Path) -> dict[str, Any]:
    """Train, export and score the spotter; return the scores."""
    published, plan = published_folder(), replace(size.spotter, seed=seed)
    test = messages(tested_on("conversations"))[: size.rows]
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
    test = written_pairs(tested_on("pairs"))[: size.rows]
    model = judge.untrained(published, plan)
    data = [*judge_examples(seed), *family_pairs(seed)][: size.rows]
    judge.train(model, published, data, test, plan, work / "judge")
    data = judge_corrections(seed, published_vectors(published), size.rows)
    judge.train(model, published, data, test, corrections(plan), work / "judge-corrections")
    graph = export.judge_graph(model, published)
    export.write_folder(graph, export.judge_manifest(1.0), models / "judge")
    scores = evaluate.judge_scores(models / "judge", test)
    export.write_manifest(export.judge_manifest(scores["temperature"]), models / "judge")
    return scores


def make_writer(size: Size, seed: int, work: Path, models: Path, texts: Path | None) -> dict[str, Any]:
    """Train, export and score the writer; `texts` (permissive, not in git) are read first."""
    published, rng = published_folder(), random.Random(seed)
    passages = corpus_passages(learned_from("conversations"), rng)[: size.rows]
    test = corpus_passages(tested_on("conversations"))[: size.rows]
    known = [fact.text for passage in passages for fact in passage.facts]
    reader, model = writer.untrained(published, known, size.writer)
    plan = replace(size.writer, seed=seed)
    if texts is not None:
        first = [*invented(texts, rng, known, size.rows or INVENTED), *passages]
        writer.train(model, reader, first, test, replace(plan, epochs=1), work / "writer-reading")
    data = [lower_case(passage) if rng.random() < 0.15 else passage for passage in passages]
    writer.train(model, reader, data, test, plan, work / "writer")
    export.write_writer(model, reader.house, export.writer_manifest(), models / "writer")
    return evaluate.writer_scores(models / "writer", test)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=WORK, help="checkpoints, resumed if there; logs")
    parser.add_argument("--models", type=Path, default=MODELS, help="what ships")
    parser.add_argument("--only", choices=("spotter", "judge", "writer"), help="train one of them")
    parser.add_argument("--texts", type=Path, help="folder of permissive text for the writer to read first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--toy", action="store_true", help="seconds instead of an hour; needs --work and --models"
    )
    asked = parser.parse_args()
    if asked.toy and (asked.work == WORK or asked.models == MODELS):
        parser.error("--toy would overwrite real runs or models: give it a --work and a --models of its own")
    size = TOY if asked.toy else FULL
    trained = {
        "spotter": make_spotter,
        "judge": make_judge,
        "writer": partial(make_writer, texts=asked.texts),
    }
    for name, train in trained.items():
        if asked.only in (None, name):
            scores = train(size, asked.seed, asked.work, asked.models)
            print(f"{name} as it ships, on the test authors:", json.dumps(scores), flush=True)


if __name__ == "__main__":
    main()
