"""Properties that hold for any input: filters mean what they say, any text is a legal query."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.filter_oracle import Table, holds
from tinymem.errors import ValidationError
from tinymem.store.filters import where
from tinymem.store.keywords import has_words, index_text, match_query, words
from tinymem.types import Record, Scope

# Few values, so that random filters meet random records.
MIDNIGHT = datetime(2024, 7, 10, tzinfo=timezone.utc)
TICK = timedelta(microseconds=1)
IDS = ["maya", "MAYA", "liam", "*", "a'b\"c", "ß"]
KEYS = ["a", "b", "c", "a.b", "a.b.c", "b.a", "x y", 'q"', "", ".", "é", "$", "[0]", "tags"]
TEXTS = ["Maya plays the piano", "maya", "No piano; TEA, Straße!", "Zoë's café", "tea tea"]

ids = st.sampled_from(["maya", "liam"]) | st.sampled_from(IDS)
maybe_id = st.none() | ids
moments = st.builds(
    lambda day, tick, hours: MIDNIGHT + timedelta(days=day, hours=hours) + tick * TICK,
    st.integers(-1, 2),
    st.integers(-1, 1),
    st.sampled_from([0, 0, 12]),
)
days = st.dates(date(2024, 7, 8), date(2024, 7, 12))
scalars = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        1.0,
        -1,
        0.5,
        2**53,
        2**53 + 1,
        float(2**53),
        2**64,
        "",
        "1",
        "true",
        "tea",
        "TEA",
        "tea time",
        "straße",
        "STRASSE",
        "a\x00b",
        "\U0001f375",
        "\uffff",
        "10",
        "9",
    ]
)
values = st.sampled_from(["tea", 1, 1.0, True, 0.5]) | st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=4,
)
keys = st.sampled_from(["a", "b"]) | st.sampled_from(KEYS)
metadata = st.dictionaries(keys, values, max_size=4)


@st.composite
def records(draw: st.DrawFn) -> Record:
    return Record(
        id=draw(ids) + str(draw(st.integers(0, 10**9))),
        text=draw(st.sampled_from(TEXTS)),
        scope=Scope(*(draw(maybe_id) for _ in range(4))),
        created_at=draw(moments),
        updated_at=draw(moments),
        metadata=draw(metadata),
        categories=tuple(draw(st.lists(ids, max_size=2, unique=True))),
        actor_id=draw(maybe_id),
        role=draw(maybe_id),
        memory_type=draw(maybe_id),
        expiration_date=draw(st.none() | days),
    )


def conditions(operand: st.SearchStrategy[Any], *operators: str) -> st.SearchStrategy[Any]:
    """Return conditions on one field: bare values, or one or two operators that apply to it."""
    nullable = st.none() | operand
    lists = st.lists(nullable, max_size=3)
    by_operator = {"eq": nullable, "ne": nullable, "in": lists, "nin": lists}
    operations = [
        st.tuples(st.just(name), by_operator.get(name, operand)) for name in (*by_operator, *operators)
    ]
    one = st.one_of(operations).map(lambda pair: dict([pair]))
    two = st.lists(st.one_of(operations), min_size=2, max_size=2).map(dict)
    return st.one_of(one, operand, two, st.sampled_from(["*", None]), lists)


def not_an_empty_dict(value: Any) -> bool:
    return value != {}


order = ("gt", "gte", "lt", "lte")
text = st.sampled_from([*IDS, "a", "AY", "ss", "", "tea", "The", "I"])
times = moments | days | moments.map(lambda moment: moment.replace(tzinfo=None)) | days.map(str)
times |= moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
times |= moments.map(lambda moment: moment.astimezone(timezone(timedelta(hours=9))))
asked = values.filter(not_an_empty_dict)
metadata_conditions = st.one_of(
    conditions(asked.filter(lambda value: not isinstance(value, (dict, list)))),
    st.builds(lambda name, value: {name: value}, st.sampled_from(["eq", "ne"]), asked),
    st.builds(lambda name, value: {name: [value]}, st.sampled_from(["in", "nin"]), asked),
    st.builds(lambda value: {"contains": value}, asked.filter(lambda value: value is not None)),
    st.builds(lambda value: {"icontains": value}, text),
    st.builds(
        lambda name, value: {name: value},
        st.sampled_from(order),
        asked.filter(lambda value: isinstance(value, (int, float, str)) and not isinstance(value, bool)),
    ),
)
metadata_trees = st.recursive(
    st.dictionaries(keys, metadata_conditions, min_size=1, max_size=2),
    lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=2),
    max_leaves=2,
)
fields = st.one_of(
    st.tuples(
        st.sampled_from(["user_id", "agent_id", "run_id", "session_id", "app_id", "actor_id", "role"]),
        conditions(ids, "contains", "icontains"),
    ),
    st.tuples(st.sampled_from(["memory_type", "id", "memory_id"]), conditions(text, "contains", "icontains")),
    st.tuples(st.just("categories"), conditions(ids, "contains", "icontains")),
    st.tuples(st.sampled_from(["created_at", "updated_at", "expiration_date"]), conditions(times, *order)),
    st.tuples(st.sampled_from(["keywords", "text"]), conditions(text, "contains", "icontains")),
    st.tuples(st.just("metadata"), metadata_trees | st.none() | st.just("*")),
    st.tuples(keys, metadata_conditions),
)


@st.composite
def some_fields(draw: st.DrawFn) -> dict[str, Any]:
    return dict(draw(st.lists(fields, max_size=2)))


@st.composite
def one_field(draw: st.DrawFn) -> dict[str, Any]:
    return dict([draw(fields)])


filters = one_field() | st.recursive(
    some_fields(),
    lambda inner: st.builds(
        lambda siblings, word, below: {**siblings, word: below},
        some_fields(),
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(inner, max_size=3) | inner,
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.connection.close()


rows_of_records = st.lists(records(), min_size=4, max_size=8, unique_by=lambda each: each.id)


@settings(max_examples=600, deadline=None)
@given(rows=rows_of_records, asked=one_field())
def test_one_condition_selects_what_plain_python_selects(
    table: Table, rows: list[Record], asked: dict[str, Any]
) -> None:
    table.fill(rows)
    assert table.ids(asked) == [each.id for each in rows if holds(asked, each)]


@settings(max_examples=250, deadline=None)
@given(rows=rows_of_records, asked=filters)
def test_nested_conditions_select_what_plain_python_selects(
    table: Table, rows: list[Record], asked: dict[str, Any]
) -> None:
    table.fill(rows)
    assert table.ids(asked) == [each.id for each in rows if holds(asked, each)]


@settings(max_examples=500, deadline=None)
@given(
    mine=values,
    asked=scalars.filter(lambda value: value is not None),
    operator=st.sampled_from(["eq", *order]),
)
def test_what_sqlite_compares_itself_is_what_python_compares(
    table: Table, mine: Any, asked: Any, operator: str
) -> None:
    """The key `a` is compared within SQLite where that is exact, the key `x y` never is."""
    if isinstance(asked, bool):
        operator = "eq"
    row = Record("1", "tea", Scope(), MIDNIGHT, MIDNIGHT, metadata={"a": mine, "x y": mine})
    table.fill([row])
    within, outside = {"a": {operator: asked}}, {"x y": {operator: asked}}
    assert "json_extract" not in where(outside).sql
    assert table.ids(within) == table.ids(outside) == (["1"] if holds(within, row) else [])


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.dates()
    | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["AND", "OR", "NOT", "user_id", "created_at", "metadata", "keywords", "eq", "in", "gt"]
            )
            | st.text(max_size=2),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(asked=anything)
def test_any_filter_runs_or_is_refused(table: Table, asked: Any) -> None:
    try:
        condition = where(asked)
    except ValidationError:
        return
    list(table.connection.execute(f"SELECT 1 FROM memory AS m WHERE {condition.sql}", condition.params))


class KeywordIndex:
    """An FTS5 table as tinymem's files have it, holding one text at a time."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.connection.execute(
            "CREATE VIRTUAL TABLE f USING fts5(text, content='', contentless_delete=1, "
            "tokenize='porter unicode61 remove_diacritics 2')"
        )

    def finds(self, text: str, query: str | None) -> bool:
        self.connection.execute("INSERT OR REPLACE INTO f(rowid, text) VALUES (1, ?)", (index_text(text),))
        return query is not None and bool(
            list(self.connection.execute("SELECT rowid FROM f WHERE f MATCH ?", (query,)))
        )


