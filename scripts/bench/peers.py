"""mem0 beside us: in a venv of its own, with local Qdrant, and with the very same embedder.

The venv's Python reads this repository for the embedder alone, so what differs is what mem0 does around it.
The store is filled through mem0's own vector store, as it would be, but with vectors that are there already.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = (
    "onnxruntime>=1.21",
    "tokenizers",
    "numpy>=2.0",
    "apsw>=3.47",
    "sqlite-vec",
)  # what our embedder needs
WANTED = ("mem0ai==2.2.1", "qdrant-client", *OURS)

FILL_AND_ASK = """
import hashlib, json, statistics, sys, time, uuid
from mem0.utils import factory
import mem0.memory.main as main

told = json.loads(sys.stdin.readline())
sys.path.insert(0, told["root"])
from scripts.bench.crowd import Mixed, queries, texts
from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx import OnnxEmbedder

ours = OnnxEmbedder(model_folder("minilm"))

class Same:
    config = type("Config", (), {"embedding_dims": 384})()
    def embed(self, text, memory_action=None):
        return ours.embed([text], kind="query")[0].tolist()
    def embed_batch(self, texts, memory_action=None):
        return ours.embed(texts).tolist()

class Silent:
    config = type("Config", (), {"enable_vision": False})()
    def generate_response(self, messages, **more):
        return "{}"

for place in (main, factory):
    place.EmbedderFactory.create = staticmethod(lambda *given, **more: Same())
    place.LlmFactory.create = staticmethod(lambda *given, **more: Silent())
store = {"provider": "qdrant", "config": {"path": told["folder"] + "/qdrant", "collection_name": "mem0"}}
store["config"] |= {"embedding_model_dims": 384, "on_disk": True}
memory = main.Memory.from_config({"vector_store": store, "history_db_path": told["folder"] + "/history.db"})
mixed, count = Mixed(ours), told["count"]
for start in range(0, count, 1000):
    said = texts(min(1000, count - start), seed=start)
    payloads = [
        {"data": text, "hash": hashlib.md5(text.encode()).hexdigest(), "user_id": "ana",
         "created_at": "2025-01-01T00:00:00+00:00", "text_lemmatized": text}
        for text in said
    ]
    rows = mixed.draw(len(said)).tolist()
    memory.vector_store.insert(vectors=rows, payloads=payloads, ids=[str(uuid.uuid4()) for _ in said])
times, found = [], []
for query in queries(told["asked"] + 5):
    began = time.perf_counter()
    answer = memory.search(query, top_k=10, filters={"user_id": "ana"}, threshold=0.0)
    times.append(time.perf_counter() - began)
    found.append(len(answer["results"]))
assert min(found) == 10, found
print(json.dumps({"median": statistics.median(times[5:])}))
"""


def ready(python: Path | None) -> Path:
    """Return a Python that has mem0: the given one, or that of a venv made for it."""
    if python is not None:
        return python
    folder = Path(tempfile.gettempdir()) / "tinymem-bench-mem0"
    made = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not made.exists():
        sys.stderr.write(f"making {folder} with {', '.join(WANTED)}\n")
        venv.create(folder, with_pip=True)
        subprocess.run([made, "-m", "pip", "install", "--quiet", *WANTED], check=True)
    return made


def mem0_search(python: Path | None, count: int, asked: int) -> float:
    """Return the median of mem0's search among `count` memories of one user, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"MEM0_TELEMETRY": "False", "MEM0_DIR": folder, "TOKENIZERS_PARALLELISM": "false"}
        told = json.dumps({"root": str(ROOT), "folder": folder, "count": count, "asked": asked})
        done = subprocess.run(
            [ready(python), "-c", FILL_AND_ASK],
            input=told + "\n",
            env={**os.environ, **quiet},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(f"mem0 failed: {done.stderr[-2000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["median"])
