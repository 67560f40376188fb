"""Whose statement it is among several people: their names in the facts, nobody's fact for another's."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import SameBeginning
from tinymem.config import build_extractor
from tinymem.testing import FrozenClock, ScriptedLlm, counting_ids
from tinymem.types import Decision, Fact, Message
from tinymem.understand.attribution import attributed, heard_by_each, speakers_named, with_subject
from tinymem.understand.extract import BundledExtractor

TALK = [
    Message("user", "I like tea", "Bo"),
    Message("user", "I don't", "Al"),
    Message("assistant", "Noted", "Bot"),
    Message("user", "So?"),
]


# -- the wording


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Likes tea", "Bo likes tea"),
        ("Is allergic to peanuts", "Bo is allergic to peanuts"),
        ("Doesn't eat meat", "Bo doesn't eat meat"),
        ("Can’t swim", "Bo can't swim"),
        ("Moved to Oslo in May", "Bo moved to Oslo in May"),
        ("Will visit Rome", "Bo will visit Rome"),
        ("Used to smoke", "Bo used to smoke"),
        ("Never drinks coffee", "Bo never drinks coffee"),
        ("Co-owns a bike shop", "Bo co-owns a bike shop"),
        ("Is Ana's brother", "Bo is Ana's brother"),
        ("Sister is a vet", "Bo's sister is a vet"),
        ("Sister Maya is a vet", "Bo's sister Maya is a vet"),
        ("Daughter's name is Mia", "Bo's daughter's name is Mia"),
        ("Older brother lives in Rome", "Bo's older brother lives in Rome"),
        ("Best friend is Al", "Bo's best friend is Al"),
        ("Wife and kids live in Rome", "Bo's wife and kids live in Rome"),
        ("Favourite food is ramen", "Bo's favourite food is ramen"),
        ("Birthday is 3 May", "Bo's birthday is 3 May"),
        ("New job starts on Monday", "Bo's new job starts on Monday"),
    ],
)
def test_a_fact_about_the_speaker_gets_his_name(text, wanted):
    assert with_subject(text, "Bo") == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("Bo likes tea", "Bo's dog is three", "Is called Bo", "BO likes tea", "Has a dog that Bo walks"),
        *("Maya lives in Porto", "Rex is three", "Bob's cat is grey", "Nick lives in Rome"),
        *("Rose lives in Oslo", "Will is a friend", "Drew has a van"),  # names that are verbs too
        *("Tea is served at five", "Their dog died", "喜欢喝茶", "🍵"),
    ],
)
def test_a_fact_that_names_somebody_stays_as_it_is(text):
    assert with_subject(text, "Bo") == text


@pytest.mark.parametrize("name", ["Bo Li", "O'Brien", "李雷", "bo_77", "Ana-María"])
def test_a_name_is_written_as_it_was_given(name):
    assert with_subject("Likes tea", name) == f"{name} likes tea"
    assert with_subject(f"{name} likes tea", name) == f"{name} likes tea"
    assert with_subject("Sister is a vet", name) == f"{name}'s sister is a vet"


def test_a_name_within_a_word_is_no_name():
    assert with_subject("Likes Bobo", "Bo") == "Bo likes Bobo"


@given(st.text(max_size=60), st.text(min_size=1, max_size=12))
def test_whatever_the_text_it_ends_as_it_ended(text, name):
    told = with_subject(text, name)
    rest = "".join(text.strip().split(maxsplit=1)[1:])
    assert told == text or (told.startswith(name) and told.endswith(rest))


# -- who is meant


def test_only_several_named_speakers_of_one_role_are_told_apart():
    assert speakers_named(TALK, "user") == {"Bo", "Al"}
    tea = Fact("Likes tea", "user", 0)
    assert attributed(tea, TALK).text == "Bo likes tea"
    assert attributed(tea, TALK[:1]) == attributed(tea, [TALK[0], TALK[2]]) == tea
    assert attributed(Fact("Is helpful", "assistant", 2), TALK).text == "Is helpful"


def test_who_has_no_name_and_what_is_to_be_forgotten_get_none():
    nameless, forget = Fact("Likes tea", "user", 3), Fact("my address", "user", 0, forget=True)
    assert attributed(nameless, TALK) == nameless
    assert attributed(forget, TALK) == forget


# -- group chats


def say(*said):
    return [{"role": "user", "name": name, "content": text} for name, text in said]


def stored(memory, **asked):
    return {(item.get("actor_id"), item["memory"]) for item in memory.get_all(**asked)["results"]}


@pytest.fixture
def group(memory_factory):
    """A Memory with the bundled models."""
    settings = {"extractor": None, "reconciler": None, "embedder": None, "new_id": counting_ids()}
    return memory_factory(**settings, clock=FrozenClock("2026-01-10T12:00:00+00:00"))


def test_the_people_of_a_group_keep_apart(group):
    ids = {"user_id": "team", "run_id": "r1"}
    group.add(say(("Ana", "I live in Berlin."), ("Bo", "I live in Munich.")), **ids)
    assert stored(group) == {("Ana", "Ana lives in Berlin"), ("Bo", "Bo lives in Munich")}
    (ana,) = group.get_all(filters={"actor_id": "Ana"})["results"]
    moved = group.add(say(("Bo", "I moved to Hamburg."), ("Ana", "I'm a nurse.")), **ids)["results"]
    assert {(item["event"], item["memory"]) for item in moved} == {
        ("UPDATE", "Bo moved to Hamburg"),
        ("ADD", "Ana is a nurse"),
    }
    assert group.get(ana["id"]) == ana
    assert stored(group, filters={"actor_id": "Bo"}) == {("Bo", "Bo moved to Hamburg")}


def test_the_same_statement_of_two_people_is_stored_for_both(group):
    talk = say(("Ana", "I live in Berlin."), ("Bo", "I live in Berlin."))
    for _ in range(2):
        group.add(talk, user_id="team")
        assert stored(group) == {("Ana", "Ana lives in Berlin"), ("Bo", "Bo lives in Berlin")}


def test_within_a_call_nobody_corrects_denies_or_takes_back_what_another_said():
    talk = [
        Message(
            "user",
            "I live in Berlin. I have a dog. My flight is on Monday. My address is 5 Elm Street",
            "Ana",
        ),
        Message("user", "I moved to Oslo last month. I don't have a dog. Actually Tuesday.", "Bo"),
        Message("user", "Forget my address.", "Bo"),
    ]
    facts = BundledExtractor().extract(talk, ("user",), date(2026, 1, 10)).facts
    assert [fact.text for fact in facts if fact.message == 0] == [
        *("Lives in Berlin", "Has a dog", "Flight is on Monday", "Address is 5 Elm Street"),
    ]
    assert {fact.text for fact in facts if fact.message == 1} == {
        "Moved to Oslo last month",
        "Does not have a dog",
    }
    assert [fact.message for fact in facts if fact.forget] == [2]


def test_what_one_asks_is_answered_by_the_other():
    talk = [Message("user", "Do you have any pets?", "Ana"), Message("user", "Yes, two cats.", "Bo")]
    (fact,) = build_extractor(None, None, None).extract(talk, ("user",), date(2026, 1, 10)).facts
    assert (fact.text, fact.message) == ("Has two cats", 1)


def test_each_of_several_hears_the_others_questions_and_no_statements():
    talk = [
        Message("user", "I live in Oslo", "Ana"),
        Message("user", "Where?", "Bo"),
        Message("assistant", "In Oslo"),
    ]
    assert heard_by_each(talk, ("user", "assistant")) == [
        (talk, ["assistant"]),
        ([talk[0], Message("assistant", "Where?", "Bo"), talk[2]], ("user",)),
        ([Message("assistant", "", "Ana"), *talk[1:]], ("user",)),
    ]
    assert heard_by_each(talk[:1], ("user",)) == [(talk[:1], ["user"])]


def test_alone_in_a_call_each_still_has_facts_of_their_own(group):
    for name in ("Ana", "Bo", "Ana"):
        group.add(say((name, "I live in Berlin.")), user_id="team")
    assert stored(group) == {("Ana", "Lives in Berlin"), ("Bo", "Lives in Berlin")}
    group.add(say(("Bo", "I moved to Hamburg.")), user_id="team")
    assert stored(group) == {("Ana", "Lives in Berlin"), ("Bo", "Moved to Hamburg")}


def test_what_one_asks_to_forget_is_kept_for_the_other(group):
    group.add(say(("Ana", "My home address is 5 Elm Street."), ("Bo", "I live in Munich.")), user_id="team")
    group.add(
        say(("Bo", "Please forget Ana's home address."), ("Bo", "Forget my home address.")), user_id="team"
    )
    assert ("Ana", "Ana's home address is 5 Elm Street") in stored(group)


def test_relations_of_a_group_start_at_the_one_who_speaks(group):
    talk = say(("Ana", "I live in Berlin."), ("Bo", "I live in Munich."))
    relations = group.add(talk, user_id="team", enable_graph=True)["relations"]["added_entities"]
    assert {(one["source"], one["target"]) for one in relations} == {("Ana", "Berlin"), ("Bo", "Munich")}


class Eager(SameBeginning):
    """Replaces whatever memory it is offered, so that a test sees what was."""

    def decide(self, fact, offered):
        return Decision("UPDATE", fact, offered[0], fact.text) if offered else Decision("ADD", fact)


def test_no_fact_is_even_compared_with_another_persons(memory_factory):
    memory = memory_factory(reconciler=Eager())
    memory.add(say(("Ana", "Lives in Berlin"), ("Bo", "Lives in Munich")), user_id="team")
    memory.add(say(("Bo", "Lives in Hamburg")), user_id="team", run_id="r1")
    assert stored(memory) >= {("Ana", "Ana lives in Berlin")}
    memory.add([{"role": "user", "content": "Lives together"}], user_id="solo")
    memory.add(say(("Ana", "Lives alone")), user_id="solo")
    assert stored(memory, user_id="solo") == {(None, "Lives alone")}  # nobody's may be Ana's


def test_word_for_word_keeps_the_names_beside_the_text(memory):
    memory.add(say(("Ana", "Lives in Berlin"), ("Bo", "Lives in Berlin")), user_id="team", infer=False)
    assert stored(memory) == {("Ana", "Lives in Berlin"), ("Bo", "Lives in Berlin")}


def test_a_chat_models_facts_get_the_names_too(memory_factory):
    facts = (
        '{"facts": [{"message": 0, "fact": "Lives in Berlin"}, {"message": 1, "fact": "Bo lives in Munich"}]}'
    )
    memory = memory_factory(llm=ScriptedLlm([facts]), extractor=None)
    memory.add(say(("Ana", "I live in Berlin."), ("Bo", "I live in Munich.")), user_id="team")
    assert stored(memory) == {("Ana", "Ana lives in Berlin"), ("Bo", "Bo lives in Munich")}
