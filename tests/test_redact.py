"""Redaction: what looks like a secret neither a model nor the file ever sees."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.secret_phrases import noise
from tests.store_parts import NOW
from tinymem import Memory, ValidationError
from tinymem.redact import NOTHING_REDACTED, parse_redact
from tinymem.testing import ScriptedLlm
from tinymem.types import Change, Commit, Message, Record, Scope, Span

CARD = "4111 1111 1111 1111"
KEY = f"sk-{noise(48)}"
SAID = f"My card is {CARD} and I like tea"
KEPT = "My card is [card number] and I like tea"


@pytest.fixture
def masking(memory_factory: Callable[..., Memory]) -> Memory:
    return memory_factory(redact="mask")


@pytest.fixture
def refusing(memory_factory: Callable[..., Memory]) -> Memory:
    return memory_factory(redact="refuse")


def texts(memory: Memory) -> list[str]:
    return sorted(item["memory"] for item in memory.get_all()["results"])


def bytes_of(folder: Path) -> bytes:
    """Return all that is on the disk, but for the -shm file, which holds locks."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.endswith("-shm"))


def test_nothing_is_redacted_unless_asked_for(memory: Memory) -> None:
    memory.add(SAID, user_id="ana")
    assert texts(memory) == [SAID]
    assert NOTHING_REDACTED.text(SAID, "x") == SAID


@pytest.mark.parametrize("infer", [True, False])
def test_masking_happens_before_a_model_or_the_file_sees_it(
    masking: Memory, tmp_path: Path, infer: bool
) -> None:
    added = masking.add(
        [{"role": "user", "content": SAID, "name": f"Ana {CARD}"}],
        user_id="ana",
        infer=infer,
        metadata={"a": [{"b": CARD}], "n": 4111111111111111, "ok": 7, "yes": True, "pi": 3.5, "none": None},
    )
    assert texts(masking) == [KEPT] if not infer else KEPT in texts(masking)[0]
    assert masking._extractor.calls == [] or CARD not in repr(masking._extractor.calls)
    item = masking.get(added["results"][0]["id"])
    assert item["metadata"] == {
        "a": [{"b": "[card number]"}], "n": "[card number]", "ok": 7, "yes": True, "pi": 3.5, "none": None
    }  # fmt: skip
    assert [(one.content, one.name) for one in masking._store.messages_of(added["commit_id"])] == [
        (KEPT, "Ana [card number]")
    ]
    assert CARD.encode() not in bytes_of(tmp_path)
    assert b"4111111111111111" not in bytes_of(tmp_path)


def test_a_language_model_never_sees_a_secret(memory_factory: Callable[..., Memory]) -> None:
    llm = ScriptedLlm(['{"facts": []}', "It went well: [card number] was charged."])
    memory = memory_factory(llm=llm, extractor=None, reconciler=None, redact="mask", prefilter=False)
    memory.add(SAID, user_id="ana")
    steps = [{"role": "user", "content": f"Charge {CARD}"}, {"role": "tool", "content": f"{KEY} was used"}]
    memory.add(steps, agent_id="bot", memory_type="procedural_memory")
    assert len(llm.prompts) == 2
    assert CARD not in repr(llm.prompts)
    assert KEY not in repr(llm.prompts)
    assert "[card number]" in repr(llm.prompts)


def test_the_record_of_a_procedure_is_masked(masking: Memory, tmp_path: Path) -> None:
    steps = [
        {"role": "user", "content": "Deploy"},
        {"role": "tool", "name": "shell", "content": f"export K={KEY}"},
    ]
    masking.add(steps, agent_id="bot", memory_type="procedural_memory")
    assert "[OpenAI key]" in texts(masking)[0]
    assert KEY.encode() not in bytes_of(tmp_path)


