"""Encryption: nothing readable on the disk, no way in without the key, no way to lose a file by changing it.

Most of it needs SQLite with a cipher, `tinymem[encryption]`; what must be said without that is tested always.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.encryption_parts import (
    MARK,
    PASSPHRASE,
    RAW_KEY,
    contents,
    encrypting,
    marks,
    opened,
    refused,
)
from tests.store_parts import ROOT, files_beside, python
from tinymem import (
    AuthenticationError,
    ConfigError,
    CorruptError,
    Memory,
    NotADatabaseError,
    ValidationError,
)
from tinymem.store.encryption import is_encrypted, unlock

HEADER = bytes(range(1, 17)) + bytes.fromhex("1000020220402020") + bytes(76)
"""The beginning of an encrypted file: salt, then what the cipher leaves readable."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "memory.db"


# -- what needs no cipher


@pytest.mark.skipif(hasattr(apsw, "mc_version"), reason="tinymem[encryption] is installed")
@pytest.mark.parametrize("key", [PASSPHRASE, RAW_KEY])
def test_without_the_extra_a_key_names_the_pip_line(path: Path, key: str | bytes) -> None:
    with pytest.raises(ConfigError, match=r'pip install "tinymem\[encryption\]"'):
        opened(path, key)
    assert files_beside(path) == []


def test_an_encrypted_file_is_known_without_its_key_and_left_untouched(path: Path) -> None:
    path.write_bytes(HEADER + bytes(4096 - len(HEADER)))
    before = contents(path)
    with pytest.raises(AuthenticationError, match=f"{path} is encrypted: give its key"):
        opened(path, None)
    assert contents(path) == before


@pytest.mark.parametrize(
    "header",
    [
        b"SQLite format 3\x00" + HEADER[16:],
        *(HEADER[:place] + b"\xee" + HEADER[place + 1 :] for place in range(16, 24)),
        HEADER[:20],
        b"",
        bytes(100),
    ],
)
def test_nothing_else_is_taken_for_an_encrypted_file(header: bytes) -> None:
    assert is_encrypted(HEADER)
    assert not is_encrypted(header)


@pytest.mark.parametrize(
    "key", ["", "  ", 5, True, b"", b"short", b"x" * 33, bytearray(32), "\ud800", "x" * 1025, ["k"]]
)
def test_what_can_be_no_key_is_refused_without_repeating_it(path: Path, key: Any) -> None:
    with pytest.raises(ConfigError, match=r"key|passphrase") as caught:
        opened(path, key)
    assert repr(key) not in str(caught.value)
    assert files_beside(path) == []


def test_a_memory_without_a_file_has_no_key() -> None:
    with pytest.raises(ConfigError, match="has no file"):
        Memory(":memory:", key=PASSPHRASE)
    with pytest.raises(ConfigError, match="has no file"):
        Memory(":memory:").rekey(PASSPHRASE)


def test_a_plain_file_stays_plain_without_the_extra_being_needed(path: Path) -> None:
    with opened(path, None) as memory:
        memory.rekey(None)
        memory.add("Likes tea", user_id="ana", infer=False)
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_key_of_the_wrong_type_in_a_dictionary_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="'key' has a value of the wrong type") as caught:
        Memory.from_config({"path": ":memory:", "key": ["tulips"]})
    assert "tulips" not in str(caught.value)


# -- in and out


@encrypting
@pytest.mark.parametrize(
    "key", [PASSPHRASE, 'пароль 🔑 \'with "quotes";--', "raw:" + "7" * 64, RAW_KEY, bytes(32)]
)
def test_what_is_stored_with_a_key_is_there_with_the_key(path: Path, key: str | bytes) -> None:
    with opened(path, key) as memory:
        memory.add("Likes tea", user_id="ana")
        assert [hit["memory"] for hit in memory.search("tea", user_id="ana")["results"]] == ["Likes tea"]
    assert files_beside(path) == ["memory.db"]
    with opened(path, key) as memory:
        assert [item["memory"] for item in memory.get_all()["results"]] == ["Likes tea"]
        assert memory.check() == []


@encrypting
def test_the_key_may_stand_in_a_dictionary(path: Path) -> None:
    opened(path).close()
    with Memory.from_config({"path": str(path), "key": PASSPHRASE}) as memory:
        assert memory.count() == 0


