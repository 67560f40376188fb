"""What new facts do to memories: repetitions, replacements, removals, and what must never happen."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.types import Fact, Record, Scope
from tinymem.understand.judge import Verdict
from tinymem.understand.reconcile import BundledReconciler, same_slot, share_subject

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


def record(text, *, immutable=False):
    return Record(f"id of {text}", text, Scope(user_id="ana"), NOW, NOW, immutable=immutable)


def fact(text):
    return Fact(text, "user", 0)


class TableJudge:
    """Answers from a table of (memory, fact): what a caller's own judge may look like."""

    def __init__(self, table, thresholds=None):
        self.table = table
        self.thresholds = thresholds or {}

    def judge_many(self, pairs):
        return [Verdict(*self.table.get(pair, ("unrelated", 0.99))) for pair in pairs]


def decided(facts, memories, table=None, **settings):
    judge = None if table is None else TableJudge(table)
    records = [memory if isinstance(memory, Record) else record(memory) for memory in memories]
    made = BundledReconciler(judge, **settings).reconcile(
        [fact(text) for text in facts], [records] * len(facts)
    )
    return [
        (each.event, each.fact.text, each.target.text if each.target else None, each.text) for each in made
    ]


@pytest.mark.parametrize(
    ("new", "memory"),
    [
        ("Likes tea", "Likes tea"),
        ("likes tea.", "Likes tea"),
        ("Has two cats", "Has 2 cats"),
        ("Has a dog", "Has a dog named Rex"),
    ],
)
def test_repetitions_are_recognised_without_a_judge(new, memory):
    assert decided([new], [memory]) == [("NONE", new, memory, None)]


@pytest.mark.parametrize(
    ("new", "memory"),
    [
        ("Likes tea", "Does not like tea"),
        ("Has two cats", "Has three cats"),
        ("Has a dog named Rex", "Has a dog"),
    ],
)
def test_what_differs_is_added_without_a_judge(new, memory):
    assert decided([new], [memory]) == [("ADD", new, None, None)]


def test_a_fact_that_supersedes_takes_the_memorys_place():
    table = {("Lives in Oslo", "Lives in Bergen"): ("update", 0.95)}
    assert decided(["Lives in Bergen"], ["Has a cat", "Lives in Oslo"], table) == [
        ("UPDATE", "Lives in Bergen", "Lives in Oslo", "Lives in Bergen")
    ]


def test_what_is_only_taken_back_is_deleted():
    table = {("Works at Deloitte", "No longer works at Deloitte"): ("delete", 0.95)}
    assert decided(["No longer works at Deloitte"], ["Works at Deloitte"], table) == [
        ("DELETE", "No longer works at Deloitte", "Works at Deloitte", None)
    ]


def test_an_event_that_ends_a_memory_is_kept_in_its_place():
    table = {("Has a rabbit named Marzipan", "Rabbit Marzipan died yesterday"): ("delete", 0.95)}
    assert decided(["Rabbit Marzipan died yesterday"], ["Has a rabbit named Marzipan"], table) == [
        (
            "UPDATE",
            "Rabbit Marzipan died yesterday",
            "Has a rabbit named Marzipan",
            "Rabbit Marzipan died yesterday",
        )
    ]


def test_unsure_verdicts_change_nothing():
    table = {
        ("Works at Deloitte", "Works at KPMG"): ("update", 0.5),
        ("Likes tea", "Likes coffee"): ("same", 0.4),
    }
    assert decided(["Works at KPMG", "Likes coffee"], ["Works at Deloitte", "Likes tea"], table) == [
        ("ADD", "Works at KPMG", None, None),
        ("ADD", "Likes coffee", None, None),
    ]


def test_the_judges_thresholds_hold_unless_others_are_given():
    judge = TableJudge({("Works at Deloitte", "Works at KPMG"): ("update", 0.8)}, {"update": 0.9})
    near = [[record("Works at Deloitte")]]
    assert BundledReconciler(judge).reconcile([fact("Works at KPMG")], near)[0].event == "ADD"
    sure = BundledReconciler(judge, update_at=0.75)
    assert sure.reconcile([fact("Works at KPMG")], near)[0].event == "UPDATE"


def test_a_new_value_for_what_has_only_one_needs_less():
    table = {
        ("Favorite color is green", "Favorite color is teal"): ("update", 0.5),
        ("Likes green", "Likes teal"): ("update", 0.5),
    }
    assert decided(["Favorite color is teal"], ["Favorite color is green"], table)[0][0] == "UPDATE"
    assert decided(["Likes teal"], ["Likes green"], table)[0][0] == "ADD"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Rent is 900", "Rent is 950", True),
        ("Lives in Oslo", "Lives in Bergen", True),
        ("Sister's name is Ana", "Sister's name is Anna", True),
        ("Brother is tall", "Brother is ill", False),
        ("Is tall", "Is ill", False),
        ("Rent is 900", "Rent is not 900", False),
        ("Party is on Monday", "Party is at the club", False),
    ],
)
def test_what_has_only_one_value(one, other, same):
    assert same_slot(one, other) is same


