"""Attributes that can have only one value, and those that can have many: pairs for the judge.

A small model does not know that who prefers the aisle no longer prefers the window. `families_*.jsonl`
hold, for some hundred attributes, wordings written by hand with a slot for the value; pairs are drawn from
them at random. One family in eight is held back: the judge is tested on attributes that it was never shown.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.train.examples import CORPUS, read_lines
from scripts.train.pairs import DELETE, SAME, UNRELATED, UPDATE, Pair

HELD_BACK = 8
ASCENDING = frozenset({"age", "birthday_turned", "son_age", "child_height", "children_count"})
"""Families whose values only grow: they are listed in that order."""


KINDRED_NAMES = """
commute current_project deadline_delivery department employer home_city home_country job_at_employer
job_rank job_title manager neighbourhood office_days office_site programming_language_work salary
street_address team weekly_hours work_schedule work_tools;
flat_size flatmate home_city home_country home_type landlord moving_date neighbourhood rent
street_address;
children children_count partner_name pregnancy_birth relationship_state siblings son_age
wedding_date;
allergies coffee_order diet favourite_food household_diet household_religion likes_food meat_habit
medication_dose medicines morning_drink weight;
deadline_application exam_date language_level languages_spoken skills subject_of_study thesis_topic
university;
age birth_date birthday_turned child_height son_age;
answer_language assistant_currency assistant_name assistant_tone distance_units units_system;
editor laptop mobile_provider operating_system phone_model phone_number programming_language_work
work_tools;
countries_visited hotel next_trip_destination office_days seat_preference trip_date work_schedule;
bedtime gym_days hobbies meeting_day office_days running_best sports wake_up_time work_schedule;
pet_food pet_whereabouts pets vet;
bands_liked favourite_band instruments;
books_read current_book current_series;
car_model commute
"""
KINDRED = tuple(frozenset(names.split()) for names in KINDRED_NAMES.split(";"))
"""Families that have to do with each other: a fact of one may change a memory of the other."""


def families(folder: Path = CORPUS, *, held_back: bool = False) -> list[dict[str, Any]]:
    """Return the families to learn from, or those held back."""
    every = [row for path in sorted(folder.glob("families_*.jsonl")) for row in read_lines(path)]
    return [row for row in every if (zlib.crc32(row["family"].encode()) % HELD_BACK == 0) is held_back]


def pairs_of(family: dict[str, Any], rng: random.Random, rounds: int) -> Iterator[Pair]:
    """Yield pairs of one family: in each round every relation that it knows, once or twice."""

    def said(kind: str, value: str) -> str:
        return str(rng.choice(family[kind])).replace("{v}", value)

    one_value = bool(family["update"])
    for _ in range(rounds):
        old, new = rng.sample(family["values"], 2)
        if family["family"] in ASCENDING:
            old, new = sorted((old, new), key=family["values"].index)
        memory = said("memory", old)
        drawn = [
            (said("memory", new), UPDATE if one_value else UNRELATED),
            (said("unrelated", new), UNRELATED),
        ]
        drawn += [(said("update", new), UPDATE)] if one_value else []
        rising = family["values"].index(old) < family["values"].index(new)
        drawn += [(said("update_up", new), UPDATE)] if rising and family.get("update_up") else []
        drawn += [(said("delete", old), DELETE)] if family["delete"] else []
        drawn += [(said("same", old), SAME)] if family["same"] else []
        drawn += [(said("others", new), UNRELATED)] if family["others"] else []
        for fact, relation in drawn:
            yield Pair(memory, fact, relation, f"families/{family['family']}")
        if family["others"]:
            fact = said("update" if one_value else "memory", new)
            yield Pair(said("others", old), fact, UNRELATED, f"families/{family['family']}")


def crossed(seed: int, count: int, folder: Path = CORPUS) -> list[Pair]:
    """Return a memory of one attribute against a fact of another that has nothing to do with it.

    Without them a model learns that "now" ends whatever was known.
    """
    rng = random.Random(f"{seed}/crossed")
    every = families(folder)
    found: list[Pair] = []
    while len(found) < count:
        one, other = rng.sample(every, 2)
        if any(one["family"] in group and other["family"] in group for group in KINDRED):
            continue
        kind = rng.choice([kind for kind in ("memory", "update", "update", "delete", "same") if other[kind]])
        memory = str(rng.choice(one["memory"])).replace("{v}", rng.choice(one["values"]))
        fact = str(rng.choice(other[kind])).replace("{v}", rng.choice(other["values"]))
        found.append(Pair(memory, fact, UNRELATED, "families/crossed"))
    return found


def family_pairs(seed: int, rounds: int = 8, folder: Path = CORPUS, *, held_back: bool = False) -> list[Pair]:
    """Return pairs of all families, distinct, in a random order."""
    rng = random.Random(f"{seed}/families")
    found = [
        pair for family in families(folder, held_back=held_back) for pair in pairs_of(family, rng, rounds)
    ]
    found += [] if held_back else crossed(seed, len(found), folder)
    distinct = list(dict.fromkeys(found))
    rng.shuffle(distinct)
    return distinct
