"""The only place that speaks to llama.cpp: load, tokenize, compute, choose, free.

Prompts are computed in chunks that begin at fixed positions, and only whole chunks are kept for the
next prompt: each number is computed by the same operations whatever came before, so a reply depends on
its prompt alone. A token is chosen here and not by llama.cpp's samplers, which end the process
when a grammar has no way on.

Must never be used by two threads at once; `LlamaCpp` holds the lock.
"""

from __future__ import annotations

import codecs
import ctypes
import logging
import os
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinymem.errors import ConfigError, ModelFileError, ReplyError

CHUNK = 64
"""Tokens computed at once: reads at 0.87 of the speed of 512, and loses 32 tokens of a shared beginning
on average instead of 256. Source: scripts/bench/llama_threads.py."""

Logits = NDArray[np.float32]
"""One number for each token of the vocabulary; -inf where the token cannot follow."""

_log = logging.getLogger("tinymem.llama")
_complaints: deque[str] = deque(maxlen=20)
_callbacks: list[object] = []  # llama.cpp calls these for as long as the process lives


@cache
def runtime() -> Any:
    """Return llama.cpp's functions, started and quiet.

    llama.cpp has one log for the whole process. From here on it goes to the logger "tinymem.llama"
    at level DEBUG instead of stderr.

    Raises:
        ConfigError: llama-cpp-python is not installed, or its library does not load.
    """
    try:
        from llama_cpp import llama_cpp
    except (ImportError, OSError, RuntimeError) as problem:
        raise ConfigError(
            f"a GGUF needs llama-cpp-python, which cannot be loaded ({problem}): "
            "pip install llama-cpp-python, or leave llm out"
        ) from problem

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def listen(level: int, text: bytes, _: object) -> None:
        line = text.decode("utf-8", "replace").strip()
        if "error" in line or "failed" in line:
            _complaints.append(line)
        if line:
            _log.debug("%s", line)

    _callbacks.append(listen)
    llama_cpp.llama_log_set(listen, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    return llama_cpp


class LlamaSession:
    """One loaded model with one context.

    Args:
        path: a GGUF file.
        n_ctx: tokens of context; 0, or more than the model was trained for, is what it was trained for.
        threads: CPU threads for single tokens.
        batch_threads: CPU threads for chunks of a prompt.
        gpu_layers: layers on the GPU; -1 is all.

    Raises:
        ModelFileError: llama.cpp cannot load the file, or it holds no model that writes text.
        ConfigError: there is not enough memory for a context of this size.
    """

    def __init__(self, path: str, *, n_ctx: int, threads: int, batch_threads: int, gpu_layers: int) -> None:
        self._c = runtime()
        self._model = self._load(path, gpu_layers)
        self._free_model = weakref.finalize(self, self._c.llama_model_free, self._model)
        trained = int(self._c.llama_model_n_ctx_train(self._model))
        self._context = self._make_context(min(n_ctx or trained, trained), threads, batch_threads)
        self._free_context = weakref.finalize(self, self._c.llama_free, self._context)
        self._vocab = self._c.llama_model_get_vocab(self._model)
        self.n_ctx = int(self._c.llama_n_ctx(self._context))
        self.n_vocab = int(self._c.llama_vocab_n_tokens(self._vocab))
        self.evaluated = 0
        self._ends = [t for t in range(self.n_vocab) if self._c.llama_vocab_is_eog(self._vocab, t)]
        self._held: list[int] = []  # tokens whose keys and values are in the context, in order

    def _load(self, path: str, gpu_layers: int) -> Any:
        """Return the model of a file."""
        settings = self._c.llama_model_default_params()
        settings.n_gpu_layers = 2**31 - 1 if gpu_layers < 0 else gpu_layers
        _complaints.clear()
        model = self._c.llama_model_load_from_file(os.fsencode(path), settings)
        if not model:
            raise ModelFileError(
                f"llama.cpp cannot load {path}: {_complaint()}; is the file complete, and is it of a "
                "kind that the installed llama-cpp-python knows?"
            )
        encodes = self._c.llama_model_has_encoder(model) or not self._c.llama_model_has_decoder(model)
        kind = self._metadata(model, "general.architecture")
        if encodes or self._metadata(model, f"{kind}.attention.causal") == "false":
            self._c.llama_model_free(model)
            raise ModelFileError(f"{path} holds a {kind} model, which cannot write text; pass a chat model")
        return model

    def _metadata(self, model: Any, key: str) -> str:
        """Return a short value that the file holds under a key, "" if it holds none."""
        room = ctypes.create_string_buffer(128)
        self._c.llama_model_meta_val_str(model, key.encode(), room, len(room))
        return room.value.decode("utf-8", "replace")

    def _make_context(self, n_ctx: int, threads: int, batch_threads: int) -> Any:
        """Return a fresh context of the model."""
        settings = self._c.llama_context_default_params()
        settings.n_ctx = n_ctx
        settings.n_batch = settings.n_ubatch = CHUNK
        settings.n_threads, settings.n_threads_batch = threads, batch_threads
        settings.no_perf = True
        _complaints.clear()
        context = self._c.llama_init_from_model(self._model, settings)
        if not context:
            raise ConfigError(
                f"llama.cpp cannot make a context of {n_ctx} tokens: {_complaint()}; choose a smaller n_ctx"
            )
        return context

    @property
    def chat_template(self) -> str | None:
        """The Jinja source in the file, None if it has none."""
        source = self._c.llama_model_chat_template(self._model, None)
        return None if source is None else source.decode("utf-8", "replace")

    @property
    def bos(self) -> str:
        """The text of the token that opens a prompt, "" if there is none."""
        return self._text_of(self._c.llama_vocab_bos(self._vocab))

    @property
    def eos(self) -> str:
        """The text of the token that ends a text, "" if there is none."""
        return self._text_of(self._c.llama_vocab_eos(self._vocab))

    @property
    def special_texts(self) -> list[str]:
        """The texts of all tokens that steer the model when they stand in a prompt."""
        steering = self._c.LLAMA_TOKEN_ATTR_CONTROL | self._c.LLAMA_TOKEN_ATTR_UNKNOWN
        attributes = (self._c.llama_vocab_get_attr(self._vocab, token) for token in range(self.n_vocab))
        return [self._text_of(token) for token, each in enumerate(attributes) if each & steering]

    def _text_of(self, token: int) -> str:
        """Return a token as the vocabulary writes it."""
        return (
            "" if token < 0 else self._c.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace")
        )

    def tokenize(self, prompt: str) -> list[int]:
        """Return the tokens of a rendered prompt, special tokens recognised, the opening token once."""
        raw = prompt.encode("utf-8", "replace")
        room = (self._c.llama_token * (len(raw) + 8))()
        count = self._c.llama_tokenize(self._vocab, raw, len(raw), room, len(room), False, True)
        if count < 0:
            raise ReplyError(f"llama.cpp cannot tokenize a prompt of {len(raw)} bytes (code {count})")
        tokens = list(room[:count])
        opening = self._c.llama_vocab_bos(self._vocab)
        if self._c.llama_vocab_get_add_bos(self._vocab) and opening >= 0 and tokens[:1] != [opening]:
            tokens.insert(0, opening)
        return tokens

    def write(
        self, prompt: Sequence[int], *, grammar: str | None, max_tokens: int, temperature: float, seed: int
    ) -> tuple[str, bool]:
        """Return the text that follows the prompt, and whether it was cut off.

        `prompt` and `max_tokens` together must fit into `n_ctx`.
        """
        text, pick = _Text(), _Pick(temperature, seed)
        with self._opened(grammar) as rules:
            logits = self._read(prompt)
            for place in range(max_tokens):
                token = pick(logits, rules, lambda token: text.goes_on(self._bytes_of(token)))
                if token is None:
                    break
                if token in self._ends:
                    return text.whole(), False
                text.add(self._bytes_of(token))
                if rules is not None:
                    rules.accept(token)
                    if rules.is_complete():
                        return text.whole(), False
                if place + 1 < max_tokens:
                    logits = self._compute([token])
        return text.whole(), True

    def _read(self, prompt: Sequence[int]) -> Logits:
        """Compute what the context does not hold of the prompt; return what may follow it."""
        same = 0
        for held, wanted in zip(self._held, prompt, strict=False):
            if held != wanted:
                break
            same += 1
        # The last token is always computed: its logits are wanted.
        keep = min(same, len(prompt) - 1) // CHUNK * CHUNK
        cells = self._c.llama_get_memory(self._context)
        self._held = []
        if not self._c.llama_memory_seq_rm(cells, -1, keep, -1):
            self._c.llama_memory_clear(cells, True)  # recurrent models cannot forget an end alone
            keep = 0
        logits = None
        for start in range(keep, len(prompt), CHUNK):
            logits = self._compute(prompt[start : start + CHUNK])
        self._held = list(prompt)
        assert logits is not None, "a prompt has at least one token"
        return logits

    def _compute(self, tokens: Sequence[int]) -> Logits:
        """Append at most CHUNK tokens to the context; return the logits after them, float32 (n_vocab,)."""
        room = (self._c.llama_token * len(tokens))(*tokens)
        code = self._c.llama_decode(self._context, self._c.llama_batch_get_one(room, len(tokens)))
        if code:
            self._held = []
            raise ReplyError(f"llama.cpp could not compute {len(tokens)} tokens (code {code})")
        self.evaluated += len(tokens)
        found = self._c.llama_get_logits_ith(self._context, -1)
        if not found:
            raise ModelFileError("the model computes no logits: it is no model that writes text")
        logits: Logits = np.ctypeslib.as_array(found, shape=(self.n_vocab,))
        return logits

    def _bytes_of(self, token: int) -> bytes:
        """Return the bytes that a token adds to a text; part of a character, perhaps."""
        room = ctypes.create_string_buffer(64)
        count = self._c.llama_token_to_piece(self._vocab, token, room, len(room), 0, False)
        if count < 0:
            room = ctypes.create_string_buffer(-count)
            count = self._c.llama_token_to_piece(self._vocab, token, room, len(room), 0, False)
        return room.raw[:count]

    def grammar(self, source: str) -> _Grammar:
        """Return the state of a grammar before anything is written; to be closed."""
        return _Grammar(self._c, self._vocab, self.n_vocab, self._ends, source)

    @contextmanager
    def _opened(self, grammar: str | None) -> Iterator[_Grammar | None]:
        """Give the grammar's state for one reply, None for no grammar."""
        if grammar is None:
            yield None
            return
        rules = self.grammar(grammar)
        try:
            yield rules
        finally:
            rules.close()

    def close(self) -> None:
        """Free the context and the model; harmless when repeated."""
        self._free_context()
        self._free_model()


class _Grammar:
    """How far a reply has come in a grammar, and what may follow."""

    def __init__(self, library: Any, vocab: Any, n_vocab: int, ends: list[int], source: str) -> None:
        self._c = library
        self._state = library.llama_sampler_init_grammar(vocab, source.encode("utf-8"), b"root")
        if not self._state:
            raise ConfigError(f"the grammar is no valid GBNF with a root rule: {source[:200]!r}")
        self._rows = np.zeros(n_vocab, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._rows["id"] = np.arange(n_vocab)
        self._ends = ends

    def allows(self, token: int) -> bool:
        """Return whether the token may follow."""
        return bool(self._apply(self._rows[token : token + 1], np.zeros(1, np.float32))[0] == 0)

    def masked(self, logits: Logits) -> Logits:
        """Return the logits with -inf for every token that may not follow."""
        return self._apply(self._rows, logits)

    def is_complete(self) -> bool:
        """Return whether the reply can only end here."""
        if not any(self.allows(token) for token in self._ends):
            return False
        open_ways = np.isfinite(self.masked(np.zeros(len(self._rows), np.float32)))
        open_ways[self._ends] = False
        return not open_ways.any()

    def accept(self, token: int) -> None:
        """Move on by a token that may follow."""
        self._c.llama_sampler_accept(self._state, token)

    def close(self) -> None:
        """Free the state."""
        self._c.llama_sampler_free(self._state)

    def _apply(self, rows: NDArray[Any], logits: Logits) -> Logits:
        """Return the rows' logits after llama.cpp struck out what may not follow."""
        rows["logit"] = logits
        data = rows.ctypes.data_as(self._c.llama_token_data_p)
        array = self._c.llama_token_data_array(data=data, size=len(rows), selected=-1, sorted=False)
        self._c.llama_sampler_apply(self._state, ctypes.byref(array))
        return np.array(rows["logit"])


class _Text:
    """The reply so far: bytes that are valid UTF-8, but for a character that is still on its way."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._parts: list[str] = []

    def goes_on(self, piece: bytes) -> bool:
        """Return whether the text is still valid with the piece after it."""
        state = self._decoder.getstate()
        try:
            self._decoder.decode(piece)
        except UnicodeDecodeError:
            return False
        finally:
            self._decoder.setstate(state)
        return True

    def add(self, piece: bytes) -> None:
        """Append a piece that goes on."""
        self._parts.append(self._decoder.decode(piece))

    def whole(self) -> str:
        """Return the text without a character that was cut off."""
        return "".join(self._parts)


class _Pick:
    """Picks the next token: the likeliest, or by lot when the temperature is above 0."""

    def __init__(self, temperature: float, seed: int) -> None:
        self._temperature = temperature
        self._lot = np.random.default_rng(seed)

    def __call__(self, logits: Logits, rules: _Grammar | None, goes_on: Callable[[int], bool]) -> int | None:
        """Return a token that the grammar allows and that goes on with the text, None if there is none."""
        allowed = np.where(np.isnan(logits), -np.inf, logits)
        if not np.isfinite(allowed).any():
            raise ReplyError("the model computes no numbers (NaN): its file is damaged or badly quantised")
        if rules is not None:
            # Asking about one token takes microseconds, about a vocabulary of 128,000 a sixth of a second.
            for token in _likeliest(allowed) if self._temperature == 0 else ():
                if rules.allows(token) and goes_on(token):
                    return token
            allowed = rules.masked(allowed)
        while np.isfinite(allowed).any():
            token = self._drawn(allowed)
            if goes_on(token):
                return token
            allowed[token] = -np.inf
        return None

    def _drawn(self, allowed: Logits) -> int:
        if self._temperature == 0:
            return int(np.argmax(allowed))
        weights = np.exp((allowed - np.max(allowed)) / self._temperature, dtype=np.float64)
        return int(self._lot.choice(len(weights), p=weights / weights.sum()))


def _likeliest(logits: Logits) -> list[int]:
    """Return the few likeliest tokens, best first; of equals the lower number first."""
    few = min(32, len(logits))
    best = np.argpartition(-logits, few - 1)[:few]
    return [int(token) for token in best[np.lexsort((best, -logits[best]))]]


def _complaint() -> str:
    """Return what llama.cpp said last when something failed."""
    return _complaints[-1] if _complaints else "it gave no reason"
