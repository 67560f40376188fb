#!/usr/bin/env python3
"""An hour of mixed work in one process: do memory and file size level off, and does search stay quick?

    python scripts/soak.py [--minutes 60] [--path FILE.db]

Users come and go: each tells something (inferred by the bundled models, and word for word), searches, looks
back, changes, deletes and undoes; those who came first are erased. So the file always holds as much, and
neither it nor the process may grow. Prints a line now and then, and ends with 1 if one of them grew.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tinymem import Memory

USERS = 60  # that the file holds at any time
ERASED_AT_ONCE = 10
NOTES = 30  # of each user, word for word
LINES = 20  # of the report
GROWTH = 1.1  # that still counts as level: the highest of the last third against that of the middle one
REEMBEDDED_EVERY = 3  # lines

SAID = (
    "I live in {place} and work as a {job}.",
    "I'm allergic to {food}.",
    "We moved to {place} last month.",
    "I don't eat {food} any more.",
    "My sister {name} is a {job}.",
    "What should I cook for {name}?",
)
WORDS = {
    "place": ("Lisbon", "Porto", "Leeds", "Oslo", "Kyoto", "Quito", "Turin", "Cork"),
    "job": ("nurse", "teacher", "carpenter", "pilot", "baker", "lawyer"),
    "food": ("peanuts", "shellfish", "meat", "celery", "gluten", "eggs"),
    "name": ("Rita", "Jonas", "Amara", "Lee", "Petra", "Omar"),
}


@dataclass(frozen=True)
class Sample:
    """What was measured at a moment."""

    minutes: float
    users: int
    memories: int
    commits: int
    resident_mb: float
    file_mb: float
    search_ms: float  # 19 of 20 searches since the sample before were faster


@dataclass
class Soak:
    """The work: a file, who is in it, and how long searches took."""

    memory: Memory
    generator: random.Random = field(default_factory=lambda: random.Random(0))
    users: list[str] = field(default_factory=list)
    came: int = 0
    search_s: list[float] = field(default_factory=list)

    def arrive(self) -> str:
        """Let a new user come with notes."""
        user = f"user {self.came}"
        self.came += 1
        self.users.append(user)
        notes = [f"Note {number} of {user}: {self.phrase()}" for number in range(NOTES)]
        self.memory.add_many(notes, user_id=user, metadata={"source": "notes"})
        return user

    def live(self) -> None:
        """Let one more user come and do everything, and the first ones go."""
        user = self.arrive()
        for _ in range(2):
            self.memory.add(self.phrase(), user_id=user)
        written = [
            self.memory.add(self.phrase(), user_id=user, infer=False)["results"][0]["id"] for _ in range(6)
        ]
        commits = [self.memory.update(each, self.phrase())["commit_id"] for each in written[:4]]
        commits += [self.memory.delete(each)["commit_id"] for each in written[2:]]
        for commit in self.generator.sample(commits, 3):
            self.memory.undo(commit, with_later=True)
        for asked in self.generator.choices(self.users, k=8):
            began = time.perf_counter()
            self.memory.search(self.phrase(), user_id=asked, limit=10)
            self.search_s.append(time.perf_counter() - began)
        a_moment_ago = datetime.now(timezone.utc) - timedelta(seconds=1)
        self.memory.search(self.phrase(), user_id=user, as_of=a_moment_ago)
        self.memory.why(written[0])
        self.memory.get_all(user_id=user)
        if len(self.users) >= USERS + ERASED_AT_ONCE:
            gone, self.users = self.users[:ERASED_AT_ONCE], self.users[ERASED_AT_ONCE:]
            self.memory.erase(filters={"user_id": {"in": gone}})

    def phrase(self) -> str:
        """Return something to say."""
        chosen = {name: self.generator.choice(words) for name, words in WORDS.items()}
        return self.generator.choice(SAID).format(**chosen)

    def sample(self, path: Path, began: float) -> Sample:
        """Measure everything."""
        counted = self.memory.stats()
        slow = statistics.quantiles(self.search_s, n=20)[-1] if len(self.search_s) > 1 else 0.0
        self.search_s.clear()
        size = sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))
        return Sample(
            (time.monotonic() - began) / 60,
            self.came,
            counted["memories"],
            counted["commits"],
            resident_bytes() / 2**20,
            size / 2**20,
            1000 * slow,
        )


def resident_bytes() -> int:
    """Return how much memory this process holds now; where the system does not say, how much it ever held."""
    if Path("/proc/self/statm").exists():
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf(
            "SC_PAGESIZE"
        )
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def soak(path: Path, minutes: float) -> Iterator[Sample]:
    """Work for so long, and measure `LINES` times."""
    with Memory(path) as memory:
        work = Soak(memory)
        for _ in range(USERS):
            work.arrive()
        work.live()  # loads every model
        began = time.monotonic()
        for line in range(1, LINES + 1):
            while time.monotonic() - began < 60 * minutes * line / LINES:
                work.live()
            if line % REEMBEDDED_EVERY == 0:
                memory.reembed()
            yield work.sample(path, began)
        if problems := memory.check():
            raise SystemExit(f"the file is not sound: {problems}")


def thirds(measured: Sequence[float]) -> tuple[Sequence[float], ...]:
    """Return the beginning, the middle and the end of what was measured, the beginning never the shortest."""
    third = len(measured) // 3
    return (
        measured[: len(measured) - 2 * third],
        measured[len(measured) - 2 * third : -third],
        measured[-third:],
    )


def verdict(name: str, measured_mb: Sequence[float]) -> tuple[bool, str]:
    """Tell whether a size levelled off, and say so."""
    _, middle, last = map(max, thirds(measured_mb))
    level = last <= GROWTH * middle
    said = "levels off" if level else "STILL GROWS"
    return level, f"{name} {said}: at most {middle:.1f} MB in the middle third, {last:.1f} MB in the last"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--path", type=Path, help="a new file; a temporary one by default")
    asked = parser.parse_args()
    print("minutes   users  memories  commits  memory MB  file MB  search p95 ms")
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="tinymem-soak-") as folder:
        for one in soak(asked.path or Path(folder) / "soak.db", asked.minutes):
            samples.append(one)
            print(
                f"{one.minutes:7.1f} {one.users:7} {one.memories:9} {one.commits:8} {one.resident_mb:10.1f} "
                f"{one.file_mb:8.2f} {one.search_ms:14.1f}",
                flush=True,
            )
    verdicts = [
        verdict("memory", [one.resident_mb for one in samples]),
        verdict("file", [one.file_mb for one in samples]),
    ]
    slow = [one.search_ms for one in samples if one.search_ms]
    print(*(said for _, said in verdicts), "check(): sound", sep="\n")
    print(f"search p95: {statistics.median(thirds(slow)[1]):.1f} ms in the middle third, ", end="")
    print(f"{statistics.median(thirds(slow)[2]):.1f} ms in the last")
    return int(not all(level for level, _ in verdicts))


if __name__ == "__main__":
    sys.exit(main())
