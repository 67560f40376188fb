"""What calendar phrases are made of: months, weekdays, numbers and prepositions, as patterns and word lists.

Every pattern is for `re.IGNORECASE` and stands for one piece of a phrase; its named groups are what the
readers in `calendar_phrases` ask for. Nothing is decided here.
"""

from __future__ import annotations

import re

from tinymem.understand.almanac import HOLIDAYS, SEASONS, Unit
from tinymem.understand.terms import NUMBER_WORDS, ORDINALS, one_of, word_set

MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
WEEKDAYS = "montuewedthufrisatsun"
MONTH_NAME = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|(?-i:May)|(?<!this )may|june?|july?|"
    r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
MONTH = rf"(?P<month>{MONTH_NAME})\b\.?"
LONG_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
ANY_DAY = rf"(?:{LONG_DAY}|(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|(?-i:Sun)|(?<=on )sun)\b\.?)"
MORE_DAYS = rf"(?:(?:\s*(?:,|/|&|\band\b|\bor\b)\s*|\s+){ANY_DAY})*"
DATED = rf"(?:{ANY_DAY},?\s+)?(?:the\s+)?"
ONE_DAY = r"(?!\s+(?:(?:morning|afternoon|evening|night)s|(?:of|in)\s+(?:the\s+month|each|every))\b)"
TENS = "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
DAY_NAMES = [
    *f"{ORDINALS} {TENS}".split(),
    *(f"twenty-{unit}" for unit in ORDINALS.split()[:9]),
    *("thirtieth", "thirty-first"),
]
DAY = rf"(?P<day>\d{{1,2}}(?:st|nd|rd|th)?|{'|'.join(sorted(DAY_NAMES, key=len, reverse=True))})\b"
LAST_DAY = r"\s*(?:-|\b(?:to|and|until|through)\b)\s*(?P<last>\d{1,2})(?:st|nd|rd|th)?\b"
TO_LAST_DAY = rf"(?:{LAST_DAY}(?!\s+(?:of\s+)?(?:{MONTH_NAME})))?"  # not "June 3 - 5 July"
# What may stand after "the 12th" or "Christmas" where they are days: not "the 12th floor".
FOLLOWED = (
    r"(?=\s*(?:$|[.,;:!?)/-]|(?:at|in|on|of|with|without|and|or|to|from|for|but|by|because|although|whether|"
    r"than|not|instead|rather|until|till?|through|after|before|around|when|if|as|so|now|too|then|already|due|"
    r"is|are|was|were|has|have|will|this|last|next|every|each|together|alone|off|\d+)\b))"
)
SHORT_VERBS = r"(?:was|is|has|his|this|as|its)\b"
MEASURE = rf"(?:sq|km|kg|m|ft|feet|square|euros?|dollars?|pounds?|(?!{SHORT_VERBS})[a-z]+s)\b"
YEAR = rf"(?:(?P<year>(?:1[5-9]|20|21)\d\d)(?![\w%€$]|[.:/]\d|\s+{MEASURE})|'(?P<short>\d\d)\b)"
TO_YEAR = re.compile(r"\s*-\s*(?:19|20)\d\d\b")
TO_DAY = r"(?=\s*(?:-|\b(?:to|until|till?|through)\b)\s*(?:the\s+)?\d\d?(?:st|nd|rd|th)\b)"
WHICH = r"(?P<which>this(?:\s+coming|\s+past)?|next|last|past|coming|upcoming)\s+"
UNIT = r"(?P<unit>week|weekend|month|quarter|year)\b"
COUNT = (
    r"(?:an?\s+few|a\s+couple(?:\s+of)?|half\s+an?|couple\s+of|few|several|an?|\d{1,3}|"
    rf"{one_of(' '.join(word for word in NUMBER_WORDS if word not in ORDINALS.split()))})"
)
COUNTED = (
    rf"(?P<count>{COUNT})(?:\s*(?:-|\bor\b|\bto\b)\s*(?P<most>{COUNT}))?[\s-]+"
    r"(?P<of>min(?:ute)?|hour|hr|day|week|wk|fortnight|weekend|month|quarter|year|yr)s?\b"
    r"(?P<half>\s+and\s+a\s+half)?(?:\s+or\s+(?:so|two))?"
)
SHORT_UNITS = {
    "wk": "week",
    "yr": "year",
    "min": "moment",
    "minute": "moment",
    "hour": "moment",
    "hr": "moment",
}
VAGUE = {"few": (2, 4), "several": (3, 6)}
HALVES: dict[str, tuple[int, Unit]] = {"year": (6, "month"), "month": (2, "week")}
NTH_DAY = r"(?P<day>\d\d?(?:st|nd|rd|th))\b"
# Before a weekday that is no particular one: "on a Friday", "the first Saturday", "days other than Monday".
UNNAMED = "".join(
    rf"(?<!\b{word} )"
    for word in ("a", "one", "any", "the", "first", "second", "third", "fourth", "than", "to")
)
DAY_WORDS = {
    "day before yesterday": -2, "yesterday": -1, "last night": -1, "today": 0, "tonight": 0,
    "this morning": 0, "this afternoon": 0, "this evening": 0, "tomorrow": 1, "day after tomorrow": 2,
}  # fmt: skip
DECADES = {"fifties": 1950, "sixties": 1960, "seventies": 1970, "eighties": 1980, "nineties": 1990}
DECADE = rf"'?(?P<decade>(?:1[89]|20)\d0|\d0)'?s\b|(?P<named>{one_of(' '.join(DECADES))})\b"
SEASON = rf"(?P<season>{one_of(' '.join(SEASONS))})\b"
HOLIDAY = rf"(?P<holiday>{'|'.join(sorted(HOLIDAYS, key=len, reverse=True))})\b{FOLLOWED}"
QUARTER = r"(?P<quarter>q[1-4]|(?:first|second|third|fourth|1st|2nd|3rd|4th)\s+quarter)\b"
# A weekday without a preposition: "leaves Friday at 9", but not "Friday Night Lights".
AT_A_TIME = (
    r"(?=\s*(?:$|[.,;!?)])|\s+(?:at\s+)?\d|"
    r"\s+(?-i:morning|afternoon|evening|night|at the|because|after|before|until|till?|instead|not)\b)"
)
NTH = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "last": 0}

TIMES = word_set("by until till til since from during before after through around between")
VERBS = word_set("""
due starts starting begins beginning ends ending finishes closes opens leaves arrives expires started began
ended
""")
DAY_LEADS = TIMES | VERBS | word_set("on for to is are was were be")
SHORT_LEADS = word_set("on by until till til from to since between due")
IN_LEADS = word_set("in since until till til come during through over between from around")
NAMED_LEADS = word_set("for by before after to")
HOLIDAY_LEADS = TIMES | word_set("at on for over in is was")
SPAN_LEADS = word_set("in over during within")
LEADS = DAY_LEADS | IN_LEADS | HOLIDAY_LEADS | SPAN_LEADS
