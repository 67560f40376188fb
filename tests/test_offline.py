"""Nothing leaves the machine, and nothing is written but the file: watched, with the network taken away.

The whole suite runs without a network (`tests/network.py`). Here two programs do, in a fresh home folder: one
that uses every engine, and the demo. Inside Python every socket call ends them, underneath strace sees what
native libraries try to reach or write, and (where the system allows it) there is no network interface at all.
"""

from __future__ import annotations

import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import network

ROOT = Path(__file__).resolve().parent.parent

REFUSE = """
import os, sys

def refuse(event, arguments):
    if event.startswith("socket."):
        os.write(2, f"network use: {event} {arguments}\\n".encode())
        os._exit(97)

sys.addaudithook(refuse)
"""

EVERY_ENGINE = f"""{REFUSE}
import time
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
    memory.undo(memory.delete(kept)["commit_id"])
    memory.erase(kept)
    memory.reembed()
    memory.compact()
    assert memory.check() == []
with Memory(database, llm=gguf, n_ctx=8192) as memory:
    try:
        memory.add("I play the cello.", user_id="bo")
    except ReplyError:
        pass  # this model's weights are noise: any end will do, but for a connection
time.sleep(float(os.environ["LINGER_S"]))  # a telemetry thread starts its lookups after a moment
"""

DEMO = f"""{REFUSE}
from pathlib import Path
sys.path.insert(0, {str(ROOT / "scripts")!r})
import demo
demo.DATABASE = Path(sys.argv[1])
print("interfaces:", *sorted(line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line))
sys.exit(demo.main([]))
"""

LINGER_S = 3
NO_NETWORK = (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"])
MAKING = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
OPENED_TO_WRITE = re.compile(r"\b(O_WRONLY|O_RDWR|O_CREAT)\b.* = \d+<(?P<path>[^>]*)>")
MADE = re.compile(r"\b(mkdir|rename|link|symlink|creat)\w*\(.*\"(?P<path>[^\"]*)\".* = 0")
WRITABLE_DEVICES = ("/dev/null", "/dev/tty", "/dev/shm", "/proc/self/", "pipe:", "anon_inode:")


@dataclass(frozen=True)
class Outcome:
    """What became of a program; `calls` is strace's log, None where strace cannot be used."""

    status: int
    output: str
    errors: str
    folder: Path
    calls: str | None

    @property
    def database(self) -> Path:
        return self.folder / "work" / "memory.db"


def works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


def way_without_network() -> list[str]:
    return next((way for way in NO_NETWORK if works(*way)), [])


def run_alone(folder: Path, code: str, *arguments: str) -> Outcome:
    """Run a program in folders of its own, watched and without a network as far as the system allows it."""
    places = {
        name: folder / name
        for name in ("home", "scratch", "work", "cache", "config", "data", "state", "runtime")
    }
    for place in places.values():
        place.mkdir()
    log = folder / "calls.log"
    command = [sys.executable, "-c", code, str(places["work"] / "memory.db"), *arguments]
    watch = ["strace", "-f", "-qq", "-y", "-e", f"trace=%network,{MAKING}", "-o", str(log)]
    if watched := works(*watch):
        command = [*watch, *command]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(places["home"]),
        "TMPDIR": str(places["scratch"]),
        **{f"XDG_{name.upper()}_HOME": str(places[name]) for name in ("cache", "config", "data", "state")},
        "XDG_RUNTIME_DIR": str(places["runtime"]),
        "LINGER_S": str(LINGER_S if watched else 0),
    }
    done = subprocess.run(
        [*way_without_network(), *command],
        env=environment,
        capture_output=True,
        text=True,
        cwd=places["work"],
        timeout=300,
        check=False,
    )
    calls = log.read_text(encoding="utf-8", errors="replace") if watched else None
    return Outcome(done.returncode, done.stdout, done.stderr, folder, calls)


@pytest.fixture(scope="module")
def every_engine(tmp_path_factory: pytest.TempPathFactory, noise_gguf: Callable[..., Path]) -> Outcome:
    return run_alone(tmp_path_factory.mktemp("engines"), EVERY_ENGINE, str(noise_gguf()))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_alone(tmp_path_factory.mktemp("demo"), DEMO)


@pytest.fixture(params=["every_engine", "demo"])
def outcome(request: pytest.FixtureRequest) -> Outcome:
    found: Outcome = request.getfixturevalue(request.param)
    return found


def test_everything_works_with_the_network_forbidden(outcome: Outcome) -> None:
    assert outcome.errors == ""
    assert outcome.status == 0


def test_no_native_library_tries_the_network(outcome: Outcome) -> None:
    if outcome.calls is None:
        pytest.skip("strace is missing or may not trace here")
    assert [line for line in outcome.calls.splitlines() if "AF_INET" in line] == []


def test_nothing_is_written_but_the_database(outcome: Outcome) -> None:
    left = [path.relative_to(outcome.folder) for path in outcome.folder.rglob("*") if path.is_file()]
    assert sorted(map(str, left)) == [*(["calls.log"] if outcome.calls is not None else []), "work/memory.db"]


def written(calls: str) -> Iterator[str]:
    """Yield every path that was opened to be written, or made, or moved to."""
    for line in calls.splitlines():
        if found := OPENED_TO_WRITE.search(line) or MADE.search(line):
            yield found["path"]


def test_nothing_is_opened_for_writing_elsewhere(outcome: Outcome) -> None:
    if outcome.calls is None:
        pytest.skip("strace is missing or may not trace here")
    paths = set(written(outcome.calls))
    assert str(outcome.database) in paths, "the log shows what was written"
    allowed = (str(outcome.folder / "work"), str(outcome.folder / "scratch"), *WRITABLE_DEVICES)
    assert [path for path in sorted(paths) if not path.startswith(allowed)] == []


def test_the_demo_runs_where_there_is_no_network_interface(demo: Outcome) -> None:
    if not way_without_network():
        pytest.skip("this system lets nobody make a network namespace")
    first, *shown = demo.output.splitlines()
    assert first == "interfaces: lo", "and that one is down"
    assert "check(): sound" in shown


# -- the suite's own guard


def test_a_test_that_uses_the_network_fails() -> None:
    uses: tuple[Callable[[], object], ...] = (
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=1),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
    )
    for use in uses:
        with pytest.raises(network.NetworkUse):
            use()
    assert len(network.guard.refused) >= len(uses), "what swallows the refusal is found out nevertheless"
    network.guard.refused.clear()


@pytest.mark.usefixtures("loopback")
def test_a_test_that_asks_for_it_may_talk_to_its_own_machine() -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    served = threading.Thread(target=server.handle_request)
    served.start()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(b"OPTIONS / HTTP/1.0\r\n\r\n")
        assert connection.recv(8) == b"HTTP/1.0"
    served.join(10)
    server.server_close()
    with pytest.raises(network.NetworkUse):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    network.guard.refused.clear()


def test_a_child_process_of_a_test_has_no_network_either() -> None:
    if not network.guard.reaches_children:
        pytest.skip("only root may take the network away from the whole suite")
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Network is unreachable" in done.stderr
