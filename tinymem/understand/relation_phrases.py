"""Where a thing begins and ends in a fact: "the Berlin marathon in May" is "Berlin marathon".

A phrase is one thing or a list of them, read from a place on; articles, numbers and measures in front are
left out, and it ends where a preposition, a time or another clause begins. What names nothing ("it", "a lot",
"every week") is no phrase. Letter case helps but is not needed: people type "porto".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinymem.understand.conjugate import AMBIGUOUS, PARTICIPLES, base_of_third, is_past, is_progressive
from tinymem.understand.lexicon import BEGINS, FINITE, NO_SUBJECT, NOT_SUBJECT
from tinymem.understand.people import ADJECTIVES, FAMILY, FEMALE, FULL, GROUPS, MALE, NOT_NAMES, PERSONS
from tinymem.understand.relation_words import (
    ABOUT,
    BEFORE_THING,
    CALENDAR,
    DETERMINERS,
    ENDS_PHRASE,
    FINITE_AFTER,
    LASTING,
    LIGHT,
    MEASURES,
    NO_ADVERBS,
    NO_PARTICIPLES,
    NO_THING,
    NOT_NAMED,
    PEOPLES,
    TIMES,
    TOGETHER,
    UNTOLD,
)
from tinymem.understand.terms import FANCY, IRREGULAR_STEMS, NUMBER_WORDS

RELATIVES = FAMILY | FEMALE | MALE
END = 3  # how far a rule looks ahead of the last word
LONGEST = 5  # words of one thing
TOKEN = re.compile(r"\d[^\s;()\"“”«»]*[^\s,;:()\"“”«»]|[^\s,;:()\"“”«»]+|[,;:()]")
SPELLED_OUT = {"can't": "cannot", "cant": "cannot", "won't": "will not", "wont": "will not"}
DENIED = re.compile(r"(do|does|did|is|are|was|were|has|have|had|would|should|could)(?:n't|nt)")
EMPTY = (UNTOLD | TIMES | MEASURES | ADJECTIVES) - PERSONS  # words that name nothing, not even together
NUMBERS = frozenset(NUMBER_WORDS)
NO_COUNTS = frozenset({"first", "second", "third", "double", "twins"})
NUMBER_OF_NAME = re.compile(r"[a-z]?\d{1,4}[a-z]{0,3}")
LINKS = frozenset(
    {"de", "da", "van", "von", "la", "el", "al", "bin", "del", "der", "den", "di", "des", "du", "of"}
)


@dataclass(frozen=True)
class Phrase:
    """One thing or several, as spelled; `end` is the place of the first word after them."""

    items: tuple[str, ...]
    end: int
    has_or: bool = False


@dataclass(frozen=True)
class Words:
    """A text's words and marks, as spelled and in lower case; END empty ones stand behind the last."""

    spelled: tuple[str, ...]
    low: tuple[str, ...]

    @staticmethod
    def of(text: str) -> Words:
        """Return the words of a text; "doesn't" and the like are two words."""
        spelled: list[str] = []
        for token in TOKEN.findall(text.translate(FANCY).rstrip(" .!")):
            plain = token.lower()
            denied = DENIED.fullmatch(plain)
            if plain in SPELLED_OUT:
                spelled += SPELLED_OUT[plain].split()
            else:
                spelled += [denied[1], "not"] if denied else [_unquoted(token)]
        padded = (*spelled, *[""] * END)
        return Words(padded, tuple(word.lower() for word in padded))

    def is_name(self, place: int) -> bool:
        """Tell whether the word at `place` is written like a name."""
        word = self.spelled[place]
        low = self.low[place]
        timed = low in TIMES or low.partition("-")[0] in TIMES
        return word[:1].isupper() and word != "I" and not timed and low not in NOT_NAMES

    def name_end(self, place: int) -> int:
        """Return the end of the name that begins at `place`; `place` itself if none does."""
        end = place
        while self.is_name(end) or (end > place and self.is_number_of_name(end)):
            end += 1
            if self.low[end - 1].endswith("'s"):
                break
            after = end + 1 + (self.low[end + 1 : end + 2] == ("the",))
            if self.low[end] in LINKS and self.is_name(after):
                end = after
        return end

    def is_number_of_name(self, place: int) -> bool:
        """Tell whether a number at `place` belongs to the word in front of it ("Pixel 7", "type 2")."""
        before = self.spelled[place - 1]
        named = before[:1].isupper() or before in ("type", "level", "grade", "stage", "size")
        return (
            named
            and NUMBER_OF_NAME.fullmatch(self.low[place]) is not None
            and (self.low[place + 1] not in MEASURES)
        )

    def begins_predicate(self, place: int) -> bool:
        """Tell whether the word at `place`, after "and" or a comma, is certainly a verb of its own."""
        word, following = self.low[place], self.low[place + 1 : place + 2]
        if self.spelled[place][:1].isupper():
            return False
        if word in FINITE or word in ("not", "never", "does", "no"):
            return True
        base = base_of_third(word)
        if base is not None:
            return base not in AMBIGUOUS or not (
                BEGINS.isdisjoint(following) and NUMBERS.isdisjoint(following)
            )
        return is_past(word) and not BEGINS.isdisjoint(following)


