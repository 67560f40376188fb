"""Where a game begins and where it ends."""

from __future__ import annotations

import pytest

from tinymem.types import Message
from tinymem.understand.pretence import played


def talk(*texts: str) -> list[Message]:
    return [Message("user", text) for text in texts]


@pytest.mark.parametrize(
    ("texts", "places"),
    [
        (("let's roleplay, you are a waiter", "I'm a duke", "ok end of roleplay", "I'm a nurse"), {0, 1}),
        (("Let's do a role-play!", "I have nine ships"), {0, 1}),
        (("pretend you're my boss", "I quit", "enough pretending", "I live in Leeds"), {0, 1}),
        (("I live in Leeds", "can we pretend it's 1920", "I own a zeppelin"), {1, 2}),
        (("I love role models and plays", "I live in Leeds"), set()),
        (("The game is over, I lost", "I live in Leeds"), set()),
    ],
)
def test_what_is_played_is_found(texts: tuple[str, ...], places: set[int]) -> None:
    assert played(talk(*texts)) == places


def test_what_is_said_in_a_part_is_nobodys_fact(memory_factory):
    real = memory_factory(embedder=None, extractor=None, reconciler=None)
    real.add(
        [
            {"role": "user", "content": "let's roleplay, you're a waiter in Paris"},
            {"role": "assistant", "content": "Bonsoir! What would you like?"},
            {"role": "user", "content": "wine please, and I'm terribly allergic to garlic"},
            {"role": "user", "content": "ok end of roleplay. I'm a vegetarian by the way"},
        ],
        user_id="ana",
    )
    assert [item["memory"] for item in real.get_all(user_id="ana")["results"]] == ["Is a vegetarian"]
