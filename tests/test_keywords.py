"""Keywords: what a person would expect to find, in any script, and text that is never a syntax error."""

from __future__ import annotations

import time

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.store.keywords import (
    CODE_TIMES,
    MAX_QUERY_PHRASES,
    MAX_QUERY_TERMS,
    STOP_WORDS,
    has_words,
    index_text,
    match_query,
    words,
)


def found(query: str, *texts: str) -> list[str]:
    """Return the texts that a query finds in an FTS5 table like the file's, best first."""
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE f USING fts5(text, content='', contentless_delete=1, "
        "tokenize='porter unicode61 remove_diacritics 2')"
    )
    for rowid, text in enumerate(texts):
        connection.execute("INSERT INTO f(rowid, text) VALUES (?, ?)", (rowid, index_text(text)))
    expression = match_query(query)
    if expression is None:
        return []
    sql = "SELECT rowid FROM f WHERE f MATCH ? ORDER BY bm25(f)"
    return [texts[row[0]] for row in connection.execute(sql, (expression,))]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Maya's sister lives in Rome", "Maya"),
        ("Maya’s sister lives in Rome", "maya's"),
        ("Maya lives in Rome", "Maya's city"),
        ("Maya lives in Rome", "maya’s"),
        ("She drives James' car", "James"),
        ("Don't call before nine", "dont"),
        ("dont call before nine", "don’t"),
        ("Talks to Mr O'Brien", "obrien"),
        ("Talks to Mr O’Brien", "Brien"),
        ("Talks to Mr OBrien", "O'Brien"),
        ("Aime l'aéroport d'Orly", "aéroport"),
        ("Un aeroport tranquille", "l'aéroport"),
        ("Drinks at the café", "cafe"),
        ("Drinks at the cafe", "CAFÉ"),
        ("Drinks at the cafe\u0301", "café"),
        ("Wohnt in der Straße", "STRASSE"),
        ("Born in Łódź", "lodz"),
        ("Lives in İstanbul", "istanbul"),
        ("The wi-fi is down", "wifi"),
        ("The wifi is down", "Wi-Fi"),
        ("A well‑known cook", "known"),
        ("Sends e-mails", "email"),
        ("Runs every morning", "running"),
        ("Has two cats", "cat"),
        ("Full ｗｉｄｔｈ ２０２４", "width 2024"),
        ("Pays ٢٠٢٤ dinar", "2024"),
        ("Любит чёрный кофе", "черный"),
        ("ἀγαπᾷ τὴν θάλασσαν", "θαλασσαν"),
        ("我喜欢喝咖啡", "咖啡"),
        ("我喜欢喝咖啡", "他喜欢什么"),
        ("我住在上海", "海"),
        ("カフェでｺｰﾋｰを飲む", "コーヒー"),
        ("毎朝コーヒーを飲みます", "ｺｰﾋｰ"),
        ("커피를 좋아해요", "커피"),
        ("ฉันชอบดื่มกาแฟ", "กาแฟ"),
        ("ຂ້ອຍມັກກາເຟ", "ກາເຟ"),
        ("ကျွန်တော် ကော်ဖီ ကြိုက်တယ်", "ကော်ဖီ"),
        ("मुझे हिन्दी पसंद है", "हिन्दी"),
        ("אוהב קפה בְּבוֹקֶר", "בבוקר"),
        ("يحب القَهْوَة", "القهوة"),
        ("The party was 🎉 great", "🎉"),
        ("Works as 👩🏽‍💻", "👩‍💻"),
        ("Holiday in 🇮🇹", "🇮🇹"),
        ("vitamin C", "C"),
        ("a\x00b tea", "tea"),
        ("uses foo_bar(x)", "foo_bar"),
        ("x" * 500, "x" * 500),
    ],
)
def test_a_word_finds_its_text_and_leaves_others(text: str, query: str) -> None:
    assert found(query, text, "unrelated 犬 собака हाथी กบ 🐕 dog") == [text]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("hindi हाथी", "हिन्दी"),
        ("मैं दूर हूँ", "दर"),
        ("咖喱很好", "咖啡"),
        ("กาว", "กาแฟ"),
        ("ふく", "ぶく"),
        ("🎉", "🎂"),
        ("therefore", "there"),
    ],
)
def test_a_different_word_does_not_match(text: str, query: str) -> None:
    assert found(query, text) == []


@pytest.mark.parametrize(
    "operator", ["NEAR", "AND", "OR", "NOT", "near(a b, 2)", "text:tea", "-tea", "t*", "^tea"]
)
def test_operators_are_words(operator: str) -> None:
    assert found(f"{operator} sugar", "sugar", "salt") == ["sugar"]
    assert found(f'"{operator}', "salt") == []


