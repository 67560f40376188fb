#!/usr/bin/env python3
"""How fast is an embedder folder: alone and in batches, by threads, on an idle and on a busy machine?

    python -m scripts.bench.embed [FOLDER ...] [--busy 2] [--threads 1 2] [--rounds 15]

Every line's ratio is against the first folder, one thread, one text at a time, idle. The folders take turns
inside a round, so what else the machine does hits all alike. Times are those of the median call.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.varied_sentences import varied_sentences
from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx import OnnxEmbedder, OnnxModel

SHORT, LONG = 12, 60  # tokens, [CLS] and [SEP] among them
SPIN = "while True: pass"


def texts_of_length(folder: Path, tokens: int, count: int) -> list[str]:
    """Return texts of exactly that many tokens."""
    model = OnnxModel(folder)
    words = " ".join(varied_sentences(400)[80:]).split()
    texts, start = [], 0
    while len(texts) < count:
        for size in range(2, tokens):
            text = " ".join(words[start : start + size])
            length = len(model.tokenise([text])[0].ids)
            if length >= tokens:
                texts += [text] if length == tokens else []
                break
        start = (start + 3) % (len(words) - tokens)
    return texts


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep some processes computing at full speed."""
    running = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def calls(embedder: OnnxEmbedder, texts: Sequence[str], at_once: int) -> list[float]:
    """Return seconds per text of each call, `at_once` texts to a call."""
    parts = [texts[place : place + at_once] for place in range(0, len(texts), at_once)]
    return [seconds(lambda part=part: embedder.embed(part)) / len(part) for part in parts]  # type: ignore[misc]


def measure(
    embedders: dict[str, OnnxEmbedder], work: Sequence[tuple[str, list[str], int]], rounds: int
) -> dict[tuple[str, str], float]:
    """Return texts per second by (embedder, work): of the median call, in rounds in which all take turns."""
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name, embedder in embedders.items():
            for label, texts, at_once in work:
                found.setdefault((name, label), []).extend(calls(embedder, texts, at_once))
    return {key: 1 / statistics.median(values) for key, values in found.items()}


def print_start(folder: Path) -> None:
    """Print what it takes to be ready, beside its largest file's hash alone."""
    OnnxEmbedder(folder).embed(["the libraries are imported now"])
    ready = min(seconds(lambda: OnnxEmbedder(folder).embed(["hello"])) for _ in range(5))
    largest = max(folder.rglob("*.onnx"), key=lambda path: path.stat().st_size)
    digest = min(seconds(lambda: hashlib.sha256(largest.read_bytes())) for _ in range(5))
    print(
        f"{folder.name}: loaded and one text embedded in {ready * 1000:.0f} ms; sha256 {digest * 1000:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, default=[model_folder("minilm")])
    parser.add_argument(
        "--busy", type=int, default=2, help="processes that compute meanwhile, in the second half"
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    for folder in asked.folders:
        print_start(folder)
    short, long = (texts_of_length(asked.folders[0], size, 64) for size in (SHORT, LONG))
    work = [(f"{SHORT} tokens, one", short[:16], 1), (f"{SHORT} tokens, 32", short, 32)]
    work += [(f"{LONG} tokens, one", long[:8], 1), (f"{LONG} tokens, 32", long, 32)]
    embedders = {
        f"{folder.name}, {threads} threads": OnnxEmbedder(folder, threads=threads)
        for folder in asked.folders
        for threads in asked.threads
    }
    peer = 0.0
    for processes in (0, asked.busy):
        with busy(processes):
            found = measure(embedders, work, asked.rounds)
        peer = peer or next(iter(found.values()))
        print(f"\nwith {processes} busy processes")
        for (name, label), rate in found.items():
            print(f"  {name:26} {label:16} {rate:7.0f}/s {1000 / rate:7.2f} ms each = {rate / peer:5.2f} x")


if __name__ == "__main__":
    main()
