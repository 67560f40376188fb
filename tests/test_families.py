"""The judge's families of attributes: their files are whole, and pairs say what they should."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORDINGS = ("memory", "update", "delete", "same", "unrelated", "others")


@pytest.fixture(autouse=True)
def repository_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_every_family_is_whole() -> None:
    from scripts.train.families import families

    every = [*families(), *families(held_back=True)]
    assert len(every) == len({family["family"] for family in every}) > 100
    for family in every:
        assert len(set(family["values"])) == len(family["values"]) >= 2, family["family"]
        assert all("{v}" in wording for wording in family["memory"]), family["family"]
        for kind in WORDINGS:
            assert all(wording.strip() and not wording.endswith(".") for wording in family[kind]), family[
                "family"
            ]


def test_a_family_is_learned_or_held_back_never_both() -> None:
    from scripts.train.families import families, family_pairs

    learned = {family["family"] for family in families()}
    held = {family["family"] for family in families(held_back=True)}
    assert learned
    assert held
    assert not learned & held
    assert {pair.source for pair in family_pairs(0, held_back=True)} == {f"families/{name}" for name in held}


def test_pairs_say_what_their_family_says() -> None:
    from scripts.train.families import pairs_of
    from scripts.train.pairs import DELETE, SAME, UNRELATED, UPDATE

    family = {
        "family": "home",
        "values": ["Rome", "Oslo"],
        "memory": ["Lives in {v}"],
        "update": ["Moved to {v}"],
        "delete": ["Left {v}"],
        "same": ["Home is {v}"],
        "unrelated": ["Visited {v}"],
        "others": ["Sister lives in {v}"],
    }
    import random

    drawn = {(p.memory, p.fact, p.relation) for p in pairs_of(family, random.Random(1), rounds=20)}
    assert ("Lives in Rome", "Moved to Oslo", UPDATE) in drawn
    assert ("Lives in Rome", "Left Rome", DELETE) in drawn
    assert ("Lives in Rome", "Home is Rome", SAME) in drawn
    assert ("Sister lives in Rome", "Moved to Oslo", UNRELATED) in drawn
    assert not [pair for pair in drawn if pair[0] == "Lives in Rome" and pair[1] == "Moved to Rome"]
    many = pairs_of({**family, "update": []}, random.Random(1), rounds=5)
    assert {p.relation for p in many if p.memory.startswith("Lives") and p.fact.startswith("Lives")} == {
        UNRELATED
    }
