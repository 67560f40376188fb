"""The writer's rows and passages: rows that spell their facts, passages as the library cuts them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from scripts.train import writer_invented
from scripts.train.writer_examples import Passage, Told, context, corpus_passages, lower_case
from scripts.train.writer_rows import END, NEXT, Reader, Row
from tests.writer_parts import HOUSE, SILENT, TALK, reader_of, row_of
from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx_writer import OnnxWriter
from tinymem.understand.passage import said_before
from tinymem.understand.wording import formed, joined, plain, words_of


@pytest.fixture(scope="module")
def reader() -> Reader:
    return reader_of(HOUSE)


def spelt(reader: Reader, row: Row) -> Iterator[set[str]]:
    """Yield what each step of a row may say, as words are compared."""
    for ways in row.ways:
        yield {plain(reader.house[n] if form < 0 else formed(row.words[n].surface, form)) for form, n in ways}


def told_again(reader: Reader, row: Row) -> list[str]:
    """Return the facts that a row says, however it says them; every way of a step must say the same."""
    facts: list[list[str]] = [[]]
    for said in spelt(reader, row):
        (word,) = said
        if word == NEXT:
            facts.append([])
        elif word != END:
            facts[-1].append(word)
    return [joined(words) for words in facts if words]


def as_compared(fact: str) -> str:
    return joined([plain(word.surface) for word in words_of(fact)])


# -- rows


def test_the_ways_of_a_row_spell_its_facts_again(reader: Reader) -> None:
    row = row_of(reader, TALK)
    assert told_again(reader, row) == [as_compared(fact.text) for fact in TALK.facts]
    assert list(spelt(reader, row))[-1] == {END}


def test_what_is_fed_is_what_was_said(reader: Reader) -> None:
    row = row_of(reader, TALK)
    assert row.fed[0] == HOUSE.index(END)
    assert len(row.fed) == len(row.ways)
    for fed, ways in zip(row.fed[1:], row.ways[:-1], strict=True):
        assert fed in {n if form < 0 else len(HOUSE) + n for form, n in ways}


def test_a_word_is_copied_from_its_evidence_where_it_is_there(reader: Reader) -> None:
    fact = Told("Likes tea", ((15, 25),))
    row = row_of(reader, Passage("x", "user:", "My tea is hot. I like tea", (15, 25), (fact,)))
    (copy,) = row.ways[1]
    assert row.words[copy[1]].start == 22


def test_a_fact_that_cannot_be_said_is_no_row(reader: Reader) -> None:
    assert reader.row(Passage("x", "user:", "I ski", (0, 5), (Told("Enjoys skiing", ((0, 5),)),))) is None
    assert told_again(reader, row_of(reader, SILENT)) == []


def test_the_corpus_is_spelt_again_with_the_house_words_that_ship() -> None:
    reader = reader_of(OnnxWriter(model_folder("memory/writer")).house)
    passages = corpus_passages([1])[:150]
    rows = [(passage, reader.row(passage)) for passage in passages]
    sayable = [(passage, row) for passage, row in rows if row is not None]
    assert len(sayable) > 0.8 * len(passages) > 80
    for passage, row in sayable:
        assert told_again(reader, row) == [as_compared(fact.text) for fact in passage.facts]


# -- passages


def test_what_came_before_is_what_the_library_reads() -> None:
    said = [("user", "hi"), ("assistant", "Your name?"), ("user", "Ana"), ("assistant", "Hi Ana!")]
    messages = [{"role": role, "content": content} for role, content in said]
    for turn, (role, _) in enumerate(said):
        before, starts = context(messages, turn)
        assert before == said_before(said[:turn], role)
        for place, start in starts.items():
            assert before[start:].startswith(said[place][1])


def test_passages_mark_clauses_and_their_evidence_lies_where_it_says() -> None:
    passages = corpus_passages([1], random.Random(0))
    assert passages == corpus_passages([1], random.Random(0))
    assert any(not passage.facts for passage in passages)
    for passage in passages:
        start, end = passage.mark
        assert 0 <= start < end <= len(passage.text)
        for fact in passage.facts:
            assert all(0 <= a < b <= len(passage.text) for a, b in fact.own)
            assert all(0 <= a < b <= len(passage.before) for a, b in fact.prior)
            assert any(a < end and start < b for a, b in fact.own)
    assert all(passage.facts for passage in corpus_passages([1]))


def test_a_passage_without_capitals_keeps_its_ranges() -> None:
    low = lower_case(TALK)
    assert (low.text, low.before, low.facts, low.mark) == (
        TALK.text.lower(),
        TALK.before.lower(),
        TALK.facts,
        TALK.mark,
    )
    grows = Passage("x", "user:", "İ ski", (0, 5))  # its lower case is longer
    assert lower_case(grows) == grows


def test_a_sentence_about_somebody_is_turned_round() -> None:
    turned = writer_invented.reversed_line
    assert turned("She works at the bank.") == ("I work at the bank", "Works at the bank")
    assert turned("Tom has two cats") == ("I have two cats", "Has two cats")
    assert turned("He loves her") is turned("They work here") is turned("She quietly left") is None


def test_invented_passages_mark_what_was_said() -> None:
    rng = random.Random(0)
    for _ in range(60):
        made = writer_invented.embedded("I live in Oslo", "Lives in Oslo", ["Hello there.", "I see."], rng)
        assert "live in oslo" in made.text[slice(*made.mark)].lower()
        assert made.facts == (Told("Lives in Oslo", (made.mark,)),)
        remains = writer_invented.telegram("Works as a nurse in Leeds", rng)
        assert remains is not None
        assert "nurse" in remains.text[slice(*remains.mark)]
        assert remains.before.endswith("user:")
        assert all(remains.before[a:b].endswith("? ") for a, b in remains.facts[0].prior)
    assert writer_invented.telegram("Sister Maya is a nurse", rng) is None
