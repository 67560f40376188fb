"""A clause becomes facts in house style, by rules that are only applied where they are sure.

"so im vegan and my sister Maya's allergic to cats" gives "Is vegan" and "Sister Maya is allergic to
cats"; a question, a guess or a request gives nothing. The order of work: plain words, then who the
subject is, then the predicate in the third person. It must never return a garbled sentence: a clause that
no rule fits gives [].
"""

from __future__ import annotations

import re
from typing import Literal

from tinymem.understand.answers import answer
from tinymem.understand.lexicon import LASTING, LASTING_AM
from tinymem.understand.notes import note, wish
from tinymem.understand.people import introduced
from tinymem.understand.plain import bare, tokens
from tinymem.understand.predicate import third_person_facts
from tinymem.understand.standalone import LONGEST, finish
from tinymem.understand.subjects import appositive, lowered, owned, pronoun, third_person_statement
from tinymem.understand.terms import one_of, word_set

LONGEST_CLAUSE = 600  # characters; what is longer is no sentence
NEAR = 800  # characters before a clause in which a pronoun's name is looked for

About = Literal["user", "assistant"]

NO_STATEMENT = re.compile(
    "^(?:"
    + one_of("""
    what what's whats how hows how's why where when whens who whos who's whose which is are am do does
    did can could should shall would will won't any anyone tell give make write show help explain find
    if let lets let's suggest recommend translate draft list describe imagine suppose unless whether
    check compare create generate say guess once until maybe perhaps wish assuming while before after as
    though
    """)
    + r"|since(?! (?:\d|last|age|the|spring|summer|autumn|winter|"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)))"
    r"|got any|have you|has anyone|want me|in case|even if|not sure)\b(?![-'])",
    re.IGNORECASE,
)
HYPOTHETICAL = re.compile(
    r"\b(?:if i|if we|if my|would be nice|i wish|let's say|suppose|hypothetical\w*|"
    r"imagine|asking for a friend|what if|"
    r"role-?play|pretend)\b",
    re.IGNORECASE,
)
HEDGE = re.compile(
    r"^(?:i|we) (?:just )?(?:think|believe|guess|suppose|reckon|mean|must say|should (?:say|mention|add)|"
    r"forgot to (?:say|mention))(?: that)?,? (?=(?:i|i'm|im|i've|ive|i'll|we|we're|my|our)\b)",
    re.IGNORECASE,
)
FRONTED = re.compile(
    r"(?P<front>(?:on|in|at|from|since|last|next|this|every|until|for) (?:[\w:'-]+ ?){1,4}?|"
    r"tomorrow|yesterday|today|tonight),? (?P<rest>(?:I|we|my|our) .+)",
    re.IGNORECASE,
)
HOW_MANY = re.compile(
    r"am (?:only |just |about )?(?:\d|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|both|all)\b"
)
HERE = re.compile(r"(?P<name>[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2}) here(?:$|[,.!])")
SPEAKER = re.compile(r"\b(?:i|i'm|im|i've|ive|me|we)\b", re.IGNORECASE)
OTHER = re.compile(r"\b(?:he|she|his|her|they|their)\b", re.IGNORECASE)
ATTRIBUTES = word_set(
    "birthday name surname age address email phone number job school favourite favorite size"
)
IDENTITY = re.compile(r"[A-Z][\w'’.-]+(?: (?:[A-Z][\w'’.-]*|de|da|van|von|la|el|al|bin|dela)){0,3}")
DEMONYM = re.compile(
    r"(?:ish|ian|ese|ean|can|man|ench|zech|eek|utch|elsh|hai|aqi|ani|wiss|wegian|anic|"
    r"uslim|ewish|tholic|ing|HD|TSD|"
    r"[A-Z]{2,})$"
)


def write(
    clause: str, *, about: About = "user", before: str = "", earlier: str = "", third: bool = False
) -> list[str]:
    """Return the facts that a clause states, in house style; [] when no rule is sure of it.

    Args:
        clause: The words; see `clauses.clauses`.
        about: Whose "I" it is. An assistant's is only written when it is about itself, not about its answer.
        before: The other side's message before, whose question the clause may answer (first clause only).
        earlier: The text in front of the clause, in which pronouns find their names.
        third: Whether a statement about someone or something else is a fact as it stands.
    """
    if len(clause) > LONGEST_CLAUSE:
        return []
    earlier = earlier[-NEAR:]
    text = HEDGE.sub("", bare(clause))
    answered = answer(clause, before) if before and about == "user" else []
    words = [] if _is_no_statement(clause, text) else tokens(text)
    if answered and words and words[0].lower() not in ("i", "my", "we", "our"):
        words = []
    return list(dict.fromkeys([*answered, *_stated(words, about, earlier, third)]))


