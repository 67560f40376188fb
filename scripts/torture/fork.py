"""A process forks while its file is open: the child is told, may open the file anew, and harms nobody.

Run as a program, `python -m scripts.torture.fork PATH FORKS`, it forks, and prints what went wrong.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.torture.report import Line
from tinymem import Memory, StoreError
from tinymem.testing import HashEmbedder

REFUSED = "was opened before this process was forked"
THREADS = 3  # that write in the parent while it forks


def torture(folder: Path, forks: int) -> Line:
    """Fork so many times while threads write, and let children outlive their parents."""
    began = time.monotonic()
    command = [sys.executable, "-m", "scripts.torture.fork", str(folder), str(forks)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60 + 2 * forks, check=False)
    problems = [*done.stdout.splitlines(), *([f"it ended with {done.returncode}"] if done.returncode else [])]
    figures = f"{forks} forks while {THREADS} threads wrote, and 2 children that outlived what they inherited"
    return Line("crowd: forked children", f"{figures}; {time.monotonic() - began:.0f} s", tuple(problems))


def main(folder: Path, forks: int) -> None:
    """Print what goes wrong."""
    problems = [
        *while_writing(folder / "writing.db", forks),
        *writing_late(folder / "late.db"),
        *ending_late(folder / "ending.db"),
    ]
    print(*problems, sep="\n", end="\n" if problems else "")


def opened(path: Path) -> Memory:
    """Open the file."""
    return Memory(path, embedder=HashEmbedder(), categorize=False)


def add(memory: Memory, user: str) -> None:
    """Store one memory of a user."""
    memory.add(f"A text of {user}", user_id=user, infer=False)


def fork(child: Callable[[], None], *, killed: bool = True) -> int:
    """Run this in a child that is killed after it, or ends as programs do; return its process id."""
    process = os.fork()
    if process == 0:
        try:
            child()
        finally:
            if killed:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.exit()
    return process


def compared(path: Path, users: dict[str, int]) -> list[str]:
    """Compare the file with how many memories each user must have."""
    with opened(path) as memory:
        found = {user: memory.count(user_id=user) for user in users}
        return [*memory.check(), *([f"{path.name} holds {found} of {users}"] if found != users else [])]


# -- the parent's Memory is refused, and a new one works


def while_writing(path: Path, forks: int) -> list[str]:
    """Fork again and again while threads write; every child writes as well."""
    written = Counter(parent=1)
    heard, told = os.pipe()
    over = threading.Event()
    with opened(path) as memory:
        add(memory, "parent")  # imports what it needs: a thread that is importing never ends in a child

        def write(user: str) -> None:
            while not over.is_set():
                add(memory, user)
                written[user] += 1

        threads = [threading.Thread(target=write, args=(f"thread {number}",)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for _ in range(forks):
            os.waitpid(fork(partial(use_anew, memory, path, told)), 0)
        over.set()
        for thread in threads:
            thread.join()
    os.close(told)
    with os.fdopen(heard) as said:
        answers = Counter(said.read().splitlines())
    written["children"] = answers.pop("stored", 0)
    silent = [f"only {written['children']} of {forks} children wrote"] if written["children"] < forks else []
    return [*answers, *silent, *compared(path, written)]


def use_anew(inherited: Memory, path: Path, told: int) -> None:
    """Try what was inherited, then write with a Memory of its own; tell how it went."""
    uses: tuple[Callable[[], object], ...] = (
        lambda: inherited.add("x", user_id="x", infer=False),
        lambda: inherited.search("x"),
        *(inherited.get_all, inherited.check, inherited.reset),
    )
    for use in uses:
        try:
            use()
            os.write(told, b"a child could use its parent's Memory\n")
        except StoreError as error:
            if REFUSED not in str(error):
                os.write(told, f"a child was told: {error}\n".encode())
    inherited.close()
    with opened(path) as own:
        add(own, "children")
        os.write(told, b"stored\n")


# -- children that live longer than what they inherited


def writing_late(path: Path) -> list[str]:
    """Let a child write after its parent has closed, and be killed: its log must not have gone with it."""
    memory = opened(path)
    add(memory, "parent")
    (ready, tell), (go, tell_go) = os.pipe(), os.pipe()

    def child() -> None:
        own = opened(path)
        add(own, "child")
        os.write(tell, b"x")
        os.read(go, 1)
        add(own, "child")

    process = fork(child)
    os.read(ready, 1)
    memory.close()
    with opened(path) as other:
        add(other, "parent")
    os.write(tell_go, b"x")
    os.waitpid(process, 0)
    return compared(path, {"parent": 2, "child": 2})


def ending_late(path: Path) -> list[str]:
    """Let a child end when another process was killed: it must not take that one's log with it."""
    memory = opened(path)
    add(memory, "parent")
    go, tell_go = os.pipe()
    process = fork(lambda: print(end=os.read(go, 1).decode()[1:]), killed=False)
    memory.close()

    def other() -> None:
        add(opened(path), "other")

    os.waitpid(fork(other), 0)
    os.write(tell_go, b"x")
    os.waitpid(process, 0)
    return compared(path, {"parent": 1, "other": 1})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
