"""Can a predicate stand alone as a fact? Its first-person words are replaced, its loose ends cut.

"sold my car to my sister Ana, any tips" becomes "Sold the car to sister Ana". What would leave a pronoun
without its noun, or "I" inside, is no fact. It must never return a first-person word outside quotes.
"""

from __future__ import annotations

import re

from tinymem.understand.conjugate import PASTS, is_base, is_progressive
from tinymem.understand.people import PERSONS
from tinymem.understand.terms import one_of

LONGEST = 25  # words of a fact

QUOTES = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
ME = re.compile(
    r"(?<![\w.-])(?:i|my|mine|myself|we|our|ours|ourselves|im|ive|(?-i:me|us))\b(?![-.]\w)", re.IGNORECASE
)
TIMES = one_of("""
week month year summer winter spring autumn fall season morning afternoon evening weekend time term
semester monday tuesday wednesday thursday friday saturday sunday christmas easter ramadan
""")
HANGING = re.compile(
    r"\b(?:it|them|those|these|him|here|there|hers|theirs|yours|each other|that one|this "
    r"one|you|your|yours|yourself|u|ur)\b" + rf"(?! {TIMES}s?\b)",
    re.IGNORECASE,
)
THIS = re.compile(
    rf"\b(?:this|that)\b(?! (?:(?:coming|past) )?{TIMES}\b)(?! "
    + one_of("is are was were has have can do does will need needs the a an my no only goes makes")
    + r"\b)",
    re.IGNORECASE,
)
ONE = re.compile(
    r"(?<!\bno )(?<!\bthis )(?<!\bonly )(?<![\w-])ones?\b(?=\s+"
    + one_of("and with from for in on at that which too either yet here there")
    + r"\b|[,.]|$)",
    re.IGNORECASE,
)
OTHERS = re.compile(r"\b(?:his|her|hers|their|he|she|they)\b", re.IGNORECASE)

OPENING_MARK = re.compile(r"(?<!\S)'(?=\w)")
CLOSING_MARK = re.compile(r"(?<=\w)'(?!\w)")
SO = re.compile(r",?\s+(?:so|hence|therefore)\s+(?!much\b|many\b|far\b|that\b|on\b|called\b).*$")
ASIDE = re.compile(r",?\s+(?:which|who)\s[^,]*\b(?:me|my|us|our|I|we|it|this|that)\b.*$")
RELATIVE = one_of("""
that which who whom where how what why because since as until so and but or than if whether unless
whenever
""")
SPEAKER_CLAUSE = re.compile(rf",?\s+{RELATIVE}\s+(?:I|i|we)\b.*$")
REDUCED_CLAUSE = re.compile(r"(?<=\w)\s+(?:I|we)\s+(?:\w+).*$")
COMPANY = re.compile(
    r"\s+(?:with|to|for|at|on|from|of) (?:me|us)\b(?=\s*$|,| (?:in|on|at|every|since|for|"
    r"and|by|last|next)\b)",
    re.IGNORECASE,
)
CHILDHOOD = re.compile(
    r"\bwhen (?:I|we) (?:was|were) (?:a |an )?"
    r"(little|young|small|kids?|child|children|teenagers?|teens?|students?|\d{1,2})\b"
)
WHEN = re.compile(r"\b(when|while|after|before|whenever|once|since)\s+(?:I|we)\s+([a-z]+)\b(?! not)")
HERE = re.compile(r"\bhere (?=in\b|at\b|on\b|near\b)")
OWN = re.compile(r"\b(?:my|our)\s+(?=own\b)", re.IGNORECASE)
MY = re.compile(r"\b(?:my|our)\s+((?:[\w-]+\s+){0,2}?)([\w-]+)(?=[\s,]|'s|'(?!\w)|$)", re.IGNORECASE)

CONTINUES = re.compile(
    r"(?:not|mostly|mainly|especially|including|usually|about|around) \S"
    r"|(?:in|on|at|near|from|since|for|with|every|until|next|last) (?:\S+ ?){1,5}$"
    r"|(?-i:[A-Z])[\w'-]+(?: [A-Z][\w'-]+){0,2}$|\d[\w:.%-]*(?: \w+)?$",
    re.IGNORECASE,
)
LOOSE_END = re.compile(
    r"[\s,]+"
    + one_of("""
    and but or so because cause cuz bc with for to of in on at the a an that which who when if is are my as
    than from by like about after before while since until just also then maybe not where how what
    """)
    + "$",
    re.IGNORECASE,
)
EMPTY = re.compile(
    r"(?:is|was|has been) (?:\w+ing|\d+|not \w+ing|"
    + one_of("""
    it so too that gone in out on off up down eleven twelve ten nine eight seven six five real weird
    nice cool great bad over true hard easy fun funny amazing awful perfect interesting different new
    """)
    + r")|(?:has|had|got|does|did|can|cannot|will) "
    + one_of("""
    it one time fun problem problems question questions issue issues plan plans work lunch dinner idea
    ideas this some any nothing everything something none two three enough done better lost go help try
    know see tell start use do wait back home
    """)
    + r"|does not (?:care|mind|know|get|think|like|want|need|have|understand|do|work|see|go|feel|use)"
    r"|(?:hates|loves|wants) (?:everything|nothing)|is on (?:until|till|shift|call)\b.*|"
    r"was (?:meant|supposed)"
    r"|(?:has|had) (?:no|a|the) (?:choice|chance|way|time|point|problem|question|feeling|look|go)"
)
EMPTY_OF_OTHERS = re.compile(
    r"(?:is|was|has been) "
    + one_of("it so too that gone here there back joining coming off up down out real right wrong not")
)


