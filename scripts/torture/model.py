"""What a file must hold after a list of calls, kept in plain dictionaries beside it.

A `Model` chooses calls, is told which were acknowledged, and compares itself with the file. Of the one call
that nobody acknowledged the file may hold all or nothing, and the Model then takes over what it found.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinymem import Memory
from tinymem.testing import HashEmbedder

DIMENSIONS = (32, 48)  # of the two embedders that a file moves between
USERS = 12
FEWEST = 120  # memories, below which whole batches are added
MOST = 400  # ... and above which more is deleted than added
BATCH = 60  # memories of one `add_many`
UNDOABLE = 8  # how far back a commit is that gets undone
WORDS = ("amber", "birch", "copper", "delta", "ember", "fjord", "grove", "hazel", "indigo", "jade", "kelp")

# How often each call is chosen, where there is a choice.
CHANCES = {
    "add": 30,
    "add_many": 4,
    "update": 25,
    "batch_update": 6,
    "delete": 12,
    "delete_all": 1,
    "undo": 12,
    "erase": 3,
    "reembed": 2,
    "compact": 1,
    "backup": 1,
    "snapshot": 1,
    "export": 1,
}


@dataclass(frozen=True)
class Call:
    """One call of a Memory: its name, and what it is called with."""

    name: str
    user: str = ""
    texts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    number: int = 0  # the mark that it writes, or the dimension of the embedder that it moves to


@dataclass(frozen=True)
class Held:
    """A memory as the file must hold it."""

    user: str
    text: str
    mark: int = 0


@dataclass(frozen=True)
class Step:
    """What a commit did to one memory; None is not there."""

    memory_id: str
    before: Held | None
    after: Held | None

    @property
    def logged(self) -> tuple[str, str | None, str | None]:
        """The id and the texts before and after, as `Memory.log` can tell them."""
        before, after = (None if held is None else held.text for held in (self.before, self.after))
        return self.memory_id, before, after


@dataclass(frozen=True)
class Written:
    """A commit that the file must hold, and how many messages it must have kept.

    It is whole until a memory that it wrote is erased. Then it can not be undone, and messages may be gone.
    """

    id: str
    steps: tuple[Step, ...]
    messages: int
    whole: bool = True


@dataclass
class Model:
    """The commits, the memories and the embedder of one file."""

    commits: list[Written] = field(default_factory=list)
    memories: dict[str, Held] = field(default_factory=dict)
    dimension: int = DIMENSIONS[0]
    said: int = 0  # how many texts were ever chosen, so that no two are alike

    # -- choosing

    def choose(self, generator: random.Random) -> Call:
        """Return the next call; there is something for it to work on."""
        if len(self.memories) < FEWEST:
            return Call("add_many", self._user(generator), self._texts(generator, BATCH))
        chances = CHANCES | {"delete_all": 30 if len(self.memories) > MOST else CHANCES["delete_all"]}
        name = generator.choices(list(chances), list(chances.values()))[0]
        if name == "undo":
            undoable = [commit.id for commit in self.commits[-UNDOABLE:] if self._can_be_undone(commit)]
            return Call("undo", ids=(generator.choice(undoable),)) if undoable else Call("compact")
        if name == "reembed":
            return Call(name, number=next(each for each in DIMENSIONS if each != self.dimension))
        user, ids = self._user(generator), list(self.memories)
        if name in ("add", "add_many"):
            count = generator.randint(1, 4) if name == "add" else BATCH
            return Call(name, user, self._texts(generator, count))
        if name == "batch_update":
            return Call(name, user, self._texts(generator, 10), tuple(generator.sample(ids, 10)), self.said)
        texts = self._texts(generator, 1) if name == "update" else ()
        return Call(name, user, texts, (generator.choice(ids),), self.said)

    def _user(self, generator: random.Random) -> str:
        return f"user {generator.randrange(USERS)}"

    def _texts(self, generator: random.Random, count: int) -> tuple[str, ...]:
        first, self.said = self.said, self.said + count
        return tuple(
            f"Note {number}: {' '.join(generator.choices(WORDS, k=generator.randint(2, 40)))}"
            for number in range(first, self.said)
        )

    # -- what calls do

    def steps(self, call: Call, ids: Sequence[str] = ()) -> tuple[Step, ...]:
        """Return what a call must have done; `ids` are those of the memories that it made."""
        if call.name in ("add", "add_many"):
            made = zip(ids, call.texts, strict=True)
            return tuple(Step(each, None, Held(call.user, text)) for each, text in made)
        if call.name in ("update", "batch_update"):
            changed = zip(call.ids, call.texts, strict=True)
            return tuple(
                Step(each, self.memories[each], replace(self.memories[each], text=text, mark=call.number))
                for each, text in changed
            )
        if call.name == "undo":
            return self._steps_back(call.ids[0])
        doomed: Iterable[str] = call.ids if call.name == "delete" else ()
        if call.name == "delete_all":
            doomed = [each for each, held in self.memories.items() if held.user == call.user]
        return tuple(Step(each, self.memories[each], None) for each in doomed)

    def _can_be_undone(self, commit: Written) -> bool:
        return bool(commit.steps) and all(each.whole for each in self._built_on(commit.id))

    def _built_on(self, commit_id: str) -> list[Written]:
        """Return a commit and all that were built on it."""
        first = next(place for place, commit in enumerate(self.commits) if commit.id == commit_id)
        found = [self.commits[first]]
        touched = {step.memory_id for step in found[0].steps}
        for commit in self.commits[first + 1 :]:
            if any(step.memory_id in touched for step in commit.steps):
                found.append(commit)
                touched |= {step.memory_id for step in commit.steps}
        return found

    def _steps_back(self, commit_id: str) -> tuple[Step, ...]:
        """Return what undoes a commit with all that were built on it."""
        found: dict[str, Held | None] = {}
        for commit in self._built_on(commit_id):
            for step in commit.steps:
                found.setdefault(step.memory_id, step.before)
        return tuple(
            Step(each, self.memories.get(each), before)
            for each, before in found.items()
            if self.memories.get(each) != before
        )

    def done(self, call: Call, commit_id: str | None, ids: Sequence[str] = ()) -> None:
        """Take over what an acknowledged call did; `commit_id` is None where it had nothing to write."""
        steps = self.steps(call, ids)
        for step in steps:
            if step.after is None:
                del self.memories[step.memory_id]
            else:
                self.memories[step.memory_id] = step.after
        if call.name == "reembed":
            self.dimension = call.number
        if call.name == "erase":
            self._forget(call.ids[0])
        if commit_id is not None:
            kept = len(call.texts) if call.name == "add" else 0
            self.commits.append(Written(commit_id, steps, kept))

    def _forget(self, erased: str) -> None:
        del self.memories[erased]
        commits = []
        for commit in self.commits:
            steps = tuple(step for step in commit.steps if step.memory_id != erased)
            if steps == commit.steps:
                commits.append(commit)
            elif steps:
                commits.append(replace(commit, steps=steps, whole=False))
        self.commits = commits

    # -- comparing

    def problems(self, memory: Memory, unsure: Call | None = None) -> list[str]:
        """Compare with an opened file, in which one call may be whole or not at all; [] if it fits."""
        problems = [f"check: {found}" for found in memory.check()]
        logged = memory.log()["results"][::-1]
        if unsure is not None:
            problems += self._adopt(unsure, logged, memory.stats()["embedder"])
        ours, theirs = [commit.id for commit in self.commits], [commit["commit_id"] for commit in logged]
        if ours != theirs:
            lost, foreign = set(ours) - set(theirs), set(theirs) - set(ours)
            return [*problems, f"lost commits {sorted(lost)}, commits of nobody {sorted(foreign)}"]
        for commit, found in zip(self.commits, logged, strict=True):
            problems += unlike(commit, found)
        return [*problems, *self._wrong_memories(memory), *self._wrong_vectors(memory)]

    def _adopt(
        self, unsure: Call, logged: Sequence[Mapping[str, Any]], embedder: Mapping[str, Any] | None
    ) -> list[str]:
        """Take over the call that nobody acknowledged if the file holds it, and say what is half of it."""
        if unsure.name == "reembed":
            self.dimension = embedder["dimension"] if embedder else self.dimension
            return []
        known = {commit.id for commit in self.commits}
        newest = next((one for one in logged[-1:] if one["commit_id"] not in known), None)
        if newest is None:
            return []
        made = [change["id"] for change in newest["changes"]]
        if unsure.name in ("add", "add_many") and len(made) != len(unsure.texts):
            return [f"half of a call: {len(made)} of {len(unsure.texts)} memories of {unsure.name}"]
        self.done(unsure, newest["commit_id"], made)
        return []

    def _wrong_memories(self, memory: Memory) -> list[str]:
        found = {
            one["id"]: Held(one["user_id"], one["memory"], one["metadata"].get("mark", 0))
            for one in memory.get_all()["results"]
        }
        return [
            f"memory {each!r} is {found.get(each)}, must be {self.memories.get(each)}"
            for each in {*found, *self.memories}
            if found.get(each) != self.memories.get(each)
        ]

    def _wrong_vectors(self, memory: Memory) -> list[str]:
        """Compare every vector with what the file's embedder makes of the text."""
        if not self.memories:
            return []
        embedder, store = HashEmbedder(self.dimension), memory._store
        if not store.vectors_match(embedder.identity):
            return [f"the vectors are of {store.identity()}, must be of {self.dimension} numbers"]
        with store.snapshot():
            vectors = {each: store.vector_of(each) for each in self.memories}
        rows = embedder.embed([held.text for held in self.memories.values()])
        return [
            f"the vector of memory {each!r} is not of its text"
            for (each, found), row in zip(vectors.items(), rows, strict=True)
            if found is None or not np.allclose(found, row, atol=1e-6)
        ]


def unlike(commit: Written, found: Mapping[str, Any]) -> list[str]:
    """Say how a commit of the file's log differs from what it must be."""
    texts = []
    for change in found["changes"]:
        before = {"UPDATE": change.get("previous_memory"), "DELETE": change["memory"]}.get(change["event"])
        texts.append((change["id"], before, None if change["event"] == "DELETE" else change["memory"]))
    if sorted(texts, key=str) != sorted((step.logged for step in commit.steps), key=str):
        return [f"commit {commit.id!r} ({found['call']}) holds {texts}, must hold {commit.steps}"]
    if commit.whole and commit.messages != found["messages"]:
        return [f"commit {commit.id!r} kept {found['messages']} messages of {commit.messages}"]
    return []
