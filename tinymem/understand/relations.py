"""Who stands in which relation to what: the entities and relations that one fact in house style names.

House style has a small grammar (no subject means the user, a present verb, then the thing), so rules read it;
`relation_words` says which wordings mean the same, `relation_phrases` where a thing ends. A wording that is
not known gives no relation, and a denial never the relation that it denies. English only: of a fact in
another language nothing is read.

Pure; must never raise, whatever the text.
"""

from __future__ import annotations

import re

from tinymem.types import Triple
from tinymem.understand.conjugate import (
    base_of_third,
    is_base,
    is_past,
    is_progressive,
)
from tinymem.understand.lexicon import FINITE, HEAD_ADVERBS
from tinymem.understand.people import PERSONS
from tinymem.understand.relation_frames import Frame, base_of, frame_at, past_of, unfolded, verb_place
from tinymem.understand.relation_phrases import (
    END,
    Phrase,
    Words,
    entity,
    has_lower_name,
    is_about,
    kin_at,
    owned_role,
    phrase,
    role_of,
)
from tinymem.understand.relation_words import (
    BEFORE_THING,
    DETERMINERS,
    ENDS_PHRASE,
    INTRANSITIVE,
    LASTING,
    LEADS,
    NO_RELATION,
    NOT_DOING,
    PARTICLES,
    PEOPLES,
    PLACES_OF_STUDY,
    PREPOSITIONS,
    SECOND,
    STEADY,
    TIMES,
    TO_THINGS,
    WORDINGS,
)
from tinymem.understand.succession import NO_PLACE

MENTIONS = "mentions"
"""The relation of the user to a name in a fact that stands in no other relation.

On the labelled facts (scripts/evaluate/relations.py) 96 % of these names are right, and with them 95 % of all
entities are found instead of 80 %. Words in four capitals or fewer are left out: most are no names.
"""

LONGEST = 300  # characters; what is longer is no single fact
STILL_GOING_ON = re.compile(
    r"\b(?:since|for (?:\w+ ){0,2}(?:years?|months?|weeks?|decades?|ages|long))\b", re.I
)
YEAR = re.compile(r"\b(?:in|since|from) (?:19|20)\d\d\b(?!\w)")
FREE_TO_DENY = frozenset(
    {"", ",", "because", "since", "anymore", "any", "at", "but", "so", "though", "although", "and"}
)
CLAUSES = frozenset(
    {"who", "which", "that", "whose", "because", "since", "if", "when", "while", "says", "thinks"}
)
CONDITIONS = frozenset({"until", "unless", "except", "if", "when"})
DOING = frozenset({"does", "did"})
SHIFTS = frozenset({"nights", "days", "weekends", "part-time", "full-time", "remotely"})


def relations_of(text: str, speaker: str) -> tuple[Triple, ...]:
    """Return the relations that a fact states, each once: what it says, then who is whose, then other names.

    Args:
        text: one fact in house style; anything else gives few relations or none.
        speaker: the name of the user, whom a fact without a subject is about.

    Example:
        >>> for triple in relations_of("Sister Maya lives in Porto with her husband Tom", "ana"):
        ...     print(triple.source, triple.relationship, triple.target)
        Maya lives_in Porto
        ana has_sister Maya
        Maya has_husband Tom
    """
    words = Words.of(YEAR.sub("", text[: LONGEST + 1]))
    if len(text) > LONGEST or len(words.low) < 2 + END:
        return ()
    return _Reader(text, words, speaker).read()


