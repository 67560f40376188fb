"""Short answers: the question has the predicate, the answer the rest.

"What's your name?" "Idris" is "Name is Idris"; "Are you vegetarian?" "yes" is "Is vegetarian". Only the last
question of the message before counts, and only when it asks plainly about the one who answers. An answer to
a proposal ("Shall I ...?", "Would you like ...?") must never become a fact.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tinymem.understand.conjugate import is_base, is_participle, is_progressive, past_tense, third_person
from tinymem.understand.lexicon import STATE, VAGUE
from tinymem.understand.questions import head, last_question, listed, points, polar, timed
from tinymem.understand.standalone import finish
from tinymem.understand.terms import FANCY

PLACED = re.compile(
    r"^(?:in|on|at|for|to|near|outside|by|just|close|next|over|under|from|with|around|between|"
    r"off|along|north|south|east|west)\b",
    re.IGNORECASE,
)
AMOUNT = re.compile(
    r"^(?:about |around |roughly |only |just )?(?:\d|an? |one|two|three|four|five|six|"
    r"seven|eight|nine|ten|eleven|twelve|"
    r"twenty|thirty|half|twice|once)",
    re.IGNORECASE,
)
NUMBER = re.compile(
    r"(?:about |around |roughly )?(?:\d[\d.,]*k?|one|two|three|four|five|six|seven|eight|"
    r"nine|ten|eleven|twelve|a dozen)\b",
    re.IGNORECASE,
)
BEGUN = re.compile(
    r"(?:An?|One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten|Half|About|Around|Just|Only|Mostly|Some|My)"
    r"(?= [a-z])"
)
ALLERGIES = re.compile(r"(?:food |known |drug |other )?(?:allerg|intoleranc)", re.IGNORECASE)
SAYS_ALLERGIC = re.compile(r"allerg|intoleran", re.IGNORECASE)
OPINION_VERBS = frozenset(
    {
        "mean",
        "think",
        "say",
        "want",
        "suggest",
        "recommend",
        "need",
        "do",
        "see",
        "call",
        "feel",
        "plan",
        "like",
    }
)
TELLING_VERBS = frozenset(
    {"tell", "give", "send", "share", "describe", "confirm", "say", "show", "see", "try", "explain"}
)


def answer(clause: str, before: str) -> list[str]:
    """Return the fact that a first clause gives as an answer to the last question of `before`, or []."""
    question = last_question(before)
    said = clause.translate(FANCY).strip()
    if not question or said.endswith("?"):
        return []
    said = BEGUN.sub(lambda word: word.group().lower(), said, count=1) if BEGUN.match(said) else said
    for pattern, rule in RULES:
        match = pattern.fullmatch(question)
        if match:
            fact = rule(match, said)
            finished = finish(fact) if fact else None
            return [finished] if finished else []
    return []


def _name(match: re.Match[str], said: str) -> str | None:
    name = head(said, longest=4)
    if name is None or not re.fullmatch(r"[^\W\d_][\w'.-]*(?: [^\W\d_][\w'.-]*)*", name):
        return None
    return f"name is {name.title() if name == name.lower() else name}"


def _age(match: re.Match[str], said: str) -> str | None:
    age = re.match(r"(\d{1,3})\b(?! ?(?:kg|cm|%|months))", head(said) or "")
    return f"is {age.group(1)} years old" if age else None


def _job(match: re.Match[str], said: str) -> str | None:
    job = head(said)
    if job is None or re.match(r"(?:student|nothing|between)", job, re.IGNORECASE):
        return None
    if job.lower() in ("retired", "unemployed"):
        return f"is {job.lower()}"
    if is_progressive(job.split()[0].lower()):
        return None
    if re.match(r"(?:in|at|for)\b", job):
        return f"works {job}"
    article = (
        "" if re.match(r"(?:an?|the)\b", job, re.IGNORECASE) else "an " if job[0].lower() in "aeio" else "a "
    )
    return f"works as {article}{job}"


def _where(match: re.Match[str], said: str) -> str | None:
    """Where do you live, where are you based: the verb, perhaps more, then the place."""
    place, verb, rest = head(said), match.group("verb").lower(), match.group("rest").strip()
    if place is None or points(rest):
        return None
    led = PLACED.match(place) or re.search(r"\b(?:from|to|in|at)$", f"{verb} {rest}")
    link = "" if led else "at " if verb == "work" and place[:1].isupper() else "in "
    predicate = third_person(verb) if match.group("do").lower() == "do" else f"is {verb}"
    return " ".join(f"{predicate} {rest} {link}{place}".split())


def _object(match: re.Match[str], said: str) -> str | None:
    """Which editor do you use, what do you drink with it: the answer is the object."""
    thing, verb, rest = listed(said), match.group("verb").lower(), match.group("rest").strip()
    if thing is None or not is_base(verb) or verb in OPINION_VERBS or points(rest):
        return None
    noun = (match.group("noun") or "").lower().split()[-1:]
    if noun and noun[0] in ("time", "day", "days", "year", "month", "date"):
        time = timed(thing)
        return f"{third_person(verb)} {rest} {time}" if time else None
    if noun and noun[0] in ("passport", "visa", "citizenship") and len(thing.split()) == 1:
        article = "an" if thing[:1].lower() in "aeiou" else "a"
        thing = f"{article} {thing} {noun[0]}"
    if rest.split()[-1:] and rest.split()[-1] in ("on", "in", "for", "with", "at", "to"):
        return f"{third_person(verb)} {rest} {thing}"
    return f"{third_person(verb)} {thing} {rest}"


def _time(match: re.Match[str], said: str) -> str | None:
    """When do you get up: the answer is the time."""
    time, verb, rest = timed(head(said)), match.group("verb").lower(), match.group("rest").strip()
    if time is None or not is_base(verb) or verb in OPINION_VERBS or points(rest):
        return None
    return f"{third_person(verb)} {rest} {time}"


def _how_many(match: re.Match[str], said: str) -> str | None:
    number = NUMBER.match(head(said) or "")
    verb, noun, rest = match.group("verb").lower(), match.group("noun"), match.group("rest").strip()
    if number is None or not is_base(verb) or verb in OPINION_VERBS or points(noun, rest):
        return None
    one = number.group().lower() in ("one", "1")
    single = {"children": "child", "people": "person"}.get(noun, noun[:-1] if noun.endswith("s") else noun)
    return f"{third_person(verb)} {number.group().lower()} {single if one else noun} {rest}"


def _how_long(match: re.Match[str], said: str) -> str | None:
    time, rest = head(said, longest=5), match.group("rest")
    if time is None or not (AMOUNT.match(time) or time.startswith(("since", "for"))) or points(rest):
        return None
    return f"has been {rest} {time if time.startswith(('since', 'for')) else f'for {time}'}"


def _how_often(match: re.Match[str], said: str) -> str | None:
    often, verb, rest = head(said, longest=6), match.group("verb").lower(), match.group("rest")
    if often is None or not is_base(verb) or verb in OPINION_VERBS or points(rest):
        return None
    return f"{third_person(verb)} {rest} {often}"


def _your(match: re.Match[str], said: str) -> str | None:
    """What's your budget: the answer is what it is."""
    noun, value = match.group("noun").strip(), head(said)
    if (
        value is None
        or PLACED.match(value)
        or noun.lower().split()[-1] in VAGUE
        or points(noun)
        or len(noun.split()) > 5
    ):
        return None
    if noun.lower() == "name":
        return _name(match, said)
    be = "are" if noun.endswith("s") and not noun.endswith("ss") else "is"
    return (
        _job(match, said) if noun.lower() in ("job", "profession", "occupation") else f"{noun} {be} {value}"
    )


