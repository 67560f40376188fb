"""The score: in 0..1, the same whoever else matches, and never lower for more evidence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.recall.fuse import KEYWORD_HALF, KEYWORD_WEIGHT, fuse, score_one

cosines = st.dictionaries(st.integers(1, 30), st.floats(-1, 1), max_size=12)
bm25s = st.dictionaries(st.integers(1, 30), st.floats(0, 1e6), max_size=12)


def test_meaning_alone_and_words_alone_both_surface():
    by_row = {one.rowid: one for one in fuse({1: 0.6}, {2: KEYWORD_HALF})}
    assert by_row[1].score == pytest.approx(0.6)
    assert (by_row[1].semantic, by_row[1].keyword) == (0.6, 0.0)
    assert by_row[2].score == pytest.approx(KEYWORD_WEIGHT / 2)
    assert (by_row[2].semantic, by_row[2].keyword) == (0.0, 0.5)


def test_the_best_comes_first_and_ties_go_to_the_older_row():
    assert [one.rowid for one in fuse({7: 0.5, 3: 0.5, 5: 0.9}, {})] == [5, 3, 7]
    assert fuse({}, {}) == []


@given(cosines, bm25s)
def test_every_candidate_is_ranked_once_with_a_score_in_0_to_1(cosines, bm25s):
    ranked = fuse(cosines, bm25s)
    assert sorted(one.rowid for one in ranked) == sorted(cosines.keys() | bm25s.keys())
    assert all(0 <= one.score <= 1 and 0 <= one.semantic <= 1 and 0 <= one.keyword <= 1 for one in ranked)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)


@given(cosines, bm25s)
def test_a_score_does_not_depend_on_the_other_candidates(cosines, bm25s):
    for one in fuse(cosines, bm25s):
        assert one == score_one(one.rowid, cosines.get(one.rowid), bm25s.get(one.rowid))


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_evidence_never_lowers_a_score(one_cosine, other_cosine, one_bm25, other_bm25):
    low = score_one(1, min(one_cosine, other_cosine), min(one_bm25, other_bm25)).score
    assert score_one(1, max(one_cosine, other_cosine), max(one_bm25, other_bm25)).score >= low - 1e-12


def test_a_cosine_just_above_1_and_an_opposite_meaning_are_clamped():
    assert score_one(1, 1.0000002, None).score == 1.0
    assert score_one(1, -0.7, None).score == 0.0
    assert score_one(1, -0.7, KEYWORD_HALF).score == pytest.approx(KEYWORD_WEIGHT / 2)
