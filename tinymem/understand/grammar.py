"""GBNF for one call: a model under it can only write JSON that is complete, applicable and short enough.

Free text is counted in bytes: there is one rule for every number of bytes that may still be written, and
each character's alternative leads to the rule of what is left after it. A token holds at least one byte,
so a reply of n bytes takes at most n tokens and always closes before the limit, in every language.

Pure text in, text out. Must never allow an id that is not on offer, or a control character.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

# Characters by their size in UTF-8. Left out: controls, line separators, marks that turn the direction of
# writing, private use, what is no character. A quote or backslash is written with a backslash: two bytes.
CHARACTERS = r"""
one ::= [\x20-\x21\x23-\x5B\x5D-\x7E]
two ::= [\u00A0-\u07FF] | "\\" ["\\]
three ::= [\u0800-\u2027\u202F-\u2065\u206A-\uD7FF\uF900-\uFDCF\uFDF0-\uFEFE\uFF00-\uFFEF]
four ::= [\U00010000-\U0003FFFD]
"""
SIZES = ("one", "two", "three", "four")

EMPTY_FACTS = '{"facts": []}'
LEAST_TEXT = 40  # bytes: with less room than this, no further fact is begun
_END = '"}]}'


def facts_grammar(ids: int, max_bytes: int) -> str:
    """Return the grammar of `{"facts": [{"message": ID, "fact": "..."}, ...]}`.

    Args:
        ids: the ids on offer are 0 to ids - 1; with none, only the empty list can be written.
        max_bytes: size of the longest reply, in bytes and therefore in tokens.
    """
    opening, least = _fact_opening(ids), len(EMPTY_FACTS)
    first = max_bytes - len('{"facts": [') - opening - len(_END)
    if ids < 1 or first < LEAST_TEXT:
        return f"root ::= {_quoted(EMPTY_FACTS)}\n" if max_bytes >= least else _refuse(max_bytes, least)
    return _facts_rules(ids, first)


def facts_room(ids: int) -> int:
    """Return how many bytes one more fact needs at least; less left than this, and the list may be cut."""
    return len(", ") + _fact_opening(ids) + LEAST_TEXT + len('"}')


def decision_grammar(settled: Sequence[int], open_to_change: Sequence[int], max_text_bytes: int) -> str:
    """Return the grammar of one decision about one fact.

    It is `{"event": "ADD"}`, `{"event": "NONE", "memory": ID}`, `{"event": "DELETE", "memory": ID}` or
    `{"event": "UPDATE", "memory": ID, "text": "..."}`.

    Args:
        settled: ids of memories that can only be found to say it already.
        open_to_change: ids of memories that can also be updated or deleted.
        max_text_bytes: size of the longest text.
    """
    ways = [_quoted('{"event": "ADD"}')]
    rules = []
    if settled or open_to_change:
        ways.append(f'{_quoted(_head("NONE"))} any "}}"')
        rules.append(f"any ::= {_one_of([*settled, *open_to_change])}\n")
    if open_to_change:
        ways.append(f'{_quoted(_head("DELETE"))} free "}}"')
        ways.append(f"{_quoted(_head('UPDATE'))} free {_quoted(_TEXT)} t{max_text_bytes}")
        rules.append(f"free ::= {_one_of(open_to_change)}\n")
        rules.append(CHARACTERS + _countdown(max_text_bytes, '"}', {}))
    return f"root ::= {' | '.join(ways)}\n" + "".join(rules)


def decision_bytes(ids: int, max_text_bytes: int) -> int:
    """Return the size of the longest decision with ids below `ids`."""
    return len(_head("UPDATE")) + len(str(max(ids - 1, 0))) + len(_TEXT) + max_text_bytes + len('"}')


_TEXT = ', "text": "'


def _head(event: str) -> str:
    return f'{{"event": "{event}", "memory": '


def _fact_opening(ids: int) -> int:
    """Return the size of what comes before a fact's text."""
    return len('{"message": , "fact": "') + len(str(max(ids - 1, 0)))


@lru_cache(maxsize=32)
def _facts_rules(ids: int, first: int) -> str:
    """Return the rules of a list of at least no fact, its first with `first` bytes of text at most."""
    opening = f'"{{\\"message\\": " id {_quoted(_FACT)}'
    cost = facts_room(ids) - LEAST_TEXT
    more = {left: f'", " {opening} t{left - cost}' for left in range(cost + LEAST_TEXT, first + 1)}
    return (
        f'root ::= {_quoted(EMPTY_FACTS)} | "{{\\"facts\\": [" {opening} t{first}\n'
        f"id ::= {_one_of(range(ids))}\n{CHARACTERS}{_countdown(first, _END, more)}"
    )


_FACT = ', "fact": "'


def _countdown(most: int, end: str, more: dict[int, str]) -> str:
    """Return the rules t0 to t`most`: text of at most so many bytes, then `end`.

    `more[n]` is another way on, after a closed object with n bytes left; `end` then ends in "]}".
    """
    lines = []
    for left in range(most + 1):
        ways = [f"{name} t{left - size}" for size, name in enumerate(SIZES, 1) if size <= left]
        closing = f'"\\"}}" ("]}}" | {more[left]})' if left in more else _quoted(end)
        lines.append(f"t{left} ::= {' | '.join([*ways, closing])}\n")
    return "".join(lines)


def _one_of(ids: Sequence[int]) -> str:
    return " | ".join(f'"{number}"' for number in ids)


def _quoted(text: str) -> str:
    """Return text as a GBNF literal."""
    return json.dumps(text)


def _refuse(max_bytes: int, least: int) -> str:
    raise ValueError(f"a reply needs at least {least} bytes, not {max_bytes}")
