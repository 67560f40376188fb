"""Another key: the file stays what it is, nobody else writes to the old one, and a crash loses nothing."""

from __future__ import annotations

import os
import random
import signal
import stat
import time
from pathlib import Path

import apsw
import pytest

from tests.encryption_parts import MARK, PASSPHRASE, RAW_KEY, encrypting, marks, opened, refused
from tests.store_parts import ROOT, add, files_beside, python, record, unit
from tinymem import AuthenticationError, BusyError, StoreError
from tinymem.store import rekeying
from tinymem.store.encryption import is_encrypted, location
from tinymem.store.store import Store

LEGACY = ROOT / "tests" / "legacy" / "schema_1.tinymem"
posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "memory.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@encrypting
def test_a_file_goes_from_key_to_key_and_stays_what_it_is(path: Path) -> None:
    with opened(path, None) as memory:
        memory.add_many([f"Memory number {number}" for number in range(300)], user_id="ana")
        memory.update(memory.get_all(limit=1)["results"][0]["id"], f"Likes the {MARK}")
        expected = memory.get_all()
        found = [hit["memory"] for hit in memory.search("memory number 7", limit=5)["results"]]
        for key in (PASSPHRASE, "another one", RAW_KEY, None, RAW_KEY):
            memory.rekey(key)
            assert ("text" in marks(path.read_bytes())) == (key is None)
            assert memory.get_all() == expected
            again = memory.search("memory number 7", limit=5)["results"]
            assert [hit["memory"] for hit in again] == found
            assert memory.check() == []
            memory.add("Likes tea", user_id="bob", infer=False)
            memory.delete_all(user_id="bob")
    assert files_beside(path) == ["memory.db"]
    refused(path, PASSPHRASE, AuthenticationError, "the key does not open")
    with opened(path, RAW_KEY) as memory:
        assert memory.get_all() == expected
        assert memory.check() == []


@posix
@encrypting
def test_a_new_key_keeps_permissions_and_links(path: Path) -> None:
    link = path.parent / "link.db"
    link.symlink_to(path)
    opened(path, None).close()
    path.chmod(0o640)
    with opened(link, None) as memory:
        memory.rekey(PASSPHRASE)
    assert link.is_symlink()
    assert mode(path) == 0o640
    opened(path).close()


@encrypting
def test_nobody_else_may_have_the_file_open(path: Path) -> None:
    with opened(path) as memory, opened(path) as other:
        memory.add("Likes tea", user_id="ana", infer=False)
        with pytest.raises(BusyError, match="is open elsewhere"):
            Store(str(path), key=PASSPHRASE, busy_timeout_s=0.05).rekey("another one")
        assert other.count() == memory.count() == 1
        memory.add("Likes figs", user_id="ana", infer=False)
    with opened(path) as memory:
        assert memory.count() == 2


@encrypting
def test_whoever_was_about_to_open_the_old_file_can_not_write_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(path))
    add(store, record("m1"))
    from tinymem.store import connect

    wait = connect.wait_for_writers

    def rekey_first(connection: apsw.Connection, timeout_s: float) -> None:
        """Another process changes the key between this one's opening and its first look."""
        monkeypatch.setattr(connect, "wait_for_writers", wait)
        store.rekey(PASSPHRASE)
        wait(connection, timeout_s)

    monkeypatch.setattr(connect, "wait_for_writers", rekey_first)
    with pytest.raises(StoreError, match="was replaced while it was open"):
        Store(str(path))
    assert store.check() == []
    store.close()
    with opened(path) as memory:
        assert memory.count() == 1


@encrypting
def test_a_new_key_needs_a_folder_that_can_be_written_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(path, None) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", no_space)
            with pytest.raises(StoreError, match="No space left"):
                memory.rekey(PASSPHRASE)
        assert files_beside(path)[0] == "memory.db"
        assert not any(name.endswith(".part") for name in files_beside(path))
        assert memory.count() == 1
        memory.add("Likes figs", user_id="ana", infer=False)
    with opened(path, None) as memory:
        assert memory.count() == 2


