"""Replies under our grammars: every one can be parsed and applied, and none is longer than allowed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gguf_builder import build_gguf
from tinymem.engines.llama import LlamaCpp
from tinymem.engines.llama_session import LlamaSession
from tinymem.types import Message
from tinymem.understand.grammar import decision_bytes, decision_grammar, facts_grammar, facts_room

ASKED = [Message("user", "Anything.")]
# What a text may hold: no controls, no characters that turn the direction of writing, no private use.
TEXTS = st.text(
    st.characters(
        exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp"),
        exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufff9\ufffa\ufffb\ufffc\ufffd",
        max_codepoint=0x2FFFF,
    ),
    max_size=60,
)


@pytest.fixture(scope="module")
def accepts(tmp_path_factory):
    """Return a function (grammar, text) -> whether the grammar lets exactly this text be written."""
    path = build_gguf(tmp_path_factory.mktemp("grammar") / "letters.gguf", "phi")
    session = LlamaSession(str(path), n_ctx=256, threads=1, batch_threads=1, gpu_layers=0)
    byte_tokens = {session._bytes_of(token): token for token in range(3, 259)}

    def check(grammar, text):
        rules = session.grammar(grammar)
        try:
            for byte in text.encode():
                token = byte_tokens[bytes([byte])]
                if not rules.allows(token):
                    return False
                rules.accept(token)
            return rules.is_complete()
        finally:
            rules.close()

    yield check
    session.close()


def rendered(facts):
    return json.dumps({"facts": [{"message": n, "fact": text} for n, text in facts]}, ensure_ascii=False)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), TEXTS), max_size=4))
def test_any_list_of_facts_that_is_small_enough_can_be_written(accepts, facts):
    text = rendered(facts)
    size = len(text.encode())
    assert accepts(facts_grammar(12, size + facts_room(12)), text)


@pytest.mark.parametrize("text", ["a" * 50, "é" * 25, "語" * 17, "🦉" * 13, 'a"' * 16 + "aa", "\\" * 25])
def test_bytes_are_counted_exactly(accepts, text):
    whole = rendered([(0, text)])
    size = len(whole.encode())
    assert accepts(facts_grammar(1, size), whole)
    assert not accepts(facts_grammar(1, size - 1), whole)


def test_a_second_fact_is_only_begun_where_it_has_room(accepts):
    two = rendered([(0, "likes tea"), (0, "b" * 40)])
    size = len(two.encode())
    assert accepts(facts_grammar(1, size), two)
    assert not accepts(facts_grammar(1, size - 1), rendered([(0, "likes tea"), (0, "")]))


@pytest.mark.parametrize("number", [-1, 3, 10, 999, "1", None, 1.0])
def test_an_id_that_is_not_on_offer_cannot_be_written(accepts, number):
    assert not accepts(facts_grammar(3, 300), rendered([(number, "likes tea")]))


def test_without_ids_or_room_only_nothing_can_be_said(accepts):
    for grammar in (facts_grammar(0, 300), facts_grammar(5, 60)):
        assert accepts(grammar, '{"facts": []}')
        assert not accepts(grammar, rendered([(0, "x")]))
    with pytest.raises(ValueError, match="at least 13 bytes"):
        facts_grammar(1, 12)


@pytest.mark.parametrize(
    "bad",
    ["\n", "\t", "\x00", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ue000", "\\n", "\\u0041", '"', "\\"],
)
def test_no_control_no_escape_but_two_and_no_bare_quote(accepts, bad):
    raw = f'{{"facts": [{{"message": 0, "fact": "likes{bad}tea and so on"}}]}}'
    assert not accepts(facts_grammar(1, 300), raw)


DECISIONS = {
    '{"event": "ADD"}': True,
    '{"event": "NONE", "memory": 0}': True,
    '{"event": "NONE", "memory": 1}': True,
    '{"event": "DELETE", "memory": 1}': True,
    '{"event": "UPDATE", "memory": 1, "text": "Likes \\"tea\\""}': True,
    '{"event": "UPDATE", "memory": 1, "text": ""}': True,
    '{"event": "DELETE", "memory": 0}': False,
    '{"event": "UPDATE", "memory": 0, "text": "Likes tea"}': False,
    '{"event": "NONE", "memory": 2}': False,
    '{"event": "NONE"}': False,
    '{"event": "ADD", "memory": 1}': False,
    '{"event": "DROP", "memory": 1}': False,
}


@pytest.mark.parametrize("text", DECISIONS)
def test_a_decision_names_only_events_and_memories_on_offer(accepts, text):
    assert accepts(decision_grammar([0], [1], 100), text) is DECISIONS[text]


def test_with_no_candidates_a_fact_can_only_be_added_and_fixed_ones_only_confirmed(accepts):
    assert accepts(decision_grammar([], [], 100), '{"event": "ADD"}')
    assert not accepts(decision_grammar([], [], 100), '{"event": "NONE", "memory": 0}')
    assert accepts(decision_grammar([0], [], 100), '{"event": "NONE", "memory": 0}')
    assert not accepts(decision_grammar([0], [], 100), '{"event": "DELETE", "memory": 0}')


def test_the_longest_decision_is_as_long_as_promised(accepts):
    longest = f'{{"event": "UPDATE", "memory": 11, "text": "{"x" * 90}"}}'
    assert accepts(decision_grammar([], range(12), 90), longest)
    assert len(longest) == decision_bytes(12, 90)


@pytest.mark.parametrize("family", ["chatml", "llama3", "gemma", "phi"])
def test_even_noise_gives_complete_replies_within_the_limit(noise_gguf, family):
    for seed in range(6):
        with LlamaCpp(noise_gguf(family), temperature=4.0, seed=seed) as llm:
            for ids, most in ((1, 80), (3, 200), (12, 400)):
                reply = llm.complete(ASKED, grammar=facts_grammar(ids, most), max_tokens=most)
                assert not reply.truncated
                assert len(reply.text.encode()) <= most
                assert all(0 <= fact["message"] < ids for fact in json.loads(reply.text)["facts"])
            most = decision_bytes(4, 60)
            reply = llm.complete(ASKED, grammar=decision_grammar([1], [0, 2, 3], 60), max_tokens=most)
            assert not reply.truncated
            assert json.loads(reply.text)["event"] in ("ADD", "NONE", "UPDATE", "DELETE")


@pytest.mark.parametrize("seed", range(3))
def test_a_large_reply_with_many_ids_closes_as_well(noise_gguf, seed):
    with LlamaCpp(noise_gguf("phi"), n_ctx=4096, temperature=4.0, seed=seed) as llm:
        reply = llm.complete(ASKED, grammar=facts_grammar(40, 2048), max_tokens=2048)
        assert all(0 <= fact["message"] < 40 for fact in json.loads(reply.text)["facts"])
        assert len(reply.text.encode()) <= 2048
        assert not reply.truncated
