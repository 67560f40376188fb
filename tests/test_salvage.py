"""Of a damaged file everything that can be read is saved, nothing is invented, and what was lost is said."""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings

from scripts.torture import damage
from scripts.torture.damage import EMBEDDER, KINDS, PAGE, live, spoil
from tests.portable_parts import Step, contents, fresh, pasts, replay
from tests.store_parts import files_beside, python
from tinymem import Memory, NotADatabaseError, StoreError, ValidationError
from tinymem.store.filters import EVERYTHING
from tinymem.store.rows import COLUMNS
from tinymem.store.salvage import salvage
from tinymem.types import HistoryEntry, Record


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live(tmp_path_factory.mktemp("sound") / "memory.db")


@pytest.fixture(scope="module")
def truth(sound: Path) -> tuple[dict[str, Record], dict[str, list[HistoryEntry]]]:
    """Return every memory and every history of the sound file, by id."""
    with Memory(sound, embedder=EMBEDDER) as memory:
        store = memory._store
        records = {each.id: each for each in store.select(EVERYTHING)}
        with store._open() as connection:
            ids = [str(one) for (one,) in connection.execute("SELECT DISTINCT memory_id FROM changes")]
        return records, {one: store.history(one) for one in ids}


def saved(path: Path, folder: Path) -> tuple[dict[str, Any], Memory]:
    """Salvage a file into another one, and return what was said and the new file, which is sound."""
    target = folder / f"saved-{len(list(folder.iterdir()))}.db"
    before, names = path.read_bytes(), files_beside(path)
    said = salvage(path, target)
    assert path.read_bytes() == before
    assert files_beside(path) == sorted({*names, *([target.name] if folder == path.parent else [])})
    memory = Memory(target, embedder=EMBEDDER)
    assert memory._store.check() == []
    assert memory._store.stats()["memories"] == said["memories"]
    return said, memory


def named(said: dict[str, Any], ids: set[str]) -> bool:
    """Tell whether the sentences about losses name all of these ids, or as many as they show."""
    told = " ".join(said["lost"])
    return all(repr(each) in told for each in ids) or "more" in told


# -- what is whole comes over whole


@settings(max_examples=15, deadline=None)
@given(steps=pasts())
def test_a_sound_file_comes_over_exactly(tmp_path_factory: pytest.TempPathFactory, steps: list[Step]) -> None:
    folder = tmp_path_factory.mktemp("any")
    with replay(steps, fresh(folder / "one.db")) as one:
        expected = contents(one)
    said, other = saved(folder / "one.db", folder)
    with other:
        assert said["lost"] == []
        assert said["commits"] == expected[-1]["commits"]
        assert contents(other) == expected
    shutil.rmtree(folder)


def test_what_is_only_in_the_log_comes_over_too(tmp_path: Path) -> None:
    memory = fresh(tmp_path / "memory.db")
    memory.add("Has a dog", user_id="ana", infer=False)
    memory.compact()
    memory.add("Has a cat", user_id="ana", infer=False)
    (tmp_path / "crashed").mkdir()
    for name in ("memory.db", "memory.db-wal"):  # as if the program had been killed
        shutil.copy(tmp_path / name, tmp_path / "crashed" / name)
    memory.close()
    said, other = saved(tmp_path / "crashed" / "memory.db", tmp_path)
    with other:
        assert said["lost"] == []
        assert {item["memory"] for item in other.get_all()["results"]} == {"Has a dog", "Has a cat"}
    log = tmp_path / "crashed" / "memory.db-wal"
    log.write_bytes(log.read_bytes()[:-PAGE])
    _, other = saved(tmp_path / "crashed" / "memory.db", tmp_path)
    with other:
        assert [item["memory"] for item in other.get_all()["results"]] == ["Has a dog"]


