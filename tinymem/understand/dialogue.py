"""What the caller passed becomes Messages; long conversations become windows; ids say who speaks.

A str is one user message, a dict one message, a list several. What a tool returned is nobody's
statement: messages of the roles "tool" and "function" are left out, and so are messages without text
(an assistant message that only calls tools). Windows overlap by the message before, and every piece
knows where it stands in the call's messages.

Must never cut text away: every character of a message that counts is in some window.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timezone
from typing import Any

from tinymem.errors import ConfigError, ValidationError, shown
from tinymem.types import Message, Role, Scope

ROLES: Mapping[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",  # the newer name of the same thing
}
NOBODY = ("tool", "function")
MOST_MESSAGES = 10_000
LONGEST_CONVERSATION = 2_000_000  # characters: with a language model that is a night's work
LONGEST_NAME = 256  # characters
CONTEXT_LENGTH = 600  # characters of the message before that a window repeats at most

Fits = Callable[[Sequence[Message]], bool]


@dataclass(frozen=True)
class Piece:
    """A message, or a part of one: `index` in the call's messages, `offset` in characters within it.

    A piece that is not `fresh` repeats what the window before has read: context, not a source.
    """

    message: Message
    index: int
    offset: int = 0
    fresh: bool = True

    @property
    def end(self) -> int:
        """The offset, in the whole message, of the character after this piece."""
        return self.offset + len(self.message.content)


@dataclass(frozen=True)
class Window:
    """Consecutive pieces that are read together; first the repeated context, then what is fresh."""

    pieces: tuple[Piece, ...]

    @property
    def start(self) -> int:
        """The index, in the call's messages, of the first fresh piece."""
        return next(piece.index for piece in self.pieces if piece.fresh)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The pieces as Messages, context included."""
        return tuple(piece.message for piece in self.pieces)


@dataclass(frozen=True)
class Speaker:
    """One pass over a conversation: whose statements count (`about`), and the ids their facts carry."""

    about: tuple[Role, ...]
    scope: Scope


def parse_messages(messages: object, *, with_tools: bool = False) -> list[Message]:
    """Return the Messages of a call: a str is one user message, a dict or Message one, a list several.

    Roles are user, assistant and system ("developer" is system); "tool" and "function" messages are
    left out (`with_tools`: kept, as an assistant's message of the tool's name, and so are calls of
    tools), and inside a list so are messages without text. `content` may be a list of text parts.
    `name` says who spoke; `timestamp` (aware or naive UTC datetime, date, ISO 8601 text, Unix seconds) when.

    Raises:
        ValidationError: A wrong type, an unknown role, a part that is no text, broken text (a lone
            surrogate, a NUL), a bad timestamp, or nothing left to read.
    """
    if isinstance(messages, str):
        _check_length(len(messages))
        return [Message("user", _checked_text(messages, "messages", blank_ok=False))]
    if isinstance(messages, (Mapping, Message)):
        found = [_parse_message(messages, "messages", with_tools)]
    elif isinstance(messages, Sequence) and not isinstance(messages, (bytes, bytearray, memoryview)):
        _check_count(messages, "messages")
        found = [
            _parse_message(each, f"messages[{place}]", with_tools) for place, each in enumerate(messages)
        ]
    else:
        raise ValidationError(
            f"messages must be a str, a dict or a list of dicts, not {type(messages).__name__}; "
            'pass text, or [{"role": "user", "content": "..."}]'
        )
    kept = [message for message in found if message is not None]
    if not kept:
        raise ValidationError(
            "messages holds no text: pass at least one user, assistant or system message with text"
        )
    _check_length(sum(len(message.content) for message in kept))
    return kept


def _check_count(given: Sequence[object], where: str) -> None:
    if len(given) > MOST_MESSAGES:
        raise ValidationError(
            f"{where} has {len(given)} entries, at most {MOST_MESSAGES} are taken: make several calls"
        )


def _check_length(length: int) -> None:
    if length > LONGEST_CONVERSATION:
        raise ValidationError(
            f"messages hold {length} characters, at most {LONGEST_CONVERSATION} are taken: make several calls"
        )


def speakers(scope: Scope) -> tuple[Speaker, ...]:
    """Return the passes that a call makes: who speaks for whom under these ids.

    user_id alone, or neither: the user. agent_id alone: the assistant, and the system messages that say
    who it is. Both: the user for user_id, then the assistant for agent_id; run_id and app_id stay with both.
    """
    if scope.agent_id is None:
        return (Speaker(("user",), scope),)
    if scope.user_id is None:
        return (Speaker(("assistant", "system"), scope),)
    return (
        Speaker(("user",), replace(scope, agent_id=None)),
        Speaker(("assistant",), replace(scope, user_id=None)),
    )


def windows(messages: Sequence[Message], about: Sequence[Role], fits: Fits) -> list[Window]:
    """Return windows of consecutive messages, each as long as `fits` allows, oldest first.

    From the second on, a window begins with the end of the message before as context. A message too
    long for a window of its own is cut at the ends of sentences, else between words, else anywhere. Windows
    in which nobody of `about` says anything new are left out. `fits` must hold for every part of what fits.

    Raises:
        ConfigError: `fits` refuses even a single character.
    """
    found: list[Window] = []
    waiting = [Piece(message, index) for index, message in enumerate(messages) if message.content]
    waiting.reverse()
    before: Piece | None = None
    while waiting:
        fresh = _take(waiting, before, fits)
        found.append(Window((*_context(before, fresh, fits), *fresh)))
        before = fresh[-1]
    return [
        each for each in found if any(piece.fresh and piece.message.role in about for piece in each.pieces)
    ]


def _take(waiting: list[Piece], before: Piece | None, fits: Fits) -> list[Piece]:
    """Take from the end of `waiting` (the oldest first) as many pieces as fit, at least a part of one."""
    context = [] if before is None else [_tail(before, CONTEXT_LENGTH).message]

    def count_fits(count: int) -> bool:
        return fits([*context, *(piece.message for piece in waiting[: -count - 1 : -1])])

    if not count_fits(1) and context:
        context = []
    if not count_fits(1):
        first = waiting.pop()
        length = _longest_part(first, before, fits)
        waiting.append(_part(first, length, len(first.message.content)))
        return [_part(first, 0, length)]
    low, high = 1, 2
    while high <= len(waiting) and count_fits(high):
        low, high = high, high * 2
    high = min(high, len(waiting) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count_fits(middle) else (low, middle)
    return [waiting.pop() for _ in range(low)]


def _context(before: Piece | None, fresh: list[Piece], fits: Fits) -> tuple[Piece, ...]:
    """Return the end of the piece before, as much of it as still fits."""
    length = CONTEXT_LENGTH
    while before is not None and length >= 40:
        piece = _tail(before, length)
        if fits([piece.message, *(each.message for each in fresh)]):
            return (piece,)
        length //= 2
    return ()


def _tail(piece: Piece, length: int) -> Piece:
    """Return the last words of a piece, at most `length` characters, marked as read before."""
    text = piece.message.content
    begin = max(0, len(text) - length)
    if begin:
        space = text.find(" ", begin)
        begin = space + 1 if 0 <= space < len(text) - 1 else begin
    return replace(_part(piece, begin, len(text)), fresh=False)


def _part(piece: Piece, begin: int, end: int) -> Piece:
    """Return the characters begin..end of a piece as a piece."""
    message = replace(piece.message, content=piece.message.content[begin:end])
    return replace(piece, message=message, offset=piece.offset + begin)


def _longest_part(first: Piece, before: Piece | None, fits: Fits) -> int:
    """Return how much of a too long piece to read now, with some context before it where there is room."""
    text = first.message.content
    length = 0
    if before is not None:
        context = _tail(before, CONTEXT_LENGTH // 3).message
        length = _longest(text, lambda end: fits([context, _part(first, 0, end).message]))
    if length < CONTEXT_LENGTH // 3:  # more context than text: without it, then
        length = _longest(text, lambda end: fits([_part(first, 0, end).message]))
    if length == 0:
        raise ConfigError(
            "the model's context has no room for a single character of a message; "
            "raise n_ctx or shorten the instructions"
        )
    return length


def _longest(text: str, fits_to: Callable[[int], bool]) -> int:
    """Return the length of the longest good beginning of `text` that fits; 0 if not even a character does."""
    low, high = 0, 256  # grows by doubling, so that a huge text is never measured whole
    while high < len(text) and fits_to(high):
        low, high = high, high * 2
    high = min(high, len(text))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits_to(middle) else (low, middle)
    return _good_cut(text, low)


def _good_cut(text: str, most: int) -> int:
    """Return where to cut in the last half before `most`: after a sentence, else a word, else there."""
    for ends in ("\n\n", "\n", ". ", "! ", "? ", "。", "; ", ", ", " "):
        place = text.rfind(ends, most // 2, most)
        if place >= 0:
            return place + len(ends)
    return most


def _parse_message(given: object, where: str, with_tools: bool) -> Message | None:
    """Return one Message, or None for one that says nothing."""
    if isinstance(given, Message):
        given = {"role": given.role, "content": given.content, "name": given.name, "timestamp": given.at}
    if not isinstance(given, Mapping):
        raise ValidationError(
            f'{where} must be a dict like {{"role": "user", "content": "..."}}, not {type(given).__name__}'
        )
    role = given.get("role")
    if role in NOBODY and with_tools:
        role, given = "assistant", {**given, "name": given.get("name") or role}
    if role in NOBODY:
        return None
    if not isinstance(role, str) or role not in ROLES:
        raise ValidationError(f"{where} has the role {shown(role)}; use user, assistant or system")
    name = given.get("name")
    if name is not None and (not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME):
        raise ValidationError(
            f"{where} has the name {shown(name)}; a name is a str of 1 to {LONGEST_NAME} characters, not "
            "blank, or left out"
        )
    called = _called(given, where) if with_tools else ""
    if given.get("content") is None and not called:
        if role == "assistant":
            return None
        raise ValidationError(f"{where} has no content; a {role} message needs text")
    said = "" if given.get("content") is None else _joined(given["content"], where)
    text = _checked_text(f"{said}\n{called}".strip() if called else said, where, blank_ok=True)
    if not text.strip():
        return None
    if name is not None:
        _checked_text(name, f"{where}'s name", blank_ok=False)
    return Message(ROLES[role], text, name, parse_moment(given.get("timestamp"), where))


def _called(given: Mapping[str, Any], where: str) -> str:
    """Return the tools that a message calls, one a line, with their arguments as they stand there."""
    calls = given.get("tool_calls") or ()
    called = calls if isinstance(calls, (list, tuple)) else [calls]
    _check_count(called, f"the tool_calls of {where}")
    lines = []
    for call in called:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ValidationError(f"{where} calls a tool without a name: leave tool_calls out, or name it")
        arguments = function.get("arguments", "")
        try:
            shown = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
        except (TypeError, ValueError, RecursionError) as problem:
            raise ValidationError(f"{where} calls a tool with what JSON can not hold: {problem}") from problem
        lines.append(f"Calls {function['name']}({shown})")
    return "\n".join(lines)


def _joined(content: object, where: str) -> str:
    """Return a content's text: itself, or its text parts, one a line."""
    if isinstance(content, str):
        return content
    if not isinstance(content, (list, tuple)):
        raise ValidationError(
            f"{where} has content of type {type(content).__name__}; it must be text or a list of text parts"
        )
    _check_count(content, f"the content of {where}")
    texts = []
    for part in content:
        text = part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else part
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise ValidationError(
                f"{where} has a part of type {shown(kind)}: only text is kept; leave out images and files"
            )
        texts.append(text)
    return "\n".join(texts)


