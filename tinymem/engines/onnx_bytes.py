"""ONNX files as bytes: the little of protobuf that it takes to write a graph and to find one's parts.

It must never need the `onnx` package, which only those have who make models. A message is a row of fields;
of each, only its number and its content are told apart here, what they mean is the caller's to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WHOLE_NUMBER, EIGHT_BYTES, CONTENT, FOUR_BYTES = 0, 1, 2, 5  # protobuf's wire types that are still in use
FIXED = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


@dataclass(frozen=True)
class Field:
    """Where a field of a message lies: from `start` to `end`, what it holds from `content` on.

    `value` is what it holds if that is a whole number, else None.
    """

    number: int
    start: int
    content: int
    end: int
    value: int | None


def fields(message: Any, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of a message that lies in some bytes; inner messages are not looked into.

    Raises:
        ValueError: the bytes hold something else.
    """
    place = start
    while place < end:
        begin = place
        key, place = read_varint(message, place)
        content, value, kind = place, None, key & 7
        if kind == WHOLE_NUMBER:
            value, place = read_varint(message, place)
        elif kind == CONTENT:
            length, content = read_varint(message, place)
            place = content + length
        elif kind in FIXED:
            place += FIXED[kind]
        else:
            raise ValueError(f"a field of the unknown kind {kind} at byte {begin}")
        if place > end:
            raise ValueError(f"a field at byte {begin} ends at byte {place}, its message at byte {end}")
        yield Field(key >> 3, begin, content, place, value)


def read_varint(message: Any, place: int) -> tuple[int, int]:
    """Return the whole number at a place, and the place after it."""
    value = shift = 0
    while message[place] > 127:
        value |= (message[place] & 127) << shift
        place, shift = place + 1, shift + 7
    return value | message[place] << shift, place + 1


def field(number: int, value: Any) -> bytes:
    """Return one protobuf field: a whole number, a text, or bytes (also a message)."""
    if isinstance(value, int):
        return varint(number << 3 | WHOLE_NUMBER) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | CONTENT) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """Return a whole number in protobuf's groups of seven bits, the lowest first."""
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
