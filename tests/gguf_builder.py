"""Tiny chat models with random weights, written as GGUF files in a few milliseconds.

They know nothing, which is what the tests want: whatever comes out well under noise comes out well
under any model. Each family has the tokenizer kind and the chat template manners of a real one
(roles, special tokens, whether a system message is refused). Never a stand-in for quality.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ raise_exception('no system role here') }}{% endif %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('take turns') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else 'user' }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
PHI = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

PIECES = (
    "th",
    "in",
    "er",
    "an",
    "on",
    "is",
    "he",
    "at",
    "or",
    "es",
    "the",
    "ing",
    "and",
    "you",
    "fact",
    "user",
)


@dataclass(frozen=True)
class Family:
    """What sets one kind of chat model apart: tokenizer, special tokens and template."""

    kind: str  # "gpt2": byte-level BPE; "llama": SentencePiece with byte fallback
    pre: str
    specials: tuple[str, ...]
    bos: str | None
    end: str
    template: str


FAMILIES = {
    "chatml": Family(
        "gpt2", "qwen2", ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), None, "<|im_end|>", CHATML
    ),
    "llama3": Family(
        "gpt2",
        "llama-bpe",
        ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|begin_of_text|>",
        "<|eot_id|>",
        LLAMA3,
    ),
    "gemma": Family("llama", "default", ("<start_of_turn>", "<end_of_turn>"), "<s>", "<end_of_turn>", GEMMA),
    "phi": Family(
        "llama", "default", ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"), "<s>", "<|end|>", PHI
    ),
}


def build_gguf(
    path: Path,
    family: str = "chatml",
    *,
    seed: int = 0,
    template: str | None = "family's",
    width: int = 32,
    layers: int = 1,
    inner: int = 64,
    heads: int = 1,
    n_ctx: int = 4096,
    filler: int = 0,
    spread: float = 1.0,
    causal: bool = True,
) -> Path:
    """Write a random llama model of the family to the path.

    Args:
        path: the file to write.
        family: a key of `FAMILIES`.
        seed: other seeds write other noise.
        template: Jinja source; None leaves it out.
        width: size of a token's vector.
        layers: how many.
        inner: size of the feed-forward layer.
        heads: attention heads; `width` is a multiple.
        n_ctx: tokens that the file says it was trained for.
        filler: tokens to add to the vocabulary, to make it as large as a real one.
        spread: standard deviation of the embeddings; NaN makes a broken model.
        causal: False is an encoder's attention, which sees what comes after.
    """
    shape = FAMILIES[family]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(f"noise {family} {seed}")
    writer.add_context_length(n_ctx)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_causal_attention(causal)
    writer.add_layer_norm_rms_eps(1e-5)
    vocabulary = _write_vocabulary(writer, shape, filler)
    if template is not None:
        writer.add_chat_template(shape.template if template == "family's" else template)
    _write_weights(writer, vocabulary, width, layers, inner, spread, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _byte_letters() -> list[str]:
    """Give each byte a printable character, as byte-level BPE vocabularies do."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    odd = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(odd)}
    return [letters[byte] for byte in range(256)]


def _write_vocabulary(writer: gguf.GGUFWriter, family: Family, filler: int) -> int:
    """Write tokens, their types and the special ids; return how many tokens there are."""
    words = [*PIECES, *(f"w{n}" for n in range(filler))]
    kinds = gguf.TokenType
    if family.kind == "gpt2":
        tokens = [*_byte_letters(), *words, *family.specials]
        types = [kinds.NORMAL] * (256 + len(words)) + [kinds.CONTROL] * len(family.specials)
        writer.add_token_merges([f"{word[:-1]} {word[-1]}" for word in PIECES if len(word) in (2, 3)])
        writer.add_tokenizer_pre(family.pre)
    else:
        basis = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
        letters = ["▁", *(chr(code) for code in range(0x21, 0x7F))]
        tokens = [*basis, *letters, *words, *family.specials]
        types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] + [kinds.BYTE] * 256
        types += [kinds.NORMAL] * (len(letters) + len(words)) + [kinds.CONTROL] * len(family.specials)
        writer.add_token_scores([-float(n) for n in range(len(tokens))])
    writer.add_tokenizer_model(family.kind)
    writer.add_add_space_prefix(False)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_vocab_size(len(tokens))
    writer.add_eos_token_id(tokens.index(family.end))
    writer.add_add_bos_token(family.bos is not None)
    if family.bos is not None:
        writer.add_bos_token_id(tokens.index(family.bos))
    return len(tokens)


def _write_weights(
    writer: gguf.GGUFWriter,
    vocabulary: int,
    width: int,
    layers: int,
    inner: int,
    spread: float,
    noise: np.random.Generator,
) -> None:
    """Write every tensor of a llama with normally distributed values."""

    def matrix(name: str, rows: int, columns: int, spread: float) -> None:
        values = noise.standard_normal((rows, columns), dtype=np.float32) * spread
        writer.add_tensor(f"{name}.weight", values.astype(np.float16))

    ones = np.ones(width, dtype=np.float32)
    matrix("token_embd", vocabulary, width, spread)
    matrix("output", vocabulary, width, 1.0)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(layers):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{layer}.{name}", width, width, width**-0.5)
        matrix(f"blk.{layer}.ffn_gate", inner, width, width**-0.5)
        matrix(f"blk.{layer}.ffn_up", inner, width, width**-0.5)
        matrix(f"blk.{layer}.ffn_down", width, inner, inner**-0.5)
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", ones)
        writer.add_tensor(f"blk.{layer}.ffn_norm.weight", ones)