def finish(text: str, *, subject: str = "", others: bool = False) -> str | None:
    """Return a predicate as a fact without first-person words, or None when it cannot stand alone.

    `text` is the predicate; `subject`, if another than the speaker, goes in front of it as it is. `others`
    says that the fact is about a third person, so that "his" and "her" are understood.
    """
    others = others or bool(subject)
    said = _without_speaker(_cut_at_comma(SO.sub("", text)))
    if said is None or _points_elsewhere(said, others):
        return None
    said = _tidied(said)
    if (
        _points_elsewhere(said, others)
        or len(said.split()) < 2
        or (EMPTY_OF_OTHERS if subject else EMPTY).fullmatch(said.lower())
    ):
        return None
    subject = (_without_speaker(subject) or "") if subject else ""
    fact = f"{subject} {said}".strip()
    if len(fact.split()) > LONGEST or not _quotes_match(fact) or ME.search(QUOTES.sub(" ", fact)):
        return None
    return fact[0].upper() + fact[1:]


def _without_speaker(text: str) -> str | None:
    """Return the text with "my" and "when I" replaced, cut before "... that I"; None if "I" stays."""
    text = HERE.sub("", text)
    text = WHEN.sub(_gerund, CHILDHOOD.sub(_childhood, OWN.sub("", text)))
    text = REDUCED_CLAUSE.sub("", SPEAKER_CLAUSE.sub("", ASIDE.sub("", text)))
    text = COMPANY.sub("", text)
    text = MY.sub(_owned, text)
    return None if ME.search(QUOTES.sub(" ", text)) else text


def _quotes_match(text: str) -> bool:
    """Return whether every quotation mark that opens is closed."""
    return text.count('"') % 2 == 0 and len(OPENING_MARK.findall(text)) <= len(CLOSING_MARK.findall(text))


def _tidied(text: str) -> str:
    """Return the text without loose words at its end."""
    before = None
    while before != text:
        before = text
        text = LOOSE_END.sub("", text.rstrip(" ,.;:-!"))
    return text


def _cut_at_comma(text: str) -> str:
    """Return the text up to the first comma that does not continue a list, a place, a time or a contrast."""
    parts = text.split(": ")[0].split(", ")
    for place in range(1, len(parts)):
        rest = parts[place:]
        short = all(len(part.split()) <= 5 for part in rest)
        listed = short and re.search(r"(?:^|\s)(?:and|or|&)\s\S", rest[-1]) is not None
        if not (listed or CONTINUES.match(rest[0])):
            return ", ".join(parts[:place])
    return ", ".join(parts)


def _points_elsewhere(text: str, others: bool) -> bool:
    """Return whether a predicate has a pronoun whose noun is not in the fact, or asks."""
    said = QUOTES.sub(" ", text)
    if HANGING.search(said) or THIS.search(said) or ONE.search(said) or "?" in text:
        return True
    pronoun = OTHERS.search(said)
    if pronoun is None or others:
        return False
    return not PERSONS.intersection(said[: pronoun.start()].lower().replace(",", "").split())


def _childhood(match: re.Match[str]) -> str:
    stage = match.group(1)
    if stage.isdigit():
        return f"at age {stage}"
    return {"little": "as a child", "young": "when young", "small": "as a child"}.get(
        stage, f"as a {stage.rstrip('s')}"
    )


def _gerund(match: re.Match[str]) -> str:
    """Turn "when I drink" into "when drinking", and "since I moved" into "since moving"."""
    verb = PASTS.get(match.group(2), match.group(2))
    if verb.endswith("ed") and not is_base(verb):
        verb = verb[:-1] if is_base(verb[:-1]) else verb[:-2]
        verb = verb[:-1] if not is_base(verb) and is_base(verb[:-1]) else verb
    if verb in ("am", "was", "were"):
        return f"{match.group(1)}"
    if not is_base(verb):
        return match.group()
    for form in (verb + "ing", verb[:-1] + "ing" if verb.endswith("e") else verb + verb[-1] + "ing"):
        if (
            form
            and not (verb.endswith("e") and not verb.endswith("ee") and form == verb + "ing")
            and is_progressive(form)
        ):
            return f"{match.group(1)} {form}"
    return match.group()


def _owned(match: re.Match[str]) -> str:
    """Drop "my" before a person, make it "the" before a thing."""
    before, noun = match.group(1), match.group(2)
    words = f"{before}{noun}".lower().split()
    if PERSONS.intersection(words) or noun[:1].isupper():
        return f"{before}{noun}"
    return f"the {before}{noun}"