def _is_no_statement(clause: str, text: str) -> bool:
    """Return whether a clause asks, orders, supposes or begins as one that depends on another."""
    asks = clause.rstrip().rstrip("\"')").endswith("?")
    return asks or NO_STATEMENT.match(text) is not None or HYPOTHETICAL.search(text) is not None


def _stated(words: list[str], about: About, earlier: str, third: bool) -> list[str]:
    """Return the facts of plain words, by the first rule that fits."""
    if len(words) < 2:
        return note(words)
    if fronted := FRONTED.fullmatch(" ".join(words)):
        return _moved_back(
            fronted.group("front"), _stated(fronted.group("rest").split(), about, earlier, False)
        )
    if words[0].lower().strip(",") == "no" and words[1].lower() in (
        "i",
        "my",
        "we",
        "our",
        "he",
        "she",
        "they",
    ):
        words = words[1:]
    if here := HERE.match(" ".join(words)):
        return [f"Name is {here.group('name')}"]
    return (
        wish(words)
        or _first_person(words, about)
        or appositive(words)
        or owned(words)
        or pronoun(words, earlier)
        or (note(words) if not _goes_on_about_another(earlier) else [])
        or (third_person_statement(words) if third and not _belongs_to_another(words, earlier) else [])
    )


def _goes_on_about_another(earlier: str) -> bool:
    """Return whether the sentence before is about somebody else, so that a note may be about him as well."""
    sentence = re.split(r"[.!?\n]\s", earlier.rstrip(" .!?"))[-1]
    return not SPEAKER.search(sentence) and (bool(introduced(sentence)) or OTHER.search(sentence) is not None)


def _belongs_to_another(words: list[str], earlier: str) -> bool:
    """Return whether "birthday is ..." may be someone else's, who was spoken of before."""
    return words[0].lower() in ATTRIBUTES and OTHER.search(earlier) is not None


def _moved_back(front: str, facts: list[str]) -> list[str]:
    """Return the only fact with the time or place that stood in front of it at its end."""
    if len(facts) != 1:
        return []
    moved = f"{facts[0]} {front[0].lower()}{front[1:]}"
    return [moved] if len(moved.split()) <= LONGEST else []


def _first_person(words: list[str], about: About) -> list[str]:
    """Return the facts of "I ..." and "we ..."."""
    low = lowered(words)
    if low[0] not in ("i", "we"):
        return []
    rest = words[1:]
    while len(rest) > 2 and rest[0].lower() in ("both", "all", "personally", ","):
        rest = rest[1:]
    if low[0] == "we" and rest[0].lower() == "are":
        rest = ["am", *rest[1:]]
    if low[0] == "we" and HOW_MANY.match(" ".join(rest)):
        return []  # "we are four": what a group is, none of its members is
    name = _name(rest)
    if name:
        return [f"Name is {name}", *_after_name(" ".join(rest), name)]
    return third_person_facts(rest) if about == "user" or _is_about_itself(rest) else []


def _name(rest: list[str]) -> str | None:
    """Return the name in "am Ana", "am called Ana"; None for "am German" and everything else."""
    if len(rest) < 2 or rest[0] != "am":
        return None
    called = rest[1].lower() in ("called", "named")
    first = re.split(r",| from | and ", " ".join(rest[2 if called else 1 :]))[0].strip()
    if called:
        return first if first and len(first.split()) <= 4 else None
    return first if IDENTITY.fullmatch(first) and not DEMONYM.search(first) else None


def _after_name(text: str, name: str) -> list[str]:
    """Return the fact of what follows a name: "I'm Ana, a nurse" and "I'm Ana from Leeds"."""
    rest = text.split(name, 1)[1].lstrip(", ")
    if not re.match(r"(?:an?|the|from|your) \S", rest):
        return []
    fact = finish(f"is {re.sub('^your ', 'the ', rest)}")
    return [fact] if fact else []


def _is_about_itself(rest: list[str]) -> bool:
    """Return whether an assistant's "I ..." is about itself rather than about its answer."""
    low = lowered(rest)
    return len(low) > 1 and (low[0] in LASTING or (low[0] == "am" and low[1] in LASTING_AM))
