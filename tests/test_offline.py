"""Nothing leaves the machine: the whole pipeline with the network forbidden, watched and taken away.

One run of a program that uses every engine, in a fresh home folder: inside Python every socket
call ends it, underneath strace sees what native libraries try, and (where the system allows) it has no
network interface at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = """
import os, sys, time

def refuse(event, arguments):
    if event.startswith("socket."):
        os.write(2, f"network use: {event} {arguments}\\n".encode())
        os._exit(97)

sys.addaudithook(refuse)

from tinymem import Memory, ReplyError

database, gguf = sys.argv[1:]
with Memory(database) as memory:
    added = memory.add("I'm allergic to peanuts and I live in Lisbon.", user_id="ana")
    assert added["results"], added
    memory.add("We live in Porto now.", user_id="ana")
    kept = memory.add("The door code is 4711", user_id="ana", infer=False)["results"][0]["id"]
    assert memory.search("what can ana not eat", user_id="ana")["results"]
    memory.update(kept, "The door code is 0815")
    assert [entry["event"] for entry in memory.history(kept)] == ["ADD", "UPDATE"]
    memory.delete(kept)
    assert memory.check() == []
with Memory(database, llm=gguf, n_ctx=8192) as memory:
    try:
        memory.add("I play the cello.", user_id="bo")
    except ReplyError:
        pass  # this model's weights are noise: any end will do, but for a connection
time.sleep(float(os.environ["LINGER_S"]))  # a telemetry thread starts its lookups after a moment
"""

LINGER_S = 3


@dataclass(frozen=True)
class Outcome:
    status: int
    errors: str
    home: Path
    scratch: Path
    database: Path
    calls: str | None  # strace's log of network calls, None where strace cannot be used


def works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, noise_gguf: Callable[..., Path]) -> Outcome:
    folder = tmp_path_factory.mktemp("offline")
    home, scratch, log = folder / "home", folder / "scratch", folder / "calls.log"
    home.mkdir()
    scratch.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(folder / "memory.db"), str(noise_gguf())]
    watch = ["strace", "-f", "-qq", "-e", "trace=%network", "-o", str(log)]
    if watched := works(*watch):
        command = [*watch, *command]
    for alone in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        if works(*alone):
            command = [*alone, *command]
            break
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "LINGER_S": str(LINGER_S if watched else 0),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=folder, timeout=300, check=False
    )
    calls = log.read_text(encoding="utf-8", errors="replace") if watched else None
    return Outcome(done.returncode, done.stderr, home, scratch, folder / "memory.db", calls)


def test_everything_works_with_the_network_forbidden(outcome: Outcome) -> None:
    assert outcome.errors == ""
    assert outcome.status == 0


def test_no_native_library_tries_the_network(outcome: Outcome) -> None:
    if outcome.calls is None:
        pytest.skip("strace is missing or may not trace here")
    assert [line for line in outcome.calls.splitlines() if "AF_INET" in line] == []


def test_nothing_is_written_but_the_database(outcome: Outcome) -> None:
    assert [path.name for path in outcome.home.rglob("*")] == []
    assert [path.name for path in outcome.scratch.rglob("*")] == []
    assert [path.name for path in outcome.database.parent.glob("memory.db*")] == ["memory.db"]