REKEYING = """
import itertools, sys
from tinymem.store.store import Store
store = Store(sys.argv[1], key=sys.argv[2] or None)
print("ready", flush=True)
for key in itertools.cycle(["one", "two", None] if sys.argv[3] == "plain" else ["one", "two"]):
    store.rekey(key)
"""


def opens(path: Path, keys: tuple[str | None, ...]) -> str | None:
    """Return the only key that opens a file, which has to be one of these."""
    fitting = []
    for key in keys:
        try:
            opened(path, key).close()
        except AuthenticationError:
            continue
        fitting.append(key)
    assert len(fitting) == 1
    return fitting[0]


@encrypting
@pytest.mark.parametrize("plain", ["plain", "never plain"])
def test_a_change_that_is_killed_leaves_one_whole_file(path: Path, plain: str) -> None:
    """At any moment the file has its old key or its new one, and all that it held."""
    key: str | None = None if plain == "plain" else "one"
    generator = random.Random(plain)
    store = Store(str(path), key=key)
    vectors = [unit(*generator.sample(range(1, 9), 8)) for _ in range(200)]
    add(store, *(record(f"m{number}", MARK) for number in range(200)), vectors=vectors)
    store.close()
    for _ in range(8):
        worker = python(REKEYING, path, key or "", plain)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(generator.uniform(0, 0.5))
        worker.send_signal(signal.SIGKILL)
        worker.communicate(timeout=30)
        key = opens(path, (None, "one", "two"))
        with opened(path, key) as memory:
            assert memory.count() == 200
            assert memory.check() == []
    assert files_beside(path) == ["memory.db"]


KILLED = """
import os, signal, sys
from tinymem.store.store import Store
store = Store(sys.argv[1], key=sys.argv[2] or None)
os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
store.rekey(sys.argv[3] or None)
"""


@posix
@encrypting
@pytest.mark.parametrize(("old", "new"), [("", "one"), ("one", "two"), ("one", "")])
def test_a_change_that_is_killed_leaves_nothing_that_can_be_read(path: Path, old: str, new: str) -> None:
    """Not in what it wrote before, unless that was to be plain, and not after the next opening."""
    with opened(path, old or None) as memory:
        memory.add(f"Likes the {MARK}", user_id="ana", infer=False)
    killed = python(KILLED, path, old, new)
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    left = [part for folder in path.parent.glob(".tinymem-*") for part in folder.iterdir()]
    assert [bool(marks(part.read_bytes())) for part in left] == [not new]
    with opened(path, old or None) as memory:
        assert memory.count() == 1
    assert files_beside(path) == ["memory.db"]


@posix
@encrypting
def test_a_change_that_fails_never_tells_the_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
        monkeypatch.setattr(
            rekeying, "location", lambda *given: location(*given).replace("/part", "/no/part")
        )
        with pytest.raises(StoreError, match="can not be opened") as caught:
            memory.rekey("another one")
        assert "another one" not in str(caught.value)
        assert b"another one".hex() not in str(caught.value)
        assert memory.count() == 1


@encrypting
def test_an_older_encrypted_file_is_migrated_and_its_copy_has_the_same_key(path: Path) -> None:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    older = apsw.Connection(f"{LEGACY.as_uri()}?immutable=1", flags=flags)
    older.execute("VACUUM INTO ?", (location(path, PASSPHRASE),))
    older.close()
    assert is_encrypted(path.read_bytes()[:100])
    with opened(path) as memory:
        assert memory.count() > 0
        assert memory.check() == []
    copies = [entry for entry in path.parent.iterdir() if entry != path]
    assert [entry.name for entry in copies] == ["memory.db.schema-1.bak"]
    assert is_encrypted(copies[0].read_bytes()[:100])
