"""A tiny BERT with random weights: as a sentence-transformers folder, as an ONNX folder, and in plain numpy.

The numpy encoder is written from BERT's definition and shares no code with what it checks.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from scripts.train.bert_onnx import Head, bert_graph

WORDS = ["i", "you", "she", "like", "likes", "tea", "cake", "peanuts", "in", "lisbon", "porto", "and", "not"]
WORDS += ["live", "is", "my", "name", "ana", "##s", "##ing", ".", ",", "!", "?"]
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 24,
    "vocab_size": 5 + len(WORDS),
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
}
LONGEST = 16
Weights = dict[str, NDArray[np.float32]]


def random_weights(seed: int = 0) -> Weights:
    chance = np.random.default_rng(seed)
    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (CONFIG["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (CONFIG["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    for layer in range(CONFIG["num_hidden_layers"]):
        parts = {f"attention.self.{part}": (hidden, hidden) for part in ("query", "key", "value")}
        parts |= {"attention.output.dense": (hidden, hidden)}
        parts |= {"intermediate.dense": (inner, hidden), "output.dense": (hidden, inner)}
        for part, shape in parts.items():
            shapes[f"encoder.layer.{layer}.{part}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{part}.bias"] = shape[:1]
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{layer}.{part}.weight"] = (hidden,)
            shapes[f"encoder.layer.{layer}.{part}.bias"] = (hidden,)
    weights = {name: chance.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in weights:
        if name.endswith("LayerNorm.weight"):
            weights[name] += 1
    return weights


def reference_hidden(weights: Weights, ids: list[int], kinds: list[int] | None = None) -> NDArray[np.float64]:
    """Return BERT's last hidden state of one text, (tokens, hidden)."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = x + w["embeddings.token_type_embeddings.weight"][kinds or [0] * len(ids)]
    x = normalised(x, w, "embeddings.LayerNorm")
    for layer in range(CONFIG["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        x = normalised(x + attended(x, w, at), w, f"{at}.attention.output.LayerNorm")
        wide = linear(x, w, f"{at}.intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = normalised(x + linear(wide, w, f"{at}.output.dense"), w, f"{at}.output.LayerNorm")
    return x


def attended(x: NDArray[np.float64], w: dict[str, NDArray[np.float64]], at: str) -> NDArray[np.float64]:
    width = CONFIG["hidden_size"] // CONFIG["num_attention_heads"]
    query, key, value = (linear(x, w, f"{at}.attention.self.{part}") for part in ("query", "key", "value"))
    mixed = np.zeros_like(x)
    for head in range(CONFIG["num_attention_heads"]):
        own = slice(head * width, (head + 1) * width)
        scores = np.exp(query[:, own] @ key[:, own].T / math.sqrt(width))
        mixed[:, own] = scores / scores.sum(axis=1, keepdims=True) @ value[:, own]
    return linear(mixed, w, f"{at}.attention.output.dense")


def linear(x: NDArray[np.float64], w: dict[str, NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def normalised(x: NDArray[np.float64], w: dict[str, NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + CONFIG["layer_norm_eps"])
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def tiny_tokenizer() -> Tokenizer:
    """Return a WordPiece tokenizer that pads and truncates on its own, as published ones do."""
    vocabulary = {
        word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    }
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # type: ignore[call-arg]
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.enable_padding(length=8)
    tokenizer.enable_truncation(8)
    return tokenizer


def write_safetensors(path: Path, weights: Weights) -> None:
    contents, offset = {}, 0
    for name, array in weights.items():
        end = offset + array.nbytes
        contents[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps({"__metadata__": {"format": "pt"}, **contents}).encode()
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in weights.values())
    path.write_bytes(len(header).to_bytes(8, "little") + header + body)


def write_source(folder: Path, weights: Weights, pooling: str = "mean", **transformer: Any) -> Path:
    """Write what sentence-transformers would: weights, tokenizer and its half dozen configs."""
    (folder / "1_Pooling").mkdir(parents=True)
    write_safetensors(folder / "model.safetensors", weights)
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    modules = [
        {"type": f"sentence_transformers.models.{kind}"} for kind in ("Transformer", "Pooling", "Normalize")
    ]
    modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    chosen = {f"pooling_mode_{name}": mode == pooling for mode, name in modes.items()}
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": LONGEST, **transformer})
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32, **chosen})
    return folder


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


WEIGHTS = random_weights()
TEA = [2, 5, 8, 10, 3]  # [CLS] i like tea [SEP]
SPOTTER_HEADS = [
    Head("cls_linear", "message", np.ones((1, 32)), np.zeros(1)),
    Head("token_linear", "token", np.eye(32)[:2], np.zeros(2)),
]


def source(folder: Path, pooling: str = "mean", *, kind: str = "hidden", **transformer: Any) -> Path:
    """Write a sentence-transformers folder with onnx/model.onnx, as its own exporter would."""
    write_source(folder, WEIGHTS, pooling, **transformer)
    (folder / "model.safetensors").unlink()
    (folder / "onnx").mkdir()
    head = Head(kind, "last_hidden_state" if kind == "hidden" else "sentence_embedding")  # type: ignore[arg-type]
    onnx.save(bert_graph(WEIGHTS, CONFIG, [head], token_types=True), folder / "onnx" / "model.onnx")
    return folder


def spotter(folder: Path, **manifest: Any) -> Path:
    """Write a folder of ours that is no embedder: two outputs, pairs of texts."""
    folder.mkdir()
    onnx.save(bert_graph(WEIGHTS, CONFIG, SPOTTER_HEADS, token_types=True), folder / "model.onnx")
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    said = {"kind": "spotter", "max_tokens": 12, "max_first_tokens": 4, "outputs": ["message", "token"]}
    write_json(folder / "manifest.json", {**said, **manifest})
    return folder


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
