"""Which engines to build: from keyword arguments, or from a dictionary shaped like mem0's.

Settings are checked when they are given, models are loaded when they are first needed. A setting
that tinymem does not know is an error, never ignored. What understands is imported where it is
built: its rules take a third of the library's import time, and a program that only reads needs none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tinymem.engines.catalog import model_folder
from tinymem.engines.llama import LlamaCpp
from tinymem.engines.onnx import OnnxEmbedder, OnnxModel
from tinymem.engines.onnx_reranker import OnnxReranker
from tinymem.engines.onnx_writer import OnnxWriter
from tinymem.errors import ConfigError, StoreError, shown
from tinymem.store.beside import LONGEST_PATH
from tinymem.types import Embedder, Extractor, Llm, Reconciler, Reranker

if TYPE_CHECKING:
    from tinymem.annotate import Relate
    from tinymem.understand.categorize import Categorizer, Topics
    from tinymem.understand.judge import Judge
    from tinymem.understand.spot import Spotter

Engine = TypeVar("Engine")

PROVIDERS = {
    "llm": ("llama_cpp", "llamacpp", "gguf", "tinymem"),
    "embedder": ("onnx", "tinymem"),
    "reranker": ("onnx", "tinymem"),
    "vector_store": ("tinymem", "sqlite_vec", "sqlite-vec", "sqlite"),
}

WANTED: Mapping[str, type | tuple[type, ...]] = {
    "threads": int,
    "n_ctx": int,
    "prefilter": bool,
    "enable_graph": bool,
    "custom_categories": (list, tuple),
    "includes": (str, list, tuple),
    "excludes": (str, list, tuple),
    "key": (str, bytes),
    "redact": object,
    "max_memories": int,
    "max_bytes": int,
    "max_resident_bytes": int,
}
"""What the settings of a dictionary have to be that are no paths or texts."""


@dataclass(frozen=True)
class Config:
    """What `Memory.from_config` understood; None is the default of `Memory`."""

    path: str | None = None
    llm: str | None = None
    embedder: str | None = None
    reranker: str | None = None
    n_ctx: int | None = None
    threads: int | None = None
    custom_instructions: str | None = None
    prefilter: bool = True
    custom_categories: Sequence[Mapping[str, Any]] | None = None
    includes: str | Sequence[str] | None = None
    excludes: str | Sequence[str] | None = None
    enable_graph: bool | None = None
    key: str | bytes | None = None
    redact: Any = None
    max_memories: int | None = None
    max_bytes: int | None = None
    max_resident_bytes: int | None = None


def parse_config(config: object) -> Config:
    """Return the Config of a dictionary: our flat keys, or mem0's nested ones.

    Flat: the fields of `Config`; `llm` is the path of a GGUF, `embedder` the folder of an ONNX model,
    `reranker` that of a cross-encoder.
    Nested: {"vector_store": {"config": {"path": ...}}, "llm": {"config": {"model": ...}},
    "embedder": {"config": {"model": ...}}, "reranker": {"config": {"model": ...}}}.

    Raises:
        ConfigError: a key is unknown, has the wrong type, or names a provider that needs a network.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"config must be a dict, got {type(config).__name__}: {shown(config)}")
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if key in PROVIDERS and isinstance(value, Mapping):
            flat.update(parse_section(key, value))
        elif key in Config.__dataclass_fields__:
            flat[key] = value
        elif key == "version":
            continue  # mem0's API version: both are served at once
        else:
            raise ConfigError(
                f"config key {shown(key)} is not known: use {', '.join(Config.__dataclass_fields__)}"
            )
    for key, value in flat.items():
        wanted = WANTED.get(key, (str, os.PathLike))
        if value is not None and (
            isinstance(value, bool) != (wanted is bool) or not isinstance(value, wanted)
        ):
            said = f"a {type(value).__name__}" if key == "key" else shown(value)
            raise ConfigError(f"config key {key!r} has a value of the wrong type: {said}")
    return Config(**{key: os.fspath(v) if isinstance(v, os.PathLike) else v for key, v in flat.items()})


