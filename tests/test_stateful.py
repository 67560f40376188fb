"""Any sequence of calls leaves the file in the state that a plain dictionary says, with all of its past."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from tinymem import Memory
from tinymem.testing import FrozenClock, HashEmbedder

users = st.sampled_from(["ana", "bob"])
runs = st.sampled_from([None, "r1"])
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20
).filter(str.strip)
metadata = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.booleans() | st.integers(-3, 3) | texts, max_size=3
)


class Remembering(RuleBasedStateMachine):
    """Adds, updates and deletes on a real file in memory, and on a dictionary."""

    keys = Bundle("keys")

    @initialize()
    def open(self) -> None:
        self.clock = FrozenClock()
        self.memory = Memory(":memory:", embedder=HashEmbedder(8), clock=self.clock)
        self.model: dict[str, dict] = {}
        self.past: dict[str, list[tuple[str, str | None, str | None]]] = {}

    @rule(target=keys, said=st.lists(texts, min_size=1, max_size=3), user=users, run=runs, metadata=metadata)
    def add(self, said, user, run, metadata):
        self.clock.advance(seconds=1)
        messages = [{"role": "user", "content": text} for text in said]
        results = self.memory.add(messages, user_id=user, run_id=run, metadata=metadata, infer=False)[
            "results"
        ]
        assert [each["memory"] for each in results] == said
        for each in results:
            self.model[each["id"]] = {"text": each["memory"], "user": user, "run": run, "metadata": metadata}
            self.past[each["id"]] = [("ADD", None, each["memory"])]
        return multiple(*(each["id"] for each in results))

    @rule(key=keys, text=texts, change=metadata | st.none(), merge=st.booleans())
    def update(self, key, text, change, merge):
        if key not in self.model:
            return
        self.clock.advance(seconds=1)
        self.memory.update(key, text=text, metadata=change, merge=merge)
        item = self.model[key]
        text = text.strip()
        self.past[key].append(("UPDATE", item["text"], text))
        merged = {**item["metadata"], **(change or {})} if merge or change is None else dict(change)
        if merge and change:
            merged = {
                name: value for name, value in merged.items() if name not in change or value is not None
            }
        self.model[key] = {**item, "text": text, "metadata": merged}

    @rule(key=consumes(keys))
    def delete(self, key):
        if key not in self.model:
            return
        self.memory.delete(key)
        self.past[key].append(("DELETE", self.model.pop(key)["text"], None))

    @rule(user=users, run=runs)
    def delete_all(self, user, run):
        gone = [
            key for key, item in self.model.items() if item["user"] == user and run in (None, item["run"])
        ]
        assert self.memory.delete_all(user_id=user, run_id=run)["deleted"] == len(gone)
        for key in gone:
            self.past[key].append(("DELETE", self.model.pop(key)["text"], None))

    @rule()
    def reset(self):
        if len(self.past) > 8:
            self.memory.reset()
            self.model.clear()
            self.past.clear()

    @rule(key=keys)
    def look(self, key):
        found = self.memory.get(key)
        assert (found is None) == (key not in self.model)
        if found is not None:
            best = self.memory.search(found["memory"], user_id=found["user_id"])["results"]
            assert key in {each["id"] for each in best}

    @invariant()
    def all_is_as_the_dictionary_says(self):
        for user in ("ana", "bob"):
            found = self.memory.get_all(user_id=user)["results"]
            assert {
                each["id"]: {
                    "text": each["memory"],
                    "user": each["user_id"],
                    "run": each.get("run_id"),
                    "metadata": each["metadata"],
                }
                for each in found
            } == {key: item for key, item in self.model.items() if item["user"] == user}
            assert self.memory.count(user_id=user) == len(found)
        for key, rows in self.past.items():
            seen = [(row["event"], row["old_memory"], row["new_memory"]) for row in self.memory.history(key)]
            assert seen == rows

    def teardown(self):
        assert self.memory.check() == []
        self.memory.close()


Remembering.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestRemembering = Remembering.TestCase
