"""Score the models that ship, through the library's own engine, on the author who was never trained on.

What is measured is what users run: int8 weights, onnxruntime, the window of the manifest. It prints
and returns numbers; it never changes a model.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from scripts.train import judge, spotter, writer
from scripts.train.examples import Seen, messages, rough_clauses, tested_on
from scripts.train.pairs import Pair, written_pairs
from scripts.train.writer_examples import Passage
from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx import OnnxEmbedder, OnnxModel
from tinymem.engines.onnx_writer import OnnxWriter
from tinymem.understand.judge import Judge
from tinymem.understand.spot import Spotter, sigmoid
from tinymem.understand.writer import Writer


def spotter_answers(folder: Path, seen: Sequence[Seen]) -> list[spotter.Answer]:
    """Return what the model in `folder` says about these messages."""
    rows = OnnxModel(folder).encode([spotter.first_text(s) for s in seen], [s.text for s in seen])
    out: list[spotter.Answer] = []
    for row in rows:
        tokens = zip(row.offsets, sigmoid(row.outputs["token"].reshape(-1)), strict=True)
        marks = [(at[0], at[1], float(p)) for at, p in tokens if at is not None]
        out.append((float(sigmoid(row.outputs["message"].reshape(-1))[0]), marks))
    return out


def judge_logits(folder: Path, pairs: Sequence[tuple[str, str]]) -> judge.Logits:
    """Return the logits of the model in `folder` for (memory, fact) pairs, float32 (pairs, 4)."""
    rows = OnnxModel(folder).encode([memory for memory, _ in pairs], [fact for _, fact in pairs])
    return np.stack([row.outputs["relation"].reshape(-1) for row in rows]).astype(np.float32)


def spotter_scores(folder: Path, seen: Sequence[Seen] | None = None) -> dict[str, Any]:
    """Score the spotter on the test author's users, and on its assistants and system messages."""
    seen = messages(tested_on("conversations")) if seen is None else seen
    found = list(zip(seen, spotter_answers(folder, seen), strict=True))
    parts = {
        "user": [(s, a) for s, a in found if s.speaker == "user"],
        "agent": [(s, a) for s, a in found if s.speaker != "user"],
    }
    return {name: spotter.measure(*zip(*rows, strict=True)) for name, rows in parts.items() if rows}


def judge_scores(folder: Path, pairs: Sequence[Pair] | None = None) -> dict[str, Any]:
    """Score the judge on the test author's pairs, alone and each among nine strangers."""
    pairs = written_pairs(tested_on("pairs")) if pairs is None else pairs
    scores = judge.measure(judge_logits(folder, [(p.memory, p.fact) for p in pairs]), pairs)
    found = judge.stores(pairs, OnnxEmbedder(model_folder("minilm")).embed)
    among = judge_logits(folder, [(memory, store.fact) for store in found for memory in store.memories])
    return {**scores, "stores": judge.store_outcomes(found, among, scores["temperature"])}


def writer_scores(folder: Path, passages: Sequence[Passage]) -> dict[str, float]:
    """Score the writer on the clauses of the test authors that tell something."""
    model = Writer(OnnxWriter(folder))
    found = model.write_many([passage.seen() for passage in passages])
    return writer.scores(passages, [[draft.text for draft in drafts] for drafts in found])


def latencies(spotter_folder: Path, judge_folder: Path, repeats: int = 30) -> dict[str, float]:
    """Return median milliseconds of spotting one message and of judging one fact against ten memories."""
    seen = [s for s in messages(tested_on("conversations")) if s.speaker == "user"][:repeats]
    found = judge.stores(written_pairs(tested_on("pairs")), OnnxEmbedder(model_folder("minilm")).embed)[
        :repeats
    ]
    spot, judged = Spotter(OnnxModel(spotter_folder)), Judge(OnnxModel(judge_folder))
    spot.spot("", "warm", [(0, 4)])
    judged.judge(["warm"], "up")
    return {
        "spot_ms": median(
            milliseconds(lambda s=s: spot.spot(s.before, s.text, rough_clauses(s.text))) for s in seen
        ),
        "judge_ten_ms": median(milliseconds(lambda s=s: judged.judge(s.memories, s.fact)) for s in found),
    }


def milliseconds(work: Any) -> float:
    """Return how long calling `work` took."""
    started = time.perf_counter()
    work()
    return round((time.perf_counter() - started) * 1000, 2)
