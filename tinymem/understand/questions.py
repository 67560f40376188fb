"""The question that a short answer answers, and what the answer itself consists of.

Pure text work for `answers`: the last question of a message without its politeness, the phrase that an
answer begins with, and whether it says yes or no. An answer that says neither, evades, or points at
something ("the second one") must come out as None.
"""

from __future__ import annotations

import re

from tinymem.understand.plain import bare
from tinymem.understand.terms import FANCY, one_of

YES = re.compile(
    r"^(?:(?:oh|um|uh|haha|lol|sadly) )?(?:yes|yeah|yea|yep|yup|ya|correct|exactly|of "
    r"course|indeed|definitely|"
    r"absolutely|i do|i am|i have|i can|i did|we do|we are|we have|sure do|certainly|true|"
    r"aye)\b(?!,? but| and no)",
    re.IGNORECASE,
)
NO = re.compile(
    r"^(?:(?:oh|um|uh|haha|lol|god|hell|sadly) )?(?:no|nope|nah|not really|not yet|not at "
    r"all|never|none|i don't|i dont|"
    r"i'm not|im not|i haven't|i havent|i can't|i cant|i didn't|unfortunately not|not any ?more)\b",
    re.IGNORECASE,
)
EVASIVE = re.compile(
    r"^(?:the (?:first|second|third|latter|former|other|usual|one|same)|good question|it depends|"
    + one_of("""
    idk dunno depends whatever any anything either neither both nothing none skip later maybe perhaps
    same that this all other what why how who where when which can could would should is are do does
    please let tell give make i we he she they it you there not no nope nah never yes yeah yep if sorry
    hmm well wrong right ok okay sure thanks lol haha
    """)
    + r")\b",
    re.IGNORECASE,
)
OPENING = re.compile(
    r"^(?:(?:it's|its|it is|that's|thats|that would be|i'm|im|i am|my name is|my name's|"
    r"name's|a mix of|call me|since you ask|"
    + one_of("""
    just only mostly mainly probably currently now always usually normally around roughly about approx
    maybe er um well oh ah hmm still actually ok so prob definitely honestly tbh
    """)
    + r")[\s,]+)+",
    re.IGNORECASE,
)
END_OF_PHRASE = re.compile(
    r"[,;.!(:\n]|\s[-–—]+\s|\s"
    + one_of("but because cos since so which who i we my though tho lol haha unless if when with")
    + r"\s",
    re.IGNORECASE,
)
LIST_MARK = re.compile(r",\s+(?:and\s+)?|\s+(?:and|&|\+)\s+|[.!?:;(\n]")
INNER_STOP = re.compile(r"(?<=\d)[.,:](?=\d)|(?<=\bDr)\.")
SENTENCE_WORD = re.compile(r"\b(?:i|i'm|im|me|my|you|your|is|are|was)\b", re.IGNORECASE)
PROPOSAL = re.compile(
    r"\b(?:(?:shall|should) (?:i|we)|would you|could you|want me|can i|could i|may i|how "
    r"about|what about|ready|help)\b|"
    r"\b(?:do|did) you (?:want|need|know|mean|mind|think|remember|see|agree|feel|happen)\b",
    re.IGNORECASE,
)
POINTING = re.compile(
    r"\b"
    + one_of("it that this them these those there one ones he she they him her his their me i we us here")
    + r"\b|\bso far\b|\bthe (?:two|first|second|other|latter|former)\b",
    re.IGNORECASE,
)
POLITE_LEAD = re.compile(
    r"^(?:(?:and|so|ok|okay|also|but|great|sure|first|before we start|by the way|just to "
    r"check|out of curiosity|got it|"
    r"thanks|may i ask|if i may ask|quick question|hello|hi)[,!]?\s+)+",
    re.IGNORECASE,
)
POLITE_TAIL = re.compile(
    r",? (?:if i may ask|by the way|roughly|exactly|at the moment|right now|these days|"
    r"currently|then|again|please|"
    r"usually)$",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+|\s[-–—]\s")
LONGEST = 14  # words of a question that is plain enough


TWOFOLD = re.compile(r"\b(?:and|or) (?:what|when|where|who|whose|which|why|how)\b", re.IGNORECASE)
"""Two questions in one: an answer's words do not say which of them it answers."""


def last_question(before: str) -> str:
    """Return the last sentence of a message without its politeness, if it is a plain question; else ""."""
    text = before.translate(FANCY).strip()
    if not text.endswith("?"):
        return ""
    sentence = SENTENCE_END.split(text)[-1].rstrip("? ")
    sentence = POLITE_TAIL.sub("", POLITE_LEAD.sub("", sentence))
    if len(sentence.split()) > LONGEST or PROPOSAL.search(sentence) or TWOFOLD.search(sentence):
        return ""
    return sentence


def head(said: str, longest: int = 7) -> str | None:
    """Return the phrase that an answer begins with; None for a sentence, an evasion, or a long one."""
    text = OPENING.sub("", bare(said)).strip()
    cut = END_OF_PHRASE.search(INNER_STOP.sub("_", text))
    text = (text[: cut.start()] if cut else text).strip(" \"'*")
    if not text or EVASIVE.match(text) or len(text.split()) > longest or SENTENCE_WORD.search(text):
        return None
    return text


def listed(said: str) -> str | None:
    """Return the list that an answer begins with, as "a, b and c"; the phrase alone where it is no list."""
    first = head(said)
    if first is None or len(first.split()) > 3:
        return first
    parts = LIST_MARK.split(OPENING.sub("", bare(said)).strip(" .!"))
    items: list[str] = []
    for part in parts:
        item = part.strip(" \"'*").removeprefix("and ")
        if (
            not item
            or len(item.split()) > 3
            or SENTENCE_WORD.search(item)
            or EVASIVE.match(item)
            or points(item)
        ):
            break
        items.append(item)
    if len(items) < 2:
        return first
    return f"{', '.join(items[:-1])} and {items[-1]}"


def polar(said: str) -> bool | None:
    """Return whether an answer says yes or no; None when it says neither."""
    if NO.match(said):
        return False
    return True if YES.match(said) else None


def points(*parts: str) -> bool:
    """Return whether any of these parts of a question has a word like "it" or "there"."""
    return any(POINTING.search(part) for part in parts)


MONTHS = one_of("""
january february march april may june july august september october november december jan feb mar apr
jun jul aug sep sept oct nov dec
""")
READY_TIME = re.compile(
    r"^(?:(?:next|last|this|every|each|tomorrow|today|tonight|yesterday|in|on|at|from|"
    r"since|until|by|before|after|"
    r"around|between|early|late|mid|twice|once|end of|beginning of|during|weekdays|"
    r"weekends|mornings|evenings|nights)\b|"
    r"\w+days\b)",
    re.IGNORECASE,
)
CLOCK = re.compile(
    r"^\d{1,2}(?:[:.]\d\d)?\s?(?:am|pm|o'clock|h)\b|^\d{1,2}[:.]\d\d\b|^(?:noon|midnight|"
    r"half past|quarter)\b",
    re.IGNORECASE,
)
MONTH_OR_YEAR = re.compile(
    rf"^(?:(?:19|20)\d\d|(?:{MONTHS}|spring|summer|autumn|fall|winter)(?: (?:19|20)\d\d)?)$", re.IGNORECASE
)
DATE = re.compile(
    rf"^(?:the )?\d{{1,2}}(?:st|nd|rd|th)?\b(?! ?(?:minutes|hours|days|weeks|months|years|km|kg))|"
    rf"^(?:mon|tue|wed|thu|fri|sat|sun)|^{MONTHS} \d",
    re.IGNORECASE,
)


def timed(phrase: str | None) -> str | None:
    """Return a time with its preposition ("on Friday", "at 9 am", "in May"); None if it is no time."""
    if phrase is None:
        return None
    if READY_TIME.match(phrase):
        return phrase
    for pattern, preposition in ((CLOCK, "at"), (MONTH_OR_YEAR, "in"), (DATE, "on")):
        if pattern.match(phrase):
            return f"{preposition} {phrase}"
    return None
