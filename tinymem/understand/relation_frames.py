"""How a predicate begins: where its verb is, in which form, and what it is without its adverbs.

"Used to live", "no longer lives" and "has lived since" are all "lives", the first two over. A frame is read
once and compared with the wordings of `relation_words`; what it means is not decided here.
"""

from __future__ import annotations

from tinymem.understand.conjugate import (
    IRREGULAR,
    PASTS,
    base_of_third,
    is_base,
    is_participle,
    is_past,
    past_tense,
    third_person,
)
from tinymem.understand.lexicon import FINITE, HEAD_ADVERBS
from tinymem.understand.people import GROUPS
from tinymem.understand.relation_phrases import RELATIVES, Words, is_adverb
from tinymem.understand.relation_words import DETERMINERS, FIRST_WORDS, NEVER, PREPOSITIONS
from tinymem.understand.subjects import is_verb

PLAIN = {row.split()[2]: row.split()[0] for row in IRREGULAR.split(";")}  # by irregular participle
BETWEEN = HEAD_ADVERBS | NEVER | {"no", "longer", "really"}  # a subject and its verb
Frame = list[tuple[str, int]]
"""The first words of a predicate without its adverbs, each with the place after it."""


def frame_at(words: Words, place: int) -> Frame:
    """Return the words from the verb on, adverbs left out; none where an adverb leaves no plain relation."""
    found: Frame = []
    while words.low[place] and len(found) < 6:
        word = words.low[place]
        if word in NEVER and len(found) < 2:
            return []
        plain = len(found) < 3 and (place == 0 or not words.is_name(place))
        if not plain or not (word in HEAD_ADVERBS or is_adverb(word)):
            found.append((word, place + 1))
        place += 1
    return found


def unfolded(frame: Frame, lasts: bool, *, plural: bool) -> tuple[Frame, bool]:
    """Return the frame in the present, and whether it is over: "used to live" is "lives", over."""
    over = False
    low = [word for word, _ in frame]
    if "longer" in low[1:3] and low[low.index("longer") - 1] == "no":
        at = low.index("longer")
        frame, over = [*frame[: at - 1], *frame[at + 1 :]], True
    elif low[:2] == ["used", "to"]:
        frame, over = frame[2:], True
    if not frame:
        return [], over
    verb, end = frame[0]
    if verb in ("are", "were") or (is_base(verb) and (over or plural) and not is_past(verb)):
        frame = [(third_person(verb), end), *frame[1:]]
    return (_since_then(frame, lasts) if frame[0][0] == "has" and len(frame) > 1 else frame), over


def _since_then(frame: Frame, lasts: bool) -> Frame:
    """Return "has lived (since)" as "lives", "has bought" as "bought", "has been a" as "is a"."""
    (_, _), (word, end), *rest = frame
    if word == "been":
        return frame if rest and rest[0][0] == "to" else [("is", end), *rest]
    if word in ("had", "got"):
        return [("has", end), *rest]
    base = base_of(word) if is_participle(word) else None
    if base is None:
        verb = word.endswith("ed") and rest and (rest[0][0] in DETERMINERS or rest[0][0] in PREPOSITIONS)
        return [] if verb else frame  # "has approved of it"
    return [(third_person(base) if lasts else past_tense(base), end), *rest]


def base_of(verb: str) -> str | None:
    """Return the plain form of a verb in any form, lower case: lived, living and lives, live; bought, buy."""
    known = [verb, base_of_third(verb) or "", PASTS.get(verb, ""), PLAIN.get(verb, "")]
    stem = verb.removesuffix("ed").removesuffix("ing")
    if stem != verb:
        known += [stem, f"{stem}e", stem[:-1], f"{stem[:-1]}y"]
    return next((each for each in known if is_base(each)), None)


def past_of(relation: str) -> str:
    """Return a relation as it was: lives_in, lived_in; is_from, was_from."""
    verb, _, rest = relation.partition("_")
    base = base_of_third(verb)
    return "_".join(filter(None, (past_tense(base) if base else verb, rest)))


def verb_place(words: Words) -> int | None:
    """Return the place of the verb, 0 where the user is the subject; None where no verb is certain."""
    first = words.low[0]
    known = first in FINITE or first in HEAD_ADVERBS or first in FIRST_WORDS or first in ("used", "no")
    if known or base_of_third(first) or is_past(first):
        return 0
    spelled = list(words.spelled)
    if first in RELATIVES:
        spelled[1] = spelled[1].capitalize()  # "sister maya plays": a name shows what is a verb
    for place in range(1, min(9, len(spelled) - 1)):
        if not words.low[place][:1].isalpha():
            return None
        plural = words.low[place - 1] in GROUPS and is_base(words.low[place])
        skipped = place > 1 and words.low[place - 1] in HEAD_ADVERBS  # "sister just moved"
        seen = [*spelled[: place - 1], *spelled[place:]] if skipped else spelled
        if not words.is_name(place) and (plural or is_verb(seen, place - skipped)):
            while place > 1 and words.low[place - 1] in BETWEEN:
                place -= 1
            return place
    return None
