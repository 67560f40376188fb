"""The public fakes keep the promises of the protocols that they stand in for."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.errors import ReplyError
from tinymem.testing import FrozenClock, HashEmbedder, ScriptedLlm, counting_ids
from tinymem.types import Message, Reply


@given(st.lists(st.text(), max_size=5))
def test_hash_embedder_gives_normalised_float32_rows_for_any_text(texts):
    rows = HashEmbedder(16).embed(texts)
    assert rows.shape == (len(texts), 16)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_hash_embedder_puts_texts_that_share_words_near_each_other():
    tea, teas, car = HashEmbedder().embed(["Ana likes green tea", "ana LIKES tea", "The car is broken"])
    assert tea @ teas > 0.8 > 0.3 > abs(tea @ car)


def test_hash_embedder_is_the_same_every_time_and_says_which_space_it_is():
    one, other = HashEmbedder(32), HashEmbedder(32)
    np.testing.assert_array_equal(one.embed(["a b"]), other.embed(["a b"], kind="query"))
    assert one.identity == other.identity
    assert one.identity["dimension"] == 32
    assert one.identity != HashEmbedder(64).identity


def test_a_frozen_clock_moves_only_when_told():
    clock = FrozenClock("2026-03-01T12:00:00+02:00")
    assert clock() == clock() == datetime(2026, 3, 1, 10, tzinfo=timezone.utc)
    clock.advance(days=1, seconds=-60)
    assert clock() == datetime(2026, 3, 2, 9, 59, tzinfo=timezone.utc)
    assert FrozenClock(datetime(2026, 1, 1))().tzinfo is timezone.utc


def test_counting_ids_never_repeat_even_between_threads():
    new_id = counting_ids("m")
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: new_id(), range(2000)))
    assert sorted(ids, key=lambda each: int(each[1:])) == [f"m{number}" for number in range(1, 2001)]


def test_a_scripted_llm_follows_its_script_and_keeps_the_prompts():
    llm = ScriptedLlm(["one", Reply("tw", truncated=True)], n_ctx=128, name="script-7")
    asked = [Message("user", "12345678")]
    assert (llm.name, llm.n_ctx) == ("script-7", 128)
    assert llm.complete(asked, grammar="root ::= .*", max_tokens=5) == Reply("one")
    assert llm.complete(asked, grammar=None, max_tokens=1) == Reply("tw", truncated=True)
    assert llm.prompts == [asked, asked]
    assert llm.count_tokens(asked) == 6
    with pytest.raises(ReplyError, match="no reply left"):
        llm.complete(asked, grammar=None, max_tokens=1)