def _unquoted(token: str) -> str:
    """Return a word without quotation marks; the apostrophe of "parents' evening" stays."""
    word = token.strip("'")
    return (f"{word}'" if word.endswith("s") and token[0] != "'" and token[-1] == "'" else word) or token


def phrase(words: Words, place: int) -> Phrase | None:
    """Return the thing, or the list of things, that begins at `place`; None if none does."""
    first, end = _thing(words, place)
    if not first:
        return None
    items, listed_to, has_or = [first], end, False
    found = Phrase((first,), end)
    while words.low[listed_to] in (",", "and", "or", "&"):
        closing = words.low[listed_to] != ","
        start = listed_to + 1
        if not closing and words.low[start] in ("and", "or"):
            closing, start = True, start + 1
        if words.low[listed_to] == "and" and (words.low[listed_to - 1], words.low[start]) in TOGETHER:
            items[-1], listed_to = f"{items[-1]} and {words.spelled[start]}", start + 1
            found = Phrase(tuple(items), listed_to, has_or)
            continue
        has_or = has_or or words.low[start - 1] == "or"
        item, after = ("", start) if words.begins_predicate(start) else _thing(words, start)
        if not item:
            return Phrase(found.items, found.end, has_or)
        items.append(item)
        listed_to = after
        if closing:
            found = Phrase(_with_head(items), listed_to, has_or)
    return found


def _with_head(items: list[str]) -> tuple[str, ...]:
    """Return the things of a list, "Georgian and Thai food" as food, the one and the other."""
    *before, last = items
    head = last.partition(" ")[2]
    if head and PEOPLES.issuperset(item.lower() for item in before):
        return (*(f"{item} {head}" for item in before), last)
    return tuple(items)


def is_adverb(word: str) -> bool:
    """Tell whether a word says how, by its ending: severely, originally."""
    return word.endswith("ly") and len(word) > 5 and word not in NO_ADVERBS


def _thing(words: Words, place: int) -> tuple[str, int]:
    """Return one thing from `place` on and its end; "" where nothing is named."""
    start = _skip_to_thing(words, place)
    end = start
    while end - start <= LONGEST and _goes_on(words, start, end):
        end += 1
    while end > start and words.low[end - 1] in ("of", "the"):
        end -= 1
    if end == start or not _stands(words, start, end):
        return "", start
    named = _without_role(words, start, end)
    return " ".join(words.spelled[named:end]), end


def _skip_to_thing(words: Words, place: int) -> int:
    """Return the place after articles, numbers and "cups of" in front of a thing."""
    low = words.low
    while (
        low[place] in BEFORE_THING
        or low[place] in MEASURES
        or is_number(words, place)
        or is_about(words, place)
    ):
        counted = is_number(words, place)
        after = low[place + 2] if counted else ""
        if low[place] in MEASURES and low[place + 1] != "of":
            break
        unit = low[place + 1] in MEASURES and after.isalpha() and after not in ENDS_PHRASE | {"of"}
        place += 2 if low[place] in MEASURES or (counted and (unit or low[place + 1] in TIMES)) else 1
    return place


