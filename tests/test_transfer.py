"""Any past comes back exactly; what does not fit together, or was damaged, does not come in at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portable_parts import IDS, Step, contents, exported, filled, fresh, json_values, pasts, replay
from tinymem import TinymemError
from tinymem.portable import FORMAT
from tinymem.store.filters import EVERYTHING
from tinymem.testing import FrozenClock, counting_ids


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transfer")


@settings(max_examples=80, deadline=None)
@given(steps=pasts())
def test_any_past_comes_back_exactly(folder: Path, steps: list[Step]) -> None:
    with replay(steps, fresh()) as one, fresh() as other:
        lines = exported(one, folder)
        result = other.import_(folder / "lines.jsonl", settings=True)
        assert result["vectors"] == "kept"
        assert result["memories"] == one._store.count(EVERYTHING)
        assert contents(other) == contents(one)
        assert other._store.check() == []
        assert exported(other, folder) == lines
        again = other.import_(folder / "lines.jsonl")
        assert again["skipped"] == result["memories"]
        assert {value for name, value in again.items() if name not in ("skipped", "vectors")} == {0}
        assert exported(other, folder) == lines


@settings(max_examples=40, deadline=None)
@given(steps=pasts(), chosen=st.sets(st.sampled_from(IDS)))
def test_parts_that_were_exported_apart_come_together(
    folder: Path, steps: list[Step], chosen: set[str]
) -> None:
    with replay(steps, fresh()) as one, fresh() as other:
        one.export(folder / "some.jsonl", filters={"id": {"in": sorted(chosen)}})
        one.export(folder / "rest.jsonl", filters={"id": {"in": sorted(set(IDS) - chosen)}})
        for name in ("rest.jsonl", "some.jsonl", "rest.jsonl"):
            other.import_(folder / name)
            assert other._store.check() == []
        kept = one._store.select(EVERYTHING)
        assert {each.id: each for each in other._store.select(EVERYTHING)} == {each.id: each for each in kept}
        for each in kept:
            assert other._store.history(each.id) == one._store.history(each.id)
            assert other._store.feedback(each.id) == one._store.feedback(each.id)
        exported(other, folder)
        with fresh() as third:
            third.import_(folder / "lines.jsonl")
            assert contents(third) == contents(other)


# -- damage


@pytest.fixture(scope="module")
def whole(folder: Path) -> bytes:
    """Return an export of a Memory with a bit of everything."""
    clock = FrozenClock("2026-01-10T12:00:00+00:00")
    with filled(fresh(clock=clock, new_id=counting_ids()), clock) as memory:
        memory.export(folder / "whole.jsonl")
    return (folder / "whole.jsonl").read_bytes()


def parsed(raw: bytes) -> list[Any]:
    return [json.loads(line) for line in raw.splitlines()]


def refusal(folder: Path, raw: bytes) -> str | None:
    """Import bytes into a Memory; return why they were refused, after which it must be as it was."""
    (folder / "bad.jsonl").write_bytes(raw)
    with fresh() as memory:
        memory.add("Was here before", user_id="eve", infer=False)
        before = exported(memory, folder)
        try:
            memory.import_(folder / "bad.jsonl")
        except TinymemError as error:
            assert exported(memory, folder) == before
            return f"{type(error).__name__}: {error}"
        assert memory.check() == []
        return None


@settings(max_examples=60, deadline=None)
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_off_is_refused(folder: Path, whole: bytes, part: float) -> None:
    reason = refusal(folder, whole[: int(part * (len(whole) - 1))])
    assert reason is not None
    assert reason.startswith("ValidationError: bad.jsonl")


@settings(max_examples=150, deadline=None)
@given(part=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_file_with_another_byte_is_refused(folder: Path, whole: bytes, part: float, byte: int) -> None:
    """Only the time of the export, and the name under which the digest stands, may read otherwise."""
    at = int(part * len(whole))
    damaged = whole[:at] + bytes([byte]) + whole[at + 1 :]
    if refusal(folder, damaged) is None:
        lines, others = parsed(whole), parsed(damaged)
        others[0]["exported_at"] = lines[0]["exported_at"]
        assert others[:-1] == lines[:-1]
        assert others[-1] == lines[-1] or "sha256" not in others[-1]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*path, key)
        yield from places(below, (*path, key))


def meant(lines: list[Any]) -> bytes:
    """Return lines as a file that somebody changed on purpose: without the digest."""
    for line in lines:
        if isinstance(line, dict):
            line.pop("sha256", None)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


strange = st.sampled_from([None, True, 0, -1, 1.5, 2**70, "", "x", "\ud800", [], {}, [1], {"a": 1}, [[1, 2]]])


@settings(max_examples=250, deadline=None)
@given(choose=st.data(), value=strange | json_values, gone=st.booleans())
def test_wrong_values_are_refused_or_do_no_harm(
    folder: Path, whole: bytes, choose: st.DataObject, value: Any, gone: bool
) -> None:
    """Whatever a line says instead, it is never an error of somebody else and never an unsound file."""
    lines = parsed(whole)
    *path, last = choose.draw(st.sampled_from(list(places(lines))))
    target: Any = lines
    for key in path:
        target = target[key]
    if gone:
        del target[last]
    else:
        target[last] = value
    refusal(folder, meant(lines))


def changed(which: str, **values: Any) -> Callable[[list[Any]], None]:
    return lambda lines: next(line for line in lines if line["kind"] == which).update(values)


def doubled(which: str) -> Callable[[list[Any]], None]:
    def double(lines: list[Any]) -> None:
        at = next(index for index, line in enumerate(lines) if line["kind"] == which)
        lines.insert(at, lines[at])

    return double


# Line 1 is the header, 2 a setting, 3 to 9 commits, 10 to 16 changes, 17 and 18 entities, 19 to 22 memories.
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (changed("header", format=FORMAT + 1), "SchemaError: bad.jsonl, line 1.*upgrade tinymem"),
        (changed("header", format="1"), "line 1: the header says no format"),
        (changed("header", tinymem="\ud800"), "line 1: this is no JSON .*surrogates"),
        (changed("header", embedder={"name": "x"}), "line 1: embedder dimension"),
        (changed("header", embedder=None), "line 13: there is a vector, and the header"),
        (changed("header", kind="heading"), "line 1: this is no header"),
        (changed("setting", key="embedder"), "line 2: 'embedder' is no setting"),
        (changed("setting", key="other"), "line 2: 'other' is no setting"),
        (changed("setting", value="[1]"), "line 2: the settings are no JSON object"),
        (changed("setting", value='{"x": 1}'), "line 2: setting 'x' of the file: there is no setting 'x'"),
        (changed("setting", value='{"custom_categories": 5}'), "line 2: .*custom_categories must be a list"),
        (changed("setting", value='{"includes": {"a": 1}}'), "line 2: .*includes must be topics"),
        (changed("setting", value='{"custom_instructions": 7}'), "line 2: .*custom_instructions must be"),
        (changed("setting", value='{"enable_graph": "x"}'), "line 2: .*enable_graph must be True or False"),
        (changed("commit", at="yesterday"), "line 3: .*yesterday"),
        (changed("commit", scope={"planet": "x"}), "line 3: .*is no scope"),
        (changed("commit", messages=[{"position": 0}]), "line 3: '.*' is missing"),
        (changed("commit", messages=[5]), "line 3: 5 is no JSON object"),
        (changed("change", commit="nobody's"), 'line 10: commit "nobody\'s" does not stand before'),
        (changed("change", event="DELETE"), "line 10: 'DELETE' does not go with"),
        (changed("change", evidence=[[1, 2]]), r"line 10: \[1, 2\] is no evidence"),
        (changed("change", vector_before="AAAA"), "line 10: a vector has 3 bytes instead of 32"),
        (changed("memory", vector="?"), "line 19: .*base64"),
        (changed("memory", vector="A" * 42 + "8="), "line 19: a vector has length"),
        (changed("memory", kind="thought"), "line 19: there are no lines of kind 'thought'"),
        (changed("feedback", at=5), "line 23: 'at' is 5, which is not of type str"),
        (doubled("commit"), "line 4: commit 'id-2' stands here for the second time"),
        (doubled("change"), "line 11: the change of memory 'id-1' does not begin where"),
        (doubled("memory"), "line 20: memory 'id-1' stands here for the second time"),
        (
            lambda lines: lines[18]["record"].update(text="Hates tea"),
            "line 19: .*its text is not the one that was stored",
        ),
        (lambda lines: lines[18]["record"].pop("hash"), "line 19: memory 'id-1' can not be read"),
        (lambda lines: lines[18].update(record=lines[19]["record"]), "line 20: .*for the second time"),
        (
            lambda lines: lines[20].update(record=lines[11]["after"]),
            "line 21: .*is not what its history says",
        ),
        (lambda lines: lines.insert(2, lines.pop(9)), "line 3: commit 'id-2' does not stand before"),
        (lambda lines: lines.insert(18, lines[2]), "line 19: it stands too late"),
        (lambda lines: lines.pop(18), "should be memories 'id-1'$"),
        (lambda lines: lines.append({"kind": "end"}), "line 26: nothing may stand after the end"),
        (lambda lines: lines.insert(3, [1]), "line 4: this is no JSON object"),
        (lambda lines: lines.clear(), "line 1: this is no header"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_its_line(
    folder: Path, whole: bytes, spoil: Callable[[list[Any]], Any], reason: str
) -> None:
    lines = parsed(whole)
    spoil(lines)
    assert re.search(reason, str(refusal(folder, meant(lines))))


def test_what_was_changed_on_purpose_comes_in(folder: Path, whole: bytes) -> None:
    assert 'take "sha256" out' in str(refusal(folder, whole.replace(b"What a cat!", b"What a dog!")))
    assert refusal(folder, meant(parsed(whole.replace(b"What a cat!", b"What a dog!")))) is None


def test_an_entity_that_no_memory_names_is_left_out(folder: Path, whole: bytes) -> None:
    lines = parsed(whole)
    lines.insert(17, {**lines[17], "name": "Nobody"})
    (folder / "nobody.jsonl").write_bytes(meant(lines))
    with fresh() as memory:
        memory.import_(folder / "nobody.jsonl")
        assert sorted(one.name for one in memory._store.entities(EVERYTHING)) == ["Maya", "東京"]
        assert memory.check() == []


def test_a_line_nested_without_end_is_refused(folder: Path, whole: bytes) -> None:
    first, *rest = whole.splitlines(keepends=True)
    deep = b'{"kind":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    assert "line 2: this is no JSON" in str(refusal(folder, b"".join([first, deep, *rest])))
