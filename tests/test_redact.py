"""Redaction: secrets are found by their form, and then neither a model nor the file ever sees them."""

from __future__ import annotations

import random
import string
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.secret_phrases import HARMLESS, SECRETS, noise
from tinymem import Memory, ValidationError
from tinymem.redact import NOTHING_REDACTED, parse_redact
from tinymem.testing import ScriptedLlm
from tinymem.understand.secrets import find_secrets, iban_holds, looks_random, luhn_holds, masked

CARD = "4111 1111 1111 1111"
KEY = f"sk-{noise(48)}"
SAID = f"My card is {CARD} and I like tea"
KEPT = "My card is [card number] and I like tea"


# -- what is found


@pytest.mark.parametrize(
    ("kind", "text", "secret"), SECRETS, ids=[f"{n}-{each[0]}" for n, each in enumerate(SECRETS)]
)
def test_a_secret_is_found_with_its_kind_and_its_place(kind: str, text: str, secret: str) -> None:
    assert [(found.kind, text[found.start : found.end]) for found in find_secrets(text)] == [(kind, secret)]
    assert masked(text) == text.replace(secret, f"[{kind}]")
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert find_secrets(text) == []
    assert masked(text) == text


def test_the_lists_are_long_enough_to_mean_something() -> None:
    assert len(SECRETS) >= 60
    assert len(HARMLESS) >= 60
    assert len({kind for kind, _, _ in SECRETS}) == 12


def test_several_secrets_are_found_in_order_and_without_overlaps() -> None:
    text = f"password=4111111111111111a, {KEY}; {CARD} and {CARD}"
    assert masked(text) == "password=[password], [OpenAI key]; [card number] and [card number]"


def test_secrets_that_overlap_are_one() -> None:
    assert masked(f"Bearer {noise(12)}.{KEY}") == "Bearer [OpenAI key]"


@given(st.text() | st.text(alphabet="0123456789 -sk_:=@/.eyJAZ\n", max_size=200))
def test_any_text_can_be_masked_and_masking_is_final(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
    places = [(found.start, found.end) for found in find_secrets(text)]
    assert all(start < end for start, end in places)
    assert all(one[1] <= other[0] for one, other in pairwise(places))


def test_checksums() -> None:
    assert [luhn_holds(number) for number in ("79927398713", "79927398710", "0")] == [True, False, True]
    assert iban_holds("GB82WEST12345698765432")
    assert not iban_holds("GB28WEST12345698765432")


def test_what_looks_random() -> None:
    assert looks_random("x9Kq2LmP0aZ7")
    assert not any(
        map(looks_random, ["password", "xxxxxxxxxxxx", "1234567890", "aaaa1111", "", "your-api-key"])
    )


LONG = 50_000
AWKWARD = {
    "prose": "the quick brown fox jumps over the lazy dog. " * (LONG // 45),
    "digits": "4" * LONG,
    "groups": "4111 " * (LONG // 5),
    "tokens": "eyJaaaaaaaaa." * (LONG // 13),
    "web tokens": "eyJ" * (LONG // 3),
    "blocks": "-----BEGIN RSA " * (LONG // 15),
    "addresses": "http://a:" * (LONG // 9),
    "a password": "http://a:" + "b" * LONG,
    "schemes": "a+" * (LONG // 2),
    "names": "password: " * (LONG // 10),
    "assignments": "secret key " * (LONG // 11),
    "accounts": "DE89 ABCD " * (LONG // 10),
    "spaces": " " * LONG,
    "bearer": "bearer   " * (LONG // 9),
    "noise": "".join(random.Random(1).choices(string.printable, k=LONG)),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_no_text_takes_long(name: str) -> None:
    """A pattern that reads text again and again takes minutes for this, and one that does not a moment."""
    started = time.process_time()
    find_secrets(AWKWARD[name])
    took = time.process_time() - started
    sys.stdout.write(f"{name}: {took * 1000:.0f} ms for {LONG} characters\n")
    assert took < 3


# -- what becomes of it


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
    assert set(seen) == {"Ben likes tea", "Ben", "5"}


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