def test_every_other_way_of_writing_is_masked_as_well(masking: Memory, tmp_path: Path) -> None:
    added = masking.add_many(
        [SAID, {"memory": f"Key {KEY}", "metadata": {"card": CARD}, "actor_id": f"bot {CARD}"}],
        user_id="ana",
        metadata={"shared": CARD},
    )
    first, second = added["ids"]
    masking.update(first, f"Now {CARD}", {"more": CARD})
    masking.update(second, {"data": CARD})
    masking.batch_update([{"memory_id": second, "text": f"Then {KEY}", "metadata": {"k": KEY}}])
    masking.feedback(first, "POSITIVE", f"because of {CARD}")
    assert texts(masking) == ["Now [card number]", "Then [OpenAI key]"]
    assert masking.get(first)["metadata"] == {"shared": "[card number]", "more": "[card number]"}
    assert masking.get(second)["metadata"] == dict.fromkeys(("shared", "card", "data"), "[card number]") | {
        "k": "[OpenAI key]"
    }
    assert masking.get(second)["actor_id"] == "bot [card number]"
    assert masking.get(first)["feedback_reason"] == "because of [card number]"
    assert CARD.encode() not in bytes_of(tmp_path)
    assert KEY.encode() not in bytes_of(tmp_path)


def test_memories_of_mem0_are_masked_and_an_export_of_ours_comes_back_as_it_was(
    memory_factory: Callable[..., Memory], tmp_path: Path
) -> None:
    masking, plain = memory_factory(redact="mask"), memory_factory("other.db")
    masking.import_({"results": [{"id": "m", "memory": SAID, "user_id": "ana", "metadata": {"c": CARD}}]})
    assert texts(masking) == [KEPT]
    assert masking.get("m")["metadata"] == {"c": "[card number]"}
    plain.add(SAID, user_id="ana", infer=False)
    plain.export(tmp_path / "all.jsonl")
    masking.import_(tmp_path / "all.jsonl")
    assert texts(masking) == [SAID, KEPT]


def history_of_mem0(path: Path) -> None:
    """Write mem0's history of a memory whose past and whose speaker hold a card number."""
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, "
        "event TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT)"
    )
    for row in (
        ("h1", "m1", None, SAID, "ADD", "2024-01-01", None, 0, f"Ann {CARD}", "user"),
        ("h2", "m1", SAID, "Likes tea", "UPDATE", "2024-01-01", "2024-01-02", 0, f"Ann {CARD}", "user"),
    ):
        connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()


def test_of_a_memory_of_mem0_every_text_is_masked(
    memory_factory: Callable[..., Memory], tmp_path: Path
) -> None:
    (tmp_path / "mem0").mkdir()
    (tmp_path / "file").mkdir()
    history_of_mem0(tmp_path / "mem0" / "history.db")
    masking = memory_factory("file/m.db", redact="mask")
    masking.import_(tmp_path / "mem0" / "history.db", user_id="ana")
    named = {"actor_id": f"A {CARD}", "role": CARD, "categories": [CARD, "5500 0055 5555 5559", "food"]}
    related = [{"source": "Ana", "relationship": "pays with", "target": CARD}]
    masking.import_([{"id": "x", "memory": "Likes tea", "user_id": "bob", **named, "relations": related}])
    item = masking.get("x")
    assert (item["actor_id"], item["role"]) == ("A [card number]", "[card number]")
    assert item["categories"] == ["[card number]", "food"]
    assert [row["new_memory"] for row in masking.history("m1")] == [KEPT, "Likes tea"]
    assert masking.get("m1")["actor_id"] == "Ann [card number]"
    assert CARD.encode() not in bytes_of(tmp_path / "file")


def test_a_message_of_which_nothing_is_left_stays_where_evidence_points_to() -> None:
    told = (Message("user", "secret"), Message("user", "Likes tea", "Ben"))
    record = Record("m", "Likes tea", Scope("ana"), NOW, NOW)
    change = Change("ADD", None, record, evidence=(Span(1, 0, 9),))
    commit = Commit("c", "import", NOW, (change,), record.scope, told)
    kept = parse_redact(lambda text: text.replace("secret", "").replace("Ben", "somebody")).commit(commit)
    assert kept.messages == (Message("user", ""), Message("user", "Likes tea", "somebody"))
    assert kept.changes == commit.changes


def test_keys_and_numbers_of_metadata_are_masked(masking: Memory) -> None:
    told = {CARD: {KEY: 1}, "n": 4111111111111111.0, "whole": 7.0, "none": None}
    key = masking.add("Hi", user_id="ana", infer=False, metadata=told)["results"][0]["id"]
    assert masking.get(key)["metadata"] == {
        "[card number]": {"[OpenAI key]": 1}, "n": "[card number]", "whole": 7.0, "none": None
    }  # fmt: skip
    with pytest.raises(ValidationError, match=r"^metadata\.a: several keys, redacted, are '\[card number\]'"):
        masking.add("Hi", user_id="ana", metadata={"a": {CARD: 1, "5500 0055 5555 5559": 2}})
    assert masking.count() == 1


