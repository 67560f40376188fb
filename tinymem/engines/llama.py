"""Any chat GGUF as an `Llm`: its own chat template, a grammar per call, the same reply every time.

`LlamaCpp` is what the rest of tinymem sees; `engines/llama_session.py` is what speaks to llama.cpp. The
model is loaded on first use. One lock guards the one context, so threads take turns. What a prompt
shares with the one before it is not computed again, and that changes nothing in the reply.

Must never pass a message's text off as the template's own: special tokens written in it are taken apart.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tinymem.engines.chat import ChatTemplate
from tinymem.engines.cores import usable_cores
from tinymem.errors import ConfigError, EngineError, ModelFileError, ReplyError
from tinymem.types import Message, Reply

if TYPE_CHECKING:
    from tinymem.engines.llama_session import LlamaSession

MAGIC = b"GGUF"


class LlamaCpp:
    """A language model in a GGUF file, run by llama.cpp on this machine.

    Args:
        path: the GGUF file.
        n_ctx: tokens that prompt and reply take together, at most; 0 is all the model was trained for.
        threads: CPU threads for writing; None is `default_threads()`.
        batch_threads: CPU threads for reading prompts; None is the same as `threads`.
        gpu_layers: layers to compute on a GPU, where llama.cpp was built for one; -1 is all.
        seed: fixes what is drawn when `temperature` is above 0.
        temperature: 0 always takes the likeliest token.
        chat_template: Jinja source to use instead of the file's own.

    Raises:
        ConfigError: a number is out of its range.
        ModelFileError: the file is missing, unreadable or no GGUF.

    Example:
        >>> with LlamaCpp("model.gguf") as llm:
        ...     llm.complete([Message("user", "Hello!")], grammar=None, max_tokens=50).text
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        n_ctx: int = 4096,
        threads: int | None = None,
        batch_threads: int | None = None,
        gpu_layers: int = 0,
        seed: int = 0,
        temperature: float = 0.0,
        chat_template: str | None = None,
    ) -> None:
        self._path = _checked_file(path)
        self._threads = _at_least("threads", default_threads() if threads is None else threads, 1)
        self._batch_threads = _at_least(
            "batch_threads", self._threads if batch_threads is None else batch_threads, 1
        )
        self._most_ctx = _at_least("n_ctx", n_ctx, 0)
        self._gpu_layers = _at_least("gpu_layers", gpu_layers, -1)
        self._seed = _at_least("seed", seed, 0)
        if not temperature >= 0:
            raise ConfigError(f"temperature must be 0 or more, not {temperature!r}")
        self._temperature = float(temperature)
        self._chat_template = chat_template
        self._lock = threading.RLock()
        self._session: LlamaSession | None = None
        self._template: ChatTemplate | None = None
        self._special: re.Pattern[str] | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """The file's name: what is written down as the model that decided."""
        return self._path.name

    @property
    def n_ctx(self) -> int:
        """How many tokens prompt and reply may take together; loads the model."""
        with self._lock:
            return self._open()[0].n_ctx

    @property
    def tokens_evaluated(self) -> int:
        """How many tokens were computed so far, prompts and replies; what was reused does not count."""
        with self._lock:
            return 0 if self._session is None else self._session.evaluated

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens the messages take as a prompt, chat template included."""
        with self._lock:
            return len(self._prompt(messages))

    def complete(self, messages: Sequence[Message], *, grammar: str | None, max_tokens: int) -> Reply:
        """Answer the messages.

        Args:
            messages: the conversation so far.
            grammar: GBNF with a `root` rule that the reply follows; None for free text.
            max_tokens: where to stop at the latest; the reply is then marked as truncated, and so it
                is when the context ends first.

        Raises:
            ConfigError: the grammar is no valid GBNF, or the template refuses the messages.
            ReplyError: the prompt leaves no room in the context, or the model computes no numbers.
        """
        with self._lock:
            session, _ = self._open()
            prompt = self._prompt(messages)
            room = session.n_ctx - len(prompt)
            if room < 1:
                raise ReplyError(
                    f"the prompt takes {len(prompt)} tokens and the context of {self.name} holds "
                    f"{session.n_ctx}; send less at once or raise n_ctx"
                )
            text, truncated = session.write(
                prompt,
                grammar=grammar,
                max_tokens=min(max_tokens, room),
                temperature=self._temperature,
                seed=self._seed,
            )
            return Reply(text, truncated)

    def close(self) -> None:
        """Free the model's memory; harmless when repeated, later calls raise EngineError."""
        with self._lock:
            if self._session is not None:
                self._session.close()
            self._session, self._template, self._closed = None, None, True

    def __enter__(self) -> LlamaCpp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> tuple[LlamaSession, ChatTemplate]:
        """Return the loaded model and its template, loading them on first use."""
        from tinymem.engines.llama_session import LlamaSession

        if self._closed:
            raise EngineError(f"{self.name} was closed; make a new LlamaCpp")
        if self._session is None or self._template is None:
            session = LlamaSession(
                str(self._path),
                n_ctx=self._most_ctx,
                threads=self._threads,
                batch_threads=self._batch_threads,
                gpu_layers=self._gpu_layers,
            )
            source = session.chat_template if self._chat_template is None else self._chat_template
            self._template = ChatTemplate(source, session.bos, session.eos)
            self._special = _any_of(session.special_texts)
            self._session = session
        return self._session, self._template

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of the messages in the model's chat format."""
        session, template = self._open()
        harmless = [replace(message, content=self._defused(message.content)) for message in messages]
        return session.tokenize(template.render(harmless))

    def _defused(self, text: str) -> str:
        """Return the text with a space inside each special token that is written in it."""
        while self._special is not None and self._special.search(text):
            text = self._special.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text)
        return text


def default_threads() -> int:
    """Return how many CPU threads to use: all but one of those this process may run on, at least one.

    Source: scripts/bench/llama_threads.py. llama.cpp's threads wait for each other at every layer, so
    one that shares its core with other work holds up all of them.
    """
    return max(1, usable_cores() - 1)


def _any_of(texts: Sequence[str]) -> re.Pattern[str] | None:
    """Return a pattern of any of the texts, the longest first; None where there is nothing to take apart."""
    longer = sorted((text for text in texts if len(text) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longer))) if longer else None


def _at_least(name: str, value: int, least: int) -> int:
    """Return a whole number that is large enough."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return value


def _checked_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that begins like a GGUF."""
    file = Path(path)
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(MAGIC))
    except OSError as problem:
        raise ModelFileError(
            f"cannot read the model file {file}: {problem.strerror}; pass the path of a GGUF file"
        ) from problem
    if magic != MAGIC:
        raise ModelFileError(f"{file} is no GGUF file: it begins with {magic!r}, not {MAGIC!r}")
    return file
