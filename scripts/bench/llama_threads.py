"""How many threads should llama.cpp use? Tokens per second by thread count, alone and beside other work.

    python scripts/bench/llama_threads.py [--model model.gguf] [--seconds 2] [--busy 0 1 2]

Without a model, a random one of about 25 million parameters is built: speed does not depend on what it
knows. "busy" is the number of processes that count in an endless loop meanwhile. Prints tokens per
second for reading a prompt and for writing, and the same relative to one thread; then reading by chunk
size, which is `CHUNK` in tinymem/engines/llama_session.py. The default of `default_threads()` is chosen
from this table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.gguf_builder import build_gguf
from tinymem.engines import llama_session
from tinymem.engines.llama_session import LlamaSession

PROMPT_TOKENS = 512


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` processes counting."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def speeds(model: str, threads: int, seconds: float) -> tuple[float, float]:
    """Return tokens per second of reading and of writing."""
    session = LlamaSession(model, n_ctx=2048, threads=threads, batch_threads=threads, gpu_layers=0)
    prompt = [token % 200 for token in range(PROMPT_TOKENS)]
    session._read(prompt)  # warm: pages mapped, threads started
    read = rate(lambda turn: session._read([turn % 200 + 1, *prompt[1:]]), PROMPT_TOKENS, seconds)
    session._read(prompt[:64])
    written = rate(lambda turn: session._compute([turn % 200]), 1, seconds, most=1900)
    session.close()
    return read, written


def rate(work: object, tokens: int, seconds: float, most: int = 100_000) -> float:
    """Return tokens per second of calling work(turn) again and again."""
    assert callable(work)
    start, turns = time.perf_counter(), 0
    while time.perf_counter() - start < seconds and turns < most:
        work(turns)
        turns += 1
    return tokens * turns / (time.perf_counter() - start)


def by_threads(model: str, counts: list[int], busy_counts: list[int], seconds: float) -> None:
    """Print the table of thread counts."""
    print(f"{'busy':>4} {'threads':>7} {'read tok/s':>11} {'write tok/s':>12} {'read x':>7} {'write x':>8}")
    for others in busy_counts:
        with busy(others):
            time.sleep(0.2)
            first: tuple[float, float] | None = None
            for threads in counts:
                read, written = speeds(model, threads, seconds)
                first = first or (read, written)
                ratios = f"{read / first[0]:7.2f} {written / first[1]:8.2f}"
                print(f"{others:4} {threads:7} {read:11.0f} {written:12.0f} {ratios}", flush=True)


def by_chunk(model: str, threads: int, seconds: float) -> None:
    """Print reading speed by chunk size."""
    print(f"\n{'chunk':>5} {'read tok/s':>11}   ({threads} threads, nothing else running)")
    for chunk in (16, 32, 64, 128, 256, 512):
        llama_session.CHUNK = chunk
        print(f"{chunk:5} {speeds(model, threads, seconds)[0]:11.0f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="a GGUF file; default: a random one")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each number")
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 1, 2], help="busy processes beside it")
    parser.add_argument("--threads", type=int, nargs="*", help="thread counts; default: 1 to all cores")
    given = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        model = given.model or str(
            build_gguf(Path(folder) / "noise.gguf", width=512, layers=6, inner=1536, heads=8, filler=8000)
        )
        print(f"{Path(model).name}: {os.path.getsize(model) / 1e6:.0f} MB, {cores} cores")
        by_threads(model, given.threads or list(range(1, cores + 1)), given.busy, given.seconds)
        by_chunk(model, max(1, cores - 1), given.seconds)


if __name__ == "__main__":
    main()
