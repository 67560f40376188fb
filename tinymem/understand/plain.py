"""A clause as people type it becomes plain words: no fillers, contractions written out, one spelling.

"so im lactose intolerant tbh" becomes ["I", "am", "lactose", "intolerant"]. Only closed lists are
applied; a word that is not in them is kept as it was typed. It must never change what is said.
"""

from __future__ import annotations

import re

from tinymem.understand.conjugate import is_base, is_participle
from tinymem.understand.lexicon import PASSIVE
from tinymem.understand.terms import FANCY, word_set

LEAD = re.compile(
    r"^(?:(?:hi|hiya|hey|heya|hello|good (?:morning|evening|afternoon)|ok|okay|okey|k|so|"
    r"well|and|but|also|actually|honestly|"
    r"tbh|btw|ps|fyi|imo|anyway|anyways|yes|yeah|yea|yep|yup|oh|ah|um|uh|uhm|er|erm|hm+|"
    r"lol|lmao|(?:ha){2,}h*|haha+|hehe|wow|omg|wtf|bro|bruh|bhai|dude|sis|guys|yaar|ayyo|folks|sir|madam|ugh|argh|"
    r"aargh|ha|ooh|please|pls|remember(?: that|:)|note(?: that|:)|just so you know|for "
    r"(?:the record|context)|as you know|"
    r"by the way|because|cause|cos|cuz|coz|bc|then|plus|though|although|which means|"
    r"thanks|thank you|thx|cheers|"
    r"unfortunately|luckily|sadly|right|sure|sorry|basically|apparently|obviously|to be "
    r"honest|to be fair|in fact|"
    r"in case it helps|like|turns out|fun fact|good news|bad news|update|correction|context|background|"
    r"edit|except|only thing is|thing is|the thing is|i mean|you see|see|look|nah|nope|no "
    r"worries|my bad|oops|whoops|"
    r"on top of that|these days|at the moment|atm|lately|currently|for now|in general|"
    r"generally|personally|overall)"
    r"(?:[\s,!.:;…-]+|$))+",
    re.IGNORECASE,
)
TAIL = re.compile(
    r"(?:[\s,!.:;…()-]+(?:lol|lmao|(?:ha){2,}h*|haha+|hehe|tho|though|btw|tbh|imo|fyi|please|pls|plz|"
    r"thanks|thank you|thx|cheers|ty|ok|okay|"
    r"right|too|as well|you know|yk|actually|honestly|obviously|obvs|if that matters|if "
    r"that helps|if it matters|if it helps|"
    r"just fyi|for context|by the way|anyway|sadly|unfortunately|luckily|ugh|sigh|so|but|"
    r"and|or|because|cos|with|xx?|x+o+|"
    r"atm|rn|lmk|idk|eh|innit|really|apparently|of course|either|yay|ouch|"
    r"oops|sorry|oh|hmm|ha)\b)+$",
    re.IGNORECASE,
)
SYMBOLS = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\u2190-\u21ff]+")
SMILEY = re.compile(r"(?:(?<=\s)|^)(?:[:;=8][-']?[)(\]\[DPpOo/|*3]+|<3|xD|XD|\^_*\^|:'\()(?=\s|$)")
BULLET = re.compile(r"^\s*(?:[-*•–·>]+|\d{1,2}[.)])\s+")
EDGES = " \t\n.!,;:-–—)(\"'…*_~"