def is_number(words: Words, place: int) -> bool:
    """Tell whether a number stands here that only counts what follows."""
    word = words.low[place]
    spoken = all(part in NUMBER_WORDS for part in word.split("-")) and word not in NO_COUNTS
    return word[:1].isdigit() or spoken


def is_about(words: Words, place: int) -> bool:
    """Tell whether "about" and the like stand here in front of a number."""
    return words.low[place] in ABOUT and is_number(words, place + 1)


def _goes_on(words: Words, start: int, place: int) -> bool:
    """Tell whether the word at `place` belongs to the thing that began at `start`."""
    word = words.low[place]
    if not word[:1].isalnum():
        return False
    if words.is_name(place):
        return True
    if word[0].isdigit():
        return place > start and words.is_number_of_name(place)
    if word in CALENDAR or is_adverb(word) or (word == "first" and not words.low[place + 1].isalpha()):
        return False
    if place == start:
        return word not in ENDS_PHRASE and word != "of"
    if (word in DETERMINERS and words.low[place - 1] != "of") or is_number(words, place):
        return False
    if word == "of" or (word == "the" and words.low[place - 1] == "of"):
        return not is_number(words, place + 1)
    if word in ("called", "named") or (is_progressive(word) and not words.low[place + 1][:1].isalpha()):
        return False
    return word not in ENDS_PHRASE and not (is_progressive(word) and words.low[place + 1] in BEGINS)


def _stands(words: Words, start: int, end: int) -> bool:
    """Tell whether the words from `start` to `end` name something, and are the whole object of a verb."""
    if end - start > LONGEST or words.low[end] in FINITE_AFTER or words.low[start] in NO_THING:
        return False
    first, last = words.low[start], words.low[end - 1]
    if not words.is_name(end - 1):
        done = is_past(last) or last in PARTICIPLES or (last.endswith("ed") and last not in NO_PARTICIPLES)
        if done and last not in AMBIGUOUS and last not in LASTING:
            return False  # "wants the appointment moved": it is not the appointment that is wanted
    if end - start == 1 and first in LIGHT and words.low[end] not in ("", ","):
        return False
    return not all(word in EMPTY for word in words.low[start:end])


def _without_role(words: Words, start: int, end: int) -> int:
    """Return where the name begins in "sister Susan" and "older brother Tom"; `start` in all else."""
    place = start
    while words.low[place] in ADJECTIVES and place < end - 1:
        place += 1
    if place < end - 1 and words.spelled[place] in PERSONS and words.is_name(place + 1):
        return place + 1
    return start


@dataclass(frozen=True)
class Kin:
    """What somebody is to another, in words up to `end`; `role` as in "has_sister"; many of them; gone."""

    role: str
    end: int
    many: bool
    gone: bool


def kin_at(words: Words, place: int) -> Kin | None:
    """Return the relative, friend or animal whose words begin at `place`: "older sister", "father in law"."""
    start = place
    while words.low[place] in ADJECTIVES or words.low[place] in ("late", "former"):
        place += 1
    if place > start and words.low[place] not in PERSONS and words.low[place - 1] in PERSONS:
        place -= 1  # "baby Arjun"
    noun = words.low[place]
    if place and words.spelled[place] != noun:
        return None  # "Auntie Esi's Kitchen" is a name
    if words.low[place + 1 : place + 3] == ("in", "law"):
        noun, place = f"{noun}-in-law", place + 2
    if noun not in PERSONS:
        return None
    gone = not {"late", "former"}.isdisjoint(words.low[start:place])
    return Kin(role_of(noun, many=noun in GROUPS), place + 1, noun in GROUPS, gone)