def _when_is(match: re.Match[str], said: str) -> str | None:
    time, noun, rest = timed(head(said)), match.group("noun"), match.group("rest") or ""
    return None if time is None or points(noun) else f"{noun} is{rest} {time}"


def _how_old(match: re.Match[str], said: str) -> str | None:
    """How old is your nephew: a number is years, unless it says months or weeks."""
    noun, age = (
        match.group("noun"),
        re.match(r"[\w.-]+(?: (?:years?|months?|weeks?)(?: old)?)?$", head(said) or ""),
    )
    if age is None or points(noun) or NUMBER.match(age.group()) is None:
        return None
    return f"{noun} is {age.group()}"


def _when_did(match: re.Match[str], said: str) -> str | None:
    time, verb, rest = timed(head(said)), match.group("verb").lower(), match.group("rest").strip()
    if time is None or not is_base(verb) or points(rest):
        return None
    return f"{past_tense(verb)} {rest} {time}"


def _how_far(match: re.Match[str], said: str) -> str | None:
    amount, verb, rest = head(said), match.group("verb").lower(), match.group("rest").strip()
    if (
        amount is None
        or not AMOUNT.match(amount)
        or not is_base(verb)
        or verb in OPINION_VERBS
        or points(rest)
    ):
        return None
    return f"{third_person(verb)} {amount} {rest}"


