"""Does a sentence look back or ahead at the date in it: "met Ana on Tuesday", "meets Ana on Tuesday"?

What decides is the first verb of the clause that the date stands in, or of the nearest clause before it with
a verb. Without a verb a sentence looks ahead: "dentist on Tuesday". It must never decide about a date that
says itself where it lies ("last Tuesday").
"""

from __future__ import annotations

import re
from itertools import pairwise

from tinymem.understand.conjugate import base_of_third, is_base, is_participle, is_past
from tinymem.understand.terms import one_of, word_set

CLAUSE = re.compile(
    rf"[,;:.?!]+(?=\s|$)|[()]|"
    rf"\b{one_of('and but so because who which that when while where what how then if')}\b"
)
TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?")
IS = word_set("""
is am are isn't aren't will won't would can cannot can't could may might must should shall do does don't
doesn't going gonna starting beginning what's who's when's where's it's i'm i'll we'll you're we're they're
""")
HAVE = word_set("has have hasn't haven't i've we've you've they've")
BEEN = word_set("been gone born")
BETWEEN = word_set("i you he she it we they not never ever already just recently also only finally all")
# Past forms that stand for a noun unless they begin the clause; that only describe ("a cat named Mia"); and
# that pass on what somebody says, whose own verb decides ("said it would be done by Monday").
NOUNS = word_set("shot bit rose set cut saw hit bet split read spread")
DESCRIBING = word_set("named called based used")
REPORTING = word_set("said told says tells thought")
# Verbs that stand right before a date, in place of a preposition or before it.
NOW = word_set(
    "is are be due starts starting begins beginning ends ending finishes closes opens leaves arrives expires"
)
THEN = word_set("was were started began ended")
# "Booked a table for Friday", "decided to move in May": done then, but the date lies after it.
PUT_OFF = re.compile(
    r"\b(?:moved|pushed|delayed|postponed|preponed|rescheduled|changed|shifted|slipped|extended|"
    r"brought forward|put back)\b"
)
ARRANGED = re.compile(
    r"\b(?:(?:re)?booked|scheduled|planned|reserved|arranged|invited|hold|aside|signed up|"
    r"(?<!parking )tickets?)\b"
)
JOINED_UP = re.compile(r"\b(?:registered|enrolled|said yes)\b")
FOR = word_set("for to until till")
PASSIVE = IS | word_set("be been being get gets getting become becomes to has have")
RESOLVED = word_set("decided agreed promised planned chose arranged hoped offered intended vowed")
BIRTH = re.compile(r"\s*(?:was\s+)?born\b", re.IGNORECASE)

EVERY = re.compile(r"\b(?:every|each)\s+(?:[\w-]+\s+){0,2}$")
ON = word_set("on in at over during") | {""}
USUALLY = re.compile(
    r"\b(?:usually|always|never|often|normally|typically|sometimes|generally|rarely|regularly|mostly|used to|"
    r"likes|loves|hates|prefers|enjoys|dislikes|adores|favou?rite)\b"
)
ALWAYS = re.compile(r"\b(?:usually|always|often|normally|typically|regularly)\b")
ABILITY = re.compile(r"\b(?:can|could|able to|cannot|can't)\b")
HAPPENING = re.compile(r"\b(?:is|are)(?: not)?(?: \w+ing\b| to\b| due\b| booked\b| planned\b|\s*$)|^\W*$")
# What one does once: "starts school in autumn"; any other verb tells what one does: "swims in summer".
ACTS = word_set("""
starts begins ends finishes leaves moves graduates opens closes launches gets becomes retires flies returns
expires marries turns arrives wants plans hopes needs intends expects
""")
ONCE = ACTS | IS | HAVE