NEGATED = {
    **{
        short: f"{verb} not"
        for verb in (
            "do",
            "does",
            "did",
            "is",
            "are",
            "was",
            "were",
            "have",
            "has",
            "had",
            "could",
            "would",
            "should",
            "must",
            "need",
        )
        for short in (f"{verb}n't", f"{verb}nt")
    },
    **dict.fromkeys(("can't", "cant", "cannot"), "cannot"),
    **dict.fromkeys(("won't", "wont"), "will not"),
}
WHOLE = {
    **NEGATED,
    **dict.fromkeys(("i'm", "im", "iam"), "I am"),
    **dict.fromkeys(("i've", "ive"), "I have"),
    "i'll": "I will",
    "i": "I",
    "we're": "we are",
    **dict.fromkeys(("we've", "weve"), "we have"),
    "we'll": "we will",
    **dict.fromkeys(("you're", "youre"), "you are"),
    **dict.fromkeys(("they're", "theyre"), "they are"),
    **dict.fromkeys(("they've", "theyve"), "they have"),
    "they'll": "they will",
    "he'll": "he will",
    "she'll": "she will",
    "it'll": "it will",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "have to",
    "w/": "with",
    "w/o": "without",
    "b/c": "because",
    "ppl": "people",
    **dict.fromkeys(("yrs", "yr"), "years"),
    "wks": "weeks",
    "hrs": "hours",
    "mins": "minutes",
    "abt": "about",
    "rly": "really",
    "hubby": "husband",
    **dict.fromkeys(("tmrw", "tmr", "tomoz"), "tomorrow"),
}
IS_OR_HAS = {
    "he's": "he",
    "hes": "he",
    "she's": "she",
    "shes": "she",
    "it's": "it",
    "there's": "there",
    "theres": "there",
}
WOULD_OR_HAD = {"i'd": "I", "id": "I", "we'd": "we", "he'd": "he", "she'd": "she", "they'd": "they"}
DROPPED = word_set(
    "kinda sorta literally basically honestly really actually totally absolutely "
    "definitely quite pretty like-"
)
PROPER = word_set("""
monday tuesday wednesday thursday friday saturday sunday january february april june july august
september october november december english spanish french german italian portuguese russian chinese
japanese korean arabic turkish polish dutch swedish norwegian danish finnish greek hindi british
american indian irish scottish welsh canadian australian mexican brazilian christmas easter london paris
berlin madrid rome dublin tokyo europe africa asia spain france germany italy portugal ireland scotland
england wales japan china india canada australia mexico brazil netflix google spotify amazon python
javascript adhd
""")


def bare(clause: str) -> str:
    """Return the clause without bullets, emojis, parentheses, and words that only open or close it."""
    text = SMILEY.sub(" ", SYMBOLS.sub(" ", clause.translate(FANCY)))
    text = _balanced(" ".join(text.split()))
    text = BULLET.sub("", text).strip(EDGES.replace("(", "").replace('"', "").replace("'", ""))
    before = None
    while before != text:
        before = text
        text = LEAD.sub("", text).lstrip(EDGES)
        text = TAIL.sub("", text).rstrip(EDGES)
    return text


def _balanced(text: str) -> str:
    """Return the text without its parentheses, and only up to a bracket that was opened elsewhere."""
    if text.startswith("(") and text.find(")") >= len(text.rstrip(".!, ")) - 1:
        text = text.strip("().!, ")
    text = re.sub(r"\s*\([^()]*\)", "", text)
    close = text.find(")")
    return text.replace("(", " ", 1) if close < 0 else text[:close]


def tokens(clause: str) -> list[str]:
    """Return the words of a clause with their commas, contractions written out, emphasis dropped."""
    given = bare(clause).split()
    found: list[str] = []
    for place, word in enumerate(given):
        core = word.rstrip(",")
        low = core.lower()
        rest = [each.lower().strip(",.!?") for each in given[place + 1 : place + 3]]
        if low in DROPPED and not (found and found[-1] == "not"):
            continue
        found += _written_out(core, low, rest, at_start=not found)
        if word.endswith(","):
            found[-1] += ","
    return found


def _written_out(word: str, low: str, rest: list[str], *, at_start: bool) -> list[str]:
    """Return the words that one typed word stands for."""
    following = rest[0] if rest else ""
    if low in WHOLE:
        return WHOLE[low].split()
    if low in IS_OR_HAS:
        later = (
            rest[1]
            if len(rest) > 1 and following in ("never", "always", "already", "just", "also", "recently")
            else following
        )
        has = later in ("got", "been", "had") or (is_participle(later) and later not in PASSIVE)
        return [IS_OR_HAS[low], "has" if has else "is"]
    if low in WOULD_OR_HAD and (
        low != "id" or (at_start and following in ("love", "like", "rather", "prefer", "say"))
    ):
        return [WOULD_OR_HAD[low], "had" if following in ("been", "better", "had") else "would"]
    if low == "ill" and at_start and is_base(following):
        return ["I", "will"]
    if low in PROPER:
        return [word.upper() if low == "adhd" else word.capitalize()]
    return [word]
