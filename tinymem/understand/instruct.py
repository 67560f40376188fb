"""Writing with a chat model: facts from a conversation, decisions about memories, a record of a task.

Any `Llm` serves: it is told by a prompt file and held by a grammar made for the call, so that its reply
can always be read and applied. What it claims is checked against the words that it read (`claims`);
a reply that was cut off is asked for again in smaller parts, never taken as "nothing found".

Must never let a model invent: neither an id, nor a name or number that stands nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeGuard

from tinymem.errors import ReplyError
from tinymem.types import (
    Decision,
    Extraction,
    Fact,
    Llm,
    Message,
    Record,
    Rejection,
    Reply,
    Role,
    Span,
)
from tinymem.understand.claims import UNWRITABLE, in_house_style, objection, says_more, shares_words
from tinymem.understand.dialogue import Piece, windows
from tinymem.understand.grammar import decision_bytes, decision_grammar, facts_grammar, facts_room
from tinymem.understand.prompts import PROMPT_VERSION, load_prompt
from tinymem.understand.transcript import render_transcript

__all__ = ["PROMPT_VERSION", "LlmExtractor", "LlmReconciler", "summarise_procedure"]

REPLY_TOKENS = 1024
"""Room for one reply: some twenty facts. At most a quarter of a small context."""
MEMORY_LENGTH = 600  # characters of a memory that a prompt shows; a longer one is never rewritten
TEXT_BYTES = 400  # of a memory's new text at most
THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True)
class _Reading:
    """One pass over a conversation: whose facts, under which instructions, from which roles."""

    about: Literal["user", "assistant"]
    roles: tuple[Role, ...]
    instructions: Message
    today: date

    def prompt(self, messages: Sequence[Message], sources: Sequence[int]) -> list[Message]:
        """Return the prompt that asks for the facts of the sources (places in `messages`)."""
        lines = render_transcript(messages, {place: n for n, place in enumerate(sources)}, self.today)
        return [self.instructions, Message("user", f"{lines}\n\nThe facts of the numbered lines as JSON:")]

    def sources(self, messages: Sequence[Message]) -> list[int]:
        """Return the places of the messages whose roles count."""
        return [place for place, message in enumerate(messages) if message.role in self.roles]


class LlmExtractor:
    """Finds facts with a chat model; fulfils `Extractor`.

    Args:
        llm: the model.
        custom_instructions: the caller's own rules, added to the prompt.
        reply_tokens: room for one reply.
    """

    def __init__(
        self, llm: Llm, *, custom_instructions: str | None = None, reply_tokens: int = REPLY_TOKENS
    ) -> None:
        self._llm = llm
        self._reply_tokens = reply_tokens
        self._prompts = {
            "user": _with_custom(load_prompt("extract_user.txt"), custom_instructions),
            "assistant": _with_custom(load_prompt("extract_agent.txt"), custom_instructions),
        }

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        """Return the facts of a conversation, oldest first, and what had to be rejected.

        Raises:
            ReplyError: the model's reply about a single message cannot be used.
            ConfigError: the model's context has no room for the prompt.
        """
        facts: dict[tuple[str | None, ...], Fact] = {}
        rejected: list[Rejection] = []
        for reading in self._readings(messages, about, today):
            for piece, context, text in self._read_all(reading, messages):
                reason = objection(text, context)
                if reason is not None:
                    rejected.append(Rejection(text, reason, piece.index))
                    continue
                fact = Fact(text, reading.about, piece.index, (Span(piece.index, piece.offset, piece.end),))
                facts.setdefault((reading.about, messages[piece.index].name, text.casefold()), fact)
        in_order = sorted(facts.values(), key=lambda fact: fact.message)
        return Extraction(tuple(in_order), tuple(dict.fromkeys(rejected)))

    def _readings(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> list[_Reading]:
        """Return the passes: the user's facts, then the assistant's own (its persona with them)."""
        agent_roles = tuple(role for role in about if role != "user")
        wanted: list[tuple[Literal["user", "assistant"], tuple[Role, ...]]] = []
        if "user" in about:
            wanted.append(("user", ("user",)))
        if agent_roles:
            wanted.append(("assistant", agent_roles))
        return [_Reading(who, roles, Message("system", self._prompts[who]), today) for who, roles in wanted]

    def _read_all(self, reading: _Reading, messages: Sequence[Message]) -> list[tuple[Piece, str, str]]:
        """Return (source, words it may draw on, text of the fact) for the whole conversation."""
        if not reading.sources(messages):
            return []
        room = min(self._reply_tokens, self._llm.n_ctx // 4)

        def fits(part: Sequence[Message]) -> bool:
            prompt = reading.prompt(part, reading.sources(part))
            return self._llm.count_tokens(prompt) + room <= self._llm.n_ctx

        found = []
        for window in windows(messages, reading.roles, fits):
            fresh = [place for place, piece in enumerate(window.pieces) if piece.fresh]
            sources = [place for place in fresh if window.pieces[place].message.role in reading.roles]
            found += self._read(reading, window.pieces, sources, room)
        return found

    def _read(
        self, reading: _Reading, pieces: Sequence[Piece], sources: Sequence[int], room: int
    ) -> list[tuple[Piece, str, str]]:
        """Ask about the sources (places in `pieces`); in two halves when the reply may be cut off."""
        prompt = reading.prompt([piece.message for piece in pieces], sources)
        reply = self._llm.complete(prompt, grammar=facts_grammar(len(sources), room), max_tokens=room)
        found = _parsed_facts(reply, len(sources))
        size = len(reply.text.encode("utf-8", "replace"))
        if len(sources) > 1 and (found is None or size > room - facts_room(len(sources))):
            middle = len(sources) // 2
            first, second = sources[:middle], sources[middle:]
            return [
                *self._read(reading, pieces[: first[-1] + 1], first, room),
                *self._read(reading, pieces, second, room),
            ]
        if found is None:
            raise ReplyError(_complaint(self._llm, reply, room))
        texts = [(sources[number], in_house_style(text)) for number, text in found]
        return [(pieces[place], _said(pieces[: place + 1]), text) for place, text in texts if text]


class LlmReconciler:
    """Decides about facts with a chat model, one call a fact; fulfils `Reconciler`.

    Args:
        llm: the model.
    """

    def __init__(self, llm: Llm) -> None:
        self._llm = llm
        self._instructions = Message("system", load_prompt("reconcile.txt"))

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        """Decide about every fact, in order.

        A memory that one fact has changed is shown to the next ones as it will read, and can then only
        be found to say it already.

        Raises:
            ReplyError: the model's reply cannot be used, not even about the nearest memory alone.
        """
        decisions: list[Decision] = []
        now: dict[str, str | None] = {}  # id of a memory that was decided about -> its text, None if deleted
        for fact, near in zip(facts, candidates, strict=True):
            decision = self._decide(
                fact, [record for record in near if now.get(record.id, "") is not None], now
            )
            if decision.target is not None and decision.event in ("UPDATE", "DELETE"):
                now[decision.target.id] = decision.text if decision.event == "UPDATE" else None
            decisions.append(decision)
        return decisions

    def _decide(self, fact: Fact, near: Sequence[Record], now: dict[str, str | None]) -> Decision:
        """Decide about one fact, asking the model only if there is something to ask."""
        shown = [(record, now.get(record.id) or record.text) for record in near]
        for record, text in shown:
            if text.casefold() == fact.text.casefold():
                return Decision("NONE", fact, record)
        fixed = [
            number
            for number, (record, text) in enumerate(shown)
            if record.immutable or record.id in now or len(text) > MEMORY_LENGTH
        ]
        while shown:
            reply = self._ask(fact, [text for _, text in shown], fixed)
            answer = _parsed_decision(reply, len(shown), fixed)
            if answer is not None:
                return _settled(fact, shown, answer)
            if len(shown) == 1:
                raise ReplyError(_complaint(self._llm, reply, TEXT_BYTES))
            shown = shown[: len(shown) // 2]
            fixed = [number for number in fixed if number < len(shown)]
        return Decision("ADD", fact)

    def _ask(self, fact: Fact, texts: Sequence[str], fixed: Sequence[int]) -> Reply:
        """Ask what the fact does to the memories; a cut-off reply where they do not fit."""
        lines = [
            f"[{number}]{' (fixed)' if number in fixed else ''} {_clipped(text)}"
            for number, text in enumerate(texts)
        ]
        question = f"Memories:\n{chr(10).join(lines)}\n\nNew fact: {fact.text}\n\nThe decision as JSON:"
        prompt = [self._instructions, Message("user", question)]
        room = decision_bytes(len(texts), TEXT_BYTES)
        if self._llm.count_tokens(prompt) + room > self._llm.n_ctx:
            return Reply("", truncated=True)
        free = [number for number in range(len(texts)) if number not in fixed]
        return self._llm.complete(prompt, grammar=decision_grammar(fixed, free, TEXT_BYTES), max_tokens=room)


def summarise_procedure(llm: Llm, messages: Sequence[Message], prompt: str | None = None) -> str:
    """Return a record of how a conversation's task was done; `prompt` replaces the instructions.

    A conversation too long for the model's context is recorded in parts, one after the other.

    Raises:
        ReplyError: the model's record of a single message is cut off, empty, or about something else.
        ConfigError: the model's context has no room for the prompt.
    """
    instructions = Message("system", load_prompt("procedure.txt") if prompt is None else prompt)
    least = llm.n_ctx // 4

    def asked(part: Sequence[Message]) -> list[Message]:
        return [instructions, Message("user", f"{render_transcript(part)}\n\nThe record of this work:")]

    def recorded(part: Sequence[Message]) -> list[str]:
        room = llm.n_ctx - llm.count_tokens(asked(part))
        reply = llm.complete(asked(part), grammar=None, max_tokens=room)
        text = UNWRITABLE.sub("", THOUGHT.sub("", reply.text)).strip()
        related = prompt is not None or shares_words(text, render_transcript(part))
        if text and related and not reply.truncated:
            return [text]
        if len(part) == 1:
            raise ReplyError(_complaint(llm, reply, room))
        middle = len(part) // 2
        return [*recorded(part[:middle]), *recorded(part[middle:])]

    everyone: tuple[Role, ...] = ("user", "assistant", "system")
    parts = windows(messages, everyone, lambda part: llm.count_tokens(asked(part)) + least <= llm.n_ctx)
    return "\n\n".join(text for part in parts for text in recorded(part.messages))


def _with_custom(prompt: str, custom: str | None) -> str:
    """Return the prompt with the caller's own instructions at its end."""
    if custom is None or not custom.strip():
        return prompt
    return (
        f"{prompt}\n\nThe owner of this memory adds instructions, which go before the rules above:\n"
        f"<<<\n{custom.strip()}\n>>>"
    )


