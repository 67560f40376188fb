"""Search in what people really type: scripts without spaces, accents, inflection, typos, codes, any length.

Words are found by FTS5 as `store/keywords.py` cuts them: stemmed by porter, because English inflects, and
where a script has no spaces, characters in pairs or triples. A misspelt word finds those near it. What
words can not, meaning has to: those tests ask the bundled embedder.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Literal

import pytest

from tinymem import Memory
from tinymem.engines.catalog import models_folder
from tinymem.testing import HashEmbedder
from tinymem.types import Embedder, Vector


class WordsOnly(HashEmbedder):
    """Means the same by every text, so that only words can tell memories apart."""

    def embed(self, texts: Sequence[str], *, kind: Literal["document", "query"] = "document") -> Vector:
        return super().embed(["same"] * len(texts))


def shelf(*texts: str, embedder: Embedder | None) -> Memory:
    memory = Memory(":memory:", embedder=embedder, categorize=False)
    memory.add_many(texts, user_id="ana")
    return memory


def found_by_words(query: str, *texts: str) -> list[str]:
    """Return which of the texts share a word with a query, best first."""
    with shelf(*texts, embedder=WordsOnly()) as memory:
        results = memory.search(query, user_id="ana", explain=True)["results"]
    return [one["memory"] for one in results if one["score_details"]["keyword_score"] > 0]


CHINESE = ("我喜欢喝绿茶", "我住在上海", "我的狗叫小白", "我对花生过敏", "我在银行工作")
JAPANESE = ("京都に住んでいます", "コーヒーが好きです", "犬を二匹飼っています", "ピーナッツアレルギーがある")
KOREAN = ("서울에 살고 있어요", "커피를 좋아해요", "강아지를 두 마리 키워요", "땅콩 알레르기가 있어요")
THAI = ("ฉันชอบดื่มกาแฟ", "ฉันอยู่ที่กรุงเทพ", "ฉันเลี้ยงสุนัขสองตัว", "ฉันแพ้ถั่วลิสง")
MIXED = ("iPhone15を買った", "Lives in 東京 since 2019", "喜欢看Netflix", "Владеет iPad Pro")


@pytest.mark.parametrize(
    ("query", "texts", "wanted"),
    [
        ("绿茶", CHINESE, 0),
        ("她住在哪里？", CHINESE, 1),
        ("狗叫什么名字", CHINESE, 2),
        ("花生過敏 花生过敏", CHINESE, 3),
        ("银行", CHINESE, 4),
        ("どこに住んでいる？", JAPANESE, 0),
        ("ｺｰﾋｰは好き？", JAPANESE, 1),
        ("犬", JAPANESE, 2),
        ("アレルギー", JAPANESE, 3),
        ("서울", KOREAN, 0),
        ("커피", KOREAN, 1),
        ("강아지는 몇 마리?", KOREAN, 2),
        ("알레르기", KOREAN, 3),
        ("กาแฟ", THAI, 0),
        ("อยู่ที่ไหน", THAI, 1),
        ("สุนัขกี่ตัว", THAI, 2),
        ("แพ้ถั่วอะไร", THAI, 3),
        ("iphone15", MIXED, 0),
        ("東京", MIXED, 1),
        ("netflix", MIXED, 2),
        ("ipad", MIXED, 3),
    ],
)
def test_a_question_in_a_script_without_spaces_finds_its_memory(
    query: str, texts: tuple[str, ...], wanted: int
) -> None:
    assert found_by_words(query, *texts)[0] == texts[wanted]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("cafe", "Works at the café on the corner"),
        ("café", "Works at the cafe on the corner"),
        ("Zurich", "Lives in Zürich"),
        ("sao paulo", "Was born in São Paulo"),
        ("lodz", "Studied in Łódź"),
        ("pho", "Loves phở with beef"),
        ("Malmo", "Moved to Malmö"),
        ("елка", "Каждый год ставит ёлку, ёлка живая"),
        ("strasse", "Wohnt in der Langen Straße"),
        ("Αθηνα", "Ζει στην Αθήνα"),
    ],
)
def test_accents_may_be_left_out_on_either_side(typed: str, written: str) -> None:
    assert found_by_words(typed, "Likes tea", written, "Has a dog") == [written]


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("running", "Runs every morning before work"),
        ("cats", "Has a cat"),
        ("studying", "Studied law in Leiden"),
        ("who cooked", "Cooks for the whole family"),
        ("Maya's", "Sister Maya lives in Porto"),
        ("vaccinations", "Was vaccinated in March"),
    ],
)
def test_english_words_are_found_in_other_forms(asked: str, written: str) -> None:
    assert found_by_words(asked, "Likes tea", written, "Owns a boat") == [written]


FACTS = (
    "Is allergic to peanuts",
    "Has a dentist appointment on Friday",
    "Sister Maya lives in Porto",
    "Works as a nurse in Leeds",
    "Drives a red Toyota Yaris",
    "Plays the violin in an orchestra",
    "Plans to visit Tokyo next spring",
    "Has two greyhounds, Pip and Juno",
    "Is learning Portuguese",
    "Rents a flat with a broken dishwasher",
)


def understanding_shelf(*texts: str) -> Memory:
    """Return a Memory of these texts with the bundled embedder."""
    if not (models_folder() / "minilm").is_dir():
        pytest.skip("the bundled embedder is not built yet")
    return shelf(*texts, embedder=None)


@pytest.fixture(scope="module")
def facts() -> Iterator[Memory]:
    with understanding_shelf(*FACTS) as memory:
        yield memory


def best(memory: Memory, query: str) -> str:
    return str(memory.search(query, user_id="ana", top_k=1)["results"][0]["memory"])


MISSPELT = (
    *(
        "wat am i alergic to",
        "wen is my dentis apointment",
        "wher dos my sistr Maya liv",
        "do i wrk as a nurce",
    ),
    *("wich toyta do i drive", "wat instrment do i play, violn?", "tokio trip", "names of my greyhouns"),
    *("am i lerning portugese", "the dishwaser is brokn"),
)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("alergic", "Is allergic to peanuts"),
        ("resturant", "Opened a restaurant in Leeds"),
        ("Wendsday", "Plays chess every Wednesday"),
        ("birhtday", "Her birthday is in May"),
        ("my birthdya", "Her birthday is in May"),
        ("calender", "Keeps a paper calendar"),
        ("собкаа", "У Ани есть собака"),
    ],
)
def test_a_misspelt_word_finds_the_one_that_was_meant(typed: str, written: str) -> None:
    assert found_by_words(typed, "Likes tea", written, "Has a boat") == [written]


def test_most_misspelt_questions_are_still_understood(facts: Memory) -> None:
    """Not all: short words and little ones that are misspelt tell neither words nor the small embedder."""
    wrong = [query for query, fact in zip(MISSPELT, FACTS, strict=True) if best(facts, query) != fact]
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize(
    ("query", "wanted"),
    [("peanuts", 0), ("dentist", 1), ("Maya", 2), ("Toyota?", 4), ("TOKYO", 6), ("Pip", 7)],
)
def test_one_word_is_enough(facts: Memory, query: str, wanted: int) -> None:
    assert best(facts, query) == FACTS[wanted]


def test_one_word_that_says_little_elsewhere_or_one_letter_is_enough() -> None:
    assert found_by_words("who", "Likes The Who", "Likes tea") == ["Likes The Who"]
    assert found_by_words("C", "Takes vitamin C", "Takes vitamin D") == ["Takes vitamin C"]
    assert found_by_words("🎂", "Baked a 🎂", "Baked bread") == ["Baked a 🎂"]


CODES = (
    *(
        "The door code is XK-4471",
        "The door code is XK-4472",
        "The door code is XK-4470",
        "The lock is a KX-1447",
    ),
    *("Order 2024-0815 is late", "Order 2024-0816 is late", "Order 2025-0815 is late"),
    *("The printer is at 192.168.0.17", "The router is at 192.168.0.1"),
    *("Writes from ana.smith@example.com", "Writes from ana.jones@example.com"),
    *("Phone number is +49 170 5551234", "Phone number is +49 170 5551243"),
)


@pytest.fixture(scope="module")
def codes() -> Iterator[Memory]:
    with understanding_shelf(*CODES) as memory:
        yield memory


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        *(
            (query, 0)
            for query in ("XK-4471", "xk4471", "xk 4471", "XK–4471", "4471", "what is XK-4471 for?")
        ),
        ("xk4472", 1),
        ("KX-1447", 3),
        ("2024-0815", 4),
        ("order 2024-0816", 5),
        ("192.168.0.17", 7),
        ("ana.jones@example.com", 10),
        ("5551243", 12),
    ],
)
def test_a_code_is_told_from_codes_that_look_like_it(codes: Memory, query: str, wanted: int) -> None:
    assert best(codes, query) == CODES[wanted]


@pytest.mark.parametrize("code", ["XK4473", "KX1471", "20240817", "5551244", "555124"])
def test_a_code_that_nobody_wrote_is_not_taken_for_one_that_looks_like_it(code: str) -> None:
    assert found_by_words(code, *CODES) == []


def test_a_pasted_page_finds_what_it_is_about_and_does_not_take_long(facts: Memory) -> None:
    page = "The orchestra asks every violin player to rehearse the slow movement. " * 400
    began = time.perf_counter()
    assert best(facts, page) == FACTS[5]
    assert best(facts, "x" * 90_000 + " violin") == FACTS[5]
    assert time.perf_counter() - began < 10


def test_the_words_of_a_long_question_count_beyond_what_the_embedder_reads() -> None:
    filler = "Let me tell you about my day, it was long and there was rain. " * 100
    with understanding_shelf(*FACTS, "The storage unit's padlock is 7731") as memory:
        assert best(memory, filler + "Anyway, which padlock has the storage unit?").endswith("7731")
