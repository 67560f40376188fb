"""Words as they are compared: folded, stemmed, counted; numbers as digits; is it a negation?

Everything here is pure and made for comparing two texts, never for showing one. It must never decide
anything by itself: evidence, extraction and reconciliation each say what equal words mean to them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

FANCY = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "–": "-", "—": "-", "‑": "-", "“": '"', "”": '"'}
)
WORD = re.compile(r"[^\W_]+(?:['&][^\W_]+)*")
# Only Latin, Greek and Cyrillic accents: other scripts need their marks.
ACCENT = re.compile("[\u0300-\u036f]")
NUMERAL = re.compile(r"\d+(?:[.,]\d+)*")
SAME_STEM = """
go: went gone goes; buy: bought; teach: taught; think: thought; keep: kept; leave: left; make: made;
meet: met; sell: sold; tell: told; take: took taken; give: gave given; write: wrote written; run: ran;
grow: grew grown; drive: drove driven; eat: ate eaten; drink: drank drunk; sleep: slept; spend: spent;
break: broke broken; choose: chose chosen; begin: began begun; come: came; become: became; see: saw
seen; lose: lost; pay: paid; ride: rode ridden; speak: spoke spoken; child: children kids kid; person:
people persons; wife: wives; foot: feet; mother: mum mom mama mummy; father: dad papa daddy;
grandmother: gran grandma granny nana nan; grandfather: grandad grandpa granddad; husband: hubby;
boyfriend: bf; girlfriend: gf; birthday: bday bdays; vegetarian: veggie; favourite: fave favorite
favourite; year: yr yrs years; week: wk wks weeks; minute: min mins minutes; hour: hr hrs hours;
appointment: apt
"""


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text, for word lists that stay readable as text."""
    return frozenset(text.split())


def one_of(text: str) -> str:
    """Return a regular expression that matches any one word of a text."""
    return f"(?:{'|'.join(text.split())})"


UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
TENS = """twenty thirty forty fifty sixty seventy eighty ninety"""
ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"""
NUMBER_WORDS = {
    **{word: number for number, word in enumerate(UNITS.split())},
    **{word: 20 + 10 * place for place, word in enumerate(TENS.split())},
    **{word: place + 1 for place, word in enumerate(ORDINALS.split())},
    "once": 1,
    "twice": 2,
    "double": 2,
    "couple": 2,
    "pair": 2,
    "twins": 2,
    "fortnight": 2,
    "triplets": 3,
    "dozen": 12,
    "hundred": 100,
    "thousand": 1000,
    "million": 1_000_000,
}

# Words that carry no fact of their own: function words, and the verbs with which house style frames a fact.
SMALL = word_set("""
a an the and or but of to in on at for with from by as is are was were be been being am has have had
having do does did doing done not no never cannot can't don't doesn't didn't isn't aren't wasn't won't
nor neither dont doesnt didnt isnt arent wasnt wont cant without i i'm im i've ive i'd i'll ill me my
mine we we're we've our us you your it its it's he she they them him her his their this that these those
there here if so than then too also very just really about into out up over per own some any all more
most much lot lots get gets got like likes want wants plan plans can could should would will may might
must who which what when where how while because since after before during until through currently still
now already yet only even both each another other one ones same such s t d ll re ve
""")
NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|cannot|without|neither|nor|nope|nah|"
    r"(?:ca|do|does|did|is|are|was|were|wo|would|could|should|have|has|had|ai|must|need)n'?t)\b"
)
REVERSING = re.compile(
    r"\b(?:stopped|quit|quits|gave up|given up|refus\w+|avoid\w*|hate\w*|dislik\w+|unable|free|rather than|"
    r"instead of|allergic|intolerant|lacks?|missing|un\w{4,}|in(?:capable|active)|dis\w{4,}|skip\w*|lost|"
    r"less|fewer|fail\w*|cancel\w*|ended|over|ex|former|used to|except|but|vegan|vegetarian|sober|off|"
    r"declin\w*|denied|sick of|tired of|only|dead|gone|drop|forbid\w*|bann?e?d?|hardly|barely|optional|old)\b"
)


def fold(text: str) -> str:
    """Return the text for comparing: case, Latin accents, typographic quotes and dashes folded away."""
    text = text.translate(FANCY)
    if text.isascii():
        return text.lower()
    plain = ACCENT.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", plain).casefold()


def _same_stems() -> dict[str, str]:
    """Return what a suffix cannot tell: irregular forms, and the everyday short forms of one word."""
    rows = (row.split(":") for row in SAME_STEM.split(";"))
    return {form: shared.strip() for shared, forms in rows for form in forms.split()}


IRREGULAR_STEMS = _same_stems()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the part of a folded word that its inflections share (a number's word gives its digits)."""
    if word in NUMBER_WORDS:
        return str(NUMBER_WORDS[word])
    word = word[:-2] if word.endswith("'s") else word.replace("'", "")
    word = IRREGULAR_STEMS.get(word, word)
    for end in ("ingly", "edly", "ing", "ies", "ied", "ers", "ed", "es", "ly", "er", "s", "y", "e"):
        if word.endswith(end) and len(word) - len(end) >= 3:
            word = word[: -len(end)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def words(text: str) -> list[str]:
    """Return the folded words of a text, in order."""
    return WORD.findall(fold(text))


def content(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order."""
    return [stem(word) for word in words(text) if word not in SMALL]


def numbers(text: str, *, parts: bool = False) -> set[str]:
    """Return the numbers of a text as digits, however they are written.

    "1,200" is 1200, "twice" is 2, "9k" is 9 and 9000; with `parts`, "6.10" is also 6 and 10.
    """
    folded = fold(text)
    found = set()
    for match in NUMERAL.finditer(folded):
        digits = re.sub(r"[.,](?=\d{3}(?!\d))", "", match.group())
        digits = digits.replace(",", ".").lstrip("0") or "0"
        found.add(digits)
        if parts:
            found.update(part.lstrip("0") or "0" for part in re.split(r"[.,]", match.group()))
        if folded[match.end() : match.end() + 1] == "k" and digits.replace(".", "", 1).isdigit():
            found.add(f"{float(digits) * 1000:g}")
    spoken = [NUMBER_WORDS[word] for word in WORD.findall(folded) if word in NUMBER_WORDS]
    found.update(str(number) for number in spoken)
    found.update(str(tens + ones) for tens, ones in pairwise(spoken) if 20 <= tens < 100 and 0 < ones < 10)
    return found


def is_negated(text: str) -> bool:
    """Return whether a text denies something in plain words ("not", "never", "don't", "dont")."""
    return NEGATION.search(fold(text)) is not None


def reverses(text: str) -> bool:
    """Return whether a text denies something, or has a word that may put a denial ("avoids", "allergic")."""
    return is_negated(text) or bool(REVERSING.search(fold(text)))


def gist(text: str) -> tuple[object, ...]:
    """Return what two texts that say the same share: content words, numbers, negation and the first word."""
    carried = tuple(sorted(content(text)))
    if not carried:
        return (fold(text).strip(" .!"),)
    return carried, frozenset(numbers(text)), is_negated(text), words(text)[0]


def same_words(one: str, other: str) -> bool:
    """Return whether two facts have the same content words, numbers, negation and first word."""
    return gist(one) == gist(other)


def adds_nothing(fact: str, memory: str) -> bool:
    """Return whether a memory says all that a fact says, in the fact's own words."""
    if same_words(fact, memory):
        return True
    said = content(fact)
    return (
        bool(said)
        and set(said) <= set(content(memory))
        and is_negated(fact) == is_negated(memory)
        and numbers(fact) <= numbers(memory)
        and words(fact)[0] == words(memory)[0]
    )