def parse_section(name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flat settings of one of mem0's nested sections."""
    if unknown := set(section) - {"provider", "config"}:
        raise ConfigError(
            f"config section {name!r} has unknown keys {shown(sorted(map(str, unknown)))}: use 'provider' "
            "and 'config'"
        )
    provider = section.get("provider", "tinymem")
    if provider not in PROVIDERS[name]:
        raise ConfigError(
            f"config asks for the {name} provider {shown(provider)}, but tinymem runs offline and embedded: "
            f"leave the section out, or use one of {', '.join(PROVIDERS[name])} with a path"
        )
    inner = section.get("config") or {}
    if not isinstance(inner, Mapping):
        raise ConfigError(f"config section {name!r}: 'config' must be a dict, got {shown(inner)}")
    names = (
        {"path": "path"} if name == "vector_store" else {"model": name, "path": name, "threads": "threads"}
    )
    if name == "llm":
        names["n_ctx"] = "n_ctx"
    if unknown := set(inner) - set(names):
        raise ConfigError(
            f"config section {name!r} has unknown settings {shown(sorted(map(str, unknown)))}: use "
            f"{', '.join(names)}"
        )
    return {names[key]: value for key, value in inner.items()}


def check_settings(
    extractor: object,
    reconciler: object,
    clock: object,
    new_id: object,
    instructions: object,
    timeout_s: object,
) -> None:
    """Refuse what cannot be used as what it was passed for.

    Raises:
        ConfigError: names the setting.
    """
    require_method("extractor", extractor, "extract")
    require_method("reconciler", reconciler, "reconcile")
    for name, value in (("clock", clock), ("new_id", new_id)):
        if not callable(value):
            raise ConfigError(f"{name} must be a function, got {shown(value)}")
    if instructions is not None and (not isinstance(instructions, str) or not instructions.strip()):
        raise ConfigError(f"custom_instructions must be a text that is not blank, got {shown(instructions)}")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not 0 <= timeout_s <= 1e6:
        raise ConfigError(f"busy_timeout_s must be a number of seconds, 0 or more, got {shown(timeout_s)}")


def require_method(name: str, value: object, method: str) -> None:
    """Refuse an object that was passed as an engine and cannot do an engine's work; None is no object."""
    if value is not None and not callable(getattr(value, method, None)):
        raise ConfigError(f"{name} must have the method `{method}`, got {shown(value)}")


def database_path(path: object) -> str:
    """Return where the file is: the given path, else TINYMEM_DB, else the platform's data folder."""
    if path is None:
        path = os.environ.get("TINYMEM_DB") or default_path()
    if not isinstance(path, (str, os.PathLike)):
        raise ConfigError(
            f"path must be a file's path or ':memory:', got {type(path).__name__}: {shown(path)}"
        )
    text = os.fspath(path)
    if not isinstance(text, str) or not text.strip() or "\x00" in text or len(text) > LONGEST_PATH:
        raise ConfigError(
            f"path must be a text of 1 to {LONGEST_PATH} characters without NUL, got {shown(text)}: give a "
            "file's path or ':memory:'"
        )
    return text if text == ":memory:" else os.path.expanduser(text)


def model_path(path: str | os.PathLike[str], name: str) -> str:
    """Return the path of a model, as far as it can be one."""
    text = os.fspath(path)
    try:
        if (
            isinstance(text, str)
            and text.strip()
            and len(os.fsencode(text)) <= LONGEST_PATH
            and "\x00" not in text
        ):
            return text
    except UnicodeEncodeError:
        pass
    raise ConfigError(f"{name} must be a model's path, got {shown(text)}")


def default_path() -> Path:
    """Return the file in the platform's data folder, whose folder is made if it is missing."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    folder = base / "tinymem"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StoreError(f"{folder} cannot be made ({problem}): pass a path, or set TINYMEM_DB") from problem
    return folder / "memory.db"


@cache
def shared(kind: Callable[..., Engine], folder: Path, threads: int | None, process: int) -> Engine:
    """Return the one engine of a bundled folder: every Memory of a process computes with the same.

    Loading takes longer than answering, and bundled models never change. `process` is part of the key
    because a model's threads do not survive a fork.
    """
    return kind(folder, threads=threads)


def build_embedder(embedder: Embedder | str | os.PathLike[str] | None, threads: int | None) -> Embedder:
    """Return the caller's embedder, the one in a folder, or the bundled MiniLM."""
    if embedder is None:
        bundled: Embedder = shared(OnnxEmbedder, model_folder("minilm"), threads, os.getpid())
        return bundled
    if isinstance(embedder, (str, os.PathLike)):
        return OnnxEmbedder(model_path(embedder, "embedder"), threads=threads)
    require_method("embedder", embedder, "embed")
    if not hasattr(embedder, "identity"):
        raise ConfigError(f"embedder must have the property `identity`, got {shown(embedder)}")
    return embedder


def build_reranker(
    reranker: Reranker | str | os.PathLike[str] | None, threads: int | None
) -> Reranker | None:
    """Return the caller's reranker, the cross-encoder at a path, or None: none is bundled."""
    if isinstance(reranker, (str, os.PathLike)):
        return OnnxReranker(model_path(reranker, "reranker"), threads=threads)
    require_method("reranker", reranker, "rerank")
    return reranker


def build_llm(llm: Llm | str | os.PathLike[str] | None, threads: int | None, n_ctx: int | None) -> Llm | None:
    """Return the caller's language model, the GGUF at a path, or None."""
    if isinstance(llm, (str, os.PathLike)):
        path = model_path(llm, "llm")
        return (
            LlamaCpp(path, threads=threads) if n_ctx is None else LlamaCpp(path, threads=threads, n_ctx=n_ctx)
        )
    require_method("llm", llm, "complete")
    return llm


def build_extractor(
    llm: Llm | None, instructions: str | None, threads: int | None, prefilter: bool = True
) -> Extractor:
    """Return what finds facts: the language model if there is one, else the bundled models and rules.

    With `prefilter` the language model is not asked about conversations in which the spotter finds nothing;
    instructions of the caller's may want just those, so then it always is.
    """
    if llm is not None:
        from tinymem.understand.instruct import LlmExtractor
        from tinymem.understand.prefilter import SpottedExtractor

        asking = LlmExtractor(llm, custom_instructions=instructions)
        skips = prefilter and instructions is None
        return SpottedExtractor(asking, bundled_spotter(threads)) if skips else asking
    if instructions is not None:
        raise ConfigError(
            "instructions need a language model to follow them: pass llm='model.gguf', or leave them out"
        )
    from tinymem.understand.extract import BundledExtractor
    from tinymem.understand.writer import Writer

    writer = Writer(shared(OnnxWriter, model_folder("memory") / "writer", threads, os.getpid()))
    return BundledExtractor(bundled_spotter(threads), writer)


def build_reconciler(llm: Llm | None, threads: int | None, prefilter: bool = True) -> Reconciler:
    """Return what reconciles facts: the language model if there is one, else the bundled judge.

    With `prefilter` the language model sees only the memories that the judge thinks a fact may concern.
    """
    if llm is None:
        from tinymem.understand.reconcile import BundledReconciler

        return BundledReconciler(bundled_judge(threads))
    from tinymem.understand.instruct import LlmReconciler

    if not prefilter:
        return LlmReconciler(llm)
    from tinymem.understand.prefilter import NarrowedReconciler

    return NarrowedReconciler(LlmReconciler(llm), bundled_judge(threads))


def build_relations(llm: Llm | None) -> Relate:
    """Return what finds the relations of facts: the language model if there is one, else the rules."""
    if llm is not None:
        from tinymem.understand.instruct_relations import LlmRelations

        return LlmRelations(llm).relations
    from tinymem.understand.relations import relations_of

    return lambda texts, speaker: [relations_of(text, speaker) for text in texts]


def build_categorizer(embedder: Embedder, custom: Sequence[Mapping[str, Any]] | None) -> Categorizer:
    """Return what sorts facts into the caller's categories, or the default ones."""
    from tinymem.understand.categories import parse_definitions
    from tinymem.understand.categorize import Categorizer

    return Categorizer(embedder, None if custom is None else parse_definitions(custom))


def build_topics(
    embedder: Embedder, includes: str | Sequence[str] | None, excludes: str | Sequence[str] | None
) -> Topics:
    """Return what tells whether a fact is on a wanted topic, and on no unwanted one."""
    from tinymem.understand.categories import parse_topics
    from tinymem.understand.categorize import Topics

    return Topics(embedder, parse_topics(includes, "includes"), parse_topics(excludes, "excludes"))


def bundled_judge(threads: int | None) -> Judge:
    """Return the judge that ships with the package."""
    from tinymem.understand.judge import Judge

    return Judge(shared(OnnxModel, model_folder("memory") / "judge", threads, os.getpid()))


def bundled_spotter(threads: int | None) -> Spotter:
    """Return the spotter that ships with the package."""
    from tinymem.understand.spot import Spotter

    return Spotter(shared(OnnxModel, model_folder("memory") / "spotter", threads, os.getpid()))


def describe_engine(llm: Llm | None, extractor: object, reconciler: object) -> dict[str, Any]:
    """Return what every inferring commit writes down as what decided: the model, or the caller's own."""
    engine = {"model": "bundled"}
    if llm is not None:
        from tinymem.understand.prompts import PROMPT_VERSION

        engine = {"model": llm.name, "prompts": PROMPT_VERSION}
    own = {"extractor": extractor, "reconciler": reconciler}
    return engine | {name: type(each).__name__ for name, each in own.items() if each is not None}
