"""A message that is nothing but statements: what a caller passes to have it remembered.

"Prefers window seats" and "Max's birthday is 3 May" are kept as they stand, general knowledge and other
languages as well. One question, order, greeting or "I" among them, and the message is a conversation: then
nothing of it is taken here.
"""

from __future__ import annotations

import re

from tinymem.understand.clauses import clauses
from tinymem.understand.conjugate import base_of_third, is_base
from tinymem.understand.orders import find_order
from tinymem.understand.subjects import is_verb, lowered, third_person_statement
from tinymem.understand.terms import FANCY, one_of, word_set
from tinymem.understand.write import write

LONGEST = 40  # words of a statement; what is longer is a text, not a statement
MOST = 5  # statements in one message
GREETING = re.compile(
    "^"
    + one_of("""
    hi hey hello thanks thank good great nice cool ok okay sure yes no yeah nope lol haha wow bye see
    well please sorry congrats congratulations happy cheers awesome perfect right hmm oh ah let's
    welcome
    """)
    + r"\b",
    re.IGNORECASE,
)
CONVERSATION = re.compile(r"\b(?:i|i'm|im|i've|ive|i'd|i'll|my|me|mine|we|our|us|you|your)\b", re.IGNORECASE)
ORDER = re.compile(
    "^"
    + one_of("""
    what how why where when who whose which are am do did could should shall would any tell give make
    write show help explain find if suggest recommend translate draft list describe imagine check
    compare create generate say guess maybe perhaps has have does is can
    """)
    + r"\b(?! (?:a|an|the|not|no|in|on|at|to|from|two|three|four|\d|very|always|never|been|allergic|been)\b)",
    re.IGNORECASE,
)
PREFACE = re.compile(
    r"^(?:please )?(?:remember|note|keep in mind|fyi|btw)(?: that)?[:,]? (?!to\b|the "
    r"time\b|when\b)",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"[^.!?。？！\n](?:[^.!?。？！\n]|[.](?=\S))*")
POINTING = frozenset({"it", "this", "that", "there", "these", "those", "he", "she", "they", "here"})
QUESTION_WORDS = frozenset({"why", "how", "what", "who", "whose", "which"})
BEGINNINGS = frozenset({"is", "was", "has", "cannot", "can", "will", "does", "never", "always", "usually"})
CHATTER = re.compile(
    r"[\U0001f300-\U0001faff\u2600-\u27bf]|"
    r"\b(?:lol|haha\w*|lmao|wtf|omg|pls|bro|bhai|nvm|today|again|right now|u|ur|tho|btw|"
    r"hypothetically|don't|dont)\b",
    re.IGNORECASE,
)
ENGLISH = word_set("""
the a an is are was were has have had and or of to in on at for with from by as not no it this that be
can will does do like likes prefers wants works lives
""")

OWN = re.compile(r"(?:i|i'm|im|i've|ive|my favou?rite)\b", re.IGNORECASE)
LASTS = re.compile(
    r"(?:Likes|Loves|Hates|Prefers|Enjoys|Lives|Works|Plays|Speaks|Owns|Drinks|Eats|Drives|Studies|"
    r"Wears|Favou?rite|Never|Cannot|Has (?:an?|no|two|three|four|five|\d+)|"
    r"Is (?:an?|allergic|married|single|vegan|vegetarian|from|\d+ years)|"
    r"Does not (?:like|eat|drink|smoke|drive|speak|own|have))\b"
)
LONGEST_OWN = 12  # words


def own_statement(text: str) -> list[tuple[str, tuple[int, int]]]:
    """Return the (fact, (start, end)) of a message that is one short lasting statement about its speaker.

    "I have a dog." and "I prefer tea to coffee." say nothing but that: whoever passes them wants them kept.
    """
    plain = text.translate(FANCY).strip()
    if "?" in plain or len(plain.split()) > LONGEST_OWN or not OWN.match(plain) or len(clauses(text)) != 1:
        return []
    return [(fact, (0, len(text))) for fact in write(text) if LASTS.match(fact)]


def statements(text: str) -> list[tuple[str, tuple[int, int]]]:
    """Return the statements of a message, each with its place; [] when it is anything else as well."""
    plain = text.translate(FANCY)
    found: list[tuple[str, tuple[int, int]]] = []
    for match in SENTENCE.finditer(plain):
        said = match.group().strip()
        if not said:
            continue
        fact = None if plain[match.end() : match.end() + 1] in ("?", "？") else _as_fact(said)
        if fact is None or len(found) == MOST:
            return []
        start = match.start() + match.group().index(said)
        found.append((fact, (start, start + len(said))))
    return found


def _as_fact(said: str) -> str | None:
    """Return one sentence as a fact, or None if it is none."""
    said = PREFACE.sub("", said.strip(" -*•")).strip(" .!,;:")
    words = said.split()
    if (
        not said
        or len(words) > LONGEST
        or GREETING.match(said)
        or CONVERSATION.search(said)
        or CHATTER.search(said)
    ):
        return None
    low = lowered(words)
    english = not ENGLISH.isdisjoint(low) or base_of_third(low[0]) is not None
    known = _is_english_statement(words, low) if english else _is_foreign_statement(said, low)
    return said[0].upper() + said[1:] if known else None


def _is_english_statement(words: list[str], low: list[str]) -> bool:
    """Return whether a sentence has a subject and a verb, or begins as a fact does ("Prefers ...")."""
    if low[0] in POINTING or ORDER.match(" ".join(low)) or QUESTION_WORDS.intersection(low[:3]):
        return False
    if low[0] in BEGINNINGS or base_of_third(low[0]):
        return low[1:2] != [] and low[1] not in POINTING | {"the", "anyone"}
    if not words[0][:1].isupper() and not words[0][:1].isdigit():
        return False  # "the wifi is down": typed in passing, not passed to be remembered
    return bool(third_person_statement(words)) or any(
        is_verb(words, place) for place in range(1, min(8, len(words)))
    )


def _is_foreign_statement(said: str, low: list[str]) -> bool:
    """Return whether a sentence without English words is long enough to say something."""
    if is_base(low[0]) or (said.isascii() and len(low) < 4):
        return False
    if find_order(said) is not None:
        return False
    return len(low) >= 3 or len(said) >= 5
