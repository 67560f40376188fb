"""The power goes: of what was written since the disk was last waited for, any part may be lost, or torn.

SQLite's file layer is watched, and at random moments the files are put together as a disk might hold them
then: all that it was waited for, and of every later write all, nothing, or some sectors of it.
"""

from __future__ import annotations

import copy
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import apsw

from scripts.torture.calls import Caller, problems_of
from scripts.torture.model import Call, Model
from scripts.torture.report import Line

SECTOR = 512  # bytes that a disk writes whole
TORN = 0.2  # share of the writes that a cut may tear
CALLS = 25  # on each file
CHANCE = 1 / 60  # of a cut at each write and each wait


@dataclass
class Platter:
    """One file as the disk holds it for sure, and what was written to it since; None cuts it at the place."""

    sure: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        """Hold everything for sure."""
        for place, written in self.since:
            put(self.sure, place, written)
        self.since.clear()

    def after_cut(self, generator: random.Random) -> bytes:
        """Return what the disk may hold now."""
        held, luck = bytearray(self.sure), generator.random()
        for place, written in self.since:
            size = SECTOR if generator.random() < TORN else len(written or b"") or SECTOR
            for first in range(0, len(written or b"") or 1, size):
                if generator.random() < luck:
                    put(held, place + first, written and written[first : first + size])
        return bytes(held)


def put(held: bytearray, place: int, written: bytes | None) -> None:
    """Write bytes at a place of a file, or cut it there."""
    if written is None:
        del held[place:]
    else:
        held.extend(bytes(max(0, place - len(held))))
        held[place : place + len(written)] = written


@dataclass(frozen=True)
class Cut:
    """What the disk held when the power went, and what had been acknowledged by then."""

    files: dict[str, bytes]
    model: Model
    unsure: Call | None


class WatchedDisk(apsw.VFS):
    """The default way to files while it is open; now and then it keeps what a disk would hold."""

    def __init__(self, generator: random.Random) -> None:
        self.base = apsw.vfs_names()[0]
        self.generator = generator
        self.platters: dict[str, Platter] = {}
        self.cuts: list[Cut] = []
        self.model = Model()
        self.under_way: Call | None = None
        super().__init__("watched", self.base, makedefault=True)

    def __enter__(self) -> WatchedDisk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unregister()

    def perhaps_cut(self) -> None:
        """Cut the power, or not: a copy of what is then left is kept, and the work goes on."""
        if self.generator.random() < CHANCE:
            files = {name: one.after_cut(self.generator) for name, one in self.platters.items()}
            self.cuts.append(Cut(files, copy.deepcopy(self.model), self.under_way))

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file on this disk."""
        plain = name.filename() if isinstance(name, apsw.URIFilename) else name
        return WatchedFile(self, Path(plain or "").name, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Delete a file for sure."""
        self.perhaps_cut()
        self.platters.pop(Path(filename).name, None)
        super().xDelete(filename, syncdir)


class WatchedFile(apsw.VFSFile):
    """A file on a `WatchedDisk`."""

    def __init__(
        self, disk: WatchedDisk, plain: str, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._disk, self._plain = disk, plain
        super().__init__(disk.base, name, flags)

    @property
    def _platter(self) -> Platter:
        return self._disk.platters.setdefault(self._plain, Platter())

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write; the disk need not hold it yet."""
        super().xWrite(data, offset)
        self._platter.since.append((offset, bytes(data)))
        self._disk.perhaps_cut()

    def xTruncate(self, newsize: int) -> None:
        """Cut the file; the disk need not know it yet."""
        super().xTruncate(newsize)
        self._platter.since.append((newsize, None))
        self._disk.perhaps_cut()

    def xSync(self, flags: int) -> None:
        """Wait for the disk."""
        self._disk.perhaps_cut()
        super().xSync(flags)
        self._platter.sync()


def cut(folder: Path, cuts: int, seed: int = 0) -> Line:
    """Let the power go so many times, on some files."""
    generator, began = random.Random(seed), time.monotonic()
    problems: list[str] = []
    made = files = commits = 0
    while made < cuts and not problems:
        path = folder / f"watched-{files}.db"
        disk = work_on_watched(path, generator)
        files += 1
        commits += len(disk.model.commits)
        for each in disk.cuts[: cuts - made]:
            found = wrong(each, folder, path.name)
            problems += [f"seed {seed}, cut {made}, during {each.unsure}: {one}" for one in found]
            made += 1
    figures = f"{made} cuts on {files} files, {commits} commits; {time.monotonic() - began:.0f} s"
    return Line("crash: power cut", figures, tuple(problems))


def work_on_watched(path: Path, generator: random.Random) -> WatchedDisk:
    """Make calls on a new file, while the disk is watched."""
    with WatchedDisk(generator) as disk:
        caller = Caller(path, disk.model.dimension)
        for _ in range(CALLS):
            disk.under_way = call = disk.model.choose(generator)
            answer = caller.make(call)
            disk.model.done(call, answer.commit_id, answer.ids)
            disk.under_way = None
        caller.close()
    path.unlink()
    return disk


def wrong(cut: Cut, folder: Path, name: str) -> list[str]:
    """Put the files of a cut into a folder of their own, open the one of this name, and compare it."""
    place = folder / "after"
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    for each, held in cut.files.items():
        (place / each).write_bytes(held)
    return problems_of(place / name, cut.model, cut.unsure)
