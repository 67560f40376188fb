"""The nouns of tinymem: what the layers hand to each other, and the protocols that engines fulfil.

Frozen dataclasses inside, plain dictionaries (TypedDict) at the public boundary. This module
imports nothing of tinymem and must never import a model runtime.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any, Literal, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

Metadata = dict[str, Any]
"""Caller's own keys: anything that JSON can hold."""

Vector = NDArray[np.float32]
"""One float32 row of length `dimension`, L2-normalised; or (n, dimension) where a batch is said."""

Role = Literal["user", "assistant", "system"]
Event = Literal["ADD", "UPDATE", "DELETE", "NONE"]
Relation = Literal["same", "update", "delete", "unrelated"]
Precision = Literal["day", "week", "month", "season", "year", "period"]
Clock = Callable[[], datetime]
"""Returns the present moment as an aware datetime."""

NewId = Callable[[], str]
"""Returns a fresh unique id."""


def text_hash(text: str) -> str:
    """Return the MD5 hex digest of a memory's text (mem0's `hash` field; identity, not security)."""
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()


def entity_key(name: str) -> str:
    """Return what two spellings of one name have in common.

    >>> entity_key("  The Café  Rouge.") == entity_key("café rouge")
    True
    """
    folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return re.sub(r"^(the|a|an)\s+(?=\S)", "", folded.strip(" .,;:!?\"'()")) or folded


def render_time(moment: datetime) -> str:
    """Render an aware datetime as UTC ISO 8601 with microseconds and `+00:00`, fit for comparing as text."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Message:
    """One message of a conversation: who said it (role, perhaps a name), what, and perhaps when."""

    role: Role
    content: str
    name: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Scope:
    """Whose memories: any combination of the four ids; all None means nobody's in particular."""

    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    app_id: str | None = None

    def ids(self) -> dict[str, str]:
        """Return the ids that are set, by field name."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Span:
    """Where words stand: `message` is an index into a call's messages, start and end count characters."""

    message: int
    start: int
    end: int


@dataclass(frozen=True)
class Fact:
    """A statement extracted but not stored.

    `about` says whose fact it is ("user" or "assistant"); `message` is the index, in the call's
    messages, of the message that makes it known; `spans` are the words it came from (first the
    statement, then what resolves its pronouns). With `forget=True` it is no statement but what the
    speaker asks to be forgotten, in his words: nothing is ever stored from it.
    """

    text: str
    about: Literal["user", "assistant"]
    message: int
    spans: tuple[Span, ...] = ()
    forget: bool = False


@dataclass(frozen=True)
class Rejection:
    """A statement that was extracted but is not supported by the words it cites, and why."""

    text: str
    reason: str
    message: int


@dataclass(frozen=True)
class EventDate:
    """When what a fact tells happens: first and last day, both included, and how exactly it is known."""

    start: date
    end: date
    precision: Precision = "day"


@dataclass(frozen=True)
class Triple:
    """One relation of the graph: `source` stands in `relationship` to `target`, both named entities."""

    source: str
    relationship: str
    target: str


@dataclass(frozen=True)
class Record:
    """A stored memory. `created_at` and `updated_at` are aware and in UTC.

    `follows` is the id of the memory that was said just before it in the same conversation, where both were
    stored word for word: what stands around a message helps to find it.
    """

    id: str
    text: str
    scope: Scope
    created_at: datetime
    updated_at: datetime
    metadata: Metadata = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    actor_id: str | None = None
    role: str | None = None
    memory_type: str | None = None
    expiration_date: date | None = None
    immutable: bool = False
    archived: bool = False
    event: EventDate | None = None
    relations: tuple[Triple, ...] = ()
    follows: str | None = None

    @property
    def hash(self) -> str:
        """MD5 hex digest of the text."""
        return text_hash(self.text)


@dataclass(frozen=True)
class Decision:
    """What one fact does to the memories it was compared with; not yet a write.

    ADD has no target; UPDATE gives the target's text afterwards; DELETE removes the target;
    NONE says that the fact adds nothing to the target.
    """

    event: Event
    fact: Fact
    target: Record | None = None
    text: str | None = None


@dataclass(frozen=True)
class Change:
    """One write: the Record as it was decided on, and as it will be.

    ADD has only `after`, DELETE only `before`, UPDATE both (same id). `vector` is the embedding of
    `after.text`, or None where none could be made (another embedder wrote this file) or, in an
    UPDATE, where the text stays. `unique` refuses an ADD whose text already stands in its scope.
    """

    event: Literal["ADD", "UPDATE", "DELETE"]
    before: Record | None = None
    after: Record | None = None
    vector: Vector | None = None
    evidence: tuple[Span, ...] = ()
    unique: bool = False

    @property
    def memory_id(self) -> str:
        """The id of the memory that is written."""
        record = self.after or self.before
        assert record is not None, "a Change has a Record before or after"
        return record.id


