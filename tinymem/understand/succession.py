"""Statements of which the later one certainly takes the earlier one's place, whatever a model thinks.

A person lives in one place: "Lives in Rome" ends with "Moved to Oslo last month". And who says "now" of
the same thing says that it was otherwise before: "Works at Google", "Works at Meta now". Pure; in any
doubt it says no, for a memory that stands beside another is better than one that is lost.
"""

from __future__ import annotations

import re

from tinymem.understand.terms import fold, is_negated, word_set

HOME = re.compile(r"(?:Lives|Is living|Is based) (?:in|at|near) (?=[A-Z])")
MOVED = re.compile(
    r"(?:Has |Have )?(?:(?:just|recently|finally|now|already) )?(?:moved|relocated) (?:back )?"
    r"(?:from [\w' -]+? )?(?:back )?to (?=(?-i:[A-Z]))",
    re.IGNORECASE,
)
LONG_AGO = re.compile(
    r"\b(?:when|ago|as an? (?:child|kid|baby|boy|girl|teen\w*|student)|for a while|once|before|"
    r"in (?:19|20)\d\d)\b",
    re.IGNORECASE,
)
LINKED = re.compile(r"[A-Z][a-z]+s (?:in|at|for|as|with|on|to)\b|Favou?rite [\w' -]+? (?:is|are)\b")
NO_PLACE = word_set("""
android ios iphone linux ubuntu debian arch windows mac macos chrome firefox safari slack teams discord
telegram signal whatsapp zoom notion obsidian linear jira trello asana github gitlab python rust java go
kotlin swift typescript kubernetes docker aws azure gcp postgres mysql sqlite neovim vim emacs vscode excel
gmail outlook monzo revolut spotify netflix team group phase grade class year plan tier
""")
"""What people also move to, written with a capital, without leaving home."""
PHONE = re.compile(r"(?:Phone|Mobile|Cell|Telephone)[\w ]* is \+?\d[\d ()/-]{5,}\d$")
NEW_NUMBER = re.compile(r"(?:The )?new\b[\w ]* is \+?\d[\d ()/-]{5,}\d\b", re.IGNORECASE)
NOW = re.compile(r"\b(?:now|nowadays|these days)\b", re.IGNORECASE)


def succeeds(memory: str, fact: str) -> bool:
    """Tell whether a fact about the same person certainly ends what a memory says.

    Example:
        >>> succeeds("Lives in Rome", "Moved to Oslo last month")
        True
    """
    if is_negated(memory) or is_negated(fact) or fold(memory) == fold(fact):
        return False
    home, moved = HOME.match(memory), MOVED.match(fact)
    if home and moved:
        there = fact[moved.end() :].split()[0].strip(",.")
        known = re.findall(r"[\w'-]+", memory[home.end() :])
        return there not in known and there.lower() not in NO_PLACE and not LONG_AGO.search(fact)
    if PHONE.match(memory) and NEW_NUMBER.match(fact):
        return True
    one, other = LINKED.match(memory), LINKED.match(fact)
    both = one is not None and other is not None and one.group() == other.group()
    return both and NOW.search(fact) is not None and NOW.search(memory) is None
