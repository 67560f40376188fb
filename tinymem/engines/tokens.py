"""Texts as tokens, cut to what a model can read, and tokens as padded arrays.

Wraps a `tokenizers.Tokenizer` for encoders. Any str is fine: what UTF-8 cannot hold is replaced, the
model's own special tokens are plain characters when a text contains them, and of a text that is far
too long only a part is looked at. This module must never know what the model computes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH_TOKENS = 512
"""Tokens computed at once, padding included: more is no faster, and onnxruntime keeps what the largest batch
took (10 MB; at 2,048 tokens 70 MB)."""

CHARACTERS_PER_TOKEN = 32
"""How far texts are looked at for each token there is room for; farther when that gives too few tokens."""

SURROGATES = re.compile("[\ud800-\udfff]")

Offsets = list[tuple[int, int] | None]


@dataclass(frozen=True)
class Tokens:
    """One text or pair, ready for a model.

    `ids` and `kinds` (0 first text, 1 second) are equally long. `offsets` are characters of the second
    text, or of the only one; None for every other token.
    """

    ids: list[int]
    kinds: list[int]
    offsets: Offsets


class Vocabulary:
    """A tokenizer that only cuts texts into tokens; `TextCutter`s of several models may share one.

    `padding` is the id of what fills the rows of a batch.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.padding: int = (tokenizer.padding or {}).get("pad_id", 0)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True  # "[SEP]" in a text must not end the text
        self.tokenizer = tokenizer


class TextCutter:
    """Turns texts and pairs into `Tokens` of at most `max_tokens`; safe to share between threads.

    A single text that is too long loses its end. In a pair the first text keeps its last `max_first_tokens`
    tokens (what was said just before), and the second loses its end.
    """

    def __init__(self, vocabulary: Vocabulary, max_tokens: int, max_first_tokens: int) -> None:
        self._vocabulary = vocabulary
        self._tokenizer = tokenizer = vocabulary.tokenizer
        self._room = max_tokens - tokenizer.num_special_tokens_to_add(False)
        self._room_of_pair = max_tokens - tokenizer.num_special_tokens_to_add(True)
        self._max_first_tokens = min(max_first_tokens, self._room_of_pair - 1)

    @property
    def padding(self) -> int:
        """The id of what fills the rows of a batch."""
        return self._vocabulary.padding

    def one(self, text: str) -> Tokens:
        """Return a single text's tokens."""
        return tokens_of(self._tokenizer.post_process(self._beginning(text, self._room)), paired=False)

    def pair(self, first: str, second: str) -> Tokens:
        """Return a pair's tokens."""
        before = self._end(first, self._max_first_tokens)
        after = self._beginning(second, self._room_of_pair - len(before))
        return tokens_of(self._tokenizer.post_process(before, after), paired=True)

    def plain(self, text: str) -> Any:
        """Return a text's `tokenizers.Encoding`, whole and without special tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False)

    def _beginning(self, text: str, room: int) -> Any:
        size = room * CHARACTERS_PER_TOKEN
        encoding = self._tokenizer.encode(text[:size], add_special_tokens=False)
        while len(encoding) <= 2 * room and size < len(text):  # beyond 2 * room, the cut word is out of reach
            size *= 4
            encoding = self._tokenizer.encode(text[:size], add_special_tokens=False)
        encoding.truncate(room)
        return encoding

    def _end(self, text: str, room: int) -> Any:
        size = room * CHARACTERS_PER_TOKEN
        encoding = self._tokenizer.encode(text[-size:], add_special_tokens=False)
        while len(encoding) <= 2 * room and size < len(text):
            size *= 4
            encoding = self._tokenizer.encode(text[-size:], add_special_tokens=False)
        encoding.truncate(room, direction="left")
        return encoding


def tokens_of(encoding: Any, *, paired: bool) -> Tokens:
    """Return what a model needs of a `tokenizers.Encoding`."""
    if paired:
        belongs = [sequence == 1 for sequence in encoding.sequence_ids]
    else:
        belongs = [not special for special in encoding.special_tokens_mask]
    offsets = [place if own else None for place, own in zip(encoding.offsets, belongs, strict=True)]
    return Tokens(encoding.ids, encoding.type_ids, offsets)


def readable(text: str) -> str:
    """Return the text with lone surrogates, which no tokenizer takes, replaced one for one by U+FFFD."""
    return text if text.isascii() else SURROGATES.sub("\ufffd", text)


def batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Yield the places of texts of similar length, at most `batch_size` and about BATCH_TOKENS together."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Sorted: the newcomer is the longest, so its length is what all are padded to.
        if batch and (len(batch) == batch_size or (len(batch) + 1) * lengths[place] > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def padded(rows: Sequence[Tokens], padding: int) -> Mapping[str, NDArray[np.int64]]:
    """Return what BERT-like graphs are fed, int64 (rows, longest): ids, mask (1 token, 0 padding), kinds."""
    shape = (len(rows), max(len(row.ids) for row in rows))
    ids = np.full(shape, padding, dtype=np.int64)
    mask, kinds = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for place, row in enumerate(rows):
        length = len(row.ids)
        ids[place, :length], kinds[place, :length], mask[place, :length] = row.ids, row.kinds, 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds}
