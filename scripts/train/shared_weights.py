"""Store once what several of the models that ship hold: 42 of their 107 MB.

    python -m scripts.train.shared_weights            after an export; done twice, it writes nothing
    python -m scripts.train.shared_weights --apart    every model whole again, before one is made anew

The four encoders have the same table of word pieces and the same tokenizer, and the judge has two of the
spotter's layers. The first model that holds a weight keeps it; a later one says in its graph where it lies
(ONNX's "external data", named from the models' folder), and in its manifest which files it needs. No number
changes. The embedder comes first, so that its file, whose digest names the vectors of stores, never changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinymem.engines.catalog import models_folder, verify
from tinymem.engines.manifest import MANIFEST, read_json
from tinymem.engines.onnx_weights import (
    inside_tensor,
    large_numbers,
    outside_tensor,
    place_of,
    tensors,
    with_tensors,
)

ORDER = ("minilm", "memory/spotter", "memory/judge", "memory/writer")
GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"
FILES = (GRAPH, TOKENIZER, MANIFEST)  # what is written here; others stay as they are

Held = dict[str, tuple[str, int]]
"""By the digest of some bytes: the file that holds them, named from the models' folder, and where in it."""


@dataclass(frozen=True)
class Whole:
    """A model that shares nothing: its graph, its tokenizer, and what its manifest says.

    `settings` leaves out the files; `others` are the digests of those that are neither graph nor tokenizer.
    """

    graph: bytes
    tokenizer: bytes
    settings: dict[str, Any]
    others: dict[str, str]


def read_whole(folder: Path) -> Whole:
    """Return a model with what it shares put back inside.

    Raises:
        ModelFileError: one of its files, or of those that it shares, is not the one it was made with.
    """
    verify(folder)
    settings = read_json(folder / MANIFEST)
    files, elsewhere = settings.pop("files"), folder / settings.pop("weights_folder", ".")
    tokenizer = (folder / settings.pop("tokenizer", TOKENIZER)).read_bytes()
    graph = (folder / GRAPH).read_bytes()
    inside = {
        tensor.start: inside_tensor(graph, tensor, place, elsewhere / place["location"])
        for tensor in tensors(graph)
        if (place := place_of(graph, tensor))
    }
    mine = {name: files[name] for name in files if name not in FILES and not name.startswith("../")}
    return Whole(with_tensors(graph, inside), tokenizer, settings, mine)


def share(models: Path, *, apart: bool = False) -> list[Path]:
    """Write the models of a folder so that what is equal is stored once, or `apart`; return what was changed.

    Raises:
        ModelFileError: a file is not the one that a manifest lists; nothing was written.
    """
    wholes = {name: read_whole(models / name) for name in ORDER}
    held: Held = {}
    digests: dict[str, str] = {}
    changed = []
    for name, whole in wholes.items():
        graph, needed = without(whole.graph, held)
        own = {GRAPH: graph, TOKENIZER: whole.tokenizer}
        settings = dict(whole.settings)
        if kept := held.get(sha256(whole.tokenizer)):
            del own[TOKENIZER]
            needed.add(kept[0])
            settings["tokenizer"] = f"{above(name)}/{kept[0]}"
        digests |= {f"{name}/{each}": sha256(content) for each, content in own.items()}
        files = {each: digests[f"{name}/{each}"] for each in own} | whole.others
        own[MANIFEST] = manifest_of(
            settings, files, {each: digests[each] for each in sorted(needed)}, above(name)
        )
        changed += [models / name / each for each in FILES if replaced(models / name / each, own.get(each))]
        if not apart:
            held = dict(places(name, own)) | held
    return changed


def without(graph: bytes, held: Held) -> tuple[bytes, set[str]]:
    """Return a graph without the large weights that are held elsewhere, and in which files those are."""
    needed, outside = set(), {}
    for tensor in tensors(graph):
        raw = large_numbers(graph, tensor)
        if raw and (kept := held.get(sha256(graph[raw.content : raw.end]))):
            needed.add(kept[0])
            outside[tensor.start] = outside_tensor(graph, tensor, raw, *kept)
    return with_tensors(graph, outside), needed


def places(name: str, own: dict[str, bytes]) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield what a model holds that a later one may share: its large weights and its tokenizer."""
    graph = own[GRAPH]
    for tensor in tensors(graph):
        if raw := large_numbers(graph, tensor):
            yield sha256(graph[raw.content : raw.end]), (f"{name}/{GRAPH}", raw.content)
    if TOKENIZER in own:
        yield sha256(own[TOKENIZER]), (f"{name}/{TOKENIZER}", 0)


def above(name: str) -> str:
    """Return the models' folder, seen from a model's own."""
    return "/".join(".." for _ in name.split("/"))


def manifest_of(settings: dict[str, Any], own: dict[str, str], needed: dict[str, str], folder: str) -> bytes:
    """Return a manifest with the digests of a model's own files, and of others below a folder."""
    files = own | {f"{folder}/{name}": digest for name, digest in needed.items()}
    sharing = {"weights_folder": folder} if needed else {}
    text = json.dumps({**settings, **sharing, "files": files}, indent=2, ensure_ascii=False)
    return (text + "\n").encode()


def replaced(path: Path, content: bytes | None) -> bool:
    """Put a file there, or with None none; return whether that changed anything.

    Whoever has mapped the old file keeps it.
    """
    if content is None:
        there = path.exists()
        path.unlink(missing_ok=True)
        return there
    if path.exists() and path.read_bytes() == content:
        return False
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    os.replace(new, path)
    return True


def sha256(content: bytes) -> str:
    """Return the hex digest of some bytes."""
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=models_folder(), help="the folder of the models")
    parser.add_argument("--apart", action="store_true", help="make every model whole again")
    asked = parser.parse_args()
    for path in share(asked.models, apart=asked.apart):
        print(f"{path}  {path.stat().st_size / 1e6:.2f} MB" if path.exists() else f"{path}  shared now")
    total = sum(path.stat().st_size for path in asked.models.rglob("*") if path.is_file())
    print(f"{asked.models}: {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
