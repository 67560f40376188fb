"""What the writer reads of a conversation: pieces and words, cut alike, whatever the text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tinymem.engines.catalog import model_folder
from tinymem.engines.onnx_writer import OnnxWriter
from tinymem.understand.passage import (
    AFTER_MARK,
    BEFORE_MARK,
    CLS,
    FIRST_PIECES,
    LONGEST_WORD,
    MOST_PIECES,
    SEP,
    Passage,
    Source,
    said_before,
    source,
    window,
)

WRITER = OnnxWriter(model_folder("memory/writer"), threads=1)
TOKENIZER = Tokenizer.from_file(str(model_folder("minilm") / "tokenizer.json"))

SAID = (
    "I live in Łódź with Zoë's dog, Rex! $5.50 it’s +44 C# 漢字 😀 \ud800 [SEP] \x00 cafe\u0301 İ "
    "unbelievably a-b '90s -5 … \n"
)
PARTS = st.lists(st.sampled_from(SAID.split(" ")), max_size=60).map(" ".join)
TEXTS = PARTS | st.text(max_size=200)


def read(before: str, text: str, mark: tuple[int, int] | None = None) -> Source:
    return source(Passage(before, text, mark or (0, len(text))), WRITER.pieces)


def surfaces(found: Source, text: int) -> list[str]:
    return [word.surface for word in found.words if word.text == text]


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    text = draw(TEXTS)
    ends = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    return Passage(draw(TEXTS), text, (ends[0], ends[1]))


def test_a_short_passage_is_read_whole() -> None:
    before = "assistant: Where do you live? user:"
    found = read(before, "In Oslo. I ski", (0, 8))
    assert surfaces(found, 0) == ["assistant", ":", "Where", "do", "you", "live", "?", "user", ":"]
    assert surfaces(found, 1) == ["In", "Oslo", ".", "I", "ski"]
    assert found.ids[0] == CLS
    assert [place for place, piece in enumerate(found.ids) if piece == SEP] == [10, len(found.ids) - 1]
    assert found.kinds == [0] * 11 + [1, 1, 1] + [0, 0, 0]
    assert found.places == [*range(1, 10), *range(11, 16)]


@settings(max_examples=150, deadline=None)
@given(passages())
def test_the_place_of_a_word_is_where_its_first_piece_is(passage: Passage) -> None:
    found = source(passage, WRITER.pieces)
    assert len(found.words) == len(found.places)
    for word, place in zip(found.words, found.places, strict=True):
        text = passage.text if word.text else passage.before
        assert text[word.start : word.end] == word.surface
        piece = TOKENIZER.id_to_token(found.ids[place]).removeprefix("##")
        said = TOKENIZER.normalizer.normalize_str(word.surface).strip()
        length = min(len(piece), len(said))  # a control character joins two words to one piece
        assert piece == "[UNK]" or piece[:length] == said[:length]


@settings(max_examples=150, deadline=None)
@given(passages())
def test_what_is_read_fits_and_words_keep_their_order(passage: Passage) -> None:
    found = source(passage, WRITER.pieces)
    assert len(found.ids) == len(found.kinds) <= MOST_PIECES
    assert (found.ids[0], found.ids[-1], found.kinds[0], found.kinds[-1]) == (CLS, SEP, 0, 0)
    assert found.ids.count(CLS) == 1
    assert found.ids.count(SEP) == 2
    assert all(0 < place < len(found.ids) - 1 for place in found.places)
    assert all(one < other for one, other in pairwise(found.places))
    assert all(one.text <= other.text for one, other in pairwise(found.words))
    low, high = window(passage.text, passage.mark)
    assert all(low <= word.start < word.end <= high for word in found.words if word.text)


@settings(max_examples=100, deadline=None)
@given(passages())
def test_what_is_in_the_clause_is_marked(passage: Passage) -> None:
    found = source(passage, WRITER.pieces)
    begin, end = passage.mark
    for word, place in zip(found.words, found.places, strict=True):
        inside = word.text == 1 and begin <= word.start < end
        assert found.kinds[place] == int(inside)


def test_of_what_was_said_before_the_end_is_read() -> None:
    before = "user: " + " ".join(f"word{number}" for number in range(500)) + " assistant: Really? user:"
    found = read(before, "yes")
    assert found.ids.index(SEP) == FIRST_PIECES + 1
    assert surfaces(found, 0)[-7:] == ["word499", "assistant", ":", "Really", "?", "user", ":"]
    assert "word10" not in surfaces(found, 0)
    assert all(before[w.start : w.end] == w.surface for w in found.words if w.text == 0)


def test_the_clause_goes_before_what_stands_around_it() -> None:
    around = "x y z 1 2 3 4 5 6 7 8 9 " * 40
    clause = "I like tea and cake and my dog " * 8
    found = read(around, around + clause + around, (len(around), len(around) + len(clause)))
    assert sum(found.kinds) == len(WRITER.pieces(clause)[0])
    assert len(found.ids) == MOST_PIECES
    endless = "tea " * 5000
    assert sum(read("", endless).kinds) == MOST_PIECES - 3


def test_words_around_the_clause_are_whole() -> None:
    text = "Tegucigalpa " * 30 + "I ski " + "Tegucigalpa " * 30
    low, high = window(text, (360, 365))
    assert (360 - low, high - 365) == (144, 72)
    assert set(surfaces(read("", text, (360, 365)), 1)) == {"Tegucigalpa", "I", "ski"}


@given(st.text("ab \n漢", max_size=900), st.integers(0, 900), st.integers(0, 900))
def test_a_window_holds_its_clause_and_ends_between_words(text: str, one: int, other: int) -> None:
    mark = (min(one, other, len(text)), min(max(one, other), len(text)))
    low, high = window(text, mark)
    assert 0 <= low <= mark[0] <= mark[1] <= high <= len(text)
    assert mark[0] - low <= BEFORE_MARK + LONGEST_WORD
    assert high - mark[1] <= AFTER_MARK + LONGEST_WORD
    if mark[0] - low < BEFORE_MARK + LONGEST_WORD:
        assert low == 0 or text[low - 1].isspace()
    if high - mark[1] < AFTER_MARK + LONGEST_WORD:
        assert high == len(text) or text[high].isspace()


@pytest.mark.parametrize(
    "text", ["word " * 200_000, "x" * 1_000_000, "漢" * 300_000, " " * 1_000_000, "a。" * 200_000]
)
def test_only_what_lies_around_the_clause_is_looked_at(text: str) -> None:
    seen: list[str] = []

    def pieces(part: str) -> tuple[list[int], list[tuple[int, int]]]:
        seen.append(part)
        return WRITER.pieces(part)

    for mark in ((0, len(text)), (500, 510)):
        found = source(Passage(text, text, mark), pieces)
        assert len(found.ids) <= MOST_PIECES
    assert max(map(len, seen)) < 5000


def test_special_tokens_in_a_text_are_only_characters() -> None:
    found = read("[CLS] [SEP] user:", "I like [SEP] tea [MASK]")
    assert found.ids.count(SEP) == 2
    assert found.ids.count(CLS) == 1
    assert surfaces(found, 1) == ["I", "like", "[", "SEP", "]", "tea", "[", "MASK", "]"]


@pytest.mark.parametrize("text", ["", " \n", "\ud800", "\x00\ufffd", "\u200b"])
def test_a_text_without_pieces_has_no_words(text: str) -> None:
    found = read("", text)
    assert (found.ids, found.kinds, found.words, found.places) == ([CLS, SEP, SEP], [0, 0, 0], [], [])


def test_what_was_said_before_is_two_messages_and_the_role() -> None:
    talk = [("user", "hi"), ("assistant", "Your name?"), ("user", "Ana")]
    assert said_before([], "user") == "user:"
    assert said_before(talk[:2], "user") == "user: hi assistant: Your name? user:"
    assert said_before(talk, "assistant") == "assistant: Your name? user: Ana assistant:"


@pytest.mark.parametrize("mark", [(0, 6000), (500, 505), (5995, 6000)])
def test_half_a_word_is_no_word(mark: tuple[int, int]) -> None:
    endless = "x" * 6000
    assert read(endless, endless, mark).words == []
    spaced = "x " * 3000
    assert set(surfaces(read("", spaced, mark), 1)) == {"x"}
