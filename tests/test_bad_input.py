"""Whatever is wrong with a call: an error of ours, in words, and not a byte written."""

from datetime import timedelta

import pytest

from tinymem import MemoryNotFoundError, TinymemError, ValidationError
from tinymem.testing import FrozenClock, HashEmbedder
from tinymem.types import Extraction, Fact, Span

circle: dict = {}
circle["self"] = circle


def content_of(folder):
    """Return every file of a folder, byte for byte, but the -shm file, which holds locks."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


@pytest.fixture
def kept(memory):
    memory.add("Likes tea", user_id="ana", metadata={"a": 1}, infer=False)
    return memory


HUGE = "x" * 10**6
USER = {"role": "user", "content": "x"}

BAD_ADDS = [
    *(
        {"messages": wrong}
        for wrong in (None, 5, 1.5, True, b"x", {}, [], "", "  ", [None], ["x"], [[USER]], {1}, object())
    ),
    *(
        {"messages": [{**USER, **wrong}]}
        for wrong in ({"role": "robot"}, {"role": None}, {"role": 5}, {"content": 5})
    ),
    *(
        {"messages": [{**USER, **wrong}]}
        for wrong in ({"content": None}, {"content": [{"type": "image_url"}]}, {"name": 5})
    ),
    *(
        {"messages": [{**USER, **wrong}]}
        for wrong in ({"content": "\ud800"}, {"content": "a\x00"}, {"timestamp": "soon"})
    ),
    *(
        {"messages": [USER, wrong]}
        for wrong in (5, {"role": "user"}, {"content": "x"}, {"role": "user", "content": {}})
    ),
    *(
        {"user_id": wrong}
        for wrong in (None, "", "  ", 5, True, b"ana", ["ana"], {"*": 1}, "x" * 257, "a\x00", "\udfff")
    ),
    *({name: wrong} for name in ("agent_id", "run_id", "app_id", "session_id") for wrong in ("", 5)),
    {"run_id": "a", "session_id": "b"},
    *(
        {"metadata": wrong}
        for wrong in ("a", 5, [("a", 1)], {1: 2}, {"a": {1}}, {"a": b"x"}, {"a": object()}, circle)
    ),
    *({"metadata": {"a": wrong}} for wrong in (float("nan"), float("inf"), {1}, "\ud800", {None: 1})),
    *({"infer": wrong} for wrong in (None, 0, "no")),
    *({"memory_type": wrong} for wrong in ("", "semantic", 5)),
    *({"prompt": wrong} for wrong in ("", 5, "Only food")),
    *({"expiration_date": wrong} for wrong in ("", "soon", 5, "2026-02-30", True)),
    *({"timestamp": wrong} for wrong in ("", "soon", True, float("nan"), 1e20, [])),
    *({"immutable": wrong} for wrong in (None, 1, "yes")),
    *({"dry_run": wrong} for wrong in (None, 1)),
    *({"output_format": wrong} for wrong in ("v2", 1)),
    {"messages": "x" * 100_001, "infer": False},
    *({name: wrong} for name in ("includes", "excludes") for wrong in ("", [], [""], 5, [5], {"a": 1})),
    *({"custom_categories": wrong} for wrong in ("pets", [], [5], [{}], [{"a": ""}], [{"a": 1}], {"a": "b"})),
    *({"enable_graph": wrong} for wrong in ("yes", 1)),
    *(
        {"filters": wrong}
        for wrong in ("ana", 5, [], {"a": 1}, {"user_id": 5}, {"AND": [{"user_id": "ana"}]})
    ),
    {"prompt": "a", "custom_instructions": "b"},
    *({name: wrong} for name in ("includes", "excludes") for wrong in ({HUGE: 1}, [[HUGE]])),
    *(
        {"custom_categories": wrong}
        for wrong in (HUGE, [HUGE], [{HUGE: ""}], [{HUGE: "a", HUGE.upper(): "b"}])
    ),
]
BAD_UPDATES = [
    *({}, {"data": 5}, {"data": ""}, {"text": " "}, {"text": 5}, {"text": "a\x00"}, {"text": "x" * 100_001}),
    *(
        {"data": "a", "text": "b"},
        {"data": {"a": 1}, "metadata": {}},
        {"metadata": "a"},
        {"metadata": {"a": {1}}},
    ),
    *({"metadata": {1: 1}}, {"text": "x", "merge": None}, {"expiration_date": "x"}),
]
BAD_FILTERS = [
    *(
        "user_id",
        5,
        ["a"],
        {5: 1},
        {"AND": 5},
        {"OR": [5]},
        {"NOT": 5},
        {"a": {}},
        {"a": {"between": 1}},
    ),
    *({"a": {"gt": []}}, {"a": {"in": 5}}, {"user_id": 5}, {"user_id": {"gt": "a"}}, {"created_at": "soon"}),
    *(
        {"created_at": {"gte": 5j}},
        {"metadata": 5},
        {"metadata": {"a": {"gt": 1, "b": 2}}},
        {"a": "\ud800"},
        {"a": object()},
    ),
    *(
        {"and": [{"user_id": "a"}]},
        {"categories": {"gt": "a"}},
        {"text": {"gt": "a"}},
        {"a": {"contains": None}},
    ),
]
BAD_READS = [
    *({"limit": wrong} for wrong in (-1, 1.5, "5", True, 10**30)),
    *(
        {"top_k": 5, "limit": 6},
        {"user_id": ""},
        {"user_id": 5},
        {"output_format": "v9"},
        {"show_expired": "yes"},
        {"show_archived": 1},
        {"enable_graph": "yes"},
    ),
    *({"fields": wrong} for wrong in (5, "", [5], {"memory": 1})),
    *({"categories": wrong} for wrong in (5, "", [5], {"a": 1})),
    *({"metadata": wrong} for wrong in (5, "a", ["a"], {"a": {"gt": 1, "b": 2}})),
]
BAD_LISTINGS = [
    *({"keywords": wrong} for wrong in ("", 5, ["tea"])),
    *({name: wrong} for name in ("start_date", "end_date") for wrong in ("soon", 5j, [], {"gte": 1})),
]
BAD_SETTINGS = [
    *({"custom_categories": wrong} for wrong in ("pets", [], [5], [{"a": ""}], [{"a": "b"}, {"A": "c"}])),
    *({"includes": ""}, {"excludes": [5]}, {"enable_graph": "yes"}, {"custom_instructions": ""}),
]
BAD_SEARCHES = [
    *({"query": wrong} for wrong in ("", " ", 5, None, b"tea", "\ud800", "a\x00", "x" * 100_001)),
    *({"threshold": wrong} for wrong in (-0.1, 1.1, "0.5", True, float("nan"))),
    {"explain": 1},
]
BAD_PAGES = [
    {"page": 0},
    {"page": -1},
    {"page": "1"},
    {"page_size": 0},
    {"page": 1.0},
    {"page": 1, "page_size": 10**30},
]
BAD_IDS = [None, 5, "", "  ", b"id-1", ["id-1"], {"id": "id-1"}, "x" * 257, "\ud800", "a\x00"]


def calls():
    for bad in BAD_ADDS:
        yield "add", {"messages": "Has a dog", "user_id": "ana", **bad}
    for bad in BAD_UPDATES:
        yield "update", {"memory_id": "id-1", **bad}
    for bad in BAD_FILTERS:
        for method in ("search", "get_all", "count", "delete_all"):
            yield method, {"filters": bad, **({"query": "tea"} if method == "search" else {"user_id": "ana"})}
    for bad in (*BAD_READS, *BAD_SEARCHES):
        yield "search", {"query": "tea", **bad}
    for bad in (*BAD_READS, *BAD_PAGES, *BAD_LISTINGS):
        yield "get_all", bad
    for bad in BAD_FILTERS:
        for method in ("users", "entities", "recategorize"):
            yield method, {"filters": bad}
    for bad in BAD_SETTINGS:
        yield "configure", bad
    for bad in ({"user_id": ""}, {"agent_id": 5}, {"limit": -1}, {"limit": "5"}):
        yield "entities", bad
        yield "delete_users", {name: value for name, value in bad.items() if name != "limit"}
    yield "recategorize", {"custom_categories": []}
    yield "related", {"memory_id": "id-1", "limit": -1}
    for bad in ("GOOD", 5, ["POSITIVE"]):
        yield "feedback", {"memory_id": "id-1", "feedback": bad}
    yield "feedback", {"memory_id": "id-1", "feedback": "POSITIVE", "feedback_reason": 5}
    for bad in BAD_IDS:
        for method in ("get", "delete", "history", "archive", "unarchive", "related"):
            yield method, {"memory_id": bad}
        yield "feedback", {"memory_id": bad, "feedback": "POSITIVE"}
        yield "update", {"memory_id": bad, "text": "x"}


def test_every_bad_argument_is_our_error_and_nothing_is_written(kept, tmp_path):
    before, stats = content_of(tmp_path), kept.stats()
    wrongly = []
    for method, arguments in calls():
        try:
            wrongly.append((method, arguments, getattr(kept, method)(**arguments)))
        except TinymemError as error:
            if not isinstance(error, ValueError) or not 10 < len(str(error)) < 500:
                wrongly.append((method, arguments, repr(error)[:600]))
        except Exception as error:  # noqa: BLE001  # whatever else it is, it is wrong
            wrongly.append((method, arguments, repr(error)[:600]))
    assert "\n".join(map(repr, wrongly)) == ""
    assert content_of(tmp_path) == before
    assert kept.stats() == stats


def test_unknown_ids_and_refused_calls_write_nothing(kept, tmp_path):
    before = content_of(tmp_path)
    for refused in (
        *(lambda: kept.update("nobody", "x"), lambda: kept.delete("nobody"), lambda: kept.history("nobody")),
        *(lambda: kept.delete_all(), lambda: kept.add("Has a dog"), lambda: kept.delete_all(filters={})),
    ):
        with pytest.raises((MemoryNotFoundError, ValidationError)):
            refused()
    assert kept.get("nobody") is None
    assert content_of(tmp_path) == before


def test_reading_writes_nothing(kept, tmp_path):
    before = content_of(tmp_path)
    kept.search("tea", user_id="ana", explain=True)
    kept.get_all(page=1)
    kept.get("id-1")
    kept.history("id-1")
    kept.count()
    kept.stats()
    kept.check()
    kept.add("Skis?", user_id="ana")
    assert content_of(tmp_path) == before


@pytest.mark.parametrize("method", ["add", "search", "get_all", "count", "update", "delete_all"])
def test_a_misspelt_keyword_is_a_type_error(kept, method):
    first = {"add": ["x"], "search": ["x"], "update": ["id-1"]}.get(method, [])
    with pytest.raises(TypeError, match="userid"):
        getattr(kept, method)(*first, userid="ana")


@pytest.mark.parametrize("text", ["", " ", "Likes\0 tea", "Likes tea \ud800", "x" * 100_001])
def test_what_an_extractor_finds_has_to_be_a_text(memory_factory, text):
    class Careless:
        def extract(self, messages, about, today):
            return Extraction((Fact(text, "user", 0, (Span(0, 0, 1),)),))

    memory = memory_factory(extractor=Careless())
    with pytest.raises(ValidationError, match="a fact that the extractor found"):
        memory.add("I like tea", user_id="ana")
    assert memory.count() == 0


class Broken(HashEmbedder):
    """An embedder that fails on queries with an error of its own."""

    def embed(self, texts, *, kind="document"):
        if kind == "query":
            raise ValueError("my embedder is broken")
        return super().embed(texts, kind=kind)


class BrokenReranker:
    """A reranker that fails with an error of its own."""

    name = "broken"

    def rerank(self, query, texts):
        raise LookupError("my reranker is broken")


@pytest.mark.parametrize("ago", [None, timedelta(days=1), timedelta(days=3)])
def test_an_error_of_the_callers_own_is_no_damage_of_the_file(memory_factory, ago):
    """Now, at a moment after all changes, and at one before some."""
    clock = FrozenClock()
    broken = memory_factory("one.db", embedder=Broken(8), clock=clock)
    reranked = memory_factory("other.db", embedder=HashEmbedder(8), reranker=BrokenReranker(), clock=clock)
    for memory in (broken, reranked):
        memory.add("Likes tea", user_id="ana", infer=False)
    clock.advance(days=4)
    for memory in (broken, reranked):
        memory.add("Likes cake", user_id="ana", infer=False, dry_run=ago != timedelta(days=3))
    clock.advance(days=2)
    asked = {} if ago is None else {"as_of": clock() - ago}
    with pytest.raises(ValueError, match=r"^my embedder is broken$"):
        broken.search("tea", **asked)
    with pytest.raises(LookupError, match="my reranker is broken"):
        reranked.search("tea", rerank=True, **asked)
