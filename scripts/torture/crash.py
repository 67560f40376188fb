"""A process that calls a Memory is killed at random moments; what it was told is stored is stored, whole.

The child announces every call before it makes it and tells the answer after it, through a pipe that outlives
it. So the parent knows what was acknowledged and which call, at most one, was under way.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.torture.calls import Answer, Caller, problems_of, traces_of
from scripts.torture.model import Call, Model
from scripts.torture.report import Line

if TYPE_CHECKING:  # Windows has neither
    from multiprocessing.context import ForkServerContext, ForkServerProcess

KILLS_PER_FILE = 25  # then a new file, so that creating one is interrupted too
LONGEST_S = 0.5  # after this a process is killed at the latest


@dataclass
class Toll:
    """What became of all the processes."""

    kills: int = 0
    commits: int = 0
    during: Counter[str] = field(default_factory=Counter)  # the calls under way
    stored: int = 0  # ... that the file held all the same
    erased: int = 0  # ... that were erasures, of which nothing could be read then
    problems: list[str] = field(default_factory=list)


def torture(folder: Path, kills: int, seed: int = 0) -> Line:
    """Kill this many processes, comparing the file after each."""
    began, generator, toll = time.monotonic(), random.Random(seed), Toll()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "tinymem.annotate", "tinymem.understand.dates"])
    while toll.kills < kills and not toll.problems:
        torture_file(
            folder / f"crash-{toll.kills}.db",
            min(KILLS_PER_FILE, kills - toll.kills),
            context,
            generator,
            toll,
        )
    during = ", ".join(f"{name} {count}" for name, count in toll.during.most_common())
    return Line(
        "crash: kill -9",
        f"{toll.kills} kills, {toll.commits} commits acknowledged or found, during {during}; of these calls "
        f"{toll.stored} were stored, whole, the others not at all, and nothing was left of {toll.erased} "
        f"texts that they erased; {time.monotonic() - began:.0f} s",
        tuple(f"seed {seed}, kill {toll.kills}: {one}" for one in toll.problems),
    )


def torture_file(
    path: Path, kills: int, context: ForkServerContext, generator: random.Random, toll: Toll
) -> None:
    """Kill one process after the other that works on a file, until something is wrong with it."""
    model, unsure = Model(), None
    for _ in range(kills):
        unsure = killed(context, path, model, unsure, generator)
        toll.kills += 1
        toll.during[unsure.name if unsure else "no call"] += 1
        before, doomed = len(model.commits), doomed_by(unsure, model)
        toll.problems += problems_of(path, model, unsure)
        toll.stored += len(model.commits) > before
        if doomed is not None and unsure is not None and unsure.ids[0] not in model.memories:
            toll.problems += traces_of(path, model, doomed)
            toll.erased += 1
        if toll.problems:
            return
    toll.commits += len(model.commits)


def doomed_by(call: Call | None, model: Model) -> str | None:
    """Return the text that a call erases, None if it is no erasure."""
    return model.memories[call.ids[0]].text if call is not None and call.name == "erase" else None


def killed(
    context: ForkServerContext, path: Path, model: Model, unfinished: Call | None, generator: random.Random
) -> Call | None:
    """Let a process call until it is killed; tell the Model what it acknowledged, return what it did not."""
    heard, told = context.Pipe(duplex=False)
    again = unfinished if unfinished is not None and unfinished.name == "reembed" else None
    child = context.Process(target=call_on, args=(told, path, model, again, generator.randrange(2**32)))
    child.start()
    told.close()
    under_way: Call | None = None
    for message in said_until_killed(child, heard, generator.uniform(0, LONGEST_S)):
        if isinstance(message, Call):
            under_way = message
        elif under_way is not None:
            model.done(under_way, message.commit_id, message.ids)
            under_way = None
    child.join()
    if child.exitcode != -signal.SIGKILL:
        raise RuntimeError(
            f"the process on {path} ended by itself with {child.exitcode}: see its traceback above"
        )
    return under_way


def said_until_killed(child: ForkServerProcess, heard: Connection, seconds: float) -> Iterator[Call | Answer]:
    """Yield what a process says after its greeting, and kill it so many seconds after that."""
    heard.recv()
    deadline: float | None = time.monotonic() + seconds
    with suppress(EOFError, OSError):  # it was killed between messages, or within one
        while True:
            if deadline is not None and not heard.poll(max(0.0, deadline - time.monotonic())):
                child.kill()
                deadline = None
            yield heard.recv()


def call_on(told: Connection, path: Path, model: Model, again: Call | None, seed: int) -> None:
    """Make one call after the other for ever, announcing each and telling its answer."""
    generator = random.Random(seed)
    told.send("ready")
    caller = Caller(path, model.dimension)
    while True:
        call, again = again or model.choose(generator), None
        told.send(call)
        answer = caller.make(call)
        told.send(answer)
        model.done(call, answer.commit_id, answer.ids)
