"""What a model claims: put in house style, believed only if it has to do with what was said."""

import pytest

from tinymem.understand.claims import in_house_style, objection, says_more, scripts


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  User likes\n green   tea. ", "Likes green tea"),
        ("The user is a nurse", "Is a nurse"),
        ("The assistant's name is Iris", "Name is Iris"),
        ("User's sister likes tea", "Sister likes tea"),
        ("likes tea", "Likes tea"),
        ("Users like tea", "Users like tea"),
        ("User experience designer at Figma", "User experience designer at Figma"),
        ("Works at Brown Inc.", "Works at Brown Inc."),
        ("Likes tea...", "Likes tea..."),
        ("ist Ärztin", "Ist Ärztin"),
        (" ", ""),
        ("Likes\0 te\ud800a\x1b", "Likes te a"),
    ],
)
def test_house_style(written, kept):
    assert in_house_style(written) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Likes green tea", "I like green tea"),
        ("Bor i Malmö", "Hej, jag heter Åsa och bor i Malmö sedan tio år tillbaka"),
        ("Wohnt in Hamburg", "ja also ich wohne seit drei Jahren in Hamburg und mag es sehr"),
        ("Est allergique aux arachides", "je suis allergique aux arachides depuis que je suis petite"),
        ("Живёт в Москве", "я живу в Москве уже десять лет, и мне нравится"),
        ("Has two children", "we've two kids"),
        ("ピーナッツアレルギー", "忘れないで、ピーナッツアレルギーです"),
        ("서울에 산다", "안녕하세요 저는 올해부터 서울에서 살고 있고 회사에서 개발자로 일하고 있어요"),
        ("يحب الشاي", "أنا أحب الشاي كثيرا"),
    ],
)
def test_a_rephrased_statement_is_believed_in_any_language(text, said):
    assert objection(text, said) is None


@pytest.mark.parametrize(
    ("text", "said", "reason"),
    [
        ("Lives in Oslo", "I like tea", "name Oslo"),
        ("Xuq zorb wik", "Hej, jag heter Åsa och bor i Malmö sedan tio år tillbaka", "hardly any"),
        ("喜欢茶", "I like green tea", "script"),
        ("Любит чай", "I like green tea", "script"),
        ("~b*俞oran(ࣙ~b*俞oran", "俳句が好き, and I read them", "script"),
        ("~b*俞oran ~b*俞oran", "俳句が好き, and I read them", "hardly any"),
        ('-"" ..', "I like green tea", "hardly any"),
    ],
)
def test_what_has_nothing_to_do_with_what_was_said_is_not(text, said, reason):
    assert reason in objection(text, said)


def test_scripts_are_named_and_those_of_east_asia_are_one():
    assert scripts("Zoë 7 🦉") == {"LATIN"}
    assert scripts("俳句のカタカナ") == {"EAST ASIAN"}
    assert scripts("чай and शांति") == {"CYRILLIC", "LATIN", "DEVANAGARI"}


def test_news_are_names_and_numbers_that_the_memory_has_not():
    assert says_more("Works at Siemens", "Works in Berlin")
    assert says_more("Has 3 cats", "Has 2 cats")
    assert not says_more("Is a nurse in Leeds", "Works as a nurse in Leeds since 2019")
