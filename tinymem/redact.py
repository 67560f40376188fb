"""What may not be remembered is taken out before anything is written or any model reads it, or is refused.

Off unless asked for. Built in is what `understand.secrets` finds; a function of the caller's own decides as
it likes. What a message says is judged once, where it comes in, so that its source text, the facts made of it
and their past agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tinymem.arguments import parse_metadata, parse_text, show
from tinymem.errors import ValidationError
from tinymem.types import Commit, Message, Metadata, Record
from tinymem.understand.dialogue import parse_messages

Redact = Literal["mask", "refuse"] | Callable[[str], str] | None
"""Nothing, "mask", "refuse", or a function that returns a text as it may be kept."""

Rule = Callable[[str, str], object]
"""Returns what may be kept of a text, which an error calls by the second argument."""


@dataclass(frozen=True)
class Redaction:
    """What is done with every text that a call stores, or gives to a model; without a rule, nothing."""

    rule: Rule | None = None

    def text(self, text: str, name: str) -> str:
        """Return a text as it may be kept.

        Raises:
            ValidationError: Nothing of it is left, or it is refused; says where and why, and not what.
        """
        return text if self.rule is None else parse_text(self._kept(text, name), f"{name}, redacted,")

    def messages(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages with their words and names as they may be kept; those that say nothing more go.

        Raises:
            ValidationError: No words are left, or some are refused.
        """
        if self.rule is None:
            return list(messages)
        return parse_messages(
            [
                replace(
                    message,
                    content=self._kept(message.content, f"messages[{place}]"),
                    name=message.name and self._kept(message.name, f"the name of messages[{place}]"),
                )
                for place, message in enumerate(messages)
            ]
        )

    def metadata(self, metadata: Metadata, name: str = "metadata") -> Metadata:
        """Return metadata with all texts and numbers in it as they may be kept; keys stay.

        Raises:
            ValidationError: Some is refused.
        """
        return metadata if self.rule is None else parse_metadata(self._value(metadata, name), name)

    def commit(self, commit: Commit) -> Commit:
        """Return a Commit with what it stores, and what it was told, as they may be kept."""
        if self.rule is None:
            return commit
        changes = tuple(
            replace(change, before=self._record(change.before), after=self._record(change.after))
            for change in commit.changes
        )
        told = tuple(self.messages(commit.messages)) if commit.messages else ()
        return replace(commit, changes=changes, messages=told)

    def _record(self, record: Record | None) -> Record | None:
        if record is None:
            return None
        name = f"memory {record.id!r}"
        metadata = self.metadata(record.metadata, f"the metadata of {name}")
        return replace(record, text=self.text(record.text, name), metadata=metadata)

    def _value(self, value: Any, name: str) -> Any:
        if isinstance(value, str):
            return self._kept(value, name)
        if isinstance(value, dict):
            return {key: self._value(inner, f"{name}.{key}") for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, f"{name}[{place}]") for place, inner in enumerate(value)]
        if isinstance(value, int) and not isinstance(value, bool):
            kept = self._kept(str(value), name)
            return value if kept == str(value) else kept
        return value

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

        return Redaction(refused if value == "refuse" else lambda text, name: masked(text))
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
    from tinymem.understand.secrets import find_secrets

    for secret in find_secrets(text):
        where = f"{secret.kind}, characters {secret.start} to {secret.end}"
        raise ValidationError(
            f"{name} holds what looks like a secret ({where}): leave it out, or let redact='mask' take it "
            "out. It was not stored"
        )
    return text
