"""A plain understanding for tests: every message is a fact; facts that begin alike are about the same.

Like `tinymem.testing` these fulfil the protocols without a model; the file underneath is the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from tinymem.types import Decision, Extraction, Fact, Message, Record, Rejection, Role, Span


class EveryMessage:
    """Takes every message of those who speak as one fact, except questions; rejects what sounds doubtful.

    A message with "surely" in it is rejected, as a statement that nothing supports.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[list[Message], tuple[Role, ...], date]] = []

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        self.calls.append((list(messages), tuple(about), today))
        facts: list[Fact] = []
        rejected: list[Rejection] = []
        for index, message in enumerate(messages):
            if message.role not in about or message.content.endswith("?"):
                continue
            if "surely" in message.content:
                rejected.append(Rejection(message.content, "nobody said that for sure", index))
                continue
            owner = "user" if message.role == "user" else "assistant"
            facts.append(Fact(message.content, owner, index, (Span(index, 0, len(message.content)),)))
        return Extraction(tuple(facts), tuple(rejected))


class SameBeginning:
    """Lets a fact replace the candidate that begins with the same word; "Not any more: Word" deletes it.

    Args:
        before: runs before every decision; a test lets another writer in here.
    """

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.before = before
        self.calls: list[list[str]] = []

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        self.calls.append([fact.text for fact in facts])
        self.before()
        return [self.decide(fact, offered) for fact, offered in zip(facts, candidates, strict=True)]

    def decide(self, fact: Fact, offered: Sequence[Record]) -> Decision:
        gone = fact.text.startswith("Not any more: ")
        first = fact.text.removeprefix("Not any more: ").split()[0]
        target = next((record for record in offered if record.text.split()[0] == first), None)
        if target is None:
            return Decision("NONE" if gone else "ADD", fact)
        return Decision("DELETE", fact, target) if gone else Decision("UPDATE", fact, target, fact.text)
