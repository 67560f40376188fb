"""Who asks to forget, what is meant, and what only sounds like it: wrongly forgotten is worse than kept."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem.understand.forgetting import LEAST, LONGEST, asked_to_forget, fit, is_meant


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("please forget my home address", "my home address"),
        ("Forget my address.", "my address"),
        ("forget that I live in Oslo", "I live in Oslo"),
        ("Forget that I’m vegan!", "I’m vegan"),
        ("forget about my ex", "my ex"),
        ("Can you forget my phone number please?", "my phone number"),
        ("could you please forget that I smoke", "I smoke"),
        ("I want you to forget my salary", "my salary"),
        ("I'd like you to forget my old job, thanks", "my old job"),
        ("Ok, thanks, now forget our wedding date", "our wedding date"),
        ("I moved so forget my old address", "my old address"),
        ("You can forget my gym membership now", "my gym membership"),
        ("Forget what I told you about my ex.", "my ex"),
        ("Forget everything I told you about money.", "money"),
        ("forget everything about Tariq please", "Tariq"),
        ("Forget everything you know about my mother", "my mother"),
        ("please forget all you have saved about my health for good", "my health"),
        ("forget the memory about Lisbon", "Lisbon"),
        ("please forget about the gym", "the gym"),
        ("please forget my rent because I moved", "my rent"),
        ("Delete what you know about my sister", "my sister"),
        ("please erase everything you have stored on my divorce", "my divorce"),
        ("Remove the memory about my tattoo", "my tattoo"),
        ("can you remove anything about crypto from what you know about me", "crypto"),
        ("delete my birthday from your memory", "my birthday"),
        ("please remove everything about Deloitte from your memory", "Deloitte"),
        ("Can you take the fact that I smoke out of your notes?", "I smoke"),
        ("wipe my address from memory", "my address"),
        ("stop remembering my weight", "my weight"),
        ("please forget my old phone number, the one ending in 4410", None),
    ],
)
def test_requests_to_forget_are_read(said: str, what: str | None) -> None:
    assert asked_to_forget(said) == (what or "my old phone number, the one ending in 4410")


@pytest.mark.parametrize(
    "said",
    [
        # nothing is named
        "forget it",
        "forget that",
        "Forget about it, I found it.",
        "never mind, forget all that",
        "please forget everything",
        "forget everything you know about me",
        "delete all of this from your memory",
        "forget I asked",
        "forget I said anything",
        "forget what I said",
        "forget my last message",
        "please forget my previous question",
        "forget me",
        # the opposite
        "don't forget the milk",
        "dont forget my birthday",
        "please don't ever forget my birthday",
        "Don’t just forget my order",
        "never forget that I love you",
        "please do not forget my name",
        "we should not forget our roots",
        # somebody else forgets
        "I forget my keys all the time",
        "I always just forget my password",
        "sorry I forgot my homework",
        "so I forget my lines on stage",
        "I'll forget my head one day",
        "he'd forget my name in a second",
        "they forget my order every time",
        "I want to forget my ex",
        "help me to forget my ex",
        "help me relax and forget my problems",
        "We're busy growing up and forget our parents are growing old",
        "Let's just forget our troubles",
        "what if I forget my passport?",
        "did you forget my name?",
        "tell John, forget my number",
        "She said, forget my number",
        # not yet, or never
        "would you forget my name if I left?",
        "please forget my address once you have sent the parcel",
        # other things than the memory
        "delete the second line",
        "delete my account",
        "remove the part about my divorce",
        "delete everything on my calendar",
        "Delete all of my account information",
        "remove all of my alarms",
        "erase everything on my phone",
        "delete the duplicates from my database",
        "clear the photos from my memory card",
        "remove the object from memory",
        "remove my photos from memory card B",
        "drop the bit about my hobbies",
        "forget the drum kit, neighbours.",
        "Forget about Rob.",
        "forget that you are a bot.",
        "forget all that jazz",
        "don't remember my wifi password",
        "I can't remember my password",
        "how do I unlearn my bad habits",
        "",
        "forget",
        "forget my",
    ],
)
def test_what_only_sounds_like_it_is_no_request(said: str) -> None:
    assert asked_to_forget(said) is None


@pytest.mark.parametrize(
    ("request_", "memory"),
    [
        ("my home address", "Home address is 5 Elm Street"),
        ("my address", "Home address is 5 Elm Street"),
        ("my ex", "Ex Tom lives in York"),
        ("Tariq", "Boyfriend is called Tariq"),
        ("Tariq", "Tariq is allergic to shellfish"),
        ("I live in Oslo", "Lives in Oslo"),
        ("I’m vegan", "Is vegan"),
        ("I'm not allergic to nuts", "Is not allergic to nuts"),
        ("I like tea", "Likes tea"),
        ("my sister's job", "Sister Maya's job is nursing"),
        ("my sister", "Sister Maya is a nurse"),
        ("my dog Rex", "Dog Rex sleeps on the sofa"),
        ("my old phone number, the one ending in 4410", "Phone number is 0176 5554410"),
        ("the gluten thing", "Cannot eat gluten"),
        ("I have two cats", "Has 2 cats"),
    ],
)
def test_what_is_meant(request_: str, memory: str) -> None:
    assert is_meant(request_, memory)


@pytest.mark.parametrize(
    ("request_", "memory"),
    [
        ("my home address", "Has a home in Oslo"),
        ("my old address", "Address is 9 Oak Street"),
        ("my address", "Sister Maya's address is 9 Oak Street"),
        ("my birthday", "Max's birthday is 3 May"),
        ("my name", "Dog's name is Rex"),
        ("I live in Oslo", "Works in Oslo"),
        ("I live in Oslo", "Brother Tom lives in Oslo"),
        ("I like tea", "Does not like tea"),
        ("I like tea", "Is allergic to tea"),
        ("I'm not allergic to nuts", "Is allergic to nuts"),
        ("my appointment on 3 May at 9", "Appointment on 3 May at 10"),
        ("my phone number, the one ending in 4410", "Phone number is 0176 5554411"),
        ("I have two cats", "Has three cats"),
        ("me", "Likes tea"),
        ("it", "Likes it"),
        ("", ""),
    ],
)
def test_what_is_not_meant(request_: str, memory: str) -> None:
    assert not is_meant(request_, memory)


def test_a_memory_that_has_more_of_the_words_fits_better() -> None:
    request = "I met Anna in Rome in May"
    fits = [
        fit(request, memory) for memory in ("Met Anna in Rome in May", "Met Tom in Rome in May", "Met Tom")
    ]
    assert fits[0] == 1 > fits[1] >= LEAST > fits[2]


PHRASES = (
    "please forget that I my everything you know about from your memory delete remove don't not , . ; ’ ex "
    "address now thanks so and the fact because if 34 😀 漢字 \ud800 \n"
)
WORDS = st.lists(st.sampled_from(PHRASES.split(" ")), max_size=30).map(" ".join)
TEXTS = st.text(max_size=200) | WORDS


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_any_text_is_read_and_what_is_asked_stands_in_it(clause: str, memory: str) -> None:
    what = asked_to_forget(clause)
    assert what is None or (what and what in clause)
    assert 0 <= fit(what or clause, memory) <= 1
    assert is_meant(clause, clause) in (True, False)


@given(TEXTS)
def test_what_is_not_to_be_forgotten_never_is(clause: str) -> None:
    assert asked_to_forget(f"don't forget {clause}") is None


@pytest.mark.parametrize(
    "piece", ["forget my ", ", ", " ", "please ", "delete a ", "all the ", "x", "thanks, "]
)
def test_a_long_text_is_no_request_and_costs_nothing(piece: str) -> None:
    begin = perf_counter()
    assert asked_to_forget("please forget my address" + piece * 100_000) is None
    asked_to_forget(("please forget my address" + piece * LONGEST)[:LONGEST])
    assert perf_counter() - begin < 0.5
