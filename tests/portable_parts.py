"""What the tests of exports share: any past that a file can have, what a file holds, and how it goes out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.store_parts import FULL, NOW, random_unit, record
from tinymem import Memory
from tinymem.store.filters import EVERYTHING
from tinymem.testing import FrozenClock, HashEmbedder
from tinymem.types import Change, Commit, EventDate, Message, Record, Scope, Span, Triple

EMBEDDER = HashEmbedder(8)
IDS = "abcde"
Step = Commit | tuple[str, str, str | None, datetime]


def fresh(path: str | Path = ":memory:", embedder: HashEmbedder = EMBEDDER, **options: Any) -> Memory:
    return Memory(path, embedder=embedder, **options)


def exported(memory: Memory, folder: Path, **selection: Any) -> list[bytes]:
    """Return the lines of an export, the first without the time."""
    memory.export(folder / "lines.jsonl", **selection)
    first, *rest = (folder / "lines.jsonl").read_bytes().splitlines(keepends=True)
    header = json.loads(first)
    assert header.pop("exported_at").endswith("+00:00")
    return [json.dumps(header).encode(), *rest]


def contents(memory: Memory) -> list[Any]:
    """Return everything that a memory's own methods read."""
    store = memory._store
    records = store.select(EVERYTHING)
    pasts = [store.history(memory_id) for memory_id in IDS]
    commits = dict.fromkeys(entry.commit_id for past in pasts for entry in past)
    vectors = [store.vector_of(one.id) for one in records]
    return [
        *(repr(records), repr(pasts), [None if each is None else each.tobytes() for each in vectors]),
        *({each: store.messages_of(each) for each in commits}, [store.feedback(each) for each in IDS]),
        *(store.settings(), store.identity(), store.entities(EVERYTHING)),
        [repr(store.entity_names(one.scope)) for one in records],
        {name: value for name, value in store.stats().items() if name != "size_bytes"},
    ]


# A text as the calls that write take it: no NUL, no half of a character, and not blank.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8).filter(
    str.strip
)
optional_texts = st.none() | texts
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
moments = st.datetimes(timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=9))])).map(
    lambda moment: moment.replace(fold=0, year=max(moment.year, 2))
)
scopes = st.builds(Scope, optional_texts, *[st.sampled_from([None, "x"])] * 3)
names = st.sampled_from(["Maya", "the café", "Café", "東京"])
vectors = st.none() | st.integers(0, 99).map(lambda seed: random_unit(np.random.default_rng(seed)))
fields = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("actor_id", "role", "follows"), optional_texts),
        "memory_type": st.sampled_from([None, "procedural_memory"]),
        **dict.fromkeys(("immutable", "archived"), st.booleans()),
        "text": texts,
        "metadata": json_objects,
        "updated_at": moments,
        "expiration_date": st.none() | st.dates(),
        "categories": st.lists(texts, max_size=3, unique=True).map(tuple),
        "event": st.none() | st.builds(EventDate, st.dates(), st.dates(), st.sampled_from(["day", "week"])),
        "relations": st.lists(st.builds(Triple, names, texts, names), max_size=2).map(tuple),
    },
)
messages = st.lists(
    st.builds(
        *(Message, st.sampled_from(["user", "assistant"]), texts | st.just("")),
        *(optional_texts, st.none() | moments),
    ),
    max_size=2,
).map(tuple)
spans = st.lists(st.builds(Span, *[st.integers(0, 9)] * 3), max_size=2).map(tuple)


@st.composite
def pasts(draw: st.DrawFn) -> list[Step]:
    """Return commits and feedback that a store can take in this order."""
    alive: dict[str, Record] = {}
    steps: list[Step] = []
    embedded = False
    generator = np.random.default_rng(0)
    for number in range(draw(st.integers(1, 6))):
        changes = []
        for memory_id in draw(st.lists(st.sampled_from(IDS), max_size=3, unique=True)):
            before = alive.pop(memory_id, None)
            if before is not None and draw(st.booleans()):
                changes.append(Change("DELETE", before, evidence=draw(spans)))
                continue
            after = replace(before or record(memory_id, scope=draw(scopes)), **draw(fields))
            changes.append(Change("UPDATE" if before else "ADD", before, after, draw(vectors), draw(spans)))
            alive[memory_id] = after
        embedded = embedded or any(change.vector is not None for change in changes)
        known = {
            name: random_unit(generator) for name in ("Maya", "Café") if embedded and draw(st.booleans())
        }
        told = (draw(scopes), draw(messages), draw(json_objects), known)
        steps.append(Commit(f"c{number}", draw(texts), draw(moments), tuple(changes), *told))
        for memory_id in draw(st.lists(st.sampled_from(sorted(alive)), max_size=2)) if alive else ():
            verdict = draw(st.sampled_from(["POSITIVE", "NEGATIVE", "VERY_NEGATIVE"]))
            steps.append((memory_id, verdict, draw(optional_texts), draw(moments)))
    return steps


def replay(steps: list[Step], memory: Memory) -> Memory:
    for step in steps:
        if isinstance(step, Commit):
            memory._store.apply(step, embedder=EMBEDDER.identity)
        else:
            memory._store.add_feedback(*step)
    return memory


def filled(memory: Memory, clock: FrozenClock) -> Memory:
    """Put a bit of everything into an empty Memory whose ids count, and let ten days pass."""
    memory.add("Has a dog", user_id="ana", infer=False)
    memory.add("Has a cat", user_id="bob", infer=False, expiration_date="2026-01-11", metadata={"a": [1]})
    tea = memory.add("Likes tea", user_id="ana", infer=False)["results"][0]["id"]
    memory.update(tea, "Likes green tea")
    memory.delete(memory.add("Has a secret", user_id="ana", infer=False)["results"][0]["id"])
    store = memory._store
    store.add_feedback(tea, "POSITIVE", None, NOW)
    store.add_feedback(tea, "POSITIVE", None, NOW)
    store.change_settings({"excludes": ["health"]})
    said = FULL.text.replace("\0", "")
    full = replace(FULL, text=said, relations=(Triple("Maya", "likes", "東京"),), archived=True)
    vector = EMBEDDER.embed([full.text])[0]
    told = (Message("user", "What a cat!", "Maya", NOW), Message("assistant", "Indeed."))
    change = Change("ADD", None, full, vector, (Span(0, 0, 4),))
    last = Commit("full's", "add", NOW, (change,), full.scope, told, {"llm": "x"}, {"東京": vector})
    store.apply(last, embedder=EMBEDDER.identity)
    clock.advance(days=9)
    return memory