@pytest.mark.parametrize(
    "nothing", ["", " ", "?!", '"', '""', "'", "*", "()", "\x00", "-", "\ud800", "\u200d", "\u0301"]
)
def test_text_without_a_word_asks_nothing(nothing: str) -> None:
    assert match_query(nothing) is None
    assert words(nothing) == []
    assert index_text(nothing) == ""
    assert not has_words("tea", nothing)


def test_stop_words_are_left_out_only_where_something_else_is_left() -> None:
    assert match_query("What is the tea that she drinks?") == '"tea" OR "drinks"'
    assert match_query("The Who") == '"the" OR "who"'
    assert found("to be or not to be", "not to be", "tea") == ["not to be"]
    assert found("does the cat sleep", "the cat", "the dog does") == ["the cat"]
    assert all(words(word) == [word] for word in STOP_WORDS)


def test_better_matches_rank_first() -> None:
    texts = ("drinks tea", "drinks green tea in the morning", "eats fish", "他喜欢喝咖啡", "他喜欢狗")
    assert found("green tea", *texts)[0] == texts[1]
    assert found("喜欢咖啡", *texts) == [texts[3], texts[4]]


def test_words_are_folded_whole_words_in_order() -> None:
    assert words("Maya’s CAFÉ, wi-fi & don't O'Brien's 3.5") == (
        ["maya", "cafe", "wi", "fi", "dont", "o", "brien", "3", "5"]
    )
    assert words("我 tea 🎉") == ["我", "tea", "🎉"]


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [
        ("Maya plays the piano", "piano MAYA", True),
        ("Maya plays the piano", "piano violin", False),
        ("Maya plays the piano", "play", False),
        ("Maya’s café", "maya cafe", True),
        ("the wifi", "wi-fi", True),
        ("the wi-fi", "wifi", True),
        ("the wi fi", "wi-fi", True),
        ("the wi fi", "wifi", False),
        ("我喜欢喝咖啡", "咖啡 喜欢", True),
        ("我喜欢喝咖啡", "欢咖", False),
        ("ฉันชอบกาแฟ", "กาแฟ", True),
        ("well 🎉", "🎉", True),
    ],
)
def test_has_words(text: str, wanted: str, expected: bool) -> None:
    assert has_words(text, wanted) is expected


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ("When did she join the support group?", ['"support group"', '"join the support"']),
        ("Sunsets over a lake", []),
        ("what is it about", []),
        ("tea", []),
        ("绿茶 tea house 绿茶", ['"tea house"']),
        ("the wi-fi code", ['"wi fi"', '"fi code"']),
    ],
)
def test_words_side_by_side_or_with_a_little_one_between_are_phrases(query: str, phrases: list[str]) -> None:
    asked = (match_query(query) or "").split(" OR ")
    assert [term for term in asked if " " in term and term.isascii()] == phrases


def test_words_that_stand_so_again_count_more() -> None:
    texts = ("Has a support line for the whole group", "Went to a support group with the whole line")
    assert found("support group", *texts) == [texts[1], texts[0]]
    assert found("support line", *texts) == [texts[0], texts[1]]


def test_a_pasted_page_asks_for_its_longest_words_and_stays_fast() -> None:
    page = " ".join(f"word{number}" + "x" * (number % 50) for number in range(100_000))
    began = time.perf_counter()
    query = match_query(page)
    assert time.perf_counter() - began < 0.5
    assert query is not None
    asked = query.split(" OR ")
    terms = [term for term in asked if " " not in term]
    assert len(asked) - len(terms) == MAX_QUERY_PHRASES
    assert len(set(terms)) == MAX_QUERY_TERMS
    assert len(terms) == MAX_QUERY_TERMS * CODE_TIMES
    assert min(map(len, terms)) > 45
    assert found(page, page) == [page]


def test_tokens_stand_in_the_index_exactly_as_we_cut_them() -> None:
    """Neither FTS5's own idea of letters nor its age matters: every token comes back unchanged."""
    text = "naïve e-mail हिन्दी กาแฟ 咖啡 커피 𞤀𞤣 🎉 ½ ² ﷺ ꯃ ᧐ᦶ a\u0345"
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE f USING fts5(t, tokenize='unicode61 remove_diacritics 2')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(f, 'instance')")
    connection.execute("INSERT INTO f VALUES (?)", (index_text(text),))
    tokens = [row[0] for row in connection.execute("SELECT term FROM v ORDER BY offset")]
    assert tokens == index_text(text).split()


@given(st.text(alphabet=st.one_of(st.characters(max_codepoint=127), st.characters()), max_size=80))
def test_plain_text_is_cut_as_among_other_scripts(text: str) -> None:
    """A word in another script takes the way for all texts."""
    assert f"{index_text(text)} {index_text('ж')}".strip() == index_text(f"{text} ж")
