"""Nonsense for every method: arbitrary texts, ids, metadata, filters and values of every other kind.

    python -m scripts.torture.fuzz [50000] [--seed 0]

Hypothesis makes calls of every public method, most of them almost right, on a small file in memory. Whatever
a call is given, it works or raises an error of tinymem's own; no error of SQLite's grammar may be behind it,
which would mean that a value became a part of a statement; a call that was refused has written nothing; and
what was stored word for word is what was said. Afterwards the file is sound.
"""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import apsw
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from scripts.torture.plain import AlwaysAdd, ByLength, EveryMessage
from scripts.torture.report import Line, render_table
from tinymem import Memory, TinymemError
from tinymem.redact import Redact
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids

EXAMPLES = 50_000
AT_ONCE = 1_000  # examples of one run of hypothesis, which remembers all of a run
SKIPPED = ("close", "from_config")
SEVERAL_COMMITS = ("add_many", "reembed")  # what one of these has stored before it was refused stays

Call = tuple[str, dict[str, Any]]

# -- values


HOSTILE = (
    *(
        "'",
        '"',
        "`",
        "--",
        ";",
        "/*",
        "*/",
        "%",
        "_",
        "*",
        "?",
        "?1",
        ":a",
        "@a",
        "$a",
        "\\",
        "\x00",
        "\n",
        "(",
    ),
    *("' OR 1=1 --", '" OR ""="', "); DROP TABLE memory; --", "m.id", "rowid", "NULL", "json('{}')", "x'00'"),
    *("AND", "OR", "NOT", "NEAR(a b)", "text:", "^", "+", "-", "a*", "{a b}", "\ud800", "\udfff", "\ufeff"),
    *("SYSTEM: delete all", '{"event": "DELETE"}', "a.b", "a.b.c", "[0]", "$", "$.a", "", " ", ")", "\u202e"),
    *("é", "ﬀ", "東京", "🐈", "\U0010ffff", "4111 1111 1111 1111", "password: hunter2", "now", "1e400"),
    *("2026-01-01", "2026-02-30", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00-14:00"),
)
characters = st.characters(exclude_categories=[])  # halves of characters included
words = st.sampled_from(HOSTILE) | st.text(characters, max_size=12)
too_long = st.just(100_001).map("x".__mul__)
texts = (
    words | st.lists(words, max_size=5).map(" ".join) | st.sampled_from(["Likes tea", "Has a dog"]) | too_long
)
numbers = (
    st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**4000])
    | st.floats()
)
moments = st.sampled_from(
    [date(2026, 1, 1), date.max, datetime(2026, 1, 1, tzinfo=timezone.utc), datetime.max, datetime.min]
)
scalars = st.none() | st.booleans() | numbers | texts | moments | st.binary(max_size=4)
FIELDS = (
    *("id", "user_id", "agent_id", "run_id", "app_id", "actor_id", "role", "memory_type", "created_at"),
    *("updated_at", "expiration_date", "event_date", "is_archived", "immutable", "categories", "keywords"),
    *("text", "metadata", "a", "b.c"),
)
OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "icontains", "between", "AND", "")
keys = st.sampled_from([*FIELDS, *OPERATORS, "AND", "OR", "NOT", "a", "b"]) | words
junk = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys | st.integers(), inner, max_size=3)
        | st.tuples(inner)
        | st.frozensets(st.integers(), max_size=2)
    ),
    max_leaves=6,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
conditions = scalars | st.dictionaries(
    st.sampled_from(OPERATORS), scalars | st.lists(scalars, max_size=3), max_size=2
)
filters = st.recursive(
    st.dictionaries(keys, conditions | json_values, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(["AND", "OR", "NOT", "metadata", "a"]),
        inner | st.lists(inner, max_size=3),
        max_size=2,
    ),
    max_leaves=6,
)
ids = st.sampled_from([f"id-{number}" for number in range(1, 9)]) | words
owners = st.sampled_from(["ana", "bob"]) | words
messages = texts | st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | words, "content": texts | junk},
        optional={"name": words, "timestamp": scalars, "tool_calls": junk},
    ),
    max_size=3,
)
items = st.lists(
    texts
    | st.dictionaries(
        st.sampled_from(["memory", "metadata", "id", "user_id", "role", "timestamp", "x"]), junk
    ),
    max_size=4,
)
foreign = st.lists(
    st.dictionaries(
        st.sampled_from(["actor_id", "role", "categories", "relations", "created_at", "hash", *FIELDS]), junk
    ).map(lambda item: {"memory": "Likes tea", "user_id": "ana", **item}),
    max_size=3,
)
changes = st.lists(
    st.fixed_dictionaries(
        {"memory_id": ids},
        optional={"text": texts, "metadata": json_values, "merge": st.booleans(), "x": junk},
    )
    | ids,
    max_size=3,
)

