"""Messages in every shape a caller may pass, windows that lose nothing, and who speaks for whom."""

from datetime import date, datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinymem.errors import ConfigError, ValidationError
from tinymem.types import Message, Scope
from tinymem.understand.dialogue import parse_messages, speakers, windows


def test_a_str_is_one_user_message():
    assert parse_messages("Prefers window seats") == [Message("user", "Prefers window seats")]


def test_a_dict_and_a_message_are_one_message():
    assert parse_messages({"role": "assistant", "content": "Hi", "name": "Max"}) == [
        Message("assistant", "Hi", "Max")
    ]
    assert parse_messages(Message("system", "Be kind")) == [Message("system", "Be kind")]


def test_text_parts_are_joined_and_developer_is_system():
    parts = [{"type": "text", "text": "I ski"}, {"type": "text", "text": "and skate"}]
    assert parse_messages([{"role": "user", "content": parts}])[0].content == "I ski\nand skate"
    assert parse_messages([{"role": "developer", "content": "Be brief"}])[0].role == "system"


def test_tool_messages_and_messages_without_text_are_left_out():
    given = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "My name is Eve"},
        {"role": "function", "name": "f", "content": "I live in Rome"},
        {"role": "user", "content": "  "},
        {"role": "assistant", "content": "Sunny."},
    ]
    assert [m.content for m in parse_messages(given)] == ["weather?", "Sunny."]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=timezone.utc)),
        ("2025-03-01T10:00:00+02:00", datetime(2025, 3, 1, 8, tzinfo=timezone.utc)),
        ("2025-03-01T10:00:00Z", datetime(2025, 3, 1, 10, tzinfo=timezone.utc)),
        (datetime(2025, 3, 1), datetime(2025, 3, 1, tzinfo=timezone.utc)),
        (date(2025, 3, 1), datetime(2025, 3, 1, tzinfo=timezone.utc)),
    ],
)
def test_timestamps_become_utc(moment, expected):
    assert parse_messages([{"role": "user", "content": "x", "timestamp": moment}])[0].at == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "blank"),
        (" \n", "blank"),
        (7, "int"),
        (b"bytes", "bytes"),
        ([], "no text"),
        ([{"role": "tool", "content": "x"}], "no text"),
        ([None], "NoneType"),
        (["I ski"], "str"),
        ([{"content": "I ski"}], "None"),
        ([{"role": "human", "content": "x"}], "human"),
        ([{"role": ["user"], "content": "x"}], "role"),
        ([{"role": "user", "content": None}], "no content"),
        ([{"role": "user", "content": 5}], "int"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "only text"),
        ([{"role": "user", "content": "x", "name": " "}], "name"),
        ([{"role": "user", "content": "x", "timestamp": "soon"}], "soon"),
        ([{"role": "user", "content": "x", "timestamp": True}], "True"),
        ([{"role": "user", "content": "x", "timestamp": 1e300}], "1e"),
        ("a\0b", "NUL character at position 1"),
        ("ok \ud83d", "surrogate at position 3"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given, said):
    with pytest.raises(ValidationError, match=said):
        parse_messages(given)


def test_who_speaks_for_whom():
    def passes(**ids):
        return [(each.about, each.scope) for each in speakers(Scope(**ids))]

    assert passes(user_id="u", run_id="r") == [(("user",), Scope(user_id="u", run_id="r"))]
    assert passes(run_id="r") == [(("user",), Scope(run_id="r"))]
    assert passes(agent_id="a") == [(("assistant", "system"), Scope(agent_id="a"))]
    assert passes(user_id="u", agent_id="a", app_id="p") == [
        (("user",), Scope(user_id="u", app_id="p")),
        (("assistant",), Scope(agent_id="a", app_id="p")),
    ]


def at_most(characters):
    return lambda messages: sum(len(m.content) for m in messages) <= characters


def test_a_short_conversation_is_one_window():
    talk = [Message("user", "hello"), Message("assistant", "hi")]
    (only,) = windows(talk, ("user",), at_most(100))
    assert only.messages == tuple(talk)
    assert only.start == 0


def test_windows_repeat_the_message_before_as_context():
    talk = [Message("user", "a" * 50), Message("assistant", "b" * 50), Message("user", "c" * 50)]
    first, second = windows(talk, ("user",), at_most(100))
    assert [p.index for p in first.pieces] == [0, 1]
    assert [(p.index, p.fresh) for p in second.pieces] == [(1, False), (2, True)]
    assert second.start == 2


def test_a_window_in_which_nobody_counts_is_left_out():
    talk = [Message("user", "a" * 80), Message("assistant", "b" * 80)]
    assert [w.start for w in windows(talk, ("user",), at_most(100))] == [0]


def test_a_long_message_is_cut_after_a_sentence():
    text = "I live in Leeds. I work as a nurse. I have two cats."
    found = windows([Message("user", text)], ("user",), at_most(24))
    fresh = [p.message.content for w in found for p in w.pieces if p.fresh]
    assert fresh[0] == "I live in Leeds. "
    assert "".join(fresh) == text


def test_a_context_too_small_for_anything_is_a_clear_error():
    with pytest.raises(ConfigError, match="n_ctx"):
        windows([Message("user", "hello")], ("user",), lambda messages: False)


@settings(max_examples=60, deadline=None)
@given(
    talk=st.lists(
        st.builds(
            Message, st.sampled_from(["user", "assistant", "system"]), st.text(min_size=1, max_size=400)
        ),
        max_size=12,
    ),
    room=st.integers(1, 500),
)
def test_windows_lose_nothing_and_know_their_place(talk, room):
    fits = at_most(room)
    read = {index: "" for index, _ in enumerate(talk)}
    for window in windows(talk, ("user", "assistant", "system"), fits):
        assert fits(window.messages)
        for piece in window.pieces:
            whole = talk[piece.index].content
            assert whole[piece.offset : piece.end] == piece.message.content
            assert piece.end <= len(whole)
            if piece.fresh:
                assert piece.offset == len(read[piece.index])
                read[piece.index] += piece.message.content
    assert read == {index: message.content for index, message in enumerate(talk)}