@pytest.mark.parametrize("rule", ["mask", "refuse"])
def test_an_id_with_a_secret_is_refused_under_both_rules(
    memory_factory: Callable[..., Memory], rule: str
) -> None:
    memory = memory_factory(redact=rule)
    for name, call in (
        ("user_id", lambda: memory.add("Hi", user_id=CARD)),
        ("run_id", lambda: memory.add("Hi", user_id="ana", run_id=KEY, infer=False)),
        ("agent_id", lambda: memory.add("Hi", filters={"agent_id": KEY})),
        (r"items\[0\]: app_id", lambda: memory.add_many([{"memory": "Hi", "app_id": CARD}])),
        (r"items\[0\]: id", lambda: memory.add_many([{"memory": "Hi", "id": CARD}], user_id="ana")),
        ("user_id", lambda: memory.import_([{"id": "m", "memory": "Hi", "user_id": CARD}])),
        ("the id of a memory", lambda: memory.import_([{"id": CARD, "memory": "Hi", "user_id": "b"}])),
    ):
        with pytest.raises(ValidationError, match=f"^{name} holds.*never masked, use another") as caught:
            call()
        assert CARD not in str(caught.value)
        assert KEY not in str(caught.value)
    assert memory.count() == 0


def test_a_function_never_sees_an_id(memory: Memory) -> None:
    memory.add("Likes tea", user_id="Ben", infer=False, redact=lambda text: text.replace("Ben", "somebody"))
    assert memory.count(user_id="Ben") == 1


def test_settings_of_the_file_are_masked_or_refused(masking: Memory, refusing: Memory) -> None:
    told = {"custom_categories": [{f"card {CARD}": f"like {KEY}"}], "excludes": ["health", CARD]}
    assert masking.configure(**told, enable_graph=True) == {
        "custom_categories": [{"card [card number]": "like [OpenAI key]"}],
        "excludes": ["health", "[card number]"],
        "enable_graph": True,
    }
    assert masking.configure(excludes=None, custom_categories=None) == {"enable_graph": True}
    with pytest.raises(ValidationError, match=r"^excludes\[1\] holds"):
        refusing.configure(excludes=told["excludes"])
    with pytest.raises(ValidationError, match=r"^a key of custom_categories\[0\] holds"):
        refusing.configure(custom_categories=told["custom_categories"])


def calls(memory: Memory) -> list[tuple[str, Callable[[], Any], str]]:
    """Return (place that the error has to name, call with a secret, the secret)."""
    kept = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
    talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": SAID}]
    steps = [{"role": "tool", "content": f"used {KEY}"}]
    procedure = {"agent_id": "bot", "memory_type": "procedural_memory"}
    return [
        (
            r"messages\[0\] holds.*card number, characters 11 to 30",
            lambda: memory.add(SAID, user_id="ana"),
            CARD,
        ),
        (r"messages\[1\] holds", lambda: memory.add(talk, user_id="ana", infer=False), CARD),
        (r"messages\[1\] holds", lambda: memory.add(talk, user_id="ana", dry_run=True), CARD),
        (r"the name of messages\[0\]", lambda: memory.add([{**talk[0], "name": CARD}], user_id="ana"), CARD),
        (r"messages\[0\].*OpenAI key", lambda: memory.add(steps, **procedure), KEY),
        (
            r"metadata\.a\.b\[1\] ",
            lambda: memory.add("Hi", user_id="ana", metadata={"a": {"b": [1, KEY]}}),
            KEY,
        ),
        (
            r"metadata\.n ",
            lambda: memory.add("Hi", user_id="ana", metadata={"n": 4111111111111111}),
            "41111111",
        ),
        (r"text holds", lambda: memory.update(kept, SAID), CARD),
        (r"metadata\.k ", lambda: memory.update(kept, {"k": KEY}), KEY),
        (f"memory '{kept}': text", lambda: memory.batch_update([{"memory_id": kept, "text": SAID}]), CARD),
        (r"items\[1\]: its text", lambda: memory.add_many(["Has a cat", SAID], user_id="ana"), CARD),
        (
            r"items\[0\]: its metadata\.k",
            lambda: memory.add_many(["Hi"], user_id="ana", metadata={"k": KEY}),
            KEY,
        ),
        (r"feedback_reason holds", lambda: memory.feedback(kept, "NEGATIVE", SAID), CARD),
        (r"memory 'm' holds", lambda: memory.import_([{"id": "m", "memory": SAID, "user_id": "ana"}]), CARD),
        (r"a key of metadata holds", lambda: memory.add("Hi", user_id="ana", metadata={CARD: 1}), CARD),
        (
            r"the role of memory 'm' holds",
            lambda: memory.import_([{"id": "m", "memory": "Hi", "user_id": "ana", "role": CARD}]),
            CARD,
        ),
    ]


