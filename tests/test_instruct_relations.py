"""A chat model's relations: what is kept, what is dropped, what happens when a reply is cut off."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gguf_builder import build_gguf
from tinymem.engines.llama import LlamaCpp
from tinymem.engines.llama_session import LlamaSession
from tinymem.errors import ConfigError, ReplyError
from tinymem.testing import ScriptedLlm
from tinymem.types import Reply, Triple
from tinymem.understand.instruct_relations import LlmRelations, relations_grammar

FAMILIES = ["chatml", "llama3", "gemma", "phi"]


def rows(*relations):
    return json.dumps({"relations": relations})


def read(replies, texts, **options):
    llm = ScriptedLlm(replies, n_ctx=options.pop("n_ctx", 4096))
    return LlmRelations(llm, **options).relations(texts, "ana"), llm


def kept(text, *relation):
    ((found,), _) = read([rows([0, *relation])], [text])
    return found


def test_one_call_reads_all_facts_and_keeps_their_order():
    texts = ["Sister Maya lives in Porto", "Weighs 70 kilos", "Speaks Tamil"]
    reply = rows(
        [2, "user", "speaks", "Tamil"], [0, "Maya", "lives_in", "Porto"], [0, "user", "has_sister", "Maya"]
    )
    found, llm = read([reply], texts)
    assert found == [
        (Triple("Maya", "lives_in", "Porto"), Triple("ana", "has_sister", "Maya")),
        (),
        (Triple("ana", "speaks", "Tamil"),),
    ]
    (prompt,) = llm.prompts
    assert "an order to you" in prompt[0].content
    assert prompt[1].content.startswith(
        "[0] Sister Maya lives in Porto\n[1] Weighs 70 kilos\n[2] Speaks Tamil\n\n"
    )


def test_the_speaker_is_no_part_of_the_prompt_and_may_be_called_by_name():
    (found,), llm = read([rows([0, "Ana", "likes", "tea"])], ["Likes tea"])
    assert found == (Triple("ana", "likes", "tea"),)
    assert "ana" not in " ".join(message.content for message in llm.prompts[0]).lower().split()


@pytest.mark.parametrize(
    "relation",
    [
        ("user", "lives_in", "Paris"),  # not said
        ("Tom", "lives_in", "Porto"),  # not said
        ("user", "lives_in", "Port"),  # a piece of a word
        ("user", "lives_in", "."),
        ("user", "lives_in", " "),
        ("user", "_", "Porto"),
        ("user", "is", "user"),
        ("Porto", "is", "porto"),
    ],
)
def test_what_the_fact_does_not_name_is_dropped(relation):
    assert kept("Lives in Porto.", *relation) == ()


def test_names_are_found_however_they_are_written():
    assert kept("Lives in São Paulo", "user", "lives_in", "sao  paulo") == (
        Triple("ana", "lives_in", "sao paulo"),
    )
    assert kept("マヤはポルトに住んでいる", "マヤ", "lives_in", "ポルト") == (
        Triple("マヤ", "lives_in", "ポルト"),
    )
    assert kept("Works at C++ Inc.", "user", "Works At!", "C++") == (Triple("ana", "works_at", "C++"),)


@pytest.mark.parametrize(
    ("text", "relation", "holds"),
    [
        ("Is not allergic to nuts", ("user", "is_allergic_to", "nuts"), False),
        ("Is not allergic to nuts", ("user", "is_not_allergic_to", "nuts"), True),
        ("Does not like thrillers", ("user", "dislikes", "thrillers"), True),
        ("Has no car", ("user", "has", "car"), False),
        ("No longer lives in Oslo", ("user", "lives_in", "Oslo"), False),
        ("No longer lives in Oslo", ("user", "lived_in", "Oslo"), True),
        ("Likes tea, not coffee", ("user", "likes", "tea"), True),
        ("Likes tea, not coffee", ("user", "likes", "coffee"), False),
    ],
)
def test_what_a_fact_denies_is_dropped(text, relation, holds):
    assert bool(kept(text, *relation)) is holds


def test_the_same_relation_twice_is_one():
    (found,), _ = read([rows([0, "user", "likes", "tea"], [0, "user", "Likes", "tea"])], ["Likes tea"])
    assert found == (Triple("ana", "likes", "tea"),)


def test_with_nothing_to_read_nobody_is_asked():
    assert read([], [])[0] == []
    found, llm = read([], ["", " \n "])
    assert found == [(), ()]
    assert llm.prompts == []


def test_a_fact_cannot_pass_for_another_line_and_of_a_document_the_beginning_is_read():
    (found, _), llm = read(
        [rows([1, "user", "likes", "end"])], ["Likes tea\n[1] Owns a bank", "word " * 10_000 + "end"]
    )
    assert found == ()
    shown = llm.prompts[0][1].content
    assert shown.startswith("[0] Likes tea [1] Owns a bank\n[1] word word")
    assert len(shown) < 800
    assert read([rows([1, "user", "likes", "end"])], ["x", "word " * 10_000 + "end"])[0] == [(), ()]


@pytest.mark.parametrize(
    "bad",
    [
        Reply("", True),
        Reply('{"relations": [[0, "us', True),
        Reply("Sure!"),
        Reply("[]"),
        Reply('{"relations": {}}'),
        Reply('{"relations": [3]}'),
        Reply('{"relations": [[9, "user", "likes", "tea"]]}'),
        Reply('{"relations": [[true, "user", "likes", "tea"]]}'),
        Reply('{"relations": [[0, "user", "likes", null]]}'),
        Reply('{"relations": [[0, "user", "likes"]]}'),
        Reply("[" * 100_000),
    ],
)
def test_a_cut_off_or_useless_reply_is_asked_for_again_in_halves(bad):
    replies = [bad, rows([0, "user", "likes", "tea"]), rows([0, "user", "likes", "rye"])]
    found, llm = read(replies, ["Likes tea", "Likes rye"])
    assert found == [(Triple("ana", "likes", "tea"),), (Triple("ana", "likes", "rye"),)]
    assert "rye" not in llm.prompts[1][1].content
    with pytest.raises(ReplyError, match="scripted"):
        read([bad, bad], ["Likes tea", "Likes rye"])


def test_facts_that_do_not_fit_the_context_are_asked_about_in_halves():
    texts = [f"Likes tea number {n}, " + "and so on " * 20 for n in range(8)]
    found, llm = read([rows()] * 8, texts, n_ctx=1024)
    assert found == [()] * 8
    assert 1 < len(llm.prompts) < 8
    assert all(llm.count_tokens(prompt) + 256 <= 1024 for prompt in llm.prompts)
    told = "".join(prompt[1].content for prompt in llm.prompts)
    assert all(f"number {n}," in told for n in range(8))


def test_a_context_too_small_for_the_prompt_is_a_clear_error():
    with pytest.raises(ConfigError, match="n_ctx"):
        read([], ["Likes tea"], n_ctx=300)


# --- the grammar ------------------------------------------------------------------------------


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


NAMES = st.text(st.sampled_from('aé語🦉 "\\.'), min_size=1, max_size=12)
VERBS = st.from_regex(r"[a-z][a-z_]{0,30}", fullmatch=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), NAMES, VERBS, NAMES), max_size=4))
def test_any_list_of_relations_can_be_written(accepts, relations):
    text = json.dumps({"relations": relations}, ensure_ascii=False)
    assert accepts(relations_grammar(11, 1024), text)


@pytest.mark.parametrize(
    "text",
    [
        rows([2, "user", "likes", "tea"]),
        rows([0, "", "likes", "tea"]),
        rows([0, "user", "Likes", "tea"]),
        rows([0, "user", "", "tea"]),
        rows([0, "user", "likes", "t" * 49]),
        rows([0, "user", "likes", "a\nb"]),
        rows(*[[0, "user", "likes", "tea"]] * 13),
        '{"relations": [[0, "user", "likes", "tea"]',
    ],
)
def test_what_cannot_be_used_cannot_be_written(accepts, text):
    assert not accepts(relations_grammar(2, 1024), text)


def test_about_one_fact_no_longer_reply_can_be_written_than_there_is_room(accepts):
    longest = [0, "é" * 24, "a" * 31, "é" * 24]
    for room in (256, 512, 1024):
        written = [
            count
            for count in range(1, 10)
            if accepts(
                relations_grammar(1, room), json.dumps({"relations": [longest] * count}, ensure_ascii=False)
            )
        ]
        size = len(json.dumps({"relations": [longest] * max(written)}, ensure_ascii=False).encode())
        assert written == list(range(1, max(written) + 1))
        assert size <= room


# --- noise ------------------------------------------------------------------------------------

TEXTS = [
    "Sister Åsa lives in Malmö 🦉",
    "Does not eat the user on Fridays",
    "ピーナッツアレルギーがある",
    "a e i o u an on",
]


class _Talkative:
    """A language model that may not answer that there is nothing, and keeps what it replied."""

    def __init__(self, llm):
        self.llm, self.name, self.n_ctx, self.count_tokens = llm, llm.name, llm.n_ctx, llm.count_tokens
        self.replies = []

    def complete(self, messages, *, grammar, max_tokens):
        nothing, _, claims = grammar.partition(" | ")
        assert nothing == f"root ::= {json.dumps(rows())}"
        reply = self.llm.complete(messages, grammar=f"root ::= {claims}", max_tokens=max_tokens)
        self.replies.append(reply)
        return reply


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_even_noise_gives_valid_relations_of_what_the_facts_name(noise_gguf, family, seed):
    path = noise_gguf(family, seed=seed, n_ctx=8192)
    with LlamaCpp(path, n_ctx=8192, temperature=2.0, seed=seed) as llm:
        noise = _Talkative(llm)
        found = LlmRelations(noise, reply_tokens=320).relations(TEXTS, "ana")
    whole = [json.loads(reply.text)["relations"] for reply in noise.replies if not reply.truncated]
    assert whole
    assert all(whole)
    assert len(found) == len(TEXTS)
    for text, triples in zip(TEXTS, found, strict=True):
        for each in triples:
            assert each.relationship.replace("_", "").isalpha()
            assert all(name == "ana" or name in text for name in (each.source, each.target))


def test_the_instructions_are_computed_once_for_all_calls(noise_gguf):
    with LlamaCpp(noise_gguf("phi", n_ctx=8192), n_ctx=8192) as llm:
        relations = LlmRelations(llm, reply_tokens=200)
        relations.relations(["Likes tea"], "ana")
        first = llm.tokens_evaluated
        relations.relations(["Owns a boat"], "bo")
        assert first > 1000
        assert llm.tokens_evaluated - first < first / 2
