"""Protobuf read and written by hand: what was written is found again, and what is no message is an error."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinymem.engines.int8_check import product_graph
from tinymem.engines.onnx_bytes import field, fields, read_varint, varint

NUMBERS = st.integers(0, 2**63)


@given(NUMBERS)
def test_a_whole_number_is_read_as_it_was_written(number: int) -> None:
    assert read_varint(b"\xff" + varint(number) + b"\xff", 1) == (number, 1 + len(varint(number)))


@given(st.lists(st.tuples(st.integers(1, 5000), NUMBERS | st.binary(max_size=300) | st.text(max_size=99))))
def test_fields_are_found_as_they_were_written(written: list[tuple[int, int | bytes | str]]) -> None:
    message = b"".join(field(number, value) for number, value in written)
    found = list(fields(b"xx" + message, 2, 2 + len(message)))
    assert [(one.number, one.value) for one in found] == [
        (number, value if isinstance(value, int) else None) for number, value in written
    ]
    for (number, value), one in zip(written, found, strict=True):
        assert message[one.start - 2 : one.end - 2] == field(number, value)
        if not isinstance(value, int):
            content = value.encode() if isinstance(value, str) else value
            assert message[one.content - 2 : one.end - 2] == content


def test_numbers_of_fixed_size_are_passed_over() -> None:
    attribute = onnx.helper.make_attribute("alpha", 0.5).SerializeToString()
    found = {one.number: attribute[one.content : one.end] for one in fields(attribute, 0, len(attribute))}
    assert (found[1], len(found[2])) == (b"alpha", 4)


@pytest.mark.parametrize(
    "content",
    [product_graph()[:-1], product_graph()[:30], b"\x0b", b"\x0f\x01", b"\x08"],
    ids=["cut at its end", "cut in half", "a group", "an unknown kind", "a number that goes on"],
)
def test_what_is_no_message_is_an_error(content: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        list(fields(content, 0, len(content)))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_bounded_time(content: bytes) -> None:
    try:
        found = list(fields(content, 0, len(content)))
    except (ValueError, IndexError):
        return
    assert b"".join(content[one.start : one.end] for one in found) == content
