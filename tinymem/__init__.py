"""tinymem: the memory layer an AI assistant can carry in one file.

    from tinymem import Memory

    memory = Memory("assistant.db")
    memory.add("I'm allergic to peanuts.", user_id="ana")
    memory.search("what can she not eat?", user_id="ana")

Everything public is named here; importing it loads no model runtime.
"""

from tinymem.engines.llama import LlamaCpp
from tinymem.engines.onnx import OnnxEmbedder
from tinymem.errors import (
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
    ModelFileError,
    NotADatabaseError,
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
    Extraction,
    Extractor,
    Fact,
    Llm,
    Message,
    Reconciler,
    Record,
    Reply,
    Scope,
    Span,
)

__version__ = "0.1.0"

__all__ = [
    "BusyError",
    "ConfigError",
    "ConflictError",
    "CorruptError",
    "Decision",
    "DiskFullError",
    "Embedder",
    "EmbeddingError",
    "EngineError",
    "Extraction",
    "Extractor",
    "Fact",
    "ImmutableError",
    "LlamaCpp",
    "Llm",
    "Mem0ValidationError",
    "Memory",
    "MemoryNotFoundError",
    "Message",
    "ModelFileError",
    "NotADatabaseError",
    "OnnxEmbedder",
    "Reconciler",
    "Record",
    "Reply",
    "ReplyError",
    "SchemaError",
    "Scope",
    "Span",
    "StoreError",
    "TinymemError",
    "ValidationError",
    "__version__",
]