def test_a_damaged_log_ends_where_the_damage_begins(tmp_path: Path) -> None:
    with fresh(tmp_path / "memory.db") as memory:
        for number in range(9):
            memory.add(f"Fact {number}", user_id="ana", infer=False)
        (tmp_path / "crashed").mkdir()
        for name in ("memory.db", "memory.db-wal"):
            shutil.copy(tmp_path / name, tmp_path / "crashed" / name)
    log = tmp_path / "crashed" / "memory.db-wal"
    generator = random.Random(1)
    for _ in range(10):
        content = bytearray(log.read_bytes())
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        log.write_bytes(content)
        try:
            _, other = saved(tmp_path / "crashed" / "memory.db", tmp_path)
        except NotADatabaseError:
            continue
        with other:
            held = [item["memory"] for item in other.get_all()["results"]]
            assert sorted(held) == [f"Fact {number}" for number in range(len(held))]


def test_files_of_older_schemas_are_read_too(tmp_path: Path) -> None:
    for path in sorted((Path(__file__).parent / "legacy").glob("schema_*.tinymem")):
        old = Path(shutil.copy(path, tmp_path / path.name))
        said, other = saved(old, tmp_path)
        with other, Memory(old) as migrated:
            assert said["lost"] == []
            assert other.get_all() == migrated.get_all()


def test_the_order_of_a_memorys_columns_is_the_files(tmp_path: Path) -> None:
    """Pages hold values without their names: the order in which migrations made the columns is all."""
    with fresh(tmp_path / "memory.db") as memory, memory._store._open() as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(memory)")]
    assert names == ["rowid", *COLUMNS]


# -- damage


def states(past: list[HistoryEntry]) -> list[tuple[Any, ...]]:
    """Return what happened to a memory, whichever commits it was."""
    return [(entry.event, entry.before, entry.after, entry.evidence) for entry in past]


def compare(said: dict[str, Any], memory: Memory, truth: Any) -> tuple[int, int]:
    """Compare what was saved with what there was; return how many memories and whole histories came over."""
    records, pasts = truth
    store = memory._store
    found = {each.id: each for each in store.select(EVERYTHING)}
    wrong = {one for one, each in found.items() if one not in records or each.text != records[one].text}
    assert named(said, wrong) or any("come back" in each for each in said["lost"])
    lost = records.keys() - found.keys()
    assert not lost or named(said, lost) or any("not known" in each for each in said["lost"])
    for one, each in found.items():
        vector = store.vector_of(one)
        # A flipped bit of a vector can not be seen as long as its length stays 1.
        assert vector is None or vector @ EMBEDDER.embed([each.text])[0] > 0 or named(said, {one})
    whole = sum(states(store.history(one)) == states(past) for one, past in pasts.items())
    return len(found.keys() & records.keys()), whole


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(7))
def test_what_can_be_read_is_saved_and_the_rest_is_said(
    sound: Path, truth: Any, tmp_path: Path, kind: str, seed: int
) -> None:
    path = tmp_path / "damaged.db"
    content = spoil(sound.read_bytes(), kind, random.Random(f"{kind} {seed}"))
    path.write_bytes(content)
    said, memory = saved(path, tmp_path)
    with memory:
        kept, whole = compare(said, memory, truth)
    if kind in ("header", "contents"):
        assert kept == len(truth[0])
    elif kind != "cut":
        assert kept > 0.9 * len(truth[0])
        assert whole > 0.4 * len(truth[1])
    if said["memories"] != len(truth[0]) or whole < len(truth[1]):
        assert said["lost"] != []


def test_a_file_without_its_beginning_is_recognised_by_its_looks(
    sound: Path, truth: Any, tmp_path: Path
) -> None:
    path = tmp_path / "headless.db"
    path.write_bytes(bytes(PAGE) + sound.read_bytes()[PAGE:])
    said, memory = saved(path, tmp_path)
    with memory:
        assert compare(said, memory, truth) == (len(truth[0]), len(truth[1]))
        assert "table of contents" in said["lost"][0]
        assert memory.stats()["vectors"] == 0
        assert memory.repair() == [f"vectors made anew from the texts: {len(truth[0])}"]
        assert memory.check() == []


def spoil_table(path: Path, sql: str, change: Callable[[bytearray], None]) -> None:
    """Change the pages of a closed file that a query names."""
    connection = apsw.Connection(str(path))
    pages = [int(page) for (page,) in connection.execute(sql)]
    connection.close()
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            content = bytearray(file.read(PAGE))
            change(content)
            file.seek((page - 1) * PAGE)
            file.write(content)


