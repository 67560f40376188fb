"""Who asks to forget: "please forget my address", "delete what you know about my ex".

A request is read only where it plainly means the memory: "forget it", "don't forget the milk" and "delete
everything on my calendar" are no such requests. What matches one is decided by words alone, and it must be
most of them: to forget the wrong thing cannot be asked back by somebody who does not see it.
"""

from __future__ import annotations

import re

from tinymem.understand.people import PERSONS
from tinymem.understand.terms import FANCY, content, fold, is_negated, stem, word_set, words

LONGEST = 400  # characters; who asks to forget does not write a page about it
LEAST = 0.6  # of a request's words must be in what it means

LEAD = (
    r"(?:(?:ok|okay|so|now|just|actually|also|then|oh|no|yes|yeah|hey|hi|thanks|sorry|alright|well|please|pls|"
    r"plz|kindly|you know what|never ?mind),?\s+)*"
)
POLITE = (
    r"\b(?:please|pls|plz|kindly|can you|could you|would you|i want you to|i'd like you to|i need you to|"
    r"you can|you should|you may|you must)\s+(?:(?:just|now|also|please|pls|kindly|completely)\s+)*"
)
ASKED = rf"(?:(?:^|[,.;!?\n]\s*){LEAD}|{POLITE}|\bso\s+)"
KNOWN = (
    r"(?:that )?(?:you(?:'ve| have)? (?:know|remember|saved|stored|noted|kept|learned|learnt|have|got)|"
    r"i(?:'ve| have)? (?:said|told you|mentioned|shared|wrote))"
)
ABOUT = r"(?:all )?(?:about|regarding|concerning)"
ALL = r"(?:anything|everything|whatever|what|all)"
MEMORIES = r"(?:(?:all|any|the|your|my|every|of) )*(?:memor(?:y|ies)|facts?|info|information)"
TOPIC = (
    rf"(?:(?:anything|everything|whatever) {ABOUT}|{ALL} {KNOWN} (?:{ABOUT}|of|on)|"
    rf"{MEMORIES}(?: {KNOWN})? (?:{ABOUT}|of|that|where))"
)
OWN = r"(?:i|i'm|im|i've|ive|i'd|my|we|we're|our)"
FORGET = r"(?:forget|stop remembering|un-?remember)"
TAKE = r"(?:delete|remove|erase|drop|clear|wipe|scrub|take)"
YOURS = r"(?:from|out of|off) your (?:memory|memories|notes|records|mind|database)"
BARE = r"(?:from|out of) memory(?! (?:card|stick))"
REQUESTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{ASKED}{TAKE} (?P<what>.+?) {YOURS}\b",
        rf"{ASKED}{TAKE} (?P<what>.+?) (?:from|out of) {ALL} {KNOWN}\b",
        rf"{ASKED}{TAKE} (?P<what>(?:the fact )?(?:that )?{OWN}\b.+?) {BARE}\b",
        rf"{ASKED}{TAKE} (?:{ALL} {KNOWN} (?:{ABOUT}|of|on)|{MEMORIES} (?:{ABOUT}|of)) (?P<what>.+)",
        rf"{ASKED}forget {TOPIC} (?P<what>.+)",
        rf"{ASKED}{FORGET} (?:the fact that |that |about )?(?P<what>{OWN}\b.+)",
        rf"{POLITE}forget about (?P<what>.+)",
    )
)
NOT_MEANT = re.compile(
    rf"(?:\b(?:never|not|cannot|i|we|he|she|they|who|people|let's|dont|wont|cant|didnt|will|gonna)|n't|'ll|'d|"
    rf"(?<!\byou )\bto)(?: (?:just|ever|always|often|simply|even|all|then|also|sometimes|you dare)){{0,2}} "
    rf"{FORGET}\b|"
    r"\b(?:he|she|they|who) (?:said|says|goes)\b|\b(?:told|tell|asked|ask) (?!you\b)\w+,",
    re.IGNORECASE,
)
LATER = re.compile(r"\b(?:if|when|whenever|once|unless|until|before)\b", re.IGNORECASE)
REASON = re.compile(r"\s+(?:because|since|now that|cause|cuz|as i|it's|that's)\b.*", re.IGNORECASE)
SAYING = r"i(?:'ve| have)? (?:said|told you|mentioned) (?:that )?(?:about )?"
SAID = re.compile(rf"(?:the fact |about )?(?:that )?(?:{TOPIC} |{SAYING})?", re.IGNORECASE)
TAIL = re.compile(
    r"(?:[\s,]*\b(?:please|pls|plz|thanks|thank you|ok|okay|from what you know(?: about me)?|"
    r"from your \w+|(?:that )?you (?:know|have|saved|stored)(?: about me)?|now|for good|completely|entirely|"
    r"altogether))+\W*$",
    re.IGNORECASE,
)
VAGUE = frozenset(stem(word) for word in word_set("thing things stuff everything anything nothing"))
# What lies in the conversation itself: to forget it is no matter of the memory.
SPOKEN = frozenset(
    stem(word)
    for word in word_set("""
question questions message messages request prompt command instruction instructions mistake typo joke comment
answer reply idea suggestion say said ask asked last previous earlier
""")
)
SENTENCE = re.compile(r"(?:i|i'm|im|i've|ive|i'd|we|we're)\b", re.IGNORECASE)
MINE = re.compile(rf"{OWN}\b", re.IGNORECASE)
VERBS = word_set("like likes want wants plan plans")  # small words, but a request may turn on one
DIGITS = re.compile(r"\d+")
OWNER = re.compile(r"(?P<owner>[^\W\d_][\w-]*)(?P<mark>'s)?(?: (?P<name>[A-Z]\w*))?")