def test_a_name_is_a_slot_however_it_is_put():
    assert same_slot("Is named Nimbus", "Name is Gale")
    assert not same_slot("Is named Nimbus", "Nickname is Gale")


@pytest.mark.parametrize(
    ("memory", "new"),
    [
        ("Favourite food is jollof rice", "Favourite colour is mustard yellow now"),  # two things alike
        ("Earns 2,900 a month", "Rent is 1,240 a month now"),  # only a stretch of time in common
        ("Plays chess on Tuesdays", "Dentist appointment is on Tuesday"),
    ],
)
def test_what_is_about_something_else_is_kept_however_like_it_looks(memory, new):
    sure = {(memory, new): ("update", 0.85)}
    assert decided([new], [memory], sure) == [("ADD", new, None, None)]


def test_colours_are_spelt_in_two_ways():
    memory, new = "Favorite color is red", "Favourite colour is blue"
    assert decided([new], [memory], {(memory, new): ("update", 0.85)})[0][0] == "UPDATE"


def test_several_superseded_memories_leave_one():
    table = {
        ("Lives in Oslo", "Lives in Bergen"): ("update", 0.97),
        ("Lives in Norway's capital", "Lives in Bergen"): ("update", 0.95),
        ("Lives alone", "Lives in Bergen"): ("update", 0.7),
    }
    made = decided(["Lives in Bergen"], ["Lives alone", "Lives in Norway's capital", "Lives in Oslo"], table)
    assert made == [
        ("UPDATE", "Lives in Bergen", "Lives in Oslo", "Lives in Bergen"),
        ("DELETE", "Lives in Bergen", "Lives in Norway's capital", None),
    ]


def test_an_immutable_memory_is_never_replaced():
    table = {("Lives in Oslo", "Lives in Bergen"): ("update", 0.99)}
    memories = [record("Lives in Oslo", immutable=True)]
    assert decided(["Lives in Bergen"], memories, table) == [("ADD", "Lives in Bergen", None, None)]


def test_somebody_elses_memory_is_never_replaced():
    table = {("Sister Maya lives in Oslo", "Lives in Bergen"): ("update", 0.99)}
    assert decided(["Lives in Bergen"], ["Sister Maya lives in Oslo"], table) == [
        ("ADD", "Lives in Bergen", None, None)
    ]


def test_memory_and_fact_without_a_common_word_need_a_very_sure_judge():
    table = {("Is getting married on 12 May", "Wedding is called off"): ("delete", 0.75)}
    assert decided(["Wedding is called off"], ["Is getting married on 12 May"], table)[0][0] == "ADD"
    table = {("Is getting married on 12 May", "Wedding is called off"): ("delete", 0.95)}
    assert decided(["Wedding is called off"], ["Is getting married on 12 May"], table)[0][0] == "DELETE"


def test_facts_of_one_call_see_each_other():
    assert decided(["Has a dog named Rex", "Has a dog"], [], {}) == [
        ("ADD", "Has a dog named Rex", None, None),
        ("NONE", "Has a dog", None, None),
    ]


@pytest.mark.parametrize(
    ("memory", "new", "shared"),
    [
        ("Lives in Oslo", "Moved to Bergen", True),
        ("Sister Maya is a nurse", "Is a nurse", False),
        ("Sister Maya is a nurse", "Sister Maya is a doctor", True),
        ("Sister Maya is a nurse", "Sister is a doctor", True),
        ("Sister Maya is a nurse", "Sister Ana is a doctor", False),
        ("Sister Maya is a nurse", "Brother Tom is a nurse", False),
        ("Has a rabbit named Marzipan", "Rabbit Marzipan died", True),
        ("Has a rabbit named Marzipan", "Rabbit Pip died", False),
        ("Rent is 900", "Rent is 950", True),
    ],
)
def test_whose_a_statement_is(memory, new, shared):
    assert share_subject(memory, new) is shared
    assert share_subject(new, memory) is shared


TEXTS = st.sampled_from(
    [
        "Lives in Oslo",
        "Lives in Bergen",
        "Likes tea",
        "No longer likes tea",
        "Has a cat",
        "Sister Ana is ill",
        "Sister is well",
    ]
)
VERDICTS = st.tuples(st.sampled_from(["same", "update", "delete", "unrelated"]), st.floats(0, 1))