def role_of(noun: str, *, many: bool = False) -> str:
    """Return the name of a role for a relation: mum, mother; twins, twin; sister-in-law, sister_in_law."""
    shared = IRREGULAR_STEMS.get(noun, FULL.get(noun, noun)) if noun in PERSONS else noun
    if many and shared == noun and noun.endswith("s") and not noun.endswith("ss"):
        shared = noun[:-1]
    return re.sub(r"\W+", "_", shared).strip("_")


def has_lower_name(words: Words, kin: Kin, end: int) -> bool:
    """Tell whether the one word between a relative and `end` is a name typed in lower case."""
    name = words.low[kin.end]
    return (
        kin.end == end - 1
        and words.low[kin.end - 1] in RELATIVES
        and name.isalpha()
        and name not in NOT_NAMED
    )


def entity(words: Words, start: int, end: int) -> str | None:
    """Return whom or what the words from `start` to `end` are about; None where that is not plain.

    "Sister Maya" is "Maya", "Sister" is "sister", "Beth from book club" is "Beth".
    """
    while start < end and words.low[start] in DETERMINERS:
        start += 1
    owner = _possessive(words, start, end)
    own = start if owner is None else owner + 1
    kin = kin_at(words, own)
    if kin is None:  # "exchange brother Haruto"
        within = (kin_at(words, place) for place in range(own + 1, end))
        kin = next((each for each in within if each and each.end < end and words.is_name(each.end)), None)
    if kin is not None and kin.end < end and (words.is_name(kin.end) or has_lower_name(words, kin, end)):
        own = kin.end
    elif kin is not None and kin.end == end:
        return " ".join((*words.spelled[start:own], *words.low[own:end])).removesuffix("'s")
    name_end = words.name_end(own) if own != start or kin is None else start
    if kin is not None and own == kin.end and has_lower_name(words, kin, end):
        name_end = end
    known = words.low[own].removesuffix("'s") in PERSONS
    if own < name_end and not known and (name_end >= end or words.low[name_end] in ENDS_PHRASE):
        return " ".join(words.spelled[own : min(name_end, end)]).removesuffix("'s")
    return _noun(words, start, end)


def owned_role(words: Words, end: int) -> tuple[str | None, str] | None:
    """Return whose (None is the user) and what the words before `end` are: "Sister's dog", "Wife's name".

    None where they are no such thing.
    """
    start = 0
    if words.low[end - 1] == "name":
        end -= 1
        if end <= 0:
            return None, "name"
    owner_at = _possessive(words, 0, end)
    owner = None
    if owner_at is not None:
        owner, start = entity(words, 0, owner_at + 1), owner_at + 1
    while start < end - 1 and (words.low[start] in ADJECTIVES or words.low[start] in DETERMINERS):
        start += 1
    nouns = [word.removesuffix("'s") for word in words.low[start:end]]
    named = any(words.is_name(place) for place in range(max(1, start), end))
    if not 1 <= len(nouns) <= 3 or named or not all(each.replace("-", "").isalpha() for each in nouns):
        return None
    if not ENDS_PHRASE.isdisjoint(nouns):
        return None
    noun = "-".join(nouns).replace("favorite", "favourite")
    return owner, role_of(noun, many=noun in GROUPS)


def _possessive(words: Words, start: int, end: int) -> int | None:
    """Return the place of the last owner ("Tom's") that something follows before `end`."""
    return next((place for place in range(end - 2, start - 1, -1) if words.low[place].endswith("'s")), None)


def _noun(words: Words, start: int, end: int) -> str | None:
    """Return a common noun with what is before it, as an entity of its own: "company newsletter"."""
    low = words.low[start:end]
    if not 1 <= len(low) <= 4 or low[0] in NO_SUBJECT or low[-1] in NOT_SUBJECT:
        return None
    if not all(word[:1].isalpha() and word not in ENDS_PHRASE for word in low) or low[0] in NUMBER_WORDS:
        return None
    owner = low[0].removesuffix("'s")
    common = owner in PERSONS or (len(low) > 1 and owner == low[0])
    first = low[0] if common else words.spelled[start]
    return " ".join((first, *words.spelled[start + 1 : end])).removesuffix("'s")
