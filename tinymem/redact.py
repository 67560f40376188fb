"""What may not be remembered is taken out before anything is written or any model reads it, or is refused.

Off unless asked for. Built in is what `understand.secrets` finds; a function of the caller's own decides as
it likes. What a message says is judged once, where it comes in, so that its source text, the facts made of it
and their past agree. An id is never changed, because it has to be found again: one with a secret is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

from tinymem.arguments import parse_id, parse_metadata, parse_text, show
from tinymem.errors import ValidationError
from tinymem.types import Commit, Message, Metadata, Record, Scope, Triple
from tinymem.understand.dialogue import parse_messages

Redact = Literal["mask", "refuse"] | Callable[[str], str] | None
"""Nothing, "mask", "refuse", or a function that returns a text as it may be kept."""

Rule = Callable[[str, str], object]
"""Returns what may be kept of a text, which an error calls by the second argument."""


@dataclass(frozen=True)
class Redaction:
    """What is done with every text that a call stores, or gives to a model; without a rule, nothing.

    `of_ids` refuses an id by its own rule; without one, ids are not looked at.
    """

    rule: Rule | None = None
    of_ids: Rule | None = None

    def id(self, value: str, name: str) -> str:
        """Return an id as it is.

        Raises:
            ValidationError: It holds a secret.
        """
        if self.of_ids is not None:
            self.of_ids(value, name)
        return value

    def scope(self, scope: Scope) -> Scope:
        """Return a scope as it is.

        Raises:
            ValidationError: One of its ids holds a secret.
        """
        for name, value in scope.ids().items():
            self.id(value, name)
        return scope

    def text(self, text: str, name: str) -> str:
        """Return a text as it may be kept.

        Raises:
            ValidationError: Nothing of it is left, or it is refused; says where and why, and not what.
        """
        return text if self.rule is None else parse_text(self._kept(text, name), f"{name}, redacted,")

    def name(self, name: str, where: str) -> str:
        """Return a speaker's name or role as it may be kept; see `text`."""
        return name if self.rule is None else parse_id(self._kept(name, where), f"{where}, redacted,")

    def messages(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages with their words and names as they may be kept; those that say nothing more go.

        Raises:
            ValidationError: No words are left, or some are refused.
        """
        if self.rule is None:
            return list(messages)
        return parse_messages([self._message(message, place) for place, message in enumerate(messages)])

    def metadata(self, metadata: Metadata, name: str = "metadata") -> Metadata:
        """Return metadata with all keys, texts and numbers in it as they may be kept.

        Raises:
            ValidationError: Some is refused, or two keys become one.
        """
        return metadata if self.rule is None else parse_metadata(self._value(metadata, name), name)

    def setting(self, value: Any, name: str) -> Any:
        """Return a setting of the file as it may be kept; see `metadata`."""
        return value if self.rule is None else self._value(value, name)

    def commit(self, commit: Commit) -> Commit:
        """Return a Commit with what it stores, and what it was told, as they may be kept."""
        if self.rule is None:
            return commit
        changes = tuple(
            replace(change, before=self._record(change.before), after=self._record(change.after))
            for change in commit.changes
        )
        # One of which nothing is left stays in its place: evidence counts by places.
        told = tuple(self._message(message, place) for place, message in enumerate(commit.messages))
        return replace(commit, scope=self.scope(commit.scope), changes=changes, messages=told)

    def _message(self, message: Message, place: int) -> Message:
        name = message.name and self._kept(message.name, f"the name of messages[{place}]")
        return replace(message, content=self._kept(message.content, f"messages[{place}]"), name=name)

    def _record(self, record: Record | None) -> Record | None:
        if record is None:
            return None
        self.id(record.id, "the id of a memory")
        name = f"memory {record.id!r}"
        categories = [self.text(each, f"a category of {name}") for each in record.categories]
        relations = [
            Triple(*(self.text(part, f"a relation of {name}") for part in astuple(triple)))
            for triple in record.relations
        ]
        return replace(
            record,
            text=self.text(record.text, name),
            metadata=self.metadata(record.metadata, f"the metadata of {name}"),
            actor_id=record.actor_id and self.name(record.actor_id, f"the actor_id of {name}"),
            role=record.role and self.name(record.role, f"the role of {name}"),
            categories=tuple(dict.fromkeys(categories)),
            relations=tuple(relations),
        )

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, str):
            return self._kept(value, name)
        if isinstance(value, dict):
            return self._keyed(value, name)
        if isinstance(value, list):
            return [self._value(inner, f"{name}[{place}]") for place, inner in enumerate(value)]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            digits = str(int(value) if value == int(value) else value)
            kept = self._kept(digits, name)
            return value if kept == digits else kept
        return value

    def _keyed(self, value: Metadata, name: str) -> Metadata:
        keyed: Metadata = {}
        for key, inner in value.items():
            kept = self._kept(key, f"a key of {name}")
            if kept in keyed:
                raise ValidationError(f"{name}: several keys, redacted, are {kept!r}: name them otherwise")
            keyed[kept] = self._value(inner, f"{name}.{kept}")
        return keyed

    def _kept(self, text: str, name: str) -> str:
        assert self.rule is not None, "asked only with a rule"
        kept = self.rule(text, name)
        if not isinstance(kept, str):
            raise ValidationError(f"redact must return a text for {name}, and it returned {show(kept)}")
        return kept


NOTHING_REDACTED = Redaction()


def parse_redact(value: object) -> Redaction:
    """Return what `redact` asks for.

    Raises:
        ValidationError: It is nothing that can be asked for.
    """
    if value is None:
        return NOTHING_REDACTED
    if isinstance(value, str) and value in ("mask", "refuse"):
        from tinymem.understand.secrets import masked

        return Redaction(refused if value == "refuse" else lambda text, name: masked(text), id_refused)
    if callable(value):
        return Redaction(lambda text, name: value(text))
    raise ValidationError(
        f"redact must be 'mask', 'refuse', a function of a text, or None, got {show(value)}"
    )


def refused(text: str, name: str) -> str:
    """Return a text in which there is no secret.

    Raises:
        ValidationError: There is one; says what kind of, and where, and not which.
    """
    return _without_secret(text, name, "leave it out, or let redact='mask' take it out")


def id_refused(value: str, name: str) -> str:
    """Return an id in which there is no secret; see `refused`."""
    return _without_secret(value, name, "an id is never masked, use another one")


def _without_secret(text: str, name: str, advice: str) -> str:
    from tinymem.understand.secrets import find_secrets

    for secret in find_secrets(text):
        where = f"{secret.kind}, characters {secret.start} to {secret.end}"
        raise ValidationError(f"{name} holds what looks like a secret ({where}): {advice}. It was not stored")
    return text
