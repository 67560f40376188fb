"""Whom a query names: the words of it that may be the names of speakers, and the query without them.

An embedder hears a name as a topic: "What did Ana say about tea?" is near what mentions Ana, not what she
said. Who spoke is known, so the name is taken out of what is embedded, and counts by itself. It stays among
the words that are looked for, because a rose may be a flower.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

WORD = re.compile(r"[^\W\d_][\w.-]*(?:['’](?!s\b)\w+)?")
POSSESSIVE = re.compile(r"['’]s\b")
LONGEST_NAME = 3  # words
MOST_WORDS = 40


def possible_names(query: str) -> list[str]:
    """Return every run of one to three words of a query that might be a name, each once.

    >>> possible_names("Is Ana's cat old?")
    ['Is', 'Ana', 'cat', 'old', 'Is Ana', 'Ana cat', 'cat old', 'Is Ana cat', 'Ana cat old']
    """
    query = POSSESSIVE.sub("", query)
    words = list(islice(WORD.finditer(query), MOST_WORDS))
    runs = [
        query[words[start].start() : words[start + length - 1].end()]
        for length in range(1, LONGEST_NAME + 1)
        for start in range(len(words) - length + 1)
    ]
    return list(dict.fromkeys(name for run in runs for name in (run, run.rstrip(".-"))))


def without_names(query: str, names: Sequence[str]) -> str:
    """Return a query without these names, or as it is if nothing else would be left.

    >>> without_names("What does Ana's brother do?", ["Ana"])
    'What does brother do?'
    """
    if not names:
        return query
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    named = re.compile(rf"(?<!\w)(?:{listed})(?:['’]s)?(?!\w)", re.IGNORECASE)
    rest = " ".join(named.sub(" ", query).split())
    return rest if WORD.search(rest) else query
