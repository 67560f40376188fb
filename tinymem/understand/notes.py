"""Clauses without a subject: notes ("allergic to nuts", "vegan 3 years now"), wishes ("call me Max").

Only what can be about nobody but the writer is taken, and of what is asked of the assistant only what is
meant to last. It must never read an order of the moment ("book a table", "make it shorter") as a fact.
"""

from __future__ import annotations

import re

from tinymem.understand.conjugate import PASTS, is_past, is_progressive
from tinymem.understand.lexicon import GOING, LACKED, PAST_ORDERS, SKILLS, STATE
from tinymem.understand.predicate import third_person_facts
from tinymem.understand.standalone import finish
from tinymem.understand.terms import one_of

COUNT = r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten)"
DURATION = re.compile(
    r"(?P<state>[\w-]+(?: [\w-]+)?),? (?:for )?"
    rf"(?P<time>(?:about |almost |over )?{COUNT} (?:year|month|week)s?)(?: now)?",
    re.IGNORECASE,
)
SINCE = re.compile(r"(?P<state>[\w-]+(?: [\w-]+)?),? (?P<time>since .+)", re.IGNORECASE)
FAN = re.compile(r"(?:not )?(?:an? )?(?:(?:big|huge|massive|great) )?fan of \S", re.IGNORECASE)
SURE_STATE = frozenset(
    {
        "vegan",
        "vegetarian",
        "pescatarian",
        "diabetic",
        "pregnant",
        "retired",
        "coeliac",
        "celiac",
        "unemployed",
    }
)
STATE_GOES_ON = frozenset({"to", "and", "but", "intolerant", "with", "free", "since", "person", "here"})
GOT = re.compile(rf"(?:still |already |just )?got (?=(?:{COUNT}|no|my) )", re.IGNORECASE)
STATEMENTS = (
    r"(?:live|work|study|teach) (?:in|at|as|for|with|from|near|on|nights)\b",
    r"(?:love|hate|prefer|dislike|adore|own|speak) (?!it\b|that\b|this\b)",
    rf"have (?:{COUNT}|no|my|been|never|to) ",
    r"(?:do not|cannot|did not) "
    + one_of("""
    like eat drink have drive own want use smoke work speak watch stand do cook wear take live sleep see
    tolerate believe
    """)
    + r"\b",
    r"have not \w+(?:ed|en|t|ne) ",
    r"(?:need|want) to (?!know|ask|see|say|go\b|find|understand)",
    r"(?:am|have been|have had|used to|never|already|recently) ",
)
STATEMENT = re.compile("|".join(STATEMENTS), re.IGNORECASE)
LABELLED = re.compile(
    r"(?:my )?(?P<label>allergies|allergic to|budget|name|surname|height|weight|rent|"
    r"address|phone|email|e-mail|job|"
    r"nickname|birthday|shoe size|blood type|deadline|pronouns): (?P<value>\S.*)",
    re.IGNORECASE,
)
ACTIVITY = re.compile(
    r"(?:thinking|dreaming) (?:of|about) \w+ing"
    r"|looking for an? (?:job|flat|house|apartment|room|new|partner|car|dog|cat)\b",
    re.IGNORECASE,
)

LANGUAGE = one_of("""
english spanish french german italian portuguese dutch swedish norwegian danish polish turkish russian
arabic hindi japanese korean chinese greek czech catalan welsh irish
""")
CALL_ME = re.compile(r"(?:you can |just |please )?call me (?P<name>[A-Z][\w'-]*(?: [A-Z][\w'-]*)?)")
ANSWER_IN = re.compile(
    r"(?:always |only )?(?:answer|reply|respond|speak|write|talk)(?: to)?(?: me)?(?: back)? (?:only )?"
    rf"in (?P<what>{LANGUAGE}(?: only)?)(?: (?:from now on|always|from now))?",
    re.IGNORECASE,
)
UNWANTED = re.compile(
    r"(?:do not|never|stop|no more) (?:ever )?"
    + one_of("""
    use using put putting write writing add adding include including send sending suggest suggesting
    recommend recommending
    """)
    + r"(?: me)? (?:any )?(?P<what>(?!(?:it|that|this|them|the|your)\b)[\w' -]+)",
    re.IGNORECASE,
)


