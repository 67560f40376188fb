"""The bundled spotter, as it ships: which messages and clauses hold something worth remembering."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem.engines.catalog import model_folder
from tinymem.engines.manifest import read_manifest
from tinymem.engines.onnx import OnnxModel
from tinymem.errors import ConfigError
from tinymem.understand.spot import Spotter, Utterance


@pytest.fixture(scope="module")
def spotter() -> Spotter:
    return Spotter(OnnxModel(model_folder("memory/spotter")))


@pytest.fixture(scope="module")
def narrow() -> Spotter:
    """The same model behind a window of 32 tokens, so that short messages need several."""
    folder = model_folder("memory/spotter")
    window = {"max_tokens": 32, "max_first_tokens": 8}
    return Spotter(OnnxModel(folder, manifest={**read_manifest(folder), **window}))


def clauses_of(text: str, *parts: str) -> list[tuple[int, int]]:
    return [(text.index(part), text.index(part) + len(part)) for part in parts]


@pytest.mark.parametrize(
    "message",
    [
        "hey I'm Tomasz, 34 years old, from Gdańsk",
        "I drive a 2016 Subaru Outback, how often should I rotate the tyres?",
        "vegetarian since 2019, no dairy either",
        "my daughter Lila is allergic to walnuts",
        "I moved to Leeds last month and started as a nurse",
    ],
)
def test_messages_that_tell_about_the_speaker_are_found(spotter: Spotter, message: str) -> None:
    assert spotter.spot("", message, [(0, len(message))]).probability >= spotter.message_threshold


@pytest.mark.parametrize(
    "message",
    [
        "thanks a lot!",
        "What is the capital of Peru?",
        "How do I reverse a list in Python?",
        "lol ok",
        "hello",
    ],
)
def test_questions_and_small_talk_hold_nothing(spotter: Spotter, message: str) -> None:
    found = spotter.spot("", message, [(0, len(message))])
    assert found.probability < spotter.message_threshold
    assert found.clauses[0] < spotter.clause_threshold


def test_the_clause_that_states_the_fact_scores_above_the_question_beside_it(spotter: Spotter) -> None:
    text = "im vegetarian since january, can you explain how a turbine works"
    stated, asked = spotter.spot("", text, clauses_of(text, "im vegetarian since january", text[29:])).clauses
    assert stated >= spotter.clause_threshold > asked


def test_a_short_answer_is_understood_from_the_question_before_it(spotter: Spotter) -> None:
    asked = spotter.spot("assistant: Do you have any allergies?", "just penicillin", [(0, 15)])
    assert asked.probability >= spotter.message_threshold


def test_what_an_assistant_says_it_is_is_found_and_its_advice_is_not(spotter: Spotter) -> None:
    persona = "You are Basil, a gardening assistant. You never recommend pesticides."
    assert spotter.spot("", persona, [], speaker="system").probability >= spotter.message_threshold
    said = spotter.spot(
        "user: who are you", "I'm Basil, the gardening assistant of Hollow Farm.", [], speaker="assistant"
    )
    assert said.probability >= spotter.message_threshold
    advice = "Rinse the rice twice, then cook it for twelve minutes on low heat."
    assert spotter.spot("user: how do I cook rice", advice, [], speaker="assistant").probability < 0.5


def test_many_messages_are_answered_in_order(spotter: Spotter) -> None:
    said = [
        Utterance("", "thanks", ((0, 6),)),
        Utterance("", "my brother Luka lives in Zadar", ((0, 30),)),
        Utterance("", "   ", ((0, 3),)),
    ]
    nothing, brother, blank = spotter.spot_many(said)
    assert brother.probability > 0.5 > nothing.probability
    assert (blank.probability, blank.clauses) == (0.0, (0.0,))
    assert spotter.spot_many([]) == []


def test_a_fact_at_the_end_of_a_long_message_is_not_cut_off(spotter: Spotter) -> None:
    filler = "What is the tallest building in the world and how long did it take to build? " * 60
    text = filler + "By the way, my wife Ngozi is a nurse in Leicester."
    clauses = [(0, len(filler)), (len(filler), len(text))]
    found = spotter.spot("", text, clauses)
    assert found.probability >= spotter.message_threshold
    assert found.clauses[1] >= spotter.clause_threshold > found.clauses[0]


def test_a_clause_is_read_whole_even_where_a_window_ends(narrow: Spotter) -> None:
    asked = "can you tell me how tall the tower in Paris is, and how long they worked on it? "
    told = "my sister Maya lives in Leeds and is a nurse there"
    whole = narrow.spot("", asked + told, [(0, len(asked)), (len(asked), len(asked + told))])
    last = narrow.spot("", told, [(0, len(told))])
    assert whole.clauses[1] == pytest.approx(last.clauses[0], abs=0.05)


words = st.lists(st.text("ab é漢😀.\n", min_size=1, max_size=9), min_size=0, max_size=40)


@settings(max_examples=30, deadline=None)
@given(words)
def test_any_text_gets_a_score_for_every_clause(narrow: Spotter, parts: list[str]) -> None:
    text = " ".join(parts)
    clauses = [(start, min(start + 15, len(text))) for start in range(0, len(text), 15)]
    found = narrow.spot("assistant: " + text, text, clauses)
    assert len(found.clauses) == len(clauses)
    assert all(0 <= p <= 1 for p in (found.probability, *found.clauses))
    for (start, end), p in zip(clauses, found.clauses, strict=True):
        if any(character in "ab" for character in text[start:end]):
            assert p > 0, "a clause with letters was never read"


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="'judge'"):
        Spotter(OnnxModel(model_folder("memory/judge")))
