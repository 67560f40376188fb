"""The score: in 0..1, the same whoever else matches, never lower for more evidence, and without leaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.recall.fuse import (
    ALONE,
    AROUND_WEIGHT,
    IN_TALK,
    SPEAKER_WEIGHT,
    Scored,
    ranked,
    score_one,
    with_more,
)

NOTHING = 1e-12  # what rounding may do
Evidence = tuple[float | None, float | None, float | None, bool]  # cosine, bm25, around, spoken

cosines = st.none() | st.floats(-1, 1)
bm25s = st.none() | st.floats(0, 1e6)
parts = st.floats(0, 1)
known = st.tuples(cosines, bm25s, st.none() | parts, st.booleans())


def scored(rowid: int, evidence: Evidence) -> Scored:
    cosine, bm25, around, spoken = evidence
    return score_one(rowid, cosine, bm25, around=around, spoken=spoken)


def test_meaning_alone_and_words_alone_both_surface() -> None:
    half, weight = ALONE
    meant, worded = score_one(1, 0.6, None), score_one(2, None, half)
    assert (meant.semantic, meant.keyword, meant.score) == (0.6, 0.0, pytest.approx(0.6))
    assert (worded.semantic, worded.keyword, worded.score) == (0.0, 0.5, pytest.approx(weight / 2))
    assert score_one(3, None, None) == Scored(3, 0.0, 0.0, 0.0)


def test_meaning_and_words_join_like_independent_evidence() -> None:
    half, weight = ALONE
    together = score_one(1, 0.5, half).score
    assert together == pytest.approx(1 - (1 - 0.5) * (1 - weight / 2))


def test_words_say_more_of_a_message_in_a_conversation_than_of_a_memory_that_stands_alone() -> None:
    half, weight = IN_TALK
    message, alone = score_one(1, 0.3, half, around=0.0), score_one(2, 0.3, half)
    assert message.score == pytest.approx(1 - (1 - 0.3) * (1 - weight / 2))
    assert message.keyword == 0.5 > alone.keyword
    assert message.score > alone.score
    assert message.around == alone.around == 0.0


def test_what_stands_around_and_who_spoke_are_added_to_it() -> None:
    one = score_one(1, 0.2, None, around=0.5, spoken=True)
    assert one.score == with_more(0.2, AROUND_WEIGHT * 0.5 + SPEAKER_WEIGHT)
    assert (one.around, one.speaker) == (0.5, 1.0)
    assert score_one(1, 0.2, None, around=0.5).score < one.score
    assert score_one(1, 0.2, None, spoken=True).score < one.score


def test_a_message_that_asks_counts_a_little_less() -> None:
    asking, telling = (score_one(1, 0.5, 4.0, around=0.2, asks=asks) for asks in (True, False))
    assert asking.score < telling.score < asking.score * 1.1
    assert (asking.semantic, asking.keyword) == (telling.semantic, telling.keyword)
    assert score_one(1, 0.0, None, asks=True).score == 0.0


def test_a_cosine_just_above_1_and_an_opposite_meaning_are_clamped() -> None:
    assert score_one(1, 1.0000002, None).score == 1.0
    assert score_one(1, -0.7, None).score == 0.0
    assert score_one(1, -0.7, ALONE[0]).score == pytest.approx(ALONE[1] / 2)


@given(known)
def test_the_score_and_its_parts_are_in_0_to_1(evidence: Evidence) -> None:
    one = scored(1, evidence)
    assert all(0 <= each <= 1 for each in (one.score, one.semantic, one.keyword, one.around, one.speaker))
    assert one.score >= one.semantic - NOTHING


@given(known, known)
def test_more_evidence_of_any_kind_never_lowers_a_score(one: Evidence, other: Evidence) -> None:
    for place in range(4):
        pair = sorted((one[place], other[place]), key=lambda each: -2.0 if each is None else each)
        low, high = ((*one[:place], each, *one[place + 1 :]) for each in pair)
        assert scored(1, high).score >= scored(1, low).score - NOTHING  # type: ignore[arg-type]


@given(known, known)
def test_a_little_more_evidence_moves_a_score_only_a_little(one: Evidence, other: Evidence) -> None:
    """However two candidates of a kind differ, their scores differ by no more than their evidence."""
    half, weight = ALONE if other[2] is None else IN_TALK
    one = (*one[:2], None if other[2] is None else one[2] or 0.0, one[3])
    apart = (
        abs((one[0] or 0) - (other[0] or 0))
        + abs((one[1] or 0) - (other[1] or 0)) * weight / half
        + abs((one[2] or 0) - (other[2] or 0)) * AROUND_WEIGHT
        + (one[3] != other[3]) * SPEAKER_WEIGHT
    )
    assert abs(scored(1, one).score - scored(1, other).score) <= apart + NOTHING


@given(parts, st.floats(0, 10), parts, st.floats(0, 10))
def test_what_is_added_only_adds_and_less_the_nearer_to_1(
    score: float, more: float, other: float, still: float
) -> None:
    assert with_more(score, 0.0) == pytest.approx(score)
    assert score - NOTHING <= with_more(score, more) <= min(1.0, score + more) + NOTHING
    low, high = sorted((score, other))
    assert with_more(high, more) - high <= with_more(low, more) - low + NOTHING
    assert with_more(with_more(score, more), still) >= with_more(score, max(more, still)) - NOTHING


@given(st.lists(known, max_size=12))
def test_candidates_are_only_ordered_never_compared_into_another_score(
    evidence: list[Evidence],
) -> None:
    one_by_one = [scored(rowid, each) for rowid, each in enumerate(evidence)]
    together = ranked(reversed(one_by_one))
    assert sorted(together, key=lambda one: one.rowid) == one_by_one
    assert [one.score for one in together] == sorted((one.score for one in together), reverse=True)


def test_the_best_comes_first_and_ties_go_to_the_older_row() -> None:
    rows = [score_one(7, 0.5, None), score_one(3, 0.5, None), score_one(5, 0.9, None)]
    assert [one.rowid for one in ranked(rows)] == [5, 3, 7]
    assert ranked([]) == []
