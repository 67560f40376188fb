"""Torture tinymem: `python -m scripts.torture` from the repository's root. One table, a verdict on each line.

    python -m scripts.torture [--kills 200] [--seconds 60] [--only crash crowd] [--seed 0]

Kills processes, cuts the power, fills and breaks disks, lets crowds loose on one file and feeds it nonsense;
after each of these the file is compared with what was acknowledged. Everything happens in a temporary folder.
Ends with 1 if any promise was broken.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scripts.torture import crash, crowd, damage, disk, fork, fuzz, power
from scripts.torture.member import Crowd
from scripts.torture.report import Line, render_table


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="processes killed; as many cuts and failures")
    parser.add_argument("--seconds", type=float, default=60, help="how long the crowd works")
    parser.add_argument("--processes", type=int, default=8, help="of the crowd, with 4 threads each")
    parser.add_argument("--examples", type=int, default=fuzz.EXAMPLES, help="of nonsense")
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    lines: list[Line] = []
    for kind in asked.only:
        with tempfile.TemporaryDirectory(prefix="tinymem-torture-") as folder:
            lines += told(KINDS[kind](Path(folder), asked))
    print(render_table(lines))
    return int(any(line.problems for line in lines))


def told(lines: Iterator[Line]) -> Iterator[Line]:
    """Say on stderr how far it has come."""
    for line in lines:
        print(f"{line.what}: {line.verdict}", file=sys.stderr, flush=True)
        yield line


def crashes(folder: Path, asked: argparse.Namespace) -> Iterator[Line]:
    """Kill, and cut the power."""
    yield crash.torture(folder, asked.kills, asked.seed)
    yield power.cut(folder, asked.kills, asked.seed)


def disks(folder: Path, asked: argparse.Namespace) -> Iterator[Line]:
    """Fill the disk, and break it."""
    yield disk.fill_up(folder, max(1, asked.kills // 20), asked.seed)
    yield disk.fail(folder, asked.kills, asked.seed)


def crowds(folder: Path, asked: argparse.Namespace) -> Iterator[Line]:
    """Let many loose on one file, some of them forked."""
    yield crowd.torture(folder, Crowd(asked.processes, seconds=asked.seconds))
    yield fork.torture(folder, max(1, asked.kills // 10))


def damages(folder: Path, asked: argparse.Namespace) -> Iterator[Line]:
    """Change bytes behind the file's back."""
    yield damage.torture(folder, 5 * asked.kills, asked.seed)


def nonsense(folder: Path, asked: argparse.Namespace) -> Iterator[Line]:
    """Call everything with anything, paths below the folder included."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        yield fuzz.torture(folder, asked.examples, asked.seed)
    finally:
        os.chdir(here)


KINDS: dict[str, Callable[[Path, argparse.Namespace], Iterator[Line]]] = {
    "crash": crashes,
    "disk": disks,
    "crowd": crowds,
    "damage": damages,
    "fuzz": nonsense,
}

if __name__ == "__main__":
    sys.exit(main())