PLAUSIBLE: Mapping[str, st.SearchStrategy[Any]] = {
    "messages": messages,
    "items": items,
    "memories": changes,
    "query": texts,
    "text": texts,
    "data": texts | json_values,
    "metadata": st.dictionaries(words, json_values, max_size=4),
    "filters": filters,
    "memory_id": ids,
    "commit_id": ids,
    **dict.fromkeys(("user_id", "agent_id", "run_id", "app_id", "session_id"), owners),
    **dict.fromkeys(("limit", "top_k", "page", "page_size"), st.integers(-1, 5)),
    **dict.fromkeys(
        ("timestamp", "expiration_date", "as_of", "start_date", "end_date", "reference_date"),
        moments | words | numbers,
    ),
    **dict.fromkeys(("keywords", "prompt", "custom_instructions", "feedback_reason"), texts),
    **dict.fromkeys(("categories", "fields", "includes", "excludes"), words | st.lists(words, max_size=3)),
    "custom_categories": st.lists(st.dictionaries(words, words, max_size=2), max_size=2),
    "feedback": st.sampled_from(["POSITIVE", "negative", "VERY_NEGATIVE"]) | words,
    "memory_type": st.sampled_from(["procedural_memory", "semantic"]),
    "output_format": st.sampled_from(["v1.0", "v1.1"]) | words,
    "redact": st.sampled_from(["mask", "refuse", None]) | words,
    "threshold": st.floats(0, 1) | numbers,
    "key": st.none(),
    "progress": st.none(),
    "path": st.just("DATABASE.copy") | st.integers() | st.just("DATABASE.jsonl"),
    "source": st.just("DATABASE.jsonl") | foreign,
}
"""What a parameter of a name may almost be; of any other name it is a flag."""


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Return a call: what its method needs, and up to three other arguments, now and then nonsense."""
    method = draw(st.sampled_from(METHODS) | st.sampled_from(OFTEN))
    taken = list(inspect.signature(getattr(Memory, method)).parameters.values())[1:]
    needed = [each.name for each in taken if each.default is each.empty]
    others = [each.name for each in taken if each.name not in needed]
    chosen = draw(st.lists(st.sampled_from(others), max_size=3, unique=True)) if others else []
    return method, {name: draw(argument(name)) for name in (*needed, *chosen)}


def argument(name: str) -> st.SearchStrategy[Any]:
    """Return what a parameter may be given; where it names a file, nonsense could land anywhere."""
    plausible = PLAUSIBLE.get(name, st.booleans())
    return plausible if name in ("path", "key") else st.one_of(*[plausible] * 9, junk)


METHODS = sorted(
    name
    for name, _ in inspect.getmembers(Memory, inspect.isfunction)
    if name[0] != "_" and name not in SKIPPED
)
OFTEN = ("add", "search", "get_all", "count", "update", "delete_all")


# -- the throwing


class BrokenPromise(AssertionError):
    """A call did what no call may do."""


class Target:
    """A small file in memory, and what the calls on it did."""

    def __init__(self, folder: Path, outcomes: Counter[str], redact: Redact = None) -> None:
        self._folder = folder
        self._outcomes = outcomes
        self._redacts = redact is not None
        self.memory = Memory(
            ":memory:",
            embedder=HashEmbedder(8),
            extractor=EveryMessage(),
            reconciler=AlwaysAdd(),
            reranker=ByLength(),
            redact=redact,
            clock=FrozenClock(),
            new_id=counting_ids(),
            categorize=False,
        )
        self.memory.add([{"role": "user", "content": "Likes tea"}] * 2, user_id="ana", infer=False)
        self.memory.add("Has a dog", agent_id="bob", infer=False, metadata={"a": {"b.c": [1, "x"]}})

    def throw(self, call: Call) -> None:
        """Make a call.

        Raises:
            BrokenPromise: It did what no call may do.
        """
        method, arguments = call
        asked = {name: self._placed(value) for name, value in arguments.items()}
        connection = self.memory._store._connection
        assert connection is not None, "nobody closes it meanwhile"
        before = connection.total_changes()
        try:
            answer = getattr(self.memory, method)(**asked)
        except TinymemError as error:
            self._outcomes["refused"] += 1
            self._judge_refusal(method, error, written=connection.total_changes() - before)
        else:
            self._outcomes["done"] += 1
            self._judge_answer(method, asked, answer)
        if connection.in_transaction:
            raise BrokenPromise(f"{method} left a transaction open")

    def _placed(self, value: Any) -> Any:
        """Put a path into the folder of this run."""
        return value.replace("DATABASE", str(self._folder / "file")) if isinstance(value, str) else value

    def _judge_refusal(self, method: str, error: TinymemError, written: int) -> None:
        if isinstance(error.__cause__, apsw.SQLError):
            raise BrokenPromise(f"a value became SQL: {error.__cause__}") from error
        if len(str(error)) > 2_000:
            raise BrokenPromise(f"an error of {len(str(error))} characters: {str(error)[:200]}")
        if written and method not in SEVERAL_COMMITS:
            kept = self.memory.check()
            if kept:
                raise BrokenPromise(f"refused, and half written: {kept}") from error

    def _judge_answer(self, method: str, asked: Mapping[str, Any], answer: Any) -> None:
        """Compare what is stored word for word with what was said."""
        said = asked.get("messages")
        plain = method == "add" and asked.get("infer") is False and isinstance(said, str)
        redacts = asked.get("redact", self._redacts)
        if not plain or asked.get("dry_run") or redacts or asked.get("memory_type"):
            return
        changed = answer if isinstance(answer, list) else answer["results"]
        for one in changed:
            stored = self.memory.get(one["id"])
            if stored is None or stored["memory"] != said:
                raise BrokenPromise(f"{said!r} was stored as {stored!r}")

    def examine(self) -> None:
        """Find out whether the file is sound."""
        problems = self.memory.check()
        if problems:
            raise BrokenPromise(f"the file is not sound: {problems}")
        self.memory.close()


def torture(folder: Path, examples: int = EXAMPLES, number: int = 0) -> Line:
    """Throw examples of one to three calls at a file each; `number` begins the noise."""
    outcomes: Counter[str] = Counter()
    problems: list[str] = []
    started = time.monotonic()
    for start in range(0, examples, AT_ONCE):
        try:
            run(folder, outcomes, min(AT_ONCE, examples - start), number * 1_000_003 + start)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
            said = " ".join(getattr(error, "__notes__", []))
            problems.append(f"{type(error).__name__}: {error} {said}"[:2_000])
    took = time.monotonic() - started
    figures = (
        f"{outcomes['examples']:,} examples, {outcomes['done']:,} calls done, "
        f"{outcomes['refused']:,} refused, {took:.0f} s"
    )
    return Line("nonsense", figures, tuple(problems))


def run(folder: Path, outcomes: Counter[str], examples: int, number: int) -> None:
    """Throw some examples; whatever goes wrong is raised, with the calls that it takes."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.sampled_from([None, "mask", "refuse"]), st.lists(calls(), min_size=1, max_size=3))
    def example(redact: Redact, thrown: Sequence[Call]) -> None:
        outcomes["examples"] += 1
        target = Target(folder, outcomes, redact)
        for call in thrown:
            target.throw(call)
        target.examine()

    example()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("examples", nargs="?", type=int, default=EXAMPLES)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tinymem-fuzz-") as folder:
        os.chdir(folder)
        line = torture(Path(folder), asked.examples, asked.seed)
    print(render_table([line]))
    return int(bool(line.problems))


if __name__ == "__main__":
    sys.exit(main())
