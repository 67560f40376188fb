"""The writer in torch: MiniLM reads, three of its layers, made causal and given a second attention, write.

Each step chooses among the house words and the source's words in four forms; what can be said both ways
counts both ways. Never runs outside training.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.train.minilm import DROPOUT, WIDTH, Attention, Layer, MiniLM, attended
from tinymem.understand.wording import FORMS

HEADS = 12


class CrossAttention(nn.Module):
    """Looks at the source: started from self-attention's weights, at half strength."""

    def __init__(self, started_from: Attention) -> None:
        super().__init__()
        self.heads = started_from.heads
        self.query, self.key, self.value = (
            copy.deepcopy(part)
            for part in (started_from.self.query, started_from.self.key, started_from.self.value)
        )
        self.output = copy.deepcopy(started_from.output)
        with torch.no_grad():
            self.output.dense.weight *= 0.5
            self.output.dense.bias *= 0.5

    def forward(self, x: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        rows, length, width = x.shape

        def split(part: nn.Module, states: Tensor) -> Tensor:
            return part(states).view(rows, states.shape[1], self.heads, -1).transpose(1, 2)

        seen = attended(split(self.query, x), split(self.key, source), split(self.value, source), mask)
        return self.output(seen.transpose(1, 2).reshape(rows, length, width), x)


class DecoderLayer(nn.Module):
    def __init__(self, started_from: Layer) -> None:
        super().__init__()
        self.cross = CrossAttention(started_from.attention)
        self.own = copy.deepcopy(started_from)

    def forward(self, x: Tensor, causal: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        x = self.own.attention(x, causal)
        x = self.cross(x, source, mask)
        return self.own.output(F.gelu(self.own.intermediate.dense(x)), x)


class Writer(nn.Module):
    """`pieces`: for each house word the word pieces of MiniLM that its row is started from (the mean)."""

    def __init__(self, body: MiniLM, pieces: list[list[int]], layers: tuple[int, ...] = (0, 2, 4)) -> None:
        super().__init__()
        self.body = body
        table = body.embeddings.word_embeddings.weight.detach()
        self.words = nn.Parameter(torch.stack([table[p].mean(0) for p in pieces]))
        self.positions = nn.Parameter(body.embeddings.position_embeddings.weight.detach()[:64].clone())
        self.norm = copy.deepcopy(body.embeddings.LayerNorm)
        self.copied = nn.Linear(WIDTH, WIDTH)
        with torch.no_grad():
            self.copied.weight.copy_(torch.eye(WIDTH) * 0.1)
            self.copied.bias.zero_()
        self.layers = nn.ModuleList(DecoderLayer(body.encoder.layer[i]) for i in layers)
        self.out, self.bias = nn.Linear(WIDTH, WIDTH), nn.Parameter(torch.zeros(len(pieces)))
        self.queries, self.keys = nn.Linear(WIDTH, WIDTH * len(FORMS)), nn.Linear(WIDTH, WIDTH)

    def read(self, ids: Tensor, kinds: Tensor, mask: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return states of pieces (rows, tokens, 384), and the words' first ones (rows, words, 384)."""
        states = self.body(ids, kinds, mask)
        at = places.clamp(min=0)[:, :, None].expand(-1, -1, WIDTH)
        return states, states.gather(1, at)

    def write(self, fed: Tensor, states: Tensor, mask: Tensor, words: Tensor, real: Tensor) -> Tensor:
        """Return log-probabilities (rows, steps, house words + FORMS x words) after each word that was fed.

        `fed` (rows, steps) are house words, or len(house words) + place for a copied one.
        """
        rows, steps = fed.shape
        house = len(self.words)
        copied = self.copied(words)
        at = (fed - house).clamp(min=0)[:, :, None].expand(-1, -1, WIDTH)
        x = torch.where(
            (fed < house)[:, :, None], F.embedding(fed.clamp(max=house - 1), self.words), copied.gather(1, at)
        )
        x = F.dropout(self.norm(x + self.positions[:steps]), DROPOUT, self.training)
        causal = torch.ones(steps, steps, dtype=torch.bool).tril()[None, None]
        for layer in self.layers:
            x = layer(x, causal, states, mask[:, None, None, :])
        own = self.out(x) @ self.words.T + self.bias
        asked = self.queries(x).view(rows, steps, len(FORMS), WIDTH)
        keys = self.keys(words)
        found = torch.einsum("rsfw,rnw->rsfn", asked, keys) / WIDTH**0.5
        found = found.float().masked_fill(~real[:, None, None, :], -1e4).flatten(2)
        return torch.cat([own.float(), found], -1).log_softmax(-1)