@dataclass(frozen=True)
class Commit:
    """The named set of Changes that one call made, with the messages it was told.

    `names` are the embeddings of entities in the Changes; `decided_on`, by memory id, the numbers of the last
    Changes that they were decided on; `repeated`, which memory (its id) said already what a message told.
    """

    id: str
    call: str
    at: datetime
    changes: tuple[Change, ...]
    scope: Scope = field(default_factory=Scope)
    messages: tuple[Message, ...] = ()
    engine: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, Vector] = field(default_factory=dict)
    decided_on: Mapping[str, int] = field(default_factory=dict)
    repeated: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class HistoryEntry:
    """One past Change of one memory, read back. `at` is aware and in UTC."""

    commit_id: str
    call: str
    at: datetime
    event: Literal["ADD", "UPDATE", "DELETE"]
    before: Record | None
    after: Record | None
    evidence: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A Record that was found: `score` in 0..1, higher is better, and the parts it was made of."""

    record: Record
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What a language model wrote; `truncated` when it stopped at the token limit instead of an end."""

    text: str
    truncated: bool = False


class Embedder(Protocol):
    """Turns text into vectors."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What fixes the vector space: at least `name` (str), `sha256` (str) and `dimension` (int)."""
        ...

    def embed(self, texts: Sequence[str], *, kind: Literal["document", "query"] = "document") -> Vector:
        """Return float32 (len(texts), dimension), rows L2-normalised, in the order of the texts."""
        ...


class Reranker(Protocol):
    """Judges how well texts answer a query."""

    def rerank(self, query: str, texts: Sequence[str]) -> Vector:
        """Return float32 (len(texts),), each 0..1, higher is better, in the order of the texts."""
        ...


class Llm(Protocol):
    """Writes text under a grammar."""

    @property
    def name(self) -> str:
        """What to write down as the model that decided."""
        ...

    @property
    def n_ctx(self) -> int:
        """How many tokens prompt and reply may take together."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens the messages take as a prompt, chat template included."""
        ...

    def complete(self, messages: Sequence[Message], *, grammar: str | None, max_tokens: int) -> Reply:
        """Answer the messages; `grammar` is GBNF with a `root` rule, None for free text."""
        ...


@dataclass(frozen=True)
class Extraction:
    """What an Extractor found: Facts, and what it found but had to reject."""

    facts: tuple[Fact, ...] = ()
    rejected: tuple[Rejection, ...] = ()


class Extractor(Protocol):
    """Finds what is worth remembering in a conversation."""

    def extract(self, messages: Sequence[Message], about: Sequence[Role], today: date) -> Extraction:
        """Return the Facts of a whole conversation, oldest first, however long it is.

        `about` holds the roles whose statements count ("user", "assistant"); all other messages are
        context. `Fact.message` and spans index into `messages`.
        """
        ...


class Reconciler(Protocol):
    """Decides what new Facts do to stored memories."""

    def reconcile(self, facts: Sequence[Fact], candidates: Sequence[Sequence[Record]]) -> list[Decision]:
        """Decide about every Fact; `candidates[i]` are the Records nearest to `facts[i]`, best first.

        At least one Decision for each Fact, in the order of the Facts; only Records on offer are targets,
        and no Record is the target of two Decisions that write.
        """
        ...


class RelationItem(TypedDict):
    """One relation of the graph (mem0's keys)."""

    source: str
    relationship: str
    target: str


class MemoryItem(TypedDict, total=False):
    """A memory as `get`, `get_all` and `search` show it (mem0's keys)."""

    id: str
    memory: str
    hash: str
    metadata: Metadata
    categories: list[str]
    created_at: str
    updated_at: str
    user_id: str
    agent_id: str
    run_id: str
    app_id: str
    actor_id: str
    role: str
    memory_type: str
    expiration_date: str
    immutable: bool
    archived: bool
    event_date: str
    event_end: str
    event_precision: Precision
    relations: list[RelationItem]
    feedback: str
    feedback_reason: str | None
    score: float
    score_details: dict[str, float]


class AddItem(TypedDict, total=False):
    """One change that `add` made."""

    id: str
    memory: str
    event: Event
    previous_memory: str
    actor_id: str | None
    role: str | None


class RejectedItem(TypedDict):
    """One statement that `add` did not store because nothing supports it."""

    text: str
    reason: str
    message: str


class HistoryItem(TypedDict):
    """One row of `history` (mem0's keys; `action` repeats `event`)."""

    id: str
    memory_id: str
    old_memory: str | None
    new_memory: str | None
    event: str
    action: str
    created_at: str
    updated_at: str
    is_deleted: bool
    actor_id: str | None
    role: str | None
    commit_id: str
