"""Bytes change behind our back: bits flip, pages are emptied or overwritten, the end is cut off.

Each damaged file is opened by a process that would show a crash, asked everything that only reads, closed,
and salvaged. A text is never given out that was not stored; opening changes no byte; what goes wrong is an
error of ours or named by check(); and what salvage saves is sound and true.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.torture.report import Line
from tinymem import Memory, NotADatabaseError, TinymemError
from tinymem.store.salvage import salvage
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids

EMBEDDER = HashEmbedder(32)
PAGE = 4096
KINDS = ("flip", "header", "contents", "zero", "cut", "noise")
AT_ONCE = 100  # files that one process opens
ASKED = 9  # memories that are asked about one by one


def live(path: Path) -> Path:
    """Write a file with 160 memories, some of them changed, and 40 that were deleted; return its path."""
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    with Memory(path, embedder=EMBEDDER, clock=clock, new_id=counting_ids(), enable_graph=True) as memory:
        texts = [f"Maya{number} likes subject {number} of {number % 7}" for number in range(200)]
        for start in range(0, 200, 20):
            talk = [{"role": "user", "content": text} for text in texts[start : start + 20]]
            memory.add(talk, user_id=f"user {start // 100}", infer=False, metadata={"n": start})
        ids = [item["id"] for item in memory.get_all()["results"]]
        clock.advance(days=1)
        for number, given in enumerate(sorted(ids, key=lambda one: int(one.removeprefix("id-")))):
            if number % 5 == 0:
                memory.delete(given)
            elif number % 5 == 1:
                memory.update(given, f"Changed subject {number}", metadata={"changed": True})
            elif number % 5 == 2:
                memory.feedback(given, "POSITIVE", f"reason {number}")
        memory.configure(excludes="health")
    return path


def spoil(content: bytes, kind: str, generator: random.Random) -> bytes:
    """Return a file's content with damage of one kind."""
    spoilt = bytearray(content)
    if kind == "cut":
        return bytes(spoilt[: generator.randrange(len(spoilt))])
    if kind in ("zero", "noise"):
        for _ in range(generator.choice((1, 3, 9))):
            page = PAGE * generator.randrange(len(spoilt) // PAGE)
            spoilt[page : page + PAGE] = bytes(PAGE) if kind == "zero" else generator.randbytes(PAGE)
        return bytes(spoilt)
    end = {"flip": len(spoilt), "header": 100, "contents": 4 * PAGE}[kind]
    for _ in range(generator.choice((1, 1, 1, 8, 64)) if kind == "flip" else 1):
        spoilt[generator.randrange(end)] ^= 1 << generator.randrange(8)
    return bytes(spoilt)


def torture(folder: Path, examples: int, seed: int) -> Line:
    """Damage a file in many ways, and say what became of it."""
    live(folder / "sound.db")
    problems: list[str] = []
    clear = saved = there = 0
    for first in range(0, examples, AT_ONCE):
        last = min(first + AT_ONCE, examples)
        status, told = in_a_process(folder, seed, first, last)
        if status:
            problems.append(f"example {first + len(told)} of seed {seed} ended its process with {status}")
        problems += [
            f"example {one['example']} of seed {seed}: {each}" for one in told for each in one["wrong"]
        ]
        clear += sum(bool(one["errors"]) for one in told)
        saved += sum(one["saved"] for one in told)
        there += sum(one["there"] for one in told)
    figures = f"{examples} damaged files, {clear} answered with errors, {saved / max(1, there):.1%} salvaged"
    return Line("damage", figures, tuple(problems))


def in_a_process(folder: Path, seed: int, first: int, last: int) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status of another process that examined these examples, and what it found."""
    numbers = map(str, (seed, first, last))
    command = [sys.executable, "-m", "scripts.torture.damage", str(folder), *numbers]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


class Examined:
    """One damaged file: `errors` of ours that it met, and what is `wrong`."""

    def __init__(self, path: Path, truth: dict[str, Any]) -> None:
        self.path, self.truth = path, truth
        self.errors: list[str] = []
        self.wrong: list[str] = []
        self.content = path.read_bytes()

    def ask(self, question: Callable[[], Any]) -> Any:
        """Return an answer, None where it was an error of ours."""
        try:
            return question()
        except TinymemError as error:
            self.errors.append(type(error).__name__)
            return None

    def compare(self, items: list[Any], what: str) -> None:
        """Find texts that nobody ever wrote."""
        for item in items:
            if item is not None and item["memory"] != self.truth.get(item["id"], item)["memory"]:
                self.wrong.append(f"{what} gave out {item['memory']!r} as {item['id']}")

    def open(self) -> None:
        """Open the file, ask everything that only reads, and close it."""
        memory = self.ask(lambda: Memory(self.path, embedder=EMBEDDER))
        if memory is not None:
            with memory:
                self.read(memory)
        left = [each.name for each in self.path.parent.iterdir()]
        if self.path.read_bytes() != self.content or left != [self.path.name]:
            self.wrong.append(f"opening changed the file, or left files behind: {left}")

    def read(self, memory: Memory) -> None:
        """Ask everything that only reads."""
        everything = self.ask(lambda: memory.get_all()["results"])
        self.compare(everything or [], "get_all")
        self.compare(self.ask(lambda: memory.search("subject 7")["results"]) or [], "search")
        for given in list(self.truth)[:ASKED]:
            self.compare([self.ask(lambda given=given: memory.get(given))], "get")
            self.ask(lambda given=given: memory.history(given))
            self.ask(lambda given=given: memory.why(given))
        for question in (memory.count, memory.log, memory.entities, memory.stats, memory.users):
            self.ask(question)
        differs = bool(self.errors) or everything != list(self.truth.values())
        if differs and self.ask(memory.check) == []:
            self.wrong.append("check() found nothing")

    def salvage(self, target: Path) -> int:
        """Save what can be read; return how many of the memories that is."""
        try:
            said = salvage(self.path, target)
        except NotADatabaseError:
            return 0
        with Memory(target, embedder=EMBEDDER) as memory:
            self.wrong += memory._store.check()
            items = {item["id"]: item for item in memory.get_all()["results"]}
        doubtful = " ".join(each for each in said["lost"] if "history" in each or "come back" in each)
        for given, item in items.items():
            true = self.truth.get(given, {}).get("memory") == item["memory"]
            if (
                not true
                and repr(given) not in doubtful
                and "more" not in doubtful
                and "come back" not in doubtful
            ):
                self.wrong.append(f"salvage made {item['memory']!r} of {given}, and does not say so")
        if len(self.truth.keys() - items.keys()) and not said["lost"]:
            self.wrong.append("salvage lost memories, and does not say so")
        return len(self.truth.keys() & items.keys())


def examine(folder: Path, seed: int, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Yield what was found of each example."""
    content = (folder / "sound.db").read_bytes()
    with Memory(folder / "sound.db", embedder=EMBEDDER) as memory:
        truth = {item["id"]: item for item in memory.get_all()["results"]}
    own = folder / f"damaged {first}"
    own.mkdir()
    for example in range(first, last):
        kind = KINDS[example % len(KINDS)]
        path = own / "damaged.db"
        path.write_bytes(spoil(content, kind, random.Random(f"{seed} {example}")))
        examined = Examined(path, truth)
        examined.open()
        target = folder / f"saved {first}.db"
        saved = examined.salvage(target)
        with suppress(FileNotFoundError):
            target.unlink()
        found = {"saved": saved, "there": len(truth), "errors": examined.errors, "wrong": examined.wrong}
        yield {"example": example, "kind": kind, **found}


if __name__ == "__main__":
    for told in examine(Path(sys.argv[1]), *map(int, sys.argv[2:])):
        print(json.dumps(told), flush=True)