@encrypting
@pytest.mark.parametrize("wrong", ["Correct horse battery staple", PASSPHRASE + " ", RAW_KEY, bytes(32)])
def test_a_wrong_key_is_refused_and_nothing_is_touched(path: Path, wrong: str | bytes) -> None:
    with opened(path) as memory:
        memory.add("Likes tea", user_id="ana", infer=False)
    said = refused(path, wrong, AuthenticationError, "the key does not open")
    assert str(path) in said
    assert repr(wrong) not in said
    refused(path, None, AuthenticationError, "is encrypted: give its key")


@encrypting
def test_a_wrong_key_leaves_the_log_of_a_killed_writer_alone(path: Path) -> None:
    memory = opened(path)
    memory.add("Likes tea", user_id="ana", infer=False)
    crashed = path.parent.parent / "crashed" / "memory.db"
    crashed.parent.mkdir()
    for name in ("memory.db", "memory.db-wal"):  # as if its process had been killed
        shutil.copy(path.parent / name, crashed.parent / name)
    memory.close()
    refused(crashed, "another one", AuthenticationError, "the key does not open")
    with opened(crashed) as memory:
        assert memory.count() == 1
    assert files_beside(crashed) == ["memory.db"]


@encrypting
def test_a_key_on_a_plain_file_is_refused(path: Path) -> None:
    opened(path, None).close()
    refused(path, PASSPHRASE, AuthenticationError, "is not encrypted: open it without a key")


@encrypting
@pytest.mark.parametrize("content", [b"x", b"plain text\n" * 100, bytes(5000), b"%PDF-1.7\n" + bytes(200)])
def test_a_key_makes_no_other_file_ours(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, PASSPHRASE, NotADatabaseError, "is not a database")


@encrypting
def test_another_programs_database_under_the_same_key_is_refused(path: Path) -> None:
    foreign = apsw.Connection(str(path))
    foreign.pragma("cipher", "chacha20")
    foreign.pragma("kdf_iter", 256_000)
    foreign.pragma("hexkey", PASSPHRASE.encode().hex())
    foreign.execute("CREATE TABLE theirs(x)")
    foreign.close()
    refused(path, PASSPHRASE, NotADatabaseError, "a database of another program")


@encrypting
def test_a_changed_page_is_damage_and_never_another_text(path: Path) -> None:
    with opened(path) as memory:
        memory.add_many([f"Memory number {number} " * 20 for number in range(100)], user_id="ana")
    sound = path.read_bytes()
    generator = random.Random(5)
    for _ in range(20):
        place = generator.randrange(4096, len(sound))
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        try:
            with opened(path) as memory:
                assert memory.check() != []
        except CorruptError:
            pass
    path.write_bytes(sound[:50] + b"x" + sound[51:])
    refused(path, PASSPHRASE, AuthenticationError, "or the beginning of the file is damaged")


@encrypting
def test_threads_and_processes_share_an_encrypted_file(path: Path) -> None:
    code = """
import sys
from tests.store_parts import add, record, unit
from tinymem.store.store import Store
store = Store(sys.argv[1], key=sys.argv[2], busy_timeout_s=30)
for number in range(20):
    add(store, record(f"{sys.argv[3]}-{number}"), vectors=[unit(1, number)])
store.close()
"""
    writers = [python(code, path, PASSPHRASE, name) for name in "ab"]
    for writer in writers:
        writer.communicate(timeout=120)
    assert [writer.returncode for writer in writers] == [0, 0]
    with opened(path) as memory:
        assert memory.count() == 40
        assert memory.check() == []
    assert files_beside(path) == ["memory.db"]


# -- nothing readable on the disk


WORK = f"""
import sys
from tests.fakes import EveryMessage, SameBeginning
from tinymem import Memory
from tinymem.testing import HashEmbedder
settings = dict(extractor=EveryMessage(), reconciler=SameBeginning(), enable_graph=True)
memory = Memory(sys.argv[1], key=sys.argv[2], embedder=HashEmbedder(), **settings)
memory.add("Likes the {MARK}", user_id="ana", metadata={{"{MARK}": ["{MARK}"]}})
memory.add_many([f"Saw {MARK} number {{n}} " + "and again " * 200 for n in range(300)], user_id="{MARK}")
kept = memory.get_all(limit=1)["results"][0]["id"]
memory.update(kept, "No more {MARK} for me")
memory.feedback(kept, "POSITIVE", "{MARK}")
memory.configure(includes="{MARK}")
memory.search("{MARK} again", user_id="{MARK}")
memory.get_all(filters={{"metadata": {{"{MARK}": "*"}}}})
memory.delete(kept)
memory.check()
memory.compact()
memory.reembed()
memory.rekey("another one")
memory.add("Has a {MARK}", user_id="ana")
print("ready", flush=True)
sys.stdin.read()
memory.close()
"""