def looks_back(before: str, lead: str = "", after: str = "") -> bool:
    """Return whether a date is meant to lie in the past.

    Args:
        before: the sentence up to the date and its preposition.
        lead: the preposition, or a verb in its place ("was"); "" for none.
        after: what follows the preposition; asked only when nothing before it is a verb.

    Example:
        >>> looks_back("Met Ana ", "on"), looks_back("Meets Ana ", "on"), looks_back("Booked a table ", "for")
        (True, False, False)
    """
    nearest = [*before.lower().split(), *([lead] if lead in NOW | THEN else [])][-4:]
    if lead == "since":
        return True
    if nearest[-1:] == ["due"]:
        return nearest[-2:-1] in (["was"], ["were"])
    if nearest and nearest[-1] in NOW | THEN:
        return nearest[-1] in THEN
    if BIRTH.match(before):
        return False
    clause, verdict = _clause(before)
    if verdict is None:
        return _is_past(TOKEN.findall(CLAUSE.split(after.lower())[0])) or False
    done = verdict or (lead in ON and _is_done(nearest))
    return done and not _is_arranged(clause, lead)


def tells_habit(before: str, lead: str = "", *, season: bool = False, weekdays: int = 0) -> bool:
    """Return whether what happens at a date happens again and again: "every Tuesday", "usually at Easter".

    Args:
        before: the sentence up to the date and its preposition.
        lead: the preposition; "" for none.
        season: whether the date is a season that nothing singles out ("in summer").
        weekdays: how many weekdays are listed that nothing singles out ("on Monday and Friday").
    """
    if lead in ON and EVERY.search(before.lower()):
        return True
    if lead == "since":
        return False
    clause, _ = _clause(before)
    if looks_back(before, lead):
        return bool(ALWAYS.search(clause))
    verb = next((word for word in TOKEN.findall(clause) if word in ONCE or base_of_third(word)), "is")
    if (weekdays and verb == "works") or weekdays > 2 or (weekdays == 2 and verb not in IS):
        return True
    if season and (verb not in ONCE or (verb in ("is", "are") and not HAPPENING.search(clause))):
        return True
    return bool(USUALLY.search(clause))


def is_ability(before: str) -> bool:
    """Return whether the clause before a phrase says what somebody can: "can run 5 km" (in 20 minutes)."""
    return bool(ABILITY.search(CLAUSE.split(before.lower())[-1]))


def is_put_off(before: str) -> bool:
    """Return whether the clause before a phrase moves something to another date: "postponed" (to May)."""
    return bool(PUT_OFF.search(CLAUSE.split(before.lower())[-1]))


def _clause(before: str) -> tuple[str, bool | None]:
    """Return the words since the last verb's clause begins, and whether that verb is a past one."""
    text = ""
    for clause in reversed(CLAUSE.split(before.lower())):
        text = f"{clause} {text}"
        verdict = _is_past(TOKEN.findall(clause))
        if verdict is not None:
            return text, verdict
    return text, None


def _is_past(words: list[str]) -> bool | None:
    """Return whether the first verb of a clause is a past one, or None if it has no verb."""
    verdict = None
    for word, following in pairwise([*words, ""]):
        if word in HAVE:
            rest = words[words.index(word) + 1 :]
            participle = next((each for each in rest if each not in BETWEEN), "")
            return is_participle(participle) and participle != "got"
        if word in DESCRIBING or (word in NOUNS and word != words[0]):
            continue
        if word in IS:
            return False
        if base_of_third(word) and (word in (words[0], "gets") or not _is_finite(following)):
            return False
        if (word in REPORTING and following == "to") or (word in RESOLVED and "to" in words):
            return False
        if word in REPORTING or _seems_past(word):
            verdict = True  # unless a plainer verb follows
        elif word in BEEN or is_past(word):
            return True
    return verdict


def _seems_past(word: str) -> bool:
    """Return whether a word outside the lists of verbs ends as a past form does."""
    return word.endswith("ed") and len(word) > 4 and not is_base(word) and not is_past(word)


def _is_done(words: list[str]) -> bool:
    """Return whether words end in a past participle that tells of the past: "a carpet fitted" (on 2 June)."""
    return bool(words) and is_past(words[-1]) and not PASSIVE.intersection(words)


def _is_finite(word: str) -> bool:
    """Return whether a word is a verb that makes a noun of the one before: "points went"."""
    return word in IS | HAVE | THEN or is_past(word)


def _is_arranged(clause: str, lead: str) -> bool:
    """Return whether a clause tells of something fixed for the date, not done at it."""
    put_off = lead in FOR and (PUT_OFF.search(clause) or JOINED_UP.search(clause))
    return bool(put_off or ARRANGED.search(clause))
