"""tinymem: the memory layer an AI assistant can carry in one file.

    from tinymem import Memory

    memory = Memory("assistant.db")
    memory.add("I'm allergic to peanuts.", user_id="ana")
    memory.search("what can she not eat?", user_id="ana")

Everything public is named here; importing it loads no model runtime.
"""

from typing import TYPE_CHECKING, Any

from tinymem.engines.llama import LlamaCpp
from tinymem.engines.onnx import OnnxEmbedder
from tinymem.engines.onnx_reranker import OnnxReranker
from tinymem.errors import (
    AuthenticationError,
    BusyError,
    ConfigError,
    ConflictError,
    CorruptError,
    DiskFullError,
    EmbeddingError,
    EngineError,
    ImmutableError,
    Mem0ValidationError,
    MemoryNotFoundError,
    MemoryQuotaExceededError,
    ModelFileError,
    NotADatabaseError,
    RateLimitError,
    ReplyError,
    SchemaError,
    StoreError,
    TinymemError,
    ValidationError,
)
from tinymem.memory import Memory
from tinymem.types import (
    Decision,
    Embedder,
    EventDate,
    Extraction,
    Extractor,
    Fact,
    Llm,
    Message,
    Reconciler,
    Record,
    Reply,
    Reranker,
    Scope,
    Span,
    Triple,
)

if TYPE_CHECKING:
    from tinymem.aio import AsyncMemory
    from tinymem.client import AsyncMemoryClient, MemoryClient
    from tinymem.store.salvage import salvage

__version__ = "0.1.0"

__all__ = [
    "AsyncMemory",
    "AsyncMemoryClient",
    "AuthenticationError",
    "BusyError",
    "ConfigError",
    "ConflictError",
    "CorruptError",
    "Decision",
    "DiskFullError",
    "Embedder",
    "EmbeddingError",
    "EngineError",
    "EventDate",
    "Extraction",
    "Extractor",
    "Fact",
    "ImmutableError",
    "LlamaCpp",
    "Llm",
    "Mem0ValidationError",
    "Memory",
    "MemoryClient",
    "MemoryNotFoundError",
    "MemoryQuotaExceededError",
    "Message",
    "ModelFileError",
    "NotADatabaseError",
    "OnnxEmbedder",
    "OnnxReranker",
    "RateLimitError",
    "Reconciler",
    "Record",
    "Reply",
    "ReplyError",
    "Reranker",
    "SchemaError",
    "Scope",
    "Span",
    "StoreError",
    "TinymemError",
    "Triple",
    "ValidationError",
    "__version__",
    "salvage",
]

_LATER = {
    "AsyncMemory": "aio",
    "AsyncMemoryClient": "client",
    "MemoryClient": "client",
    "salvage": "store.salvage",
}
"""Public names that are imported when they are asked for: asyncio takes as long as a third of the rest."""


def __getattr__(name: str) -> Any:
    """Return a public name that was not needed yet."""
    if name not in _LATER:
        raise AttributeError(f"module 'tinymem' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"tinymem.{_LATER[name]}"), name)
