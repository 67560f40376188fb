"""Secrets are found by their form, what only looks like one is left alone, and no text takes long."""

from __future__ import annotations

import random
import string
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.secret_phrases import HARMLESS, SECRETS, noise
from tinymem.understand.secrets import find_secrets, iban_holds, looks_random, luhn_holds, masked

CARD = "4111 1111 1111 1111"
KEY = f"sk-{noise(48)}"


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
    "columns": "4111\n" * (LONG // 5),
    "dots": "4111." * (LONG // 5),
    "tokens": "eyJaaaaaaaaa." * (LONG // 13),
    "web tokens": "eyJ" * (LONG // 3),
    "blocks": "-----BEGIN RSA " * (LONG // 15),
    "addresses": "http://a:" * (LONG // 9),
    "a password": "http://a:" + "b" * LONG,
    "schemes": "a+" * (LONG // 2),
    "names": "password: " * (LONG // 10),
    "assignments": "secret key " * (LONG // 11),
    "accounts": "DE89 ABCD " * (LONG // 10),
    "small accounts": "de89 abcd " * (LONG // 10),
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
