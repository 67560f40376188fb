"""One process of the crowd: its threads, what each does, and what it knows must be in the file.

Every thread has memories of its own, which nobody else touches, and shares two kinds with all others: pairs
that always change together, and facts that several threads infer at the same moment.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from scripts.torture.plain import AlwaysAdd, EveryMessage
from tinymem import BusyError, Memory
from tinymem.testing import HashEmbedder

FACTS_PER_S = 4  # how often the fact changes that everybody infers at once
CHANCES = {"add": 20, "update": 20, "delete": 8, "search": 20, "get": 10, "pair": 4, "look": 13, "infer": 5}
WORDS = ("amber", "birch", "copper", "delta", "ember", "fjord", "grove", "hazel", "indigo", "jade", "kelp")
SENTENCES = (
    "I live in Lisbon.",
    "I'm allergic to peanuts.",
    "My sister is called Rita.",
    "I play the cello.",
    "I work as a nurse.",
    "We have two cats.",
)


@dataclass(frozen=True)
class Crowd:
    """How many, for how long, and how long each waits for its turn to write."""

    processes: int = 8
    threads: int = 4
    seconds: float = 60.0
    understanding: int = 2  # processes of which one thread infers with the bundled models
    busy_timeout_s: float = 5.0


@dataclass
class Told:
    """What one process tells in the end."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by operation
    own: dict[str, dict[str, str]] = field(default_factory=dict)  # by user and id: the texts of its threads
    facts: set[str] = field(default_factory=set)  # inferred, and acknowledged
    changed: Counter[str] = field(default_factory=Counter)  # by pair: its acknowledged changes
    busy: int = 0
    problems: list[str] = field(default_factory=list)


def fact(number: int) -> str:
    """Return the fact of a moment, the same for everybody."""
    return f"Fact {number} is known to everybody"


class Member:
    """One thread: it works until its time is over, and notes whatever is not as it must be."""

    chances: Mapping[str, int] = CHANCES

    def __init__(self, memory: Memory, user: str, pairs: dict[str, Sequence[str]], told: Told) -> None:
        self.memory, self.user, self.pairs, self.told = memory, user, pairs, told
        self.generator = random.Random(user)
        self.own = told.own.setdefault(user, {})
        self.said = 0

    def work(self, seconds: float, busy_timeout_s: float) -> None:
        """Do one thing after the other for so long."""
        names, chances = list(self.chances), list(self.chances.values())
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            name = self.generator.choices(names, chances)[0]
            try:
                getattr(self, name)()
            except BusyError as error:
                self.told.busy += 1
                if time.monotonic() - began < 0.9 * busy_timeout_s:
                    self.told.problems.append(f"{self.user}, {name}: gave up too early: {error}")
            except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
                self.told.problems.append(f"{self.user}, {name}: {type(error).__name__}: {error}")
            else:
                self.told.seconds[name].append(time.monotonic() - began)

    def text(self) -> str:
        """Return a text that nobody else says."""
        self.said += 1
        words = " ".join(self.generator.choices(WORDS, k=self.generator.randint(2, 20)))
        return f"{self.user} says for the time {self.said}: {words}"

    def one(self) -> tuple[str, str]:
        """Return the id and text of a memory of its own, made now if there is none."""
        if not self.own:
            self.add()
        return self.generator.choice(list(self.own.items()))

    def expect(self, holds: bool, what: str) -> None:
        """Note what is not as it must be."""
        if not holds:
            self.told.problems.append(f"{self.user}: {what}")

    # -- what it does

    def add(self) -> None:
        """Store some texts word for word."""
        said = [{"role": "user", "content": self.text()} for _ in range(self.generator.randint(1, 3))]
        added = self.memory.add(said, user_id=self.user, infer=False)
        self.own |= {one["id"]: one["memory"] for one in added["results"]}

    def update(self) -> None:
        """Change a memory."""
        memory_id, text = self.one()[0], self.text()
        self.memory.update(memory_id, text)
        self.own[memory_id] = text

    def delete(self) -> None:
        """Delete a memory."""
        memory_id, _ = self.one()
        self.memory.delete(memory_id)
        del self.own[memory_id]

    def search(self) -> None:
        """Find a memory by its own words, as it is now."""
        memory_id, text = self.one()
        found = self.memory.search(text, user_id=self.user, limit=5)["results"]
        self.expect(
            (memory_id, text) in [(one["id"], one["memory"]) for one in found], f"did not find {text!r}"
        )

    def get(self) -> None:
        """Read a memory, as it is now."""
        memory_id, text = self.one()
        found = self.memory.get(memory_id)
        self.expect(found is not None and found["memory"] == text, f"read {found} instead of {text!r}")

    def pair(self) -> None:
        """Change a pair together."""
        user = self.generator.choice(list(self.pairs))
        texts = (mark := self.text(), f"{mark} too")
        changes = [
            {"memory_id": each, "text": text} for each, text in zip(self.pairs[user], texts, strict=True)
        ]
        self.memory.batch_update(changes)
        self.told.changed[user] += 1

    def look(self) -> None:
        """Read a pair, in either way: both changes of one commit are there, or none."""
        user = self.generator.choice(list(self.pairs))
        if self.generator.random() < 0.5:
            found = self.memory.get_all(user_id=user)["results"]
        else:
            found = self.memory.search("says for the time", user_id=user)["results"]
        texts = sorted(one["memory"] for one in found)
        self.expect(len(texts) == 2 and texts[1] == f"{texts[0]} too", f"saw a torn pair: {texts}")

    def infer(self) -> None:
        """Infer what everybody infers at this moment."""
        text = fact(int(time.time() * FACTS_PER_S))
        self.memory.add(text, user_id="everybody")
        self.told.facts.add(text)


class Understanding(Member):
    """A thread that infers with the bundled models, what others of its kind infer as well, and searches."""

    chances: Mapping[str, int] = {"understand": 3, "search": 1}

    def understand(self) -> None:
        """Infer from a sentence that others read as well."""
        self.memory.add(self.generator.choice(SENTENCES), user_id="neighbour")


def work(
    told: Connection, barrier: Barrier, path: Path, crowd: Crowd, number: int, pairs: dict[str, Sequence[str]]
) -> None:
    """Be one process of the crowd, and tell in the end what it knows."""
    report = Told()
    with ExitStack() as files:

        def opened(**settings: object) -> Memory:
            memory = Memory(
                path,
                embedder=HashEmbedder(),
                categorize=False,
                busy_timeout_s=crowd.busy_timeout_s,
                **settings,  # type: ignore[arg-type]
            )
            return files.enter_context(memory)

        plain = opened(extractor=EveryMessage(), reconciler=AlwaysAdd())
        members = [Member(plain, f"{number}-{thread}", pairs, report) for thread in range(crowd.threads)]
        if number < crowd.understanding:
            members[0] = Understanding(opened(), f"{number}-0", pairs, report)
        times = (crowd.seconds, crowd.busy_timeout_s)
        threads = [threading.Thread(target=member.work, args=times) for member in members]
        barrier.wait()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told.send(report)