@pytest.fixture(scope="module")
def index() -> KeywordIndex:
    return KeywordIndex()


ALPHABET = "abzABZ019 '’-\"*^:()+{}.,_\x00\t\n "
ALPHABET += "éÉßøıİñё我欢カなｶﾞ커피กาแฟ้ກາមាहि्कीع َ😀👩\u200d💻🇩🇪\u200b\ufe0f\U0001e900"
written = st.text(max_size=40) | st.text(ALPHABET, max_size=25)
written |= st.lists(st.sampled_from(["NEAR(", "AND", "OR", "NOT", "a*", "text:", "^x", '"', "''"])).map(
    " ".join
)


@settings(max_examples=500, deadline=None)
@given(text=written, query=written)
def test_any_text_is_a_legal_query_that_finds_itself(index: KeywordIndex, text: str, query: str) -> None:
    expression = match_query(query)
    assert (expression is None) == (words(query) == [])
    index.finds(text, expression)
    assert index.finds(text, match_query(text)) == bool(words(text))


@settings(max_examples=400, deadline=None)
@given(before=written, word=written, after=written)
def test_every_word_that_was_written_is_found(
    index: KeywordIndex, before: str, word: str, after: str
) -> None:
    text = f"{before} {word} {after}"
    assert has_words(text, word) == bool(words(word))
    assert index.finds(text, match_query(word)) == bool(words(word))
    for each in words(text):
        assert index.finds(text, match_query(each))


@settings(max_examples=300, deadline=None)
@given(text=written, query=written)
def test_words_that_all_stand_in_a_text_are_found_there(index: KeywordIndex, text: str, query: str) -> None:
    """What the `keywords` filter accepts, keyword search finds."""
    if has_words(text, query):
        assert index.finds(text, match_query(query))