def _checked_text(text: str, where: str, *, blank_ok: bool) -> str:
    """Return the text unchanged if it can be stored."""
    if not blank_ok and not text.strip():
        raise ValidationError(f"{where} is blank; pass some text")
    nul = text.find("\0")
    if nul >= 0:
        raise ValidationError(f"{where} has a NUL character at position {nul}; remove it (is this binary?)")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise ValidationError(
            f"{where} is no valid Unicode: a lone surrogate at position {problem.start}; "
            "decode the text with errors='replace'"
        ) from problem
    return text


def parse_moment(given: Any, where: str) -> datetime | None:
    """Return a timestamp as an aware UTC datetime; naive is UTC.

    A datetime, a date, an ISO 8601 text or Unix seconds are understood; None stays None.

    Raises:
        ValidationError: It is none of these, or out of range.
    """
    try:
        if given is None:
            return None
        if isinstance(given, datetime):
            moment = given
        elif isinstance(given, date):
            moment = datetime.combine(given, time())
        elif isinstance(given, str):
            moment = datetime.fromisoformat(given.strip().replace("Z", "+00:00"))
        elif isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given):
            moment = datetime.fromtimestamp(given, timezone.utc)
        else:
            raise TypeError
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError) as problem:
        raise ValidationError(
            f"{where} has the timestamp {shown(given)}; use a datetime, an ISO 8601 text or Unix seconds"
        ) from problem