def _said(pieces: Sequence[Piece]) -> str:
    """Return the words that a fact from the last piece may draw on: its own and those before it."""
    return "\n".join(f"{piece.message.name or ''} {piece.message.content}".strip() for piece in pieces)


def _parsed_facts(reply: Reply, ids: int) -> list[tuple[int, str]] | None:
    """Return (id, text) of each fact; None if the reply was cut off or is no such list."""
    found = _parsed_object(reply)
    facts = found.get("facts") if found is not None else None
    if not isinstance(facts, list):
        return None
    pairs = []
    for fact in facts:
        number, text = (fact.get("message"), fact.get("fact")) if isinstance(fact, dict) else (None, None)
        if not _is_id(number, ids) or not isinstance(text, str):
            return None
        pairs.append((number, text))
    return pairs


def _parsed_decision(reply: Reply, ids: int, fixed: Sequence[int]) -> dict[str, Any] | None:
    """Return a decision that can be applied; None if the reply was cut off or is no such decision."""
    found = _parsed_object(reply)
    if found is None or found.get("event") == "ADD":
        return found
    event, number = found.get("event"), found.get("memory")
    if event not in ("NONE", "UPDATE", "DELETE") or not _is_id(number, ids):
        return None
    if event != "NONE" and number in fixed:
        return None
    return found if event != "UPDATE" or isinstance(found.get("text"), str) else None


