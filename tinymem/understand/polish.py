"""The last look at a fact that was written: chat words are written out, and what only fills goes.

"Has worked there 5 yrs btw" says the same as "Has worked there 5 years", and only one of them can be read in
ten years. Only closed lists are applied, to what is already known to be supported; it must never change what
is said.
"""

from __future__ import annotations

import re

from tinymem.understand.conjugate import base_of_third, is_base, third_person
from tinymem.understand.terms import word_set

CHAT_WORDS = """
yrs:years yr:year wks:weeks wk:week hrs:hours mins:minutes mths:months mnths:months tmrw:tomorrow
tmr:tomorrow tomoz:tomorrow 2day:today 2moro:tomorrow 2nite:tonight bday:birthday b-day:birthday
hubby:husband bro:brother sis:sister bf:boyfriend gf:girlfriend w/:with w/o:without b/c:because bc:because
cuz:because coz:because abt:about ppl:people thru:through xmas:Christmas appt:appointment uni:university
meds:medication rly:really prob:probably probs:probably fav:favourite fave:favourite lil:little
convo:conversation bfast:breakfast veg:vegetables i:I
"""
WRITTEN_OUT = {short: long for short, _, long in (pair.partition(":") for pair in CHAT_WORDS.split())}
WRITTEN_OUT |= {"im": "I am", "dont": "do not", "doesnt": "does not"}
FILLERS = (
    r"btw|tbh|lol|lmao|fwiw|fyi|imo|imho|ngl|tho|haha|hehe|smh|idk|pls|plz|thx|yk|innit|(?-i:rn|atm|xx+)"
)
# What follows an article or "called" is a thing or a name: "at the atm", "is an rn".
FILLER = re.compile(
    r"[\s,]*(?<![\w@#./-])(?<!\ba )(?<!\ban )(?<!\bthe )(?<!\bis )(?<!\bcalled )(?<!\bnamed )"
    rf"(?:{FILLERS})(?:[\s,]+(?:{FILLERS}))*(?![\w-])\s*(?=[,;.]|$)",
    re.IGNORECASE,
)
# Faces, hands and hearts are moods; of things, animals and flags a fact may be about.
MOODS = (
    "\U0001f600-\U0001f64f\U0001f90c-\U0001f92f\U0001f970-\U0001f97a\U0001f440-\U0001f450\U0001f493-\U0001f49f"
    "\U0001f389\U0001f38a\U0001f3fb-\U0001f3ff\u2639-\u263b\u2728\u2763\u2764\ufe0f\u200d"
)
SMILEY = re.compile(rf"(?<!\b[Ii]s)(?<!\b[Ii]s )\s*(?:(?<!\d)[:;]-?[)(DPp]|<3|[{MOODS}])+(?=\s|$)")
TOKEN = re.compile(r"(?<![\w@#./-])[\w/]+(?:-\w+)?(?![\w@])")
PLUS = re.compile(r"(?<=[a-z]) [+&] (?=[a-z])")
SHORT_WITH = re.compile(r"\bw (?=(?:a|an|the|his|her|their|my|\w+ing|\d)\b)")
NEVER_TAIL = re.compile(r"(?:[ ,;]+never (?:have|has|did|will|do|does|had))+$", re.IGNORECASE)
YEAR_OLD = re.compile(r"\b(Is \d{1,3}) years? old$")
AN_AT_CONSONANT = re.compile(r"\b(a)n(?= [bcdfgjklmnpqrstvwxyz][a-z]{2})")
A_AT_VOWEL = re.compile(r"\b(a)(?= (?!an\b)(?:[aio](?!ne\b|nce\b)[a-z]|e(?!u)[a-z]{2}))")
ONE_NAMED = word_set("monday tuesday wednesday thursday friday saturday sunday tues weds thurs")
MONTHS = word_set("january february april june july august september october november december")
TONGUES = word_set("""
english french german spanish italian portuguese dutch turkish arabic hebrew persian hindi urdu punjabi
bengali tamil telugu marathi gujarati malayalam russian ukrainian czech slovak hungarian romanian
bulgarian serbian croatian greek swedish norwegian finnish icelandic estonian latvian lithuanian welsh
irish scottish catalan japanese korean chinese cantonese vietnamese indonesian tagalog swahili yoruba
igbo amharic american canadian mexican brazilian british european african asian australian indian
""")
TWICE_NOT = re.compile(r"(n['’]t) not\b")
WITH = re.compile(r"\bwith (?=(\w+))")


def polished(text: str, said: str = "") -> str:
    """Return a fact as it should be stored; `said` are the words that it was written from.

    >>> polished("Has worked there 5 yrs btw"), polished("Co-own a bike shop", "We co-own a bike shop")
    ('Has worked there 5 years', 'Co-owns a bike shop')
    """
    tidy = SMILEY.sub("", " ".join(text.split()))
    tidy = FILLER.sub("", TOKEN.sub(written_out, tidy))
    tidy = PLUS.sub(" and ", SHORT_WITH.sub("with ", tidy))
    tidy = " ".join(tidy.split()).strip(" ,;")
    tidy = TWICE_NOT.sub(r"\1", tidy)
    if " not " in f" {tidy} ":
        tidy = NEVER_TAIL.sub("", tidy)
    tidy = WITH.sub(lambda match: "without " if only_without(match[1], said) else match[0], tidy)
    tidy = A_AT_VOWEL.sub(r"\1n", AN_AT_CONSONANT.sub(r"\1", tidy))
    tidy = conjugated_start(YEAR_OLD.sub(r"\1 years old", tidy), said)
    return tidy[:1].upper() + tidy[1:] if tidy else text


def written_out(match: re.Match[str]) -> str:
    """Return what a chat word stands for, and names of days, months and languages with a capital."""
    word = match.group(0)
    low = word.lower()
    if word.isupper() and len(word) > 1:  # BC and GF are not what bc and gf are
        return word
    if low in WRITTEN_OUT and word not in ("I", "Im", "Dr", "Bro"):
        return WRITTEN_OUT[low]
    return word.capitalize() if low in ONE_NAMED or low in MONTHS or low in TONGUES else word


def only_without(word: str, said: str) -> bool:
    """Tell whether "without" stands before a word wherever the speaker said "with" or "without" it."""
    found = re.findall(rf"(?:(without|\bw/o)|\bwith|\bw/) ?{re.escape(word)}\b", said, re.IGNORECASE)
    return bool(found) and all(found)


def conjugated_start(text: str, said: str) -> str:
    """Return the fact with its first verb in the third person, where the speaker said it of himself."""
    first = text.split(" ", 1)[0]
    bare = first.lower().rpartition("-")[2]
    if not is_base(bare) or base_of_third(bare) is not None:
        return text
    if not re.search(rf"\b(?:i|we)\s+(?:\w+\s+)?{re.escape(first)}\b", said, re.IGNORECASE):
        return text
    return text[: len(first) - len(bare)] + third_person(bare) + text[len(first) :]
