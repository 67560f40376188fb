"""How a Call is made on a Memory, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.torture.model import Call, Model
from tinymem import Memory, TinymemError
from tinymem.testing import HashEmbedder


@dataclass(frozen=True)
class Answer:
    """What a call answered: its commit, and the ids of the memories that it made."""

    commit_id: str | None
    ids: tuple[str, ...] = ()


class Caller:
    """One file that is opened, called, and opened anew with another embedder when it moves to one."""

    def __init__(self, path: Path, dimension: int) -> None:
        self._path = path
        self.memory = self._opened(dimension)

    def _opened(self, dimension: int) -> Memory:
        return Memory(self._path, embedder=HashEmbedder(dimension), categorize=False)

    def make(self, call: Call) -> Answer:
        """Make a call; whatever it raises goes on."""
        memory = self.memory
        if call.name == "add":
            said = [{"role": "user", "content": text} for text in call.texts]
            added = memory.add(said, user_id=call.user, infer=False)
            return Answer(added["commit_id"], tuple(one["id"] for one in added["results"]))
        if call.name == "add_many":
            loaded = memory.add_many(call.texts, user_id=call.user)
            return Answer(loaded["commit_ids"][0], tuple(loaded["ids"]))
        if call.name == "batch_update":
            texts = zip(call.ids, call.texts, strict=True)
            marks = {"mark": call.number}
            changed = [{"memory_id": each, "text": text, "metadata": marks} for each, text in texts]
            return Answer(memory.batch_update(changed)["commit_id"])
        if call.name == "delete_all":
            return Answer(memory.delete_all(user_id=call.user)["commit_id"])
        if call.name == "reembed":
            return self._reembed(call.number)
        if call.name == "compact":
            memory.compact()
            return Answer(None)
        if call.name in ("backup", "snapshot", "export"):
            copy = self._path.with_suffix(f".{call.name}")
            getattr(memory, call.name)(copy)
            copy.unlink()  # a full disk is filled by the file itself
            return Answer(None)
        return Answer(self._change_one(call)["commit_id"])

    def _change_one(self, call: Call) -> dict[str, Any]:
        memory, (wanted,) = self.memory, call.ids
        if call.name == "update":
            return memory.update(wanted, call.texts[0], {"mark": call.number})
        if call.name == "undo":
            return memory.undo(wanted, with_later=True)
        return {"delete": memory.delete, "erase": memory.erase}[call.name](wanted)

    def _reembed(self, dimension: int) -> Answer:
        """Move the file to another embedder, and go on with that; a move that fails changes nothing."""
        moving = self._opened(dimension)
        try:
            moving.reembed()
        except BaseException:
            moving.close()
            raise
        self.memory.close()
        self.memory = moving
        return Answer(None)

    def close(self) -> None:
        """Close the file."""
        self.memory.close()


def problems_of(path: Path, model: Model, unsure: Call | None) -> list[str]:
    """Open a file, compare it with its Model, and close it again."""
    try:
        with Memory(path, embedder=HashEmbedder(model.dimension)) as memory:
            problems = model.problems(memory, unsure)
    except TinymemError as error:
        return [f"it can not be opened and read: {error}"]
    left = sorted(one.name for name in (f"{path.name}-*", ".tinymem-*") for one in path.parent.glob(name))
    return [*problems, *(f"{name} is left beside the file" for name in left)]


def traces_of(path: Path, model: Model, text: str) -> list[str]:
    """Finish what a killed erasure began, and say whether what it erased can still be read."""
    with Memory(path, embedder=HashEmbedder(model.dimension)) as memory:
        memory.compact()
    return [f"the erased text {text!r} stands in the file"] if text.encode() in path.read_bytes() else []