def wish(words: list[str]) -> list[str]:
    """Return the standing wish of "call me Max", "answer in French", "stop using em dashes"."""
    text = " ".join(words)
    if called := CALL_ME.fullmatch(text):
        return [f"Wants to be called {called.group('name')}"]
    if language := ANSWER_IN.fullmatch(text):
        return [f"Wants answers in {language.group('what').capitalize()}"]
    if unwanted := UNWANTED.fullmatch(text):
        return _one(f"does not want {unwanted.group('what')}")
    return []


def note(words: list[str]) -> list[str]:
    """Return the facts of a note's words, [] if it may be something else."""
    if not words:
        return []
    while len(words) > 2 and words[0].lower() in ("just", "also", "recently"):
        words = words[1:]
    if len(words) > 2 and words[-1].lower() == "here":
        words = words[:-1]
    text = " ".join(words)
    low = [word.lower().strip(",") for word in words]
    if FAN.match(text):
        return third_person_facts(["am", *words])
    return (
        _labelled(text)
        or _state(text, low)
        or _short(low)
        or (_longer(words, text, low) if len(words) > 2 else [])
    )


def _labelled(text: str) -> list[str]:
    """Return the facts of "allergies: penicillin, cats" and "budget: 900 euros"."""
    match = LABELLED.fullmatch(text)
    if not match:
        return []
    label, value = match.group("label").lower(), match.group("value").strip()
    if label.startswith("allerg"):
        return [fact for each in re.split(r", | and ", value) for fact in _one(f"is allergic to {each}")]
    return _one(f"{label} is {value}") if len(value.split()) <= 8 else []


def _state(text: str, low: list[str]) -> list[str]:
    """Return the fact of "vegan", "allergic to nuts", "diabetic since 2019", "born in York"."""
    lasting = DURATION.fullmatch(text) or SINCE.fullmatch(text)
    if lasting and not STATE.isdisjoint(lasting.group("state").lower().split()):
        link = "for " if lasting.re is DURATION else ""
        return _one(f"has been {lasting.group('state').lower()} {link}{lasting.group('time')}")
    if len(low) == 1:
        return [f"Is {low[0]}"] if low[0] in SURE_STATE else []
    said = f"{text[0].lower()}{text[1:]}"
    if (low[0] in STATE and low[1] in STATE_GOES_ON) or (low[0] == "not" and low[1] in STATE):
        return _one(f"is {said}")
    if low[0] in ("born", "raised", "diagnosed") and low[1] in ("in", "to", "with", "on"):
        return _one(f"was {said}")
    return _one(f"is {said}") if low[0] in ("based", "allergic", "married") and low[1] in ("in", "to") else []


def _short(low: list[str]) -> list[str]:
    """Return the fact of "no kids" and "can't swim"."""
    if len(low) != 2:
        return []
    if low[0] == "no" and low[1] in LACKED:
        return [f"Has no {low[1]}"]
    return [f"Cannot {low[1]}"] if low[0] == "cannot" and low[1] in SKILLS else []


def _longer(words: list[str], text: str, low: list[str]) -> list[str]:
    """Return the facts of notes that begin with a verb."""
    if got := GOT.match(text):
        return third_person_facts(["have", *text[got.end() :].split()])
    if ACTIVITY.match(text) or (low[0] in GOING and is_progressive(low[0])):
        return third_person_facts(["am", low[0], *words[1:]])
    past = low[0] in PASTS or (low[0].endswith("ed") and is_past(low[0]))
    if STATEMENT.match(text) or (past and low[0] not in PAST_ORDERS):
        return third_person_facts(words)
    return []


def _one(text: str) -> list[str]:
    fact = finish(text)
    return [fact] if fact else []