def zero(content: bytearray) -> None:
    content[:] = bytes(len(content))


PAGES_OF = "SELECT pageno FROM dbstat WHERE name = '{}' AND pagetype = '{}'"


@pytest.mark.parametrize(
    ("table", "pages", "whole_pasts", "lost"),
    [
        ("memory", "leaf", True, "not all of the memories"),
        ("memory", "internal", True, "not all of the memories"),
        ("changes", "leaf", False, "begins anew"),
        ("changes", "internal", True, "not all of the history"),
        ("memory_category", "leaf", True, None),
        ("messages", "leaf", True, "not all of the source messages"),
        ("commits", "leaf", True, "of which only the changes are known: "),
        ("identity", "leaf", True, "which embedder made the vectors"),
        ("memory_vec_vector_chunks00", "leaf", True, "saved without their vectors: repair"),
        ("memory_fts_data", "leaf", True, None),
    ],
)
def test_what_one_table_lost_another_makes_good(
    sound: Path, truth: Any, tmp_path: Path, table: str, pages: str, whole_pasts: bool, lost: str | None
) -> None:
    path = Path(shutil.copy(sound, tmp_path / "damaged.db"))
    spoil_table(path, PAGES_OF.format(table, pages), zero)
    said, memory = saved(path, tmp_path)
    with memory:
        kept, whole = compare(said, memory, truth)
        assert kept == len(truth[0])
        assert (whole == len(truth[1])) == whole_pasts
        assert lost is None or any(lost in each for each in said["lost"]), said["lost"]
        assert lost is not None or table == "memory_category" or said["lost"] == []


def test_memories_and_history_both_lost_are_named(sound: Path, truth: Any, tmp_path: Path) -> None:
    path = Path(shutil.copy(sound, tmp_path / "damaged.db"))
    spoil_table(path, PAGES_OF.format("memory", "leaf"), zero)
    spoil_table(path, f"{PAGES_OF.format('changes', 'leaf')} AND pageno % 2", zero)
    said, memory = saved(path, tmp_path)
    with memory:
        kept, _ = compare(said, memory, truth)
        assert 0 < kept < len(truth[0])
        missing = next(each for each in said["lost"] if "could not be saved" in each)
        shown = set(re.findall(r"'(id-\d+)'", missing))
        assert shown <= truth[0].keys() - {each.id for each in memory._store.select(EVERYTHING)}
        assert memory.search("subject")["results"] != []


def test_a_deleted_memory_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with fresh(path) as memory:
        for number in range(300):
            memory.add(f"Fact {number} {'x' * 300}", user_id="ana", infer=False)
        memory.delete_all(user_id="ana")
        memory.add("Has a dog", user_id="ana", infer=False)
    spoil_table(path, f"{PAGES_OF.format('messages', 'leaf')} LIMIT 3", zero)
    _, other = saved(path, tmp_path)
    with other:
        assert [item["memory"] for item in other.get_all()["results"]] == ["Has a dog"]


def test_a_text_with_a_hole_is_lost_and_never_filled(tmp_path: Path) -> None:
    """Whatever page of a long message is zeros: it comes over as it was, or is said to be lost."""
    path = tmp_path / "memory.db"
    text = "word " * 3000
    with fresh(path) as memory:
        memory.add(text, user_id="ana", infer=False)
    sound, lost = path.read_bytes(), 0
    for start in range(0, len(sound), PAGE):
        path.write_bytes(sound[:start] + bytes(PAGE) + sound[start + PAGE :])
        target = tmp_path / f"saved-{start}.db"
        said = salvage(path, target)
        with fresh(target) as memory:
            told = [m for one in memory.log()["results"] for m in memory._store.messages_of(one["commit_id"])]
            assert {each.content for each in told} <= {text.strip(), text}
            if not told:
                lost += 1
                assert said["lost"] != []
    assert lost > 2


