"""Public fakes for fast, reproducible tests of applications that use tinymem.

Each fulfils a protocol of `tinymem.types` with no model file: a language model that replies from a
script, an embedder made of hashes, a clock that stands still, ids that count. They replace engines,
never the store: the file underneath is always the real one.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import numpy as np

from tinymem.errors import ReplyError
from tinymem.types import Message, NewId, Reply, Vector

__all__ = ["FrozenClock", "HashEmbedder", "ScriptedLlm", "counting_ids"]


class FrozenClock:
    """A clock that moves only when told to.

    Example:
        >>> clock = FrozenClock("2026-01-01T00:00:00+00:00")
        >>> clock.advance(days=1)
        >>> clock().isoformat()
        '2026-01-02T00:00:00+00:00'
    """

    def __init__(self, start: str | datetime = "2026-01-01T00:00:00+00:00") -> None:
        moment = datetime.fromisoformat(start) if isinstance(start, str) else start
        self.now = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        """Return the present moment, an aware datetime."""
        return self.now

    def advance(self, *, days: float = 0, seconds: float = 0) -> None:
        """Move the clock forward (or back, with negative numbers)."""
        self.now += timedelta(days=days, seconds=seconds)


def counting_ids(prefix: str = "id-") -> NewId:
    """Return a factory of the ids `prefix` + 1, 2, 3, ...

    Example:
        >>> new_id = counting_ids()
        >>> new_id(), new_id()
        ('id-1', 'id-2')
    """
    numbers = itertools.count(1)  # counts once for every call, from whichever thread
    return lambda: f"{prefix}{next(numbers)}"


class HashEmbedder:
    """Turns a text's words into a vector by hashing: texts that share words are near each other.

    Args:
        dimension: length of the vectors.
    """

    def __init__(self, dimension: int = 64) -> None:
        self.dimension = dimension

    @property
    def identity(self) -> Mapping[str, Any]:
        """What fixes the vector space."""
        return {"name": "hash", "sha256": f"hash-{self.dimension}", "dimension": self.dimension}

    def embed(self, texts: Sequence[str], *, kind: Literal["document", "query"] = "document") -> Vector:
        """Return float32 (len(texts), dimension), rows L2-normalised."""
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()) or [text]:
                digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
                row[int.from_bytes(digest[:4], "little") % self.dimension] += 1 if digest[4] & 1 else -1
            if not row.any():
                row[0] = 1
            row /= np.linalg.norm(row)
        return rows


class ScriptedLlm:
    """A language model that gives the replies it was told to give, in order, and keeps the prompts.

    Args:
        replies: what to answer; a `Reply` for a truncated one.
        n_ctx: the context that it claims to have, in tokens of four characters.

    Example:
        >>> llm = ScriptedLlm(['{"facts": []}'])
        >>> llm.complete([Message("user", "hi")], grammar=None, max_tokens=10).text
        '{"facts": []}'
    """

    def __init__(self, replies: Iterable[str | Reply], *, n_ctx: int = 4096, name: str = "scripted") -> None:
        self.replies = list(replies)
        self.prompts: list[list[Message]] = []
        self._n_ctx = n_ctx
        self._name = name

    @property
    def name(self) -> str:
        """What is written down as the model that decided."""
        return self._name

    @property
    def n_ctx(self) -> int:
        """How many tokens prompt and reply may take together."""
        return self._n_ctx

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return a quarter of the characters, rounded up, plus four for each message."""
        return sum(-(-len(message.content) // 4) + 4 for message in messages)

    def complete(self, messages: Sequence[Message], *, grammar: str | None, max_tokens: int) -> Reply:
        """Return the next reply of the script.

        Raises:
            ReplyError: the script has no reply left.
        """
        self.prompts.append(list(messages))
        if not self.replies:
            raise ReplyError("ScriptedLlm has no reply left: give it one reply for every expected call")
        reply = self.replies.pop(0)
        return reply if isinstance(reply, Reply) else Reply(reply)
