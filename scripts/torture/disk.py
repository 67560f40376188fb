"""A disk that fills up, and one that fails: what was acknowledged is stored, what was refused is not.

Whatever the disk does, only errors of ours come out, and once it works again the file opens clean.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.torture.calls import Caller, problems_of
from scripts.torture.faults import ERRORS, FailingDisk
from scripts.torture.model import Call, Model
from scripts.torture.report import Line
from tinymem import StoreError

MEGABYTE = 2**20
SIZE = 10 * MEGABYTE  # of the small disk
REFUSALS = 5  # on each file
CALLS = 30  # on a failing disk
MANY_STEPS = ("erase", "reembed", "compact")  # may have got somewhere before they are refused

# -- a full disk


class Room:
    """How much may be written in a folder: a small disk of its own, filled up, or else a limit for files."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder, self.mounted = folder, mounted
        self._ballast = folder / "ballast"

    def shrink(self, left: int) -> None:
        """Leave so many bytes."""
        if self.mounted:
            self._ballast.write_bytes(bytes(SIZE - left))
        else:
            self._limit(left // 4)  # for each file of several

    def grow(self) -> None:
        """Leave as many bytes as there are."""
        if self.mounted:
            self._ballast.unlink(missing_ok=True)
        else:
            self._limit(None)

    def _limit(self, most: int | None) -> None:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard if most is None else most, hard))


@contextmanager
def small_disk(folder: Path, *, mount: bool = True) -> Iterator[Room]:
    """Mount a small disk in the folder, where that is allowed and wanted."""
    place = folder / "small"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE}", "tinymem-torture", str(place)]
    try:
        mounted = (
            mount and subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        mounted = False
    room = Room(place, mounted=mounted)
    try:
        yield room
    finally:
        room.grow()
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill_up(folder: Path, files: int, seed: int = 0, *, mount: bool = True) -> Line:
    """Let this many files grow until the disk is full."""
    generator, refused, problems = random.Random(seed), Counter[str](), list[str]()
    began, commits, number = time.monotonic(), 0, 0
    with small_disk(folder, mount=mount) as room:
        while number < files and not problems:
            path, model = room.folder / f"full-{number}.db", Model()
            room.shrink(generator.randrange(MEGABYTE, 8 * MEGABYTE))
            problems += fill_file(path, model, generator, refused)
            room.grow()
            problems += problems_of(path, model, None)
            commits += len(model.commits)
            path.unlink()
            number += 1
    kind = "a disk of its own" if room.mounted else "a limit on the size of files"
    met = ", ".join(f"{count} {name}" for name, count in sorted(refused.items()))
    return Line(
        "crash: full disk",
        f"{number} files on {kind}, {commits} commits; refused: {met}; {time.monotonic() - began:.0f} s",
        tuple(f"seed {seed}, file {number}: {one}" for one in problems),
    )


def fill_file(path: Path, model: Model, generator: random.Random, refused: Counter[str]) -> list[str]:
    """Call until the disk was too full some times; compare the file after each of them, still full."""
    problems: list[str] = []
    caller = Caller(path, model.dimension)
    met = 0
    while met < REFUSALS and not problems:
        call = model.choose(generator)
        try:
            answer = caller.make(call)
            model.done(call, answer.commit_id, answer.ids)
        except StoreError as error:
            met += 1
            refused[type(error).__name__] += 1
            unsure = call if call.name in MANY_STEPS else None
            found = model.problems(caller.memory, unsure)
            problems = [f"at once after {call.name} was refused: {one}" for one in found]
    caller.close()
    return problems


# -- a failing disk


def fail(folder: Path, files: int, seed: int = 0) -> Line:
    """Let a call to the disk fail while each of so many files is worked on, or all calls from one on."""
    generator, refused, problems = random.Random(seed), Counter[str](), list[str]()
    began, commits, number = time.monotonic(), 0, 0
    with FailingDisk() as disk:
        while number < files and not problems:
            path, model = folder / f"failing-{number}.db", Model()
            kind, for_good = generator.choice(list(ERRORS)), generator.random() < 0.3
            disk.arm(kind, int(10 ** generator.uniform(0, 3.3)), for_good=for_good)
            found, met = work_on_failing(disk, path, model, generator)
            problems += [f"seed {seed}, file {number}, {kind}, {for_good=}: {one}" for one in found]
            refused[met or "not noticed"] += 1
            commits += len(model.commits)
            path.unlink()
            number += 1
    met = ", ".join(f"{count} {name}" for name, count in sorted(refused.items()))
    return Line(
        "crash: failing disk",
        f"{number} files, {commits} commits; failures: {met}; {time.monotonic() - began:.0f} s",
        tuple(problems),
    )


def work_on_failing(
    disk: FailingDisk, path: Path, model: Model, generator: random.Random
) -> tuple[list[str], str]:
    """Call until the disk fails, and on; mend it and compare. Return what is wrong, and the error met."""
    problems: list[str] = []
    unsure: Call | None = None
    met = ""
    try:
        caller = Caller(path, model.dimension)
        for _ in range(CALLS):
            unsure = model.choose(generator)
            try:
                answer = caller.make(unsure)
            except StoreError as error:
                met = type(error).__name__
                if disk.for_good:
                    break
                found = model.problems(caller.memory, unsure)
                problems += [f"at once after {unsure.name} failed: {one}" for one in found]
            else:
                model.done(unsure, answer.commit_id, answer.ids)
            unsure = None
        caller.close()
    except StoreError as error:
        met = met or f"{type(error).__name__} on opening or closing"
    disk.mend()
    return [*problems, *problems_of(path, model, unsure)], met
