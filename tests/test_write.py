"""What the rules write, and what they leave alone."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinymem.understand.persona import persona
from tinymem.understand.standalone import LONGEST
from tinymem.understand.statement import statements
from tinymem.understand.write import write


@pytest.mark.parametrize(
    ("clause", "facts"),
    [
        ("I live in Leeds", ["Lives in Leeds"]),
        ("so im lactose intolerant tbh", ["Is lactose intolerant"]),
        ("ive been learning guitar since 2019", ["Has been learning guitar since 2019"]),
        ("I’ve got two cats 😀", ["Has two cats"]),
        ("i dont eat meat", ["Does not eat meat"]),
        ("I can't stand coriander", ["Cannot stand coriander"]),
        ("I never eat breakfast", ["Never eats breakfast"]),
        ("I usually wake up at 6", ["Usually wakes up at 6"]),
        ("I studied law in Bonn", ["Studied law in Bonn"]),
        ("I used to smoke a pack a day", ["Used to smoke a pack a day"]),
        ("I'm not a fan of horror films", ["Does not like horror films"]),
        ("I'd rather have tea", ["Would rather have tea"]),
        ("I'd like to visit Japan", ["Wants to visit Japan"]),
        ("I'm 34", ["Is 34 years old"]),
        ("I'm Ana, a nurse from Leeds", ["Name is Ana", "Is a nurse from Leeds"]),
        ("My name's Idris", ["Name is Idris"]),
        ("I'm Danish", ["Is Danish"]),
        ("We adopted a greyhound", ["Adopted a greyhound"]),
        ("I live in Leeds and work as a nurse", ["Lives in Leeds", "Works as a nurse"]),
        ("I am vegan and allergic to nuts", ["Is vegan", "Is allergic to nuts"]),
        ("I like tea, coffee and cake", ["Likes tea, coffee and cake"]),
        ("My sister Maya's allergic to cats", ["Sister Maya is allergic to cats"]),
        ("my brother-in-law Declan drives a bus", ["Brother-in-law Declan drives a bus"]),
        ("My parents live in Porto", ["Parents live in Porto"]),
        ("My brother Luca, a chef in Rome", ["Brother Luca is a chef in Rome"]),
        ("my budget is 900 euros", ["Budget is 900 euros"]),
        ("I sold my car to my sister Ana", ["Sold the car to sister Ana"]),
        ("I get migraines when I drink red wine", ["Gets migraines when drinking red wine"]),
        ("I broke my leg when I was 12", ["Broke the leg at age 12"]),
        ("allergic to nuts", ["Is allergic to nuts"]),
        ("vegan 3 yrs now", ["Has been vegan for 3 years"]),
        ("not a fan of olives", ["Does not like olives"]),
        ("can't swim", ["Cannot swim"]),
        ("call me Max", ["Wants to be called Max"]),
        ("please answer in French from now on", ["Wants answers in French"]),
        ("I haven't flown since 2019", ["Has not flown since 2019"]),
        ("on Tuesdays I play chess", ["Plays chess on Tuesdays"]),
    ],
)
def test_what_is_written(clause, facts):
    assert write(clause) == facts


@pytest.mark.parametrize(
    "clause",
    [
        "what should I eat",
        "I live in Leeds?",
        "can you help me with my CV",
        "if I had a garden I'd get chickens",
        "I think so",
        "I guess it works",
        "I'm just wondering",
        "I'm not sure about it",
        "I need help with an essay",
        "I want you to be shorter",
        "I'm looking for a recipe",
        "I'd say yes",
        "Loves it",
        "I have one",
        "I did that",
        "I'll try it",
        "thanks, that was great",
        "make it shorter",
        "book a table for two",
        "my boss says I'm lazy",
        "she is a nurse",
        "since we moved here",
        "I told him about her",
        "ich mag Hunde",
        "",
        "😀",
    ],
)
def test_what_no_rule_is_sure_of_gives_nothing(clause):
    assert write(clause) == []


@pytest.mark.parametrize(
    ("question", "reply", "facts"),
    [
        ("Hi! What's your name?", "Idris", ["Name is Idris"]),
        ("How old are you?", "im 34", ["Is 34 years old"]),
        ("Where do you live?", "Leeds", ["Lives in Leeds"]),
        ("Where do you live?", "near Bonn, in a village", ["Lives near Bonn"]),
        ("What do you do for a living?", "nurse", ["Works as a nurse"]),
        ("Are you vegetarian?", "yes", ["Is vegetarian"]),
        ("Are you vegetarian?", "no", ["Is not vegetarian"]),
        ("Are you still training for the race?", "nope", ["Is no longer training for the race"]),
        ("Do you drink alcohol?", "never", ["Does not drink alcohol"]),
        ("Do you have any pets?", "two cats", ["Has two cats"]),
        ("Do you have any allergies?", "just peanuts", ["Is allergic to peanuts"]),
        ("Have you ever been to Lima?", "no", ["Has never been to Lima"]),
        ("How many children do you have?", "three", ["Has three children"]),
        ("What's your budget?", "around 900", ["Budget is 900"]),
        ("Which editor do you use?", "helix btw", ["Uses helix"]),
        ("When is your wedding?", "12 May", ["Wedding is on 12 May"]),
        ("How long have you been learning Turkish?", "2 years", ["Has been learning Turkish for 2 years"]),
        ("What do you sell?", "pickles, krauts and kimchi", ["Sells pickles, krauts and kimchi"]),
        ("How old is your nephew?", "seven", ["Nephew is seven"]),
        ("When did you leave the property?", "31 Aug", ["Left the property on 31 Aug"]),
        ("Do you still use Slack?", "no", ["No longer uses Slack"]),
        ("Do you prefer hotels or apartments?", "apartments", ["Prefers apartments"]),
        ("Do you have siblings?", "Two older brothers.", ["Has two older brothers"]),
        ("What do you drive?", "An old Volvo", ["Drives an old Volvo"]),
        ("Which passport do you hold?", "Canadian.", ["Holds a Canadian passport"]),
        ("What's your favourite band?", "A Perfect Circle", ["Favourite band is A Perfect Circle"]),
    ],
)
def test_short_answers_take_their_predicate_from_the_question(question, reply, facts):
    assert write(reply, before=question) == facts


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Shall I book a table?", "yes"),
        ("Would you like a recipe?", "yes please"),
        ("Do you want me to explain it?", "no"),
        ("Do you know Python or Java?", "yes"),
        ("Are you there?", "yes"),
        ("What's your budget?", "not sure"),
        ("Which one do you use?", "the second one"),
        ("Where do you live?", "why do you ask"),
        ("Nice weather.", "yes"),
        ("What's your name?", "I'd rather not say"),
    ],
)
def test_offers_evasions_and_pointers_give_nothing(question, reply):
    assert write(reply, before=question) == []


@pytest.mark.parametrize(
    ("earlier", "clause", "facts"),
    [
        ("My sister Maya is coming. ", "she's allergic to cats", ["Sister Maya is allergic to cats"]),
        ("My nephew Kwame called. ", "he's 13", ["Nephew Kwame is 13"]),
        ("I have a dog. ", "his name is Rex", ["Dog's name is Rex"]),
        ("My brother Tom and my dad are here. ", "he's 40", []),
        ("My sister met Anna yesterday. ", "she's a nurse", []),
        ("Nothing here. ", "she's a nurse", []),
    ],
)
def test_pronouns_are_resolved_only_when_one_person_can_be_meant(earlier, clause, facts):
    assert write(clause, earlier=earlier) == facts


def test_third_person_statements_are_written_only_on_request():
    assert write("Kwame can't have sesame") == []
    assert write("Kwame can't have sesame", third=True) == ["Kwame cannot have sesame"]


@pytest.mark.parametrize(
    ("clause", "facts"),
    [
        ("I'm Tamsin, your moving-day helper", ["Name is Tamsin", "Is the moving-day helper"]),
        ("I am an AI tutor for maths", ["Is an AI tutor for maths"]),
        ("I never sail on a Friday", ["Never sails on a Friday"]),
        ("I recommend the blue one", []),
        ("I have added it to your list", []),
    ],
)
def test_an_assistant_is_only_heard_about_itself(clause, facts):
    assert write(clause, about="assistant") == facts


def test_a_persona_is_read_from_a_system_message():
    text = "You are Max, a cheerful cooking assistant. You never swear. Answer briefly. The user is Ana."
    assert [fact for fact, _ in persona(text)] == [
        "Name is Max",
        "Is a cheerful cooking assistant",
        "Never swears",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Prefers window seats",
        "Max's birthday is 3 May",
        "Water boils at 100 degrees",
        "Mag keine Oliven und Sellerie",
        "私は猫アレルギーがあります",
    ],
)
def test_bare_statements_are_kept_as_they_stand(text):
    assert statements(text) == [(text, (0, len(text)))]


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of France?",
        "Good morning",
        "I like tea",
        "Tell Max the news",
        "Is it raining",
        "lol",
        "It works. I like it.",
    ],
)
def test_questions_orders_and_small_talk_are_no_bare_statements(text):
    assert statements(text) == []


FIRST_PERSON = re.compile(r"\b(?:i|my|mine|we|our)\b", re.IGNORECASE)
WORDS = """
I i'm im we my our sister Maya she her he they am have don't like live in Leeds and but that which
when if a the dog cats ? , . two never is was been it them this with me us so because name's called
Rex 34 kg not
"""
SAID = st.lists(st.sampled_from(WORDS.split()), max_size=14).map(" ".join)


@given(
    SAID | st.text(max_size=60),
    st.sampled_from(["", "What's your name?", "Are you vegan?", "Where do you live?"]),
)
@example("I have I", "")
def test_whatever_is_written_is_in_house_style(clause, before):
    for fact in write(clause, before=before, earlier="My sister Maya called. ", third=True):
        assert not FIRST_PERSON.search(fact)
        assert fact[0] == fact[0].upper()
        assert not fact.endswith((".", ",", "?", "!", " "))
        assert 2 <= len(fact.split()) <= LONGEST or fact.startswith("Is ")


def test_laughter_and_loose_reasons_are_cut():
    assert write("I bought a campervan hahahaha") == ["Bought a campervan"]
    assert write("I'm taking Korean classes on Saturdays cause") == ["Is taking Korean classes on Saturdays"]


def test_a_verb_spelt_alike_in_the_past_is_a_habit_when_it_recurs():
    assert write("I put away 600 every month") == ["Puts away 600 every month"]
    assert write("I quit smoking in 2019") == ["Quit smoking in 2019"]


def test_a_twofold_question_has_no_certain_answer():
    assert write("Amman, 3rd of June", before="Where are you flying and when?") == []


def test_what_may_be_another_persons_is_left_alone():
    spoken_of = "Beatriz? She likes skateboarding. "
    assert write("birthday is the 3rd of August", earlier=spoken_of, third=True) == []
    assert write("birthday is the 3rd of August", third=True) == ["Birthday is the 3rd of August"]


def test_gone_comes_with_has():
    assert write("my budget's gone up to 900") == ["Budget has gone up to 900"]