def test_whatever_page_is_lost_missing_vectors_are_said(sound: Path, truth: Any, tmp_path: Path) -> None:
    connection = apsw.Connection(str(sound))
    sql = "SELECT pageno FROM dbstat WHERE name LIKE 'memory_vec%'"
    pages = [int(page) for (page,) in connection.execute(sql)]
    connection.close()
    bare = 0
    for page in pages:
        path = Path(shutil.copy(sound, tmp_path / "damaged.db"))
        spoil_table(path, f"SELECT {page}", zero)
        said, memory = saved(path, tmp_path)
        with memory:
            if memory.stats()["vectors"] < len(truth[0]):
                bare += 1
                assert any("without their vectors" in each for each in said["lost"]), page
    assert bare > 0


# -- what can not be salvaged


@pytest.mark.parametrize("path", [5, None, "", "a\0b", "\ud800", "x" * 5000])
def test_what_is_no_path_is_refused(path: Any, sound: Path, tmp_path: Path) -> None:
    for given_paths in ((path, tmp_path / "to.db"), (sound, path)):
        with pytest.raises(ValidationError, match="the path of a file is needed"):
            salvage(*given_paths)


def test_what_is_none_of_ours_is_refused(tmp_path: Path, sound: Path) -> None:
    foreign = apsw.Connection(str(tmp_path / "foreign.db"))
    foreign.execute("CREATE TABLE diary(entry); INSERT INTO diary VALUES ('Dear diary')")
    foreign.close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "noise.db").write_bytes(random.Random(0).randbytes(20 * PAGE))
    (tmp_path / "zeros.db").write_bytes(bytes(20 * PAGE))
    for name in ("empty.db", "noise.db", "zeros.db", "foreign.db"):
        with pytest.raises(NotADatabaseError, match="nothing that tinymem wrote"):
            salvage(tmp_path / name, tmp_path / "to.db")
    for path in (tmp_path, tmp_path / "nowhere.db"):
        with pytest.raises(StoreError, match="not an ordinary file"):
            salvage(path, tmp_path / "to.db")
    with pytest.raises(StoreError, match="is there already"):
        salvage(sound, tmp_path / "noise.db")
    with pytest.raises(StoreError, match="is there already"):
        salvage(sound, sound)
    with pytest.raises(StoreError, match="can not be written"):
        salvage(sound, tmp_path / "nowhere" / "to.db")
    assert not (tmp_path / "to.db").exists()


NOBODY = """
import os, sys
from tinymem import StoreError
from tinymem.store.salvage import salvage
os.seteuid(65534)
try:
    salvage(sys.argv[1], sys.argv[2])
except StoreError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become someone else"
)
def test_a_file_that_may_not_be_read_is_our_error(tmp_path: Path, sound: Path) -> None:
    path = Path(shutil.copy(sound, tmp_path / "memory.db"))
    path.chmod(0)
    for folder in path.parents[:-1]:
        if stat.S_IMODE(folder.stat().st_mode) == 0o700:
            folder.chmod(0o711)
    answer, _ = python(NOBODY, path, tmp_path / "to.db").communicate(timeout=30)
    assert answer.startswith("StoreError")
    assert "permissions" in answer


# -- opening what is damaged


def test_opening_a_damaged_file_errs_clearly_or_answers_rightly_and_changes_nothing(tmp_path: Path) -> None:
    """In processes of their own, so that a crash of the interpreter would be seen."""
    line = damage.torture(tmp_path, 48, 0)
    assert line.problems == ()
    said = re.fullmatch(r"48 damaged files, (\d+) answered with errors, ([\d.]+)% salvaged", line.figures)
    assert said is not None
    assert int(said[1]) > 12, "nothing was damaged"
    assert float(said[2]) > 80


def test_a_wrong_answer_would_be_seen(tmp_path: Path, sound: Path) -> None:
    path = Path(shutil.copy(sound, tmp_path / "damaged.db"))
    examined = damage.Examined(path, {"id-1": {"memory": "Something else"}})
    examined.compare([{"id": "id-1", "memory": "Maya0 likes subject 0"}], "get")
    path.write_bytes(b"changed")
    examined.open()
    assert len(examined.wrong) == 2
