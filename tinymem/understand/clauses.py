"""Where a message's clauses are, and which of its text is quoted or pasted rather than said.

A clause is a piece with a statement of its own: sentences are cut where a new subject begins, lists and
coordinated verbs stay together. Both functions are pure and answer in character offsets of the text.
No word may be lost: every letter and digit of a message lies in exactly one clause.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

SUBJECT = (
    r"(?:i|i'm|im|i've|ive|i'd|id|i'll|we|we're|we've|weve|we'll|my|our|he|he's|hes|she|"
    r"she's|shes|they|they're|"
    r"theyre|it|it's|its|there|there's|theres|you|you're|this is|that's|thats|that is|"
    r"nobody|everyone|both of us|"
    r"one of (?:my|them)|the only)"
)
ASKING = (
    r"(?:any|what|what's|whats|how|how's|hows|why|where|when's|which|who|who's|can|could|"
    r"would|will|is|are|do|does|did|"
    r"should|please|pls|plz|help|give|suggest|recommend|tell|show|thx|thanks|thank|cheers|"
    r"btw|lol|haha|ty|ok|okay|"
    r"don't|dont|got any|need|let's|lets|just)"
)
NAMED = (
    r"[A-Z]\w+(?:'s)? (?:is|has|was|isn't|can|can't|cant|cannot|will|won't|likes|loves|"
    r"hates|lives|works|does|"
    r"doesn't|doesnt|went|wants|needs|eats|plays|turns|goes|takes|just|also|never|only)"
)
NEW = rf"(?:(?:also|now|then|maybe|actually|sometimes|usually|btw|and|but|so|yes|no|yeah|plus)\s+)*{SUBJECT}"
BREAK = re.compile(
    rf"""
      (?P<line>(?<!\s)\s*\n\s*)
    | (?P<stop>[.!?…]+["'”’)\]]*)(?=\s|$)
    | [。！？；]+
    | ;(?=\s)
    | :(?=\s+{SUBJECT}\b)
    | (?<!\s)\s+[-–—]{{1,3}}\s+ | —
    | (?<!\s)\s*(?:[\U0001F300-\U0001FAFF☀-➿]\ufe0f?)+\s*
    | ,\s*(?=(?:{NEW}|{ASKING})\b)
    | ,\s*(?=(?:and|but|so|or|because|cos|cause|since|although|though|while|whereas|if|unless|otherwise)\b)
    | ,\s*(?=(?-i:{NAMED})\b)
    | (?<!\s)\s+(?=(?:but|because|cos|cuz|coz|bc|although|though|tho|whereas|unless|otherwise)\b)
    | (?<!\s)\s+(?=(?:and|so|since|or|plus|then|if|while|except|until)\s+{NEW}\b)
    | (?<!\s)\s+(?=(?:and|so|or|plus)\s+{ASKING}\b)
    | (?<!\s)\s+(?=and\s+(?-i:{NAMED})\b)
    | (?<!\s)\s*\((?={NEW}\b)
    """,
    re.IGNORECASE | re.VERBOSE,
)
RUN_ON = re.compile(
    r"(?<!\s)\s+(?=(?:he's|hes|she's|shes|they're|theyre|i'm|im|i've|ive|my|her name|his "
    r"name|and)\s)",
    re.IGNORECASE,
)
BINDS = re.compile(
    r"\b(?:that|think|know|because|when|if|while|where|what|how|as|said|says|sure|glad|"
    r"and|but|or|so|since|of|in|on|at|to|"
    r"for|with|by|from|is|are|was|than|like|love|hate|about|all|both|do|does|did|have|has|"
    r"see|into|not|the|a)$",
    re.IGNORECASE,
)
ABBREVIATION = re.compile(
    r"(?:\b(?:dr|mr|mrs|ms|prof|st|sr|jr|vs|appt|dept|tel|mt|fr|e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|incl|feat)|"
    r"(?<![\w'’])[A-Za-z]|(?:^|\n)[ \t]*\d{1,2})\.$",
    re.IGNORECASE,
)
BEFORE_NUMBER = re.compile(
    r"\b(?:no|nr|approx|ca|max|min|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|"
    r"tues?|wed|thu|thurs?|fri|sat|sun)"
    r"\.\s\d$",
    re.IGNORECASE,
)
OPENS = re.compile(rf"\s+{NEW}\b", re.IGNORECASE)
BULLET = re.compile(r"(?m)^[ \t]*(?:[-*•–·]|\d{1,2}[.)])\s+")
WORDS = re.compile(r"[^\W_]")

FENCE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
INLINE = re.compile(r"`[^`\n]{3,}`")
CITED = re.compile(r"(?m)^[ \t]*>.*$")
MARKS = re.compile(
    r"“[^”]*(?:”|\Z)|«[^»]*»|„[^“”]*[“”]|\"[^\"]*\"|(?<![\w'])'(?=[^\s'])[^'\n]*(?:'(?=\w)[^'\n]*)*'(?!\w)"
)
PASTED = re.compile(
    r"\b(?:translat\w+|proof\s?-?read\w*|rewrit\w+|rephras\w+|paraphras\w+|summari[sz]\w*|"
    r"correct|fix|edit|improve|"
    r"shorten|polish|grammar|typos|quote|reads|transcript|excerpt|passage|paragraph|"
    r"article|abstract|poem|lyrics|"
    r"e-?mail from|(?:he|she|they|boss|mail|letter|review|message|text|ad|post|wiki|"
    r"note)\s+(?:says|said|wrote|reads|goes)|"
    r"wrote|texted|got this|following|below|paste\w*|here(?:'s| is) (?:the|my|"
    r"an?)\s+(?:draft|text|letter|mail|email|essay|"
    r"abstract|post|bio|caption|message|paragraph))\b[^\n.!?:\"“']{0,60}:(?=\s)",
    re.IGNORECASE,
)
IF = re.compile(
    r"(?:^|(?<=[.!?\n]\s)|(?<=\n))(?:(?:so|and|but|ok|hey|hi|well)[\s,]+)*if\s+(?:i|we|my|our|"
    r"you|he|she|they|someone)\b",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
SUPPOSING = re.compile(
    r"(?:^|(?<=[.!?\n]\s)|(?<=\n))(?:(?:so|and|but|ok|hey|hi|well|now|"
    r"just)[\s,]+)*(?:imagine|suppose|pretend|"
    r"let['’]?s (?:say|pretend|imagine|suppose)|say i|assume|hypothetically|role-?play|"
    r"what if)\b|\bhypothetical(?:ly)?\b|"
    r"\basking for a friend\b",
    re.IGNORECASE,
)
LETTER = re.compile(
    r"(?m)(?:^|(?<=[.:\"]\s)|(?<=\n))(?:Dear|Respected|Subject:|To whom it may)\s", re.IGNORECASE
)
# A mail of somebody else's: what programs write above it, or its sender with an address or a subject.
MAIL = re.compile(
    r"^[ \t]*(?:-+ ?(?:original|forwarded) message ?-+|begin forwarded message:)"
    r"|^[ \t]*on [^\n]{5,100} wrote:[ \t]*$"
    r"|^[ \t]*from:(?![ \t]*(?:me|us|my)\b)"
    r"(?=[^\n@]*@|[^\n]*\n(?:[ \t]*(?:to|cc)[ \t]*:[^\n]*\n){0,2}[ \t]*(?:subject|date|sent)[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)


def clauses(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each clause, in order and trimmed; together they hold every word."""
    cuts = [0]
    last = 0
    for match in BREAK.finditer(text):
        end = match.end()
        if match.group("stop") and _is_abbreviation(text, match.start(), end):
            continue
        opens = text[match.start() : end].strip() == "("
        cuts.append(match.start() if opens else end)
        last = end
    bullets = [match.end() for match in BULLET.finditer(text)]
    if last == 0 and not bullets and len(text) > 100:
        cuts += _run_on(text)
    edges = [*sorted({*cuts, *bullets, len(text)})]
    pieces = [_trimmed(text, begin, end) for begin, end in pairwise(edges)]
    return _with_words(text, pieces)


def quoted_spans(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of text that is quoted or pasted, merged and in order.

    Code blocks, "> " lines, quotation marks around three words or more, whole letters and mails, and what
    follows "translate this:" and the like up to the end of its paragraph.
    """
    found = [match.span() for pattern in (FENCE, INLINE, CITED) for match in pattern.finditer(text)]
    found += [m.span() for m in MARKS.finditer(text) if len(m.group().split()) >= 3]
    for match in PASTED.finditer(text):
        gap = text.find("\n\n", match.end() + 2)
        found.append((match.end(), len(text) if gap < 0 else gap))
    letter = LETTER.search(text)
    if letter and len(text) - letter.start() > 120:
        found.append((letter.start(), len(text)))
    if mail := MAIL.search(text):
        found.append((mail.start(), len(text)))
    return merged(found)


def supposed_spans(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of text that only supposes something, merged and in order.

    "If ..." reaches to the end of its sentence, "imagine ..." and "let's say ..." to the end of
    the paragraph.
    """
    found = []
    for match in IF.finditer(text):
        end = SENTENCE_END.search(text, match.end())
        found.append((match.start(), end.start() if end else len(text)))
    for match in SUPPOSING.finditer(text):
        gap = text.find("\n\n", match.end())
        found.append((match.start(), len(text) if gap < 0 else gap))
    return merged(found)


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same characters in spans that are in order and neither overlap nor touch."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def is_quoted(span: tuple[int, int], quoted: list[tuple[int, int]]) -> bool:
    """Return whether more than half of a span lies in the quoted spans, which are merged and in order."""
    place = max(0, bisect_right(quoted, span) - 1)
    inside = 0
    while place < len(quoted) and quoted[place][0] < span[1]:
        inside += max(0, min(span[1], quoted[place][1]) - max(span[0], quoted[place][0]))
        place += 1
    return 2 * inside > span[1] - span[0]


def _is_abbreviation(text: str, stop: int, end: int) -> bool:
    """Return whether the full stop at `stop` belongs to "Dr." and the like rather than to a sentence."""
    if OPENS.match(text, end):
        return False
    if BEFORE_NUMBER.search(text[max(0, stop - 8) : stop + 3]):
        return True
    return ABBREVIATION.search(text[max(0, stop - 12) : stop + 1]) is not None


def _run_on(text: str) -> list[int]:
    """Return cuts for a long text without any punctuation, before words that can only begin a clause."""
    return [
        m.end() for m in RUN_ON.finditer(text) if not BINDS.search(text[max(0, m.start() - 20) : m.start()])
    ]


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    piece = text[begin:end]
    return begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip())


def _with_words(text: str, pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the pieces that hold a letter or digit."""
    return [(begin, end) for begin, end in pieces if begin < end and WORDS.search(text, begin, end)]