@given(
    facts=st.lists(TEXTS, max_size=5),
    memories=st.lists(st.tuples(TEXTS, st.booleans()), max_size=5, unique_by=lambda each: each[0]),
    table=st.dictionaries(st.tuples(TEXTS, TEXTS), VERDICTS),
)
def test_whatever_the_judge_says_every_fact_is_decided_and_no_record_is_written_twice(facts, memories, table):
    records = [record(text, immutable=fixed) for text, fixed in memories]
    made = BundledReconciler(TableJudge(table)).reconcile(
        [fact(text) for text in facts], [records] * len(facts)
    )
    order = [next(i for i, text in enumerate(facts) if text == each.fact.text) for each in made]
    assert {each.fact.text for each in made} == set(facts)
    assert len(set(facts)) < len(facts) or order == sorted(order)
    written = [each.target.id for each in made if each.event in ("UPDATE", "DELETE")]
    assert len(written) == len(set(written))
    for each in made:
        assert (each.event == "ADD") <= (each.target is None)
        if each.event in ("UPDATE", "DELETE"):
            assert each.target in records
            assert not each.target.immutable
        assert (each.text == each.fact.text) if each.event == "UPDATE" else each.text is None


def asked(text):
    return Fact(text, "user", 0, forget=True)


def forgot(requests, memories, judge=None):
    """Return (event, deleted memory) of each decision about requests to forget."""
    made = BundledReconciler(judge).reconcile([asked(text) for text in requests], [memories] * len(requests))
    return [(each.event, each.target.text if each.target else None) for each in made]


def test_a_request_to_forget_deletes_what_it_means():
    memories = [record("Home address is 5 Elm Street"), record("Likes tea"), record("Lives in Oslo")]
    assert forgot(["my home address"], memories) == [("DELETE", "Home address is 5 Elm Street")]
    assert forgot(["my shoe size"], memories) == [("NONE", None)]
    assert forgot(["my home address"], []) == [("NONE", None)]


def test_a_request_deletes_all_that_it_means_equally_well_and_nothing_else():
    memories = [record("Ex Tom lives in York"), record("Ex Tom likes tea"), record("Likes tea")]
    assert forgot(["my ex"], memories) == [("DELETE", "Ex Tom lives in York"), ("DELETE", "Ex Tom likes tea")]
    memories = [record("Met Tom in Rome in May"), record("Met Anna in Rome in May")]
    assert forgot(["I met Anna in Rome in May"], memories) == [("DELETE", "Met Anna in Rome in May")]


def test_a_request_never_deletes_an_immutable_memory_nor_another_in_its_place():
    fixed = record("Met Anna in Rome in May", immutable=True)
    assert forgot(["I met Anna in Rome in May"], [fixed, record("Met Tom in Rome in May")]) == [
        ("NONE", None)
    ]


def test_two_requests_delete_a_memory_once():
    memories = [record("Home address is 5 Elm Street")]
    assert forgot(["my home address", "my address"], memories) == [
        ("DELETE", "Home address is 5 Elm Street"),
        ("NONE", None),
    ]


def test_the_judge_is_not_asked_about_requests():
    judge = TableJudge({("Lives in Oslo", "I live in Oslo"): ("same", 1.0)})
    assert forgot(["I live in Oslo"], [record("Lives in Oslo")], judge) == [("DELETE", "Lives in Oslo")]


def test_a_memory_that_a_fact_of_the_same_call_rewrites_is_not_forgotten():
    judge = TableJudge({("Address is 5 Elm Street", "Address is 9 Oak Street"): ("update", 0.99)})
    near = [record("Address is 5 Elm Street")]
    made = BundledReconciler(judge).reconcile(
        [asked("my address"), fact("Address is 9 Oak Street")], [near] * 2
    )
    assert {(each.event, each.fact.text) for each in made} == {
        ("UPDATE", "Address is 9 Oak Street"),
        ("NONE", "my address"),
    }


@given(
    facts=st.lists(st.tuples(TEXTS, st.booleans()), max_size=5),
    memories=st.lists(st.tuples(TEXTS, st.booleans()), max_size=5, unique_by=lambda each: each[0]),
    table=st.dictionaries(st.tuples(TEXTS, TEXTS), VERDICTS),
)
def test_requests_among_facts_are_decided_and_store_nothing(facts, memories, table):
    records = [record(text, immutable=fixed) for text, fixed in memories]
    told = [Fact(text, "user", 0, forget=forget) for text, forget in facts]
    made = BundledReconciler(TableJudge(table)).reconcile(told, [records] * len(told))
    assert {(each.fact.text, each.fact.forget) for each in made} == set(facts)
    written = [each.target.id for each in made if each.event in ("UPDATE", "DELETE")]
    assert len(written) == len(set(written))
    for each in made:
        if each.fact.forget:
            assert each.event in ("DELETE", "NONE")
        assert each.event not in ("UPDATE", "DELETE") or not each.target.immutable