def _are_you(match: re.Match[str], said: str) -> str | None:
    rest, yes = match.group("rest"), polar(said)
    if yes is None or not _is_plain(rest):
        return None
    still = re.match(r"still (.+)", rest)
    if still and not yes:
        return f"is no longer {still.group(1)}"
    rest = re.sub(r"^(?:also|already|currently) ", "", rest)
    return f"is {rest}" if yes else f"is not {rest}"


def _do_you(match: re.Match[str], said: str) -> str | None:
    verb, rest, yes = match.group("verb").lower(), match.group("rest"), polar(said)
    still = verb == "still"
    if verb in ("usually", "often", "currently", "also", "already", "ever", "still") and rest:
        verb, _, rest = rest.partition(" ")
    if not is_base(verb) or not _is_plain(rest):
        return None
    kind = re.match(r"any (.+)", rest)
    if yes is None:
        thing = listed(said)
        if thing is None or not (kind or verb == "have"):
            return None
        named = kind.group(1) if kind else rest
        counted = verb != "have" or (AMOUNT.match(thing) and " " in thing)
        return _allergic(named, thing) or (f"{third_person(verb)} {thing}" if counted else None)
    if kind:
        return f"has no {kind.group(1)}" if verb == "have" and not yes else None
    if still and not yes:
        return f"no longer {third_person(verb)} {rest}"
    return f"{third_person(verb)} {rest}" if yes else f"does not {verb} {rest}"


def _allergic(asked: str, thing: str) -> str | None:
    """Return the fact of an answer to "Any allergies?"."""
    is_answer = ALLERGIES.match(asked) and not SAYS_ALLERGIC.search(thing)
    return f"is allergic to {thing}" if is_answer and STATE.isdisjoint(thing.lower().split()) else None


def _any(match: re.Match[str], said: str) -> str | None:
    asked, thing, no = match.group("noun"), listed(said), polar(said) is False
    if ALLERGIES.match(asked):
        return "has no allergies" if no else _allergic(asked, thing) if thing else None
    if asked in ("pets", "children", "kids", "siblings"):
        return f"has no {asked}" if no else f"has {thing}" if thing and AMOUNT.match(thing) else None
    return None


def _have_you(match: re.Match[str], said: str) -> str | None:
    rest, yes = match.group("rest"), polar(said)
    ever = rest.startswith("ever ")
    rest = re.sub(r" (?:yet|before)$", "", re.sub(r"^(?:ever|already|also) ", "", rest))
    if yes is None or not _is_plain(rest) or not is_participle(rest.split()[0].lower()):
        return None
    return f"has {rest}" if yes else f"has {'never' if ever else 'not'} {rest}"


def _did_you(match: re.Match[str], said: str) -> str | None:
    verb, rest, yes = match.group("verb").lower(), match.group("rest"), polar(said)
    if yes is None or not is_base(verb) or not _is_plain(rest):
        return None
    return f"{past_tense(verb)} {rest}" if yes else f"did not {verb} {rest}"


def _can_you(match: re.Match[str], said: str) -> str | None:
    verb, rest, yes = match.group("verb").lower(), match.group("rest"), polar(said)
    if yes is None or not is_base(verb) or not _is_plain(rest) or verb in TELLING_VERBS:
        return None
    return f"{'can' if yes else 'cannot'} {verb} {rest}"


def _is_your(match: re.Match[str], said: str) -> str | None:
    noun, rest, yes = match.group("noun"), match.group("rest"), polar(said)
    if yes is None or not _is_plain(rest) or points(noun):
        return None
    return f"{noun} {match.group('verb').lower()} {'' if yes else 'not '}{rest}"