def _parsed_object(reply: Reply) -> dict[str, Any] | None:
    """Return the JSON object of a whole reply."""
    if reply.truncated:
        return None
    try:
        found = json.loads(reply.text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_id(number: object, ids: int) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < ids


def _settled(fact: Fact, shown: Sequence[tuple[Record, str]], answer: dict[str, Any]) -> Decision:
    """Return the model's decision, changed wherever it would lose or invent something."""
    event = answer["event"]
    if event == "ADD":
        return Decision("ADD", fact)
    record, old = shown[answer["memory"]]
    if event == "NONE":
        return Decision("ADD", fact) if says_more(fact.text, old) else Decision("NONE", fact, record)
    if event == "DELETE":
        if says_more(fact.text, old):
            return Decision("UPDATE", fact, record, fact.text)
        return Decision("DELETE", fact, record)
    text = in_house_style(answer["text"])
    if objection(text, f"{fact.text}\n{old}") or objection(fact.text, text) or says_more(fact.text, text):
        text = fact.text
    if text.casefold() == old.casefold():
        return Decision("NONE", fact, record)
    return Decision("UPDATE", fact, record, text)


def _clipped(text: str) -> str:
    """Return a memory in one line, as much of it as a prompt shows."""
    line = " ".join(text.split())
    return line if len(line) <= MEMORY_LENGTH else line[:MEMORY_LENGTH] + " ..."


def _complaint(llm: Llm, reply: Reply, room: int) -> str:
    """Return why a reply cannot be used."""
    what = (
        f"was cut off at {room} tokens"
        if reply.truncated
        else f"is not what was asked for ({reply.text[:80]!r})"
    )
    return f"the reply of {llm.name} {what}; raise n_ctx, shorten the input, or use another model"
