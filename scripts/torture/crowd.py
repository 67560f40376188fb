"""Many processes with many threads on one file: nothing lost, nothing twice, nothing half, nobody stuck."""

from __future__ import annotations

import multiprocessing
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.torture.member import Crowd, Told, work
from scripts.torture.report import Line
from tinymem import Memory
from tinymem.testing import HashEmbedder

PAIRS = 4


def torture(folder: Path, crowd: Crowd) -> Line:
    """Let the crowd work, then compare the file with what each of its threads knows."""
    path = folder / "crowd.db"
    with Memory(path, embedder=HashEmbedder(), categorize=False) as memory:
        pairs = {
            f"pair {one}": memory.add_many(["0", "0 too"], user_id=f"pair {one}")["ids"]
            for one in range(PAIRS)
        }
    reports = worked(path, crowd, pairs)
    with Memory(path, embedder=HashEmbedder()) as memory:
        problems = [*(one for report in reports for one in report.problems), *compare(memory, reports, pairs)]
        counted = memory.stats()
    problems += [f"{one.name} is left beside the file" for one in folder.glob("crowd.db-*")]
    return Line("crowd", render_figures(crowd, reports, counted["commits"]), tuple(problems))


def worked(path: Path, crowd: Crowd, pairs: dict[str, Sequence[str]]) -> list[Told]:
    """Let all processes work at once, and return what they tell."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scripts.torture.member", "tinymem.annotate", "tinymem.understand.dates"])
    barrier = context.Barrier(crowd.processes)
    children, pipes = [], []
    for number in range(crowd.processes):
        heard, told = context.Pipe(duplex=False)
        arguments = (told, barrier, path, crowd, number, pairs)
        children.append(context.Process(target=work, args=arguments))
        children[-1].start()
        told.close()
        pipes.append(heard)
    reports: list[Told] = [heard.recv() for heard in pipes]
    for child in children:
        child.join()
    return reports


def compare(memory: Memory, reports: Sequence[Told], pairs: dict[str, Sequence[str]]) -> Iterator[str]:
    """Yield what the file holds and should not, or the other way round."""
    yield from memory.check()
    for user, texts in (one for report in reports for one in report.own.items()):
        found = {one["id"]: one["memory"] for one in memory.get_all(user_id=user)["results"]}
        if lost := {each: text for each, text in texts.items() if found.get(each) != text}:
            yield f"lost of {user}: {lost}"
        if more := found.keys() - texts.keys():
            yield f"of {user}, though deleted or refused: {more}"
    facts = {text for report in reports for text in report.facts}
    for user, expected in (("everybody", facts), ("neighbour", set())):
        stored = Counter(one["memory"] for one in memory.get_all(user_id=user)["results"])
        yield from (
            f"{user}: {text!r} is stored {count} times" for text, count in stored.items() if count > 1
        )
        yield from (f"{user}: lost {text!r}" for text in expected - stored.keys())
    for user, ids in pairs.items():
        changed = sum(report.changed[user] for report in reports)
        written = [len(memory.history(each)) - 1 for each in ids]
        if written != [changed, changed]:
            yield f"{user} was changed {changed} times, and its memories {written} times"


def render_figures(crowd: Crowd, reports: Sequence[Told], commits: int) -> str:
    """Say how much was done in a second, and how long it took 19 times of 20."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        for name, measured in report.seconds.items():
            seconds[name] += measured
    done = sum(map(len, seconds.values()))
    slow = (
        f"{name} {1000 * statistics.quantiles(measured, n=20)[-1]:.0f}"
        for name, measured in sorted(seconds.items())
        if len(measured) > 1
    )
    busy = sum(report.busy for report in reports)
    return (
        f"{crowd.processes} processes x {crowd.threads} threads for {crowd.seconds:.0f} s: {done} operations "
        f"({done / crowd.seconds:.0f}/s), {commits} commits, {busy} BusyErrors; "
        f"p95 in ms: {', '.join(slow)}"
    )