def _prefer(match: re.Match[str], said: str) -> str | None:
    """Do you prefer A or B: the answer begins with one of them."""
    chosen = head(said, longest=6)
    if chosen is None:
        return None
    options = [match.group("one").strip(" ,"), match.group("two").strip(" ,")]
    meant = [option for option in options if chosen.split()[0].lower() in option.lower().split()]
    if len(meant) != 1:
        return None
    return f"prefers {meant[0] if len(chosen.split()) == 1 and len(meant[0].split()) < 4 else chosen}"


def _is_plain(rest: str) -> bool:
    """Return whether the rest of a yes-or-no question offers no choice, points nowhere else, and is short."""
    return (
        not re.search(r"\bor\b|,|\b(?:some|any)\w+|\bspecific\b", rest)
        and not points(rest)
        and len(rest.split()) <= 9
    )


HABIT = r"(?:usually |normally |currently |mostly |typically )?"
MORE = r"(?P<rest>(?: [\w']+){0,5})"
Rule = Callable[[re.Match[str], str], "str | None"]
QUESTIONS: tuple[tuple[str, Rule], ...] = (
    (r".*\bwhat(?:'s| is| was) your (?:full |first |last )?name\b.*|(?:and )?your name", _name),
    (r".*\b(?:what (?:should|shall|can|may|do) i call you|how should i (?:address|call) you)\b.*", _name),
    (r".*\bwho am i (?:speaking|talking|chatting) (?:with|to)\b.*", _name),
    (r"(?:how old are you|(?:what's |what is |and )?your age|age)(?: now| today)?", _age),
    (
        r"what (?:do you do|do you work as|kind of work do you do|work do you do)(?: for (?:a "
        r"living|work))?",
        _job,
    ),
    (r"where(?: exactly| abouts)? (?P<do>do|are) you (?P<verb>\w+)(?P<rest>(?: \w+){0,3})", _where),
    (
        r"(?:which|what) (?:city|town|country|part of \w+|area|place) (?P<do>do|are) you "
        r"(?P<verb>live|based|from|living)(?P<rest>(?: in)?)",
        _where,
    ),
    (rf"(?:which|what)(?: (?P<noun>[\w' -]+?))? do you {HABIT}(?P<verb>\w+){MORE}", _object),
    (rf"when do you {HABIT}(?P<verb>\w+){MORE}", _time),
    (rf"how many (?P<noun>[\w -]+?) do you {HABIT}(?P<verb>\w+){MORE}", _how_many),
    (r"how old is your (?P<noun>[\w'-]+(?: (?-i:[A-Z])\w+)?)", _how_old),
    (r"when did you (?P<verb>\w+)(?P<rest>(?: [\w'-]+){0,5})", _when_did),
    (rf"how (?:far|much) do you {HABIT}(?P<verb>\w+){MORE}", _how_far),
    (r"how long have you been (?P<rest>.+)", _how_long),
    (rf"how (?:often|many times a (?:week|month)) do you {HABIT}(?P<verb>\w+){MORE}", _how_often),
    (r"do you prefer (?P<one>.+?),? or (?P<two>.+)", _prefer),
    (r"(?:what's|what is|what are|which is|and|what) your (?P<noun>[\w' -]+)", _your),
    (
        r"when(?:'s| is| are) (?:your|the) (?P<noun>[\w'-]+(?: [\w'-]+){0,2}?)(?P<rest> "
        r"due| scheduled| planned)?",
        _when_is,
    ),
    (r"are you (?P<rest>.+)", _are_you),
    (r"do you (?P<verb>\w+) ?(?P<rest>.*)", _do_you),
    (r"have you (?P<rest>.+)", _have_you),
    (r"did you (?P<verb>\w+) (?P<rest>.+)", _did_you),
    (r"can you (?P<verb>\w+) ?(?P<rest>.*)", _can_you),
    (r"(?P<verb>is|are|was) your (?P<noun>[\w'-]+(?: (?-i:[A-Z])\w+)?) (?P<rest>.+)", _is_your),
    (
        r"any (?P<noun>[\w -]+?)(?: (?:i|we) should .*| to (?:note|respect|consider|avoid|mention))?",
        _any,
    ),
)
RULES = tuple((re.compile(pattern, re.IGNORECASE), rule) for pattern, rule in QUESTIONS)