def test_refusing_names_the_kind_and_the_place_and_not_the_secret(refusing: Memory, tmp_path: Path) -> None:
    asked = calls(refusing)
    before = bytes_of(tmp_path)
    for place, call, secret in asked:
        with pytest.raises(ValidationError, match=f"(?s)^{place}.*redact='mask'") as caught:
            call()
        assert secret not in str(caught.value)
    assert bytes_of(tmp_path) == before
    refusing.add("Has a dog", user_id="ana", infer=False)
    assert refusing.count() == 2


def test_a_call_may_ask_for_another_way(memory_factory: Callable[..., Memory]) -> None:
    refusing, plain = memory_factory(redact="refuse"), memory_factory("other.db")
    refusing.add(SAID, user_id="ana", infer=False, redact="mask")
    refusing.add(SAID, user_id="ana", infer=False, redact=None)
    assert texts(refusing) == sorted([SAID, KEPT])
    with pytest.raises(ValidationError, match="card number"):
        plain.add(SAID, user_id="ana", redact="refuse")
    assert plain.count() == 0


def test_a_function_decides_for_itself(memory_factory: Callable[..., Memory]) -> None:
    seen: list[str] = []

    def without_ben(text: str) -> str:
        seen.append(text)
        return text.replace("Ben", "somebody")

    memory = memory_factory(redact=without_ben)
    memory.add("Ben likes tea", user_id="ana", infer=False, metadata={"who": "Ben", "n": 5})
    assert texts(memory) == ["somebody likes tea"]
    assert memory.get_all()["results"][0]["metadata"] == {"who": "somebody", "n": 5}
    assert set(seen) == {"Ben likes tea", "who", "Ben", "n", "5"}


def test_messages_of_which_nothing_is_left_are_left_out(memory: Memory) -> None:
    talk = [{"role": "user", "content": text} for text in ("secret one", "Likes tea")]
    memory.add(talk, user_id="ana", infer=False, redact=lambda text: "" if "secret" in text else text)
    assert texts(memory) == ["Likes tea"]
    with pytest.raises(ValidationError, match="holds no text"):
        memory.add(talk[:1], user_id="ana", redact=lambda text: "")
    with pytest.raises(ValidationError, match="text, redacted, is empty"):
        parse_redact(lambda text: " ").text("Likes tea", "text")


@pytest.mark.parametrize("result", [None, 5, b"x", "\ud800", "a\x00"])
def test_what_a_function_returns_is_checked(memory: Memory, result: Any) -> None:
    for given_ in ({"messages": "Likes tea"}, {"messages": "Likes tea", "infer": False}):
        with pytest.raises(ValidationError):
            memory.add(**given_, user_id="ana", redact=lambda text: result)
    assert memory.count() == 0


def test_an_error_of_a_function_is_the_callers_own(memory: Memory) -> None:
    def never(text: str) -> str:
        raise PermissionError("not this one")

    with pytest.raises(PermissionError, match="not this one"):
        memory.add("Likes tea", user_id="ana", redact=never)
    assert memory.count() == 0


@pytest.mark.parametrize("wrong", ["", "hide", True, 5, ["mask"], b"mask"])
def test_anything_else_is_refused(memory: Memory, wrong: Any) -> None:
    with pytest.raises(ValidationError, match="redact must be 'mask', 'refuse'"):
        memory.add("Likes tea", user_id="ana", redact=wrong)
    with pytest.raises(ValidationError, match="redact must be 'mask', 'refuse'"):
        Memory(":memory:", redact=wrong)
    assert memory.count() == 0