@encrypting
def test_nothing_of_it_can_be_read_from_the_disk(path: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    worker = python(WORK, path, PASSPHRASE, env={"TMPDIR": str(scratch), "SQLITE_TMPDIR": str(scratch)})
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    assert files_beside(path) == ["memory.db", "memory.db-shm", "memory.db-wal"]
    assert {name: marks(content) for name, content in contents(path).items()} == {
        "memory.db": [],
        "memory.db-wal": [],
    }
    assert marks((path.parent / "memory.db-shm").read_bytes()) == []
    assert list(scratch.iterdir()) == []
    worker.communicate("", timeout=60)
    assert worker.returncode == 0
    assert files_beside(path) == ["memory.db"]
    assert marks(path.read_bytes()) == []
    with opened(path, "another one") as memory:  # it is there, for whoever has the key
        assert memory.count(filters={"keywords": MARK}) > 300
        assert memory.check() == []


def test_the_marks_are_found_where_nothing_is_encrypted(path: Path) -> None:
    with opened(path, None) as memory:
        memory.add(f"Likes the {MARK}", user_id="ana")
    assert marks(path.read_bytes()) == ["text", "vector"]


@encrypting
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing")
def test_nothing_of_it_is_ever_written_anywhere(path: Path, tmp_path: Path) -> None:
    """Not even into a temporary file that is gone at once: every byte that is written is looked at."""
    log = tmp_path / "calls.log"
    trace = [
        "strace",
        "-f",
        "-qq",
        "-s",
        "70000",
        "-e",
        "trace=write,pwrite64,writev,pwritev,sendto",
        "-o",
        str(log),
    ]
    if subprocess.run([*trace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    paths = os.pathsep.join([str(ROOT), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*trace, sys.executable, "-c", WORK, str(path), PASSPHRASE],
        env=environment, input="", text=True, timeout=300, check=False, capture_output=True,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("ready\n", 0), done.stderr
    written = log.read_text(encoding="utf-8", errors="replace")
    assert len(written) > 100_000
    assert [line[:200] for line in written.splitlines() if MARK in line or PASSPHRASE in line] == []


@encrypting
def test_copies_have_the_same_key_and_an_export_is_plain(path: Path) -> None:
    copy, part, lines = (path.parent / name for name in ("copy.db", "part.db", "all.jsonl"))
    with opened(path) as memory:
        memory.add(f"Likes the {MARK}", user_id="ana")
        memory.backup(copy)
        memory.snapshot(part, user_id="ana")
        memory.export(lines)
        with pytest.raises(ValidationError, match="is a database"):
            memory.export(copy)
    assert marks(copy.read_bytes()) == marks(part.read_bytes()) == []
    for file in (copy, part):
        with opened(file) as memory:
            assert memory.count(user_id="ana") == 1
    assert marks(lines.read_bytes()) == ["text"]


@encrypting
@pytest.mark.parametrize("method", ["backup", "snapshot"])
def test_another_programs_encrypted_database_is_never_replaced(path: Path, method: str) -> None:
    diary, older = path.parent / "diary.db", path.parent / "older.db"
    for key in ("another one", PASSPHRASE):
        foreign = apsw.Connection(str(diary))
        unlock(foreign, key)
        foreign.execute("CREATE TABLE diary(entry)")
        foreign.close()
        before = contents(diary)
        with opened(path) as memory, pytest.raises(ValidationError, match="is not replaced"):
            getattr(memory, method)(diary)
        assert contents(diary)["diary.db"] == before["diary.db"]
        diary.unlink()
    with opened(older, "another one") as other, opened(path.parent / "plain.db", None) as plain:
        other.add("Likes tea", user_id="ana", infer=False)
        other.close()
        with pytest.raises(ValidationError, match="is not replaced"):
            getattr(plain, method)(older)
    with opened(path.parent / "mine.db", "another one") as memory:
        getattr(memory, method)(older)
    with opened(older, "another one") as replaced:
        assert replaced.count() == 0