class _Reader:
    """One reading of one fact: its words, whom it is about, and the relations found so far."""

    def __init__(self, text: str, words: Words, speaker: str) -> None:
        self.words = words
        self.speaker = speaker
        self.lasts = STILL_GOING_ON.search(text) is not None
        self.verb = 0  # the place of the verb; the subject stands in front of it
        self.sources: tuple[str, ...] = (speaker,)
        self.found: dict[Triple, None] = {}

    def read(self) -> tuple[Triple, ...]:
        """Return everything that the fact states; nothing where no English verb is found."""
        place = verb_place(self.words)
        if place is None and kin_at(self.words, 0) is None:
            return ()
        self.verb = 1 if place is None else place
        if place:
            self.sources = _subjects(self.words, place)
        if place is not None and self.sources:
            self._predicate(place)
        self._relatives()
        self._mentions()
        return tuple(self.found)

    def _add(self, source: str, relation: str, target: str) -> None:
        if source.casefold() != target.casefold():
            self.found[Triple(source, relation, target)] = None

    def _predicate(self, place: int) -> None:
        """Read the relation that begins with the verb at `place`, and the one after "and"."""
        frame = frame_at(self.words, place)
        frame, past = unfolded(frame, self.lasts, plural=self.verb > 0)
        if not frame:
            return
        end = self._match(frame, past) or self._next_predicate(place)
        if end and self.words.low[end] in ("and", ",") and self.words.begins_predicate(end + 1):
            self._predicate(end + 1)

    def _next_predicate(self, place: int) -> int | None:
        """Return the place of the first "and" of a predicate that is not understood; None in a long one."""
        for at in range(place, len(self.words.low) - 1):
            if self.words.low[at] in CLAUSES:
                return None
            if self.words.low[at] == "and":
                return at
        return None

    def _match(self, frame: Frame, past: bool) -> int | None:
        """Find the wording that the frame begins with; return where its thing ends."""
        for size in range(min(5, len(frame) - 1), 0, -1):
            said = tuple(word for word, _ in frame[:size])
            denied = "not" in said or "cannot" in said
            if said in LEADS and is_base(frame[size][0]) and frame[size][0] != "be":
                lead = f"{LEADS[said]}_{frame[size][0]}"
                return self._verb_relation(lead, frame[size:], denied)
            if said in WORDINGS:
                relation, end = WORDINGS[said], frame[size - 1][1]
                if relation == "is_named":
                    return self._naming(end, called=True)
                return self._link(past_of(relation) if past else relation, end, denied)
        verb, end = frame[0]
        if verb in ("is", "was"):
            return self._being("was" if past else verb, frame)
        if verb in ("has", "had"):
            return self._having("had" if past else verb, frame)
        if verb in ("moved", "relocated") and not past:
            return self._moving(end)
        if verb in FINITE - DOING or not (base_of_third(verb) or is_past(verb)):
            return None
        return self._verb_relation(past_of(verb) if past else verb, frame, False)

    def _verb_relation(self, relation: str, frame: Frame, denied: bool) -> int | None:
        """Read what a verb, with a particle or preposition of its own, does something to."""
        low, (verb, end) = self.words.low, frame[0]
        base = base_of(verb)
        end += low[end] in SHIFTS
        if low[end] in PARTICLES:
            relation, end = f"{relation}_{low[end]}", end + 1
        leads = base in TO_THINGS and (not is_base(low[end + 1]) or low[end + 1 : end + 3] == ("work", ""))
        if base in NO_RELATION or (low[end] == "to" and not leads):
            return None  # "offered to tune the piano"
        loose = base in INTRANSITIVE
        if (low[end] in PREPOSITIONS and not is_about(self.words, end)) or (loose and low[end] == "as"):
            relation, end = f"{relation}_{low[end]}", end + 1
        elif loose or (is_progressive(low[end]) and low[end + 1] not in ENDS_PHRASE | {"", ","}):
            return None
        return self._link(WORDINGS.get(tuple(relation.split("_")), relation), end, denied)

    def _link(self, relation: str, place: int, denied: bool = False) -> int | None:
        """Tie the sources to the things at `place`; return where they end."""
        things = phrase(self.words, place)
        if things is None:
            return None
        low = self.words.low
        bound = low[things.end] not in FREE_TO_DENY or not CONDITIONS.isdisjoint(low[things.end :])
        if (denied and bound) or (things.has_or and not denied):
            return None
        if low[things.end] in ("called", "named"):
            things = phrase(self.words, things.end + 1) or things
        if relation in STEADY:
            things = self._place_meant(things)
        self._own(relation, things)
        further = SECOND.get(relation, {}).get(low[things.end])
        return (self._link(further, things.end + 1) if further else None) or things.end

    def _place_meant(self, things: Phrase) -> Phrase:
        """Return the place that is meant: Leeds for "a flat in Leeds"; of "Cork, Ireland" note both."""
        words = self.words
        if not things.items[0][:1].isupper():
            later = range(things.end, len(words.low) - 1)
            named = [phrase(words, place + 1) for place in later if words.low[place] == "in"]
            return next((each for each in named if each and each.items[0][:1].isupper()), things)
        if words.low[things.end] == "," and words.is_name(things.end + 1) and len(things.items) == 1:
            end = words.name_end(things.end + 1)
            if words.low[end] in ("", ",") or words.low[end].isalpha():
                self._add(things.items[0], "is_in", " ".join(words.spelled[things.end + 1 : end]))
                return Phrase(things.items, end)
        return things

    def _being(self, verb: str, frame: Frame) -> int | None:
        """Read "is a nurse at ...", "is moving to ...", "is vegan", "is in Manila", "is Helen"."""
        word, end = frame[1] if len(frame) > 1 else ("", 0)
        start = end - 1
        if word in ("a", "an"):
            return self._being_one(verb, end)
        if self.words.low[0] in ("favourite", "favorite", "fave"):
            return self._naming(start)
        if self.words.spelled[start] == "the":
            things = phrase(self.words, end)
            return self._post(verb, things) if things else None
        if word in ("in", "at"):
            named = end + (self.words.low[end] in BEFORE_THING)
            return self._link(f"{verb}_{word}", end) if self.words.is_name(named) else None
        if (is_progressive(word) or word == "going") and word not in NOT_DOING:
            return self._verb_relation(f"{verb}_{word}", frame[1:], False)
        if word in LASTING or word in PEOPLES or self.words.low[end] == "intolerant":
            return self._link(verb, start)
        return self._naming(start) if self.words.is_name(start) else None

    def _being_one(self, verb: str, place: int) -> int | None:
        """Read "is a nurse at St. Olav's"; "car is a Skoda" says which one somebody has."""
        things = phrase(self.words, place)
        if things is None or things.items[0].split()[-1] in ("walk", "drive", "ride", "flight", "trip"):
            return None  # "a 10 minute walk from the station"
        if things.items[0][0].isupper() and things.items[0].split()[0].lower() not in PEOPLES:
            owned = owned_role(self.words, self.verb)
            if owned is not None:
                return self._naming(place)
        for source in self.sources:
            self._add(source, f"{verb}_a", things.items[0])
        return self._post(verb, things) or things.end

    def _post(self, verb: str, things: Phrase) -> int | None:
        """Read where somebody is something: "head of sales at Bosch", "student at Leiden"."""
        after = things.end + 1
        if self.words.low[things.end] not in ("at", "for") or not self.words.is_name(
            after + (self.words.low[after : after + 1] == ("the",))
        ):
            return None
        studies = not PLACES_OF_STUDY.isdisjoint(things.items[0].lower().split())
        relation = "studies_at" if studies else "works_at"
        return self._link(past_of(relation) if verb == "was" else relation, after)

    def _naming(self, place: int, *, called: bool = False) -> int | None:
        """Read a name: the user's own, the subject's, or that of somebody the user has."""
        things = phrase(self.words, place)
        if things is None or things.has_or:
            return None
        if self.words.low[place - 1] == "by" and not self.words.is_name(place):
            return None  # "goes by bike"
        if self.verb == 0:
            plain = called or " " not in things.items[0]
            return self._link("is_named" if called else "is", place) if plain else None
        owned = owned_role(self.words, self.verb)
        if owned is None:
            return self._link("is_named", place) if called else None
        owner, role = owned
        names = [item for item in things.items if item[0].isupper() or not things.items[0][0].isupper()]
        for item in names:
            self._add(owner or self.speaker, "is_named" if role == "name" else f"has_{role}", item)
        return things.end

    def _having(self, verb: str, frame: Frame) -> int | None:
        """Read "has a dog named Rex", "has two cats, Miso and Mochi", "has dyslexia"."""
        words, place = self.words, frame[0][1]
        if len(frame) < 2 or frame[1][0] in ("to", "no", "not", "neither", "been"):
            return None
        things = phrase(words, place)
        if things is None:
            return None
        kin = kin_at(words, place + (words.low[place] in DETERMINERS))
        if kin is not None and words.is_name(kin.end):  # "had dog Tofu"
            return self._own(f"{verb}_{kin.role}", things)
        end = place + words.low[place:].index(",") if "," in words.low[place : things.end + 1] else things.end
        called = words.low[end] in ("called", "named", ":")
        if called or (words.low[end] == "," and words.is_name(end + 1) and not words.is_name(end - 1)):
            names = phrase(words, end + 1)
            if names is not None:
                role = role_of(things.items[0].split()[-1].lower(), many=len(names.items) > 1)
                return self._own(f"{verb}_{role}", names)
        return self._link(verb, place)

    def _own(self, relation: str, things: Phrase) -> int:
        """Tie every source to every thing; return where they end."""
        for source in self.sources:
            for item in things.items:
                self._add(source, relation, item)
        return things.end

    def _moving(self, place: int) -> int | None:
        """Read "moved from Oslo to Bergen": where somebody lived, and where they live now."""
        words, end = self.words, place
        while words.low[end] in ("back", "from", "to"):
            way = words.low[end]
            if way == "back":
                end += 1
                continue
            things = phrase(words, end + 1)
            if things is None or things.items[0].lower() in NO_PLACE:
                break
            named = things.items[0][0].isupper()
            relation = {"to": "lives_in", "from": "lived_in"}[way] if named else f"moved_{way}"
            end = self._own(relation, things)
        return end

    def _relatives(self) -> None:
        """Note everybody who is named with what they are to somebody: "husband Tom", "Tom's wife Ana"."""
        words, place = self.words, 0
        while place < len(words.low):
            kin = kin_at(words, place)
            place += 1
            if kin is None:
                continue
            end = words.name_end(kin.end)
            if has_lower_name(words, kin, self.verb):
                end = self.verb
            owner = self._owner(place - 1)
            names = [" ".join(words.spelled[kin.end : end])]
            while kin.many and end > kin.end and words.low[end] in (",", "and") and words.is_name(end + 1):
                start, end = end + 1, words.name_end(end + 1)
                names.append(" ".join(words.spelled[start:end]))
            for name in names if end > kin.end else []:
                if owner is not None and Triple(owner, f"had_{kin.role}", name) not in self.found:
                    self._add(owner, f"{'had' if kin.gone else 'has'}_{kin.role}", name.removesuffix("'s"))
            place = kin.end

    def _owner(self, place: int) -> str | None:
        """Return whose relative is named at `place`; None where that is not said."""
        before = self.words.low[place - 1] if place else ""
        if before in ("his", "her", "their"):
            return self.sources[0] if place > self.verb > 0 and len(self.sources) == 1 else None
        if before.endswith("'s"):
            return entity(self.words, 0, place) if place <= self.verb else None
        return self.speaker if place < self.verb or self.verb == 0 else None

    def _mentions(self) -> None:
        """Note the names that stand in no relation: the user speaks of them."""
        named = " ".join(f"{each.source} {each.target}" for each in self.found)
        known = {word.removesuffix("'s") for word in named.split()}
        words = self.words
        titled = self.verb > 0 and words.is_name(0) and words.is_name(1) and "'" not in words.low[0]
        titled = titled and words.low[0] not in DETERMINERS
        place = 0 if titled else 1
        while place < len(words.low) - 1:
            end = words.name_end(place)
            name = " ".join(words.spelled[place:end]).removesuffix("'s")
            describes = name.lower() in PERSONS or (name.lower() in PEOPLES and words.low[place - 1] != "in")
            timed = words.low[place - 1] in TIMES or words.low[end] in TIMES
            acronym = name.isupper() and len(name) < 5
            if end > place and known.isdisjoint(name.split()) and not (describes or timed or acronym):
                self._add(self.speaker, MENTIONS, name)
            place = max(end, place + 1)


def _subjects(words: Words, end: int) -> tuple[str, ...]:
    """Return whom the words in front of the verb mean, as entities; none where that is not plain."""
    while end and words.low[end - 1] in HEAD_ADVERBS:
        end -= 1
    if "and" not in words.low[:end]:
        named = entity(words, 0, end)
        return (named,) if named else ()
    middle = words.low.index("and")
    both = entity(words, 0, middle), entity(words, middle + 1, end)
    return tuple(each for each in both if each) if all(both) else ()
