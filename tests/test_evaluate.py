"""The evaluation: our own cases can be meant, the judge is right about made-up stores, and it runs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.evaluate import report
from scripts.evaluate.__main__ import main
from scripts.evaluate.cases import NOTHING, OWN_CASES, TAGS, Case, Expected, parse_case, read_cases
from scripts.evaluate.judge import Outcome, Verdict, judge
from scripts.evaluate.statements import in_first_person, is_like, is_memory, says, stammers, states
from tinymem.engines.catalog import models_folder

OWN = read_cases()
LISBON = {"text": "Lives in Lisbon", "must": [["lives", "home"], ["lisbon"]], "not": ["not", "used to"]}
CELLO = {"text": "Plays the cello", "must": [["cello"]]}
SKI = {"text": "Plans to ski in May", "must": [["ski"]]}
AUNT = {"text": "Aunt Rita plays the cello", "must": [["rita"]]}


def row(**more: Any) -> dict[str, Any]:
    message = {"role": "user", "content": "I moved to Lisbon and I play the cello"}
    return {"id": "made-up", "tags": ["multi"], "messages": [message], "gold": [LISBON, CELLO], **more}


def judged(*held: str, error: str | None = None, **more: Any) -> Verdict:
    return judge(parse_case(row(**more)), Outcome(held, 0.5, error))


def name_of(case: Case) -> str:
    return case.id


# -- our own cases


def test_there_are_enough_cases_of_every_kind() -> None:
    assert len(OWN) >= 80
    assert sum(NOTHING in case.tags for case in OWN) >= 12
    assert sum(len(case.existing) >= 5 and NOTHING not in case.tags for case in OWN) >= 28
    assert {tag for case in OWN for tag in case.tags} == TAGS


def test_ids_are_unique_and_name_topic_and_number() -> None:
    assert [name for name, times in Counter(case.id for case in OWN).items() if times > 1] == []
    assert [case.id for case in OWN if not case.id.rpartition("-")[2].isdigit()] == []


@pytest.mark.parametrize("case", OWN, ids=name_of)
def test_what_a_case_asks_for_can_be_had(case: Case) -> None:
    """A store that holds each gold text and what must last, and no more, is perfect."""
    rest = [text for text in case.lasting.values() if not any(says(gold, text) for gold in case.gold)]
    known = [text for text in case.lasting.values() if text not in rest]
    texts = [fact.text for fact in case.gold if not any(states(fact, text) for text in known)]
    assert judge(case, Outcome((*known, *rest, *texts))).faults == {}


@pytest.mark.parametrize("case", OWN, ids=name_of)
def test_facts_say_themselves(case: Case) -> None:
    assert [fact.text for fact in (*case.gold, *case.allow) if not states(fact, fact.text)] == []
    assert [fact.text for fact in case.forbid if not says(fact, fact.text)] == []
    assert [text for text in case.existing if not is_memory(text)] == []


@pytest.mark.parametrize("case", OWN, ids=name_of)
def test_what_is_forbidden_is_not_asked_for(case: Case) -> None:
    wanted = [fact.text for fact in (*case.gold, *case.allow)]
    assert [(text, f.text) for text in wanted for f in case.forbid if says(f, text)] == []
    for place, rewritten in case.kept:
        assert place not in case.stale
        assert states(rewritten, case.existing[place])


@pytest.mark.parametrize("case", OWN, ids=name_of)
def test_a_case_is_about_somebody_who_speaks(case: Case) -> None:
    speakers = {message["role"] for message in case.messages}
    assert speakers <= {"user", "assistant", "system"}
    assert speakers & ({"user"} if case.scope == "user" else {"assistant", "system"})
    assert not (NOTHING in case.tags and (case.gold or case.allow or case.stale))
    assert NOTHING in case.tags or case.gold or case.forbid or case.stale


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"tags": ["funny"]}, "tags"),
        ({"scope": "world"}, "scope"),
        ({"golden": []}, "fields"),
        ({"existing": ["Lives in Rome"], "stale": [1]}, "places"),
        ({"existing": ["Lives in Rome"], "keep_must": {"2": [["rome"]]}}, "places"),
        ({"gold": [{"text": "Lives in Rome", "must": ["rome"]}]}, "alternatives"),
        ({"gold": [{"text": "Lives in Rome", "must": []}]}, "alternatives"),
        ({"messages": None}, "not iterable"),
    ],
)
def test_a_case_that_cannot_be_meant_is_refused(tmp_path: Path, change: dict[str, Any], wrong: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text("\n" + json.dumps(row(**change)) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"line 2: .*{wrong}"):
        read_cases(path)


# -- what a text states


def test_a_fact_is_found_by_one_of_each_group_in_any_writing() -> None:
    fact = Expected("Lives in São Paulo", (("lives", "home"), ("sao paulo",)), ("doesn't",))
    assert says(fact, "LIVES in São Paulo")
    assert not says(fact, "Was in São Paulo")
    assert not says(fact, "Doesn’t call home in São Paulo")


@pytest.mark.parametrize(
    "text",
    ["I live in Rome", "Likes that book. I do", "Rome is where I’m at", "Loves my dog", "this is mine"],
)
def test_the_first_person_is_no_memory(text: str) -> None:
    assert in_first_person(text)
    assert not is_memory(text)


@pytest.mark.parametrize(
    "text", ["Has Type I diabetes", 'Loves the song "I will survive"', "Works in a coal mine", "Has ME"]
)
def test_what_only_looks_like_the_first_person_is_none(text: str) -> None:
    assert is_memory(text)


@pytest.mark.parametrize(
    "text", ["Likes likes tea", "Lives in Rome and lives in Rome", "Tea is tea", "Son has son of six"]
)
def test_a_stammer_is_no_memory(text: str) -> None:
    assert stammers(text)
    assert not is_memory(text)


def test_numbers_may_come_twice() -> None:
    assert not stammers("Phone number is 07 07 55 55, open from the 5th to the 6th")


def test_a_memory_is_worded_like_its_fact() -> None:
    assert is_like("Has been playing cellos since childhood", "Plays the cello since childhood")
    assert not is_like("The orchestra will need another stage because of the cello", "Plays the cello")


# -- the judge


def test_all_found_and_nothing_else_is_perfect() -> None:
    verdict = judged("Lives in Lisbon", "Plays the cello")
    assert verdict.found == ("Lives in Lisbon", "Plays the cello")
    assert verdict.faults == {}


def test_what_is_not_held_is_missing_and_what_nobody_asked_for_is_spurious() -> None:
    verdict = judged("Plays the cello", "Is fond of trains")
    assert verdict.faults == {"missing": ("Lives in Lisbon",), "spurious": ("Is fond of trains",)}


def test_one_memory_may_state_two_facts() -> None:
    assert judged("Lives in Lisbon and plays the cello").faults == {}


def test_a_fact_stored_twice_is_credited_once() -> None:
    verdict = judged("Lives in Lisbon", "Plays the cello", "Plays a cello")
    assert verdict.faults == {"repeated": ("Plays a cello",)}
    assert report.total([verdict])["precision"] == 0.667


def test_a_fact_known_before_is_not_credited_again() -> None:
    verdict = judged(
        "Plays the cello well", "Lives in Lisbon", "Plays the cello", existing=["Plays the cello"]
    )
    assert verdict.faults == {"repeated": ("Plays the cello well",)}


def test_what_is_allowed_is_neither_asked_for_nor_wrong() -> None:
    gold: dict[str, Any] = {"gold": [LISBON], "allow": [CELLO]}
    assert judged("Lives in Lisbon", **gold).faults == {}
    assert judged("Lives in Lisbon", "Plays the cello", **gold).faults == {}


@pytest.mark.parametrize("said", ["I play the cello", "Plays the cello " + "very " * 28])
def test_what_is_no_memory_is_never_credited(said: str) -> None:
    verdict = judged(said, gold=[CELLO])
    assert verdict.faults == {"missing": ("Plays the cello",), "spurious": (said,)}


def test_a_forbidden_statement_is_harmful_however_it_is_written() -> None:
    verdict = judged("I plan to ski", "Plays the cello", gold=[CELLO], forbid=[SKI])
    assert verdict.harmful == ("I plan to ski",)
    assert verdict.spurious == ("I plan to ski",)


def test_what_was_there_before_harms_nobody() -> None:
    assert judged("Skis", "Plays the cello", gold=[CELLO], forbid=[SKI], existing=["Skis"]).harmful == ()


def test_a_stale_memory_must_not_survive_unchanged() -> None:
    before: dict[str, Any] = {"gold": [LISBON], "existing": ["Lives in Rome", "Skis"], "stale": [0]}
    assert judged("Lives in Lisbon", "Lives in Rome", "Skis", **before).faults == {
        "survived": ("Lives in Rome",)
    }
    assert judged("Lives in Lisbon", "Skis", **before).faults == {}


def test_every_other_memory_must_survive() -> None:
    before: dict[str, Any] = {"gold": [LISBON], "existing": ["Skis", "Plays the cello"]}
    assert judged("Lives in Lisbon", "Skis", **before).faults == {"lost": ("Plays the cello",)}


def test_a_memory_may_be_rewritten_where_the_case_says_so() -> None:
    before: dict[str, Any] = {
        "gold": [LISBON],
        "existing": ["Skis", "Has an aunt"],
        "keep_must": {"1": [["aunt"]]},
    }
    assert judged("Lives in Lisbon", "Skis", "Has an aunt called Rita", **before).faults == {}
    assert judged("Lives in Lisbon", "Skis", "My aunt", **before).lost == ("Has an aunt",)


def test_saying_again_what_is_held_is_repeating() -> None:
    before: dict[str, Any] = {"gold": [], "existing": ["Has an aunt"], "keep_must": {"0": [["aunt"]]}}
    assert judged("Has an aunt", "There is an aunt", **before).faults == {"repeated": ("There is an aunt",)}
    assert judged("There is an aunt", **before).credited == (("There is an aunt", "Has an aunt"),)


def test_an_error_is_a_fault() -> None:
    verdict = judged("Lives in Lisbon", "Plays the cello", error="StoreError: no")
    assert verdict.faults == {"error": ("StoreError: no",)}
    assert report.total([verdict])["errors"] == 1


# -- the figures


def test_figures_count_facts_and_memories_of_all_cases() -> None:
    figures = report.total(
        [
            judged("Lives in Lisbon", "Hates rain"),
            judged("Skis", "I like tea", gold=[], tags=[NOTHING], existing=["Skis"]),
            judged("Skis", gold=[], tags=[NOTHING], existing=["Skis"]),
            judged("Skis", "Lives in Rome", gold=[], existing=["Skis", "Lives in Rome"], stale=[1]),
            judged("Rita plays the cello", gold=[AUNT], existing=["Skis", "Has a dog"], stale=[1]),
        ]
    )
    wanted = {"cases": 5, "facts": 3, "new_memories": 4, "recall": 0.667, "precision": 0.5, "f1": 0.572}
    wanted |= {"perfect": 1, "lost": 1, "lasting": 4, "stale": 2, "stale_resolved": 1, "none": 2}
    wanted |= {"none_untouched": 1, "add_p50_s": 0.5, "harmful": 0, "errors": 0}
    assert {name: figures[name] for name in wanted} == wanted
    assert figures["models_mb"] == report.megabytes(models_folder())


def test_nothing_found_in_nothing_is_no_division_by_zero() -> None:
    figures = report.total([judged(gold=[])])
    assert (figures["precision"], figures["recall"], figures["f1"]) == (None, None, 0.0)
    assert "precision           - of 0 new memories" in report.render_table(figures)


def test_percentiles_and_tags() -> None:
    assert [report.percentile([3.0, 1.0, 2.0], part) for part in (0, 50, 95)] == [1.0, 2.0, 3.0]
    tags = report.by_tag([judged("Lives in Lisbon", tags=["multi", "plan"]), judged(tags=["plan"])])
    assert tags["multi"] == {"cases": 1, "perfect": 0, "recall": 0.5}
    assert tags["plan"] == {"cases": 2, "perfect": 0, "recall": 0.25}


def test_a_case_is_read_beside_the_words_of_those_it_is_about() -> None:
    said = [
        {"role": "system", "content": "You are Rita."},
        {"role": "user", "content": "You play the cello!"},
        {"role": "assistant", "content": "So I do."},
    ]
    verdict = judged("Plays the cello", gold=[CELLO], messages=said, scope="agent")
    read = report.render_reading([verdict], 40, seed=1)
    assert read == "Plays the cello\n    made-up: You are Rita. / So I do."


# -- a run


@pytest.mark.skipif(
    not all((models_folder() / name).is_dir() for name in ("minilm", "memory")),
    reason="the bundled models are not built yet",
)
def test_a_run_with_the_models_that_ship(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("food-01", "none-01", "soon-01")
    lines = OWN_CASES.read_text(encoding="utf-8").splitlines()
    path, out = tmp_path / "three.jsonl", tmp_path / "out.json"
    path.write_text("\n".join(line for line in lines if json.loads(line)["id"] in chosen), encoding="utf-8")
    main([str(path), "--json", str(out), "--show", "--read", "40"])
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert [case["id"] for case in figures["cases"]] == list(chosen)
    assert figures["total"]["none_untouched"] == 1
    assert (figures["total"]["errors"], figures["total"]["lasting"]) == (0, 6)
    printed = capsys.readouterr().out
    assert "none untouched      1 of 1" in printed
    assert all(memory in printed for case in figures["cases"] for memory, _ in case["credited"])
