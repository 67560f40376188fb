"""Turn a trained model into the folder that ships: int8 ONNX, tokenizer and manifest.

Writes `model.onnx`, `tokenizer.json` and `manifest.json` (kind, window, outputs, thresholds, scores and
sha256 of the files). The float32 graph is returned too, for measuring what int8 costs. It never writes
anywhere but into the folder it is given.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from torch import nn

from scripts.train import judge, spotter, writer, writer_net
from scripts.train.bert_onnx import Head, HeadKind, bert_graph, quantise
from scripts.train.minilm import MiniLM, published_folder
from scripts.train.pairs import RELATIONS
from scripts.train.writer_onnx import packed_cross, step_graph
from tinymem.understand.passage import FIRST_PIECES, MOST_PIECES


def head(kind: HeadKind, name: str, layer: nn.Linear) -> Head:
    """Return a linear layer as a head of the graph."""
    return Head(kind, name, layer.weight.detach().numpy(), layer.bias.detach().numpy())


def graph(body: MiniLM, heads: Sequence[Head], published: Path) -> onnx.ModelProto:
    """Return the float32 graph of a fine-tuned trunk with its heads."""
    config = json.loads((published / "config.json").read_text(encoding="utf-8"))
    weights = {name: weight.detach().numpy() for name, weight in body.state_dict().items()}
    layers = {**config, "num_hidden_layers": len(body.encoder.layer)}
    return bert_graph(weights, layers, heads, token_types=True)


def spotter_graph(model: spotter.SpotterNet, published: Path) -> onnx.ModelProto:
    """Return the float32 graph of a spotter: outputs `message` and `token`."""
    heads = [head("cls_linear", "message", model.message), head("token_linear", "token", model.token)]
    return graph(model.body, heads, published)


def judge_graph(model: judge.JudgeNet, published: Path) -> onnx.ModelProto:
    """Return the float32 graph of a judge: output `relation`."""
    return graph(model.body, [head("cls_linear", "relation", model.relation)], published)


def writer_graph(model: writer_net.Writer, published: Path) -> onnx.ModelProto:
    """Return the float32 graph of a writer's trunk: what the step looks at, for each piece."""
    weight, bias = packed_cross(model)
    heads = [Head("token_linear", "cross", weight, bias), head("token_linear", "copied", model.copied)]
    return graph(model.body, [*heads, head("token_linear", "keys", model.keys)], published)


def write_writer(
    model: writer_net.Writer,
    house: Sequence[str],
    manifest: Mapping[str, Any],
    folder: Path,
    *,
    int8: bool = True,
) -> None:
    """Write the folder of a writer: the trunk, the step and the house words."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(step_graph(model), folder / "step.onnx")
    (folder / "words.json").write_text(json.dumps(list(house), ensure_ascii=False) + "\n", encoding="utf-8")
    write_folder(
        writer_graph(model, published_folder()),
        manifest,
        folder,
        int8=int8,
        others=("step.onnx", "words.json"),
    )


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def spotter_manifest() -> dict[str, Any]:
    """Return what a spotter's folder says about itself, but for its files."""
    window = {"max_tokens": spotter.LONGEST, "max_first_tokens": spotter.LONGEST_FIRST}
    return {"kind": "spotter", **window, "outputs": ["message", "token"], "thresholds": spotter.THRESHOLDS}


def writer_manifest() -> dict[str, Any]:
    """Return what a writer's folder says about itself, but for its files."""
    window = {"max_tokens": MOST_PIECES, "max_first_tokens": FIRST_PIECES}
    outputs = {"outputs": ["cross", "copied", "keys"], "thresholds": writer.THRESHOLDS}
    return {"kind": "writer", **window, **outputs}


def judge_manifest(temperature: float) -> dict[str, Any]:
    """Return what a judge's folder says about itself, but for its files."""
    window = {"max_tokens": judge.LONGEST, "max_first_tokens": judge.LONGEST_FIRST}
    answers = {"outputs": ["relation"], "relations": list(RELATIONS)}
    settings = {"temperature": temperature, "thresholds": judge.THRESHOLDS}
    return {"kind": "judge", **window, **answers, **settings}


def write_folder(
    model: onnx.ModelProto,
    manifest: Mapping[str, Any],
    folder: Path,
    *,
    int8: bool = True,
    others: Sequence[str] = (),
) -> None:
    """Write the model's folder, quantised unless told otherwise; an older one is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = () if others else manifest["outputs"]
    finished = quantise(model, keep=kept) if int8 else model
    onnx.save(finished, folder / "model.onnx")
    shutil.copyfile(published_folder() / "tokenizer.json", folder / "tokenizer.json")
    write_manifest(manifest, folder, others)


def write_manifest(manifest: Mapping[str, Any], folder: Path, others: Sequence[str] = ()) -> None:
    """Write `manifest.json` with the digests of the files that lie in the folder."""
    files = {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json", *others)}
    text = json.dumps({**manifest, "files": files}, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
