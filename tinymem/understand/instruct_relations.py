"""Entities and relations of facts, read by a chat model: one call for all of them, in any language.

The model is held by a grammar made for the call, and what it claims is checked: an entity that does not
stand in the fact is dropped, and so is a relation that the fact denies. A reply that was cut off is asked
for again in halves, never taken as "no relations".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tinymem.errors import ConfigError, ReplyError
from tinymem.types import Llm, Message, Reply, Triple
from tinymem.understand.conjugate import is_past
from tinymem.understand.evidence import UNSPACED
from tinymem.understand.grammar import CHARACTERS, SIZES
from tinymem.understand.prompts import load_prompt
from tinymem.understand.terms import NEGATION, fold, word_set

REPLY_TOKENS = 1024
"""Room for one reply: some thirty relations. At most a quarter of a small context."""
SHOWN = 600  # characters of a fact that the model reads; what is longer is a document
NAME_BYTES = 48  # of a source or target at most
MOST = 6  # relations of one fact
USER = "user"  # what the prompt calls the speaker, so that it is the same for everybody
EMPTY = '{"relations": []}'
ROW_BYTES = len('[00, "", "", ""], ') + 2 * NAME_BYTES + 32
DENYING = word_set("""
not no never cannot without dislikes dislike hates hate avoids avoid lacks lack refuses refuse stopped quit
""")
LONGER = re.compile(r"\b(?:no longer|any ?more|any longer)\b")

Row = tuple[int, str, str, str]
"""The number of a fact, a source, a relationship, a target."""


class LlmRelations:
    """Reads relations with a chat model.

    Args:
        llm: the model.
        reply_tokens: room for one reply.

    Example:
        >>> from tinymem.testing import ScriptedLlm
        >>> llm = ScriptedLlm(['{"relations": [[0, "user", "lives_in", "Porto"]]}'])
        >>> LlmRelations(llm).relations(["Lives in Porto"], "ana")
        [(Triple(source='ana', relationship='lives_in', target='Porto'),)]
    """

    def __init__(self, llm: Llm, *, reply_tokens: int = REPLY_TOKENS) -> None:
        self._llm = llm
        self._reply_tokens = reply_tokens
        self._instructions = Message("system", load_prompt("relations.txt"))

    def relations(self, texts: Sequence[str], speaker: str) -> list[tuple[Triple, ...]]:
        """Return the relations of every fact, in the order of the facts, by one call if they fit.

        Args:
            texts: the facts; a blank one has no relations, of a long one the first 600 characters are read.
            speaker: the name of the user, whom a fact without a subject is about.

        Raises:
            ReplyError: the model's reply about a single fact cannot be used.
            ConfigError: the model's context has no room for the prompt.
        """
        lines = [" ".join(text.split())[:SHOWN] for text in texts]
        found: list[dict[Triple, None]] = [{} for _ in texts]
        asked = [place for place, line in enumerate(lines) if line]
        for place, *claim in self._read(lines, asked) if asked else []:
            triple = _checked(claim, lines[place], speaker)
            if triple is not None:
                found[place][triple] = None
        return [tuple(triples) for triples in found]

    def _read(self, lines: Sequence[str], asked: Sequence[int]) -> list[Row]:
        """Return what the model says about the lines asked for, by their places; in halves if it must be."""
        numbered = "\n".join(f"[{number}] {lines[place]}" for number, place in enumerate(asked))
        prompt = [
            self._instructions,
            Message("user", f"{numbered}\n\nThe relations of the numbered lines as JSON:"),
        ]
        room = min(self._reply_tokens, self._llm.n_ctx // 4)
        fits = self._llm.count_tokens(prompt) + room <= self._llm.n_ctx
        if fits:
            grammar = relations_grammar(len(asked), room)
            reply = self._llm.complete(prompt, grammar=grammar, max_tokens=room)
            rows = _parsed(reply, len(asked))
            if rows is not None:
                return [(asked[number], source, said, target) for number, source, said, target in rows]
        if len(asked) > 1:
            middle = len(asked) // 2
            return [*self._read(lines, asked[:middle]), *self._read(lines, asked[middle:])]
        name = self._llm.name
        if not fits:
            raise ConfigError(f"the context of {name} has no room for a fact and {room} tokens; raise n_ctx")
        what = (
            f"was cut off at {room} tokens" if reply.truncated else f"is no such list ({reply.text[:80]!r})"
        )
        raise ReplyError(f"the reply of {name} {what}; raise n_ctx or use another model")


def relations_grammar(facts: int, room: int) -> str:
    """Return the GBNF of `{"relations": [[FACT, "source", "relationship", "target"], ...]}`.

    Args:
        facts: the numbers on offer are 0 to facts - 1.
        room: tokens of the reply. About a single fact no longer reply can be written.
    """
    most = MOST * facts
    if facts == 1:
        most = max(1, min(most, (room - len(EMPTY)) // ROW_BYTES))
    rules = [
        f"root ::= {json.dumps(EMPTY)} | {json.dumps(EMPTY[:-2])} row1",
        *(f'row{n} ::= row ("]}}" | ", " row{n + 1})' for n in range(1, most)),
        f'row{most} ::= row "]}}"',
        r'row ::= "[" fact ", \"" name ", \"" [a-z] [a-z_]{0,30} "\", \"" name "]"',
        f"fact ::= {' | '.join(json.dumps(str(number)) for number in range(facts))}",
        f"name ::= {_ways(NAME_BYTES)}",
        *(f'name{left} ::= {_ways(left)}{" | " if left else ""}"\\""' for left in range(NAME_BYTES)),
    ]
    return "\n".join(rules) + CHARACTERS


def _ways(left: int) -> str:
    """Return how a name goes on that has so many bytes left: by a character of each size that fits."""
    return " | ".join(f"{size} name{left - taken}" for taken, size in enumerate(SIZES, 1) if taken <= left)


def _parsed(reply: Reply, facts: int) -> list[Row] | None:
    """Return the rows of a whole reply; None if it was cut off or is no such list."""
    try:
        found = None if reply.truncated else json.loads(reply.text)
    except (ValueError, RecursionError):
        return None
    rows = found.get("relations") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return None
    known = range(facts)
    for row in rows:
        if not isinstance(row, list) or len(row) != 4 or type(row[0]) is not int or row[0] not in known:
            return None
        if not all(isinstance(each, str) for each in row[1:]):
            return None
    return [(number, source, relationship, target) for number, source, relationship, target in rows]


def _checked(claim: Sequence[str], text: str, speaker: str) -> Triple | None:
    """Return the relation that a model claims of a fact, None if the fact cannot have said it."""
    source, target = (_entity(claim[place], text, speaker) for place in (0, 2))
    relationship = re.sub(r"\W+|_+", "_", claim[1].casefold()).strip("_")
    if not source or not target or not relationship or source.casefold() == target.casefold():
        return None
    return (
        None
        if _is_denied(relationship.split("_"), target, fold(text))
        else Triple(source, relationship, target)
    )


def _is_denied(relation: Sequence[str], target: str, text: str) -> bool:
    """Return whether a folded text denies a relation: a "not" before the target, and none in the relation."""
    denial = NEGATION.search(text)
    if denial is None or text.rfind(fold(target)) < denial.start():
        return False
    over = LONGER.search(text) is not None and is_past(relation[0])
    return not over and DENYING.isdisjoint(relation)


def _entity(name: str, text: str, speaker: str) -> str | None:
    """Return a name that stands in the text, or means the speaker; None for any other."""
    name = " ".join(name.split())
    if name.casefold() in (USER, speaker.casefold()):
        return speaker
    wanted = re.escape(fold(name))
    if not UNSPACED.search(name):
        wanted = rf"(?<!\w){wanted}(?!\w)"
    return name if re.search(r"\w", name) and re.search(wanted, fold(text)) else None