def asked_to_forget(clause: str) -> str | None:
    """Return what the clause asks to forget, in its own words, or None if it asks no such thing.

    Example:
        >>> asked_to_forget("please forget my home address")
        'my home address'
    """
    plain = clause.translate(FANCY)
    if len(plain) > LONGEST or NOT_MEANT.search(plain):
        return None
    match = next((found for request in REQUESTS if (found := request.search(plain))), None)
    if match is None or LATER.search(match["what"]):
        return None
    start, end = match.span("what")
    said = SAID.match(plain, start, end)
    what = clause[said.end() if said else start : end]
    what = TAIL.sub("", REASON.sub("", what)).strip(" .!?,;")
    return what if set(content(what)) - VAGUE - SPOKEN else None


def is_meant(request: str, memory: str) -> bool:
    """Return whether a stored memory can be what a request to forget means: most of its words are there."""
    return fit(request, memory) >= LEAST


def fit(request: str, memory: str) -> float:
    """Return the share of a request's words that a memory has, 0..1; 0 where it cannot be meant.

    What is "mine" is nobody else's, a sentence and its denial are two things, and so are other numbers.
    """
    wanted = _carried(request) - VAGUE
    if SENTENCE.match(request) and is_negated(request) != is_negated(memory):
        return 0.0
    if MINE.match(request) and _is_another(memory, request):
        return 0.0
    numbers, digits = set(DIGITS.findall(request)), "".join(DIGITS.findall(memory))
    if any(number not in digits for number in numbers):  # "the one ending in 4410"
        return 0.0
    return len(wanted & (_carried(memory) | numbers)) / len(wanted) if wanted else 0.0


def _carried(text: str) -> set[str]:
    """Return the stems of the words that a request can turn on."""
    return {*content(text), *(stem(word) for word in words(text) if word in VERBS)}


def _is_another(memory: str, request: str) -> bool:
    """Return whether a memory begins with somebody whom the request does not name."""
    match = OWNER.match(memory.translate(FANCY))
    if match is None or not (match["mark"] or fold(match["owner"]) in PERSONS):
        return False
    named = {stem(word) for word in words(request)}
    return named.isdisjoint(stem(fold(word)) for word in (match["owner"], match["name"]) if word)
