"""Every error that tinymem raises, in one tree.

    TinymemError
    ├── ConfigError                    a setting that cannot work (also a ValueError)
    ├── ValidationError                an argument that cannot be meant (also a ValueError)
    ├── MemoryNotFoundError            no memory has this id (also a ValueError)
    ├── ConflictError                  the memory changed between the decision and the write
    ├── ImmutableError                 the memory was stored as immutable
    ├── MemoryQuotaExceededError       the write would go over max_memories or max_bytes
    ├── EngineError                    a model could not do its work
    │   ├── ModelFileError             a model's file is missing, damaged or of another kind
    │   ├── ReplyError                 a language model's reply is unusable, even after retrying
    │   └── EmbeddingError             text could not be turned into vectors
    └── StoreError                     the file could not do its work
        ├── NotADatabaseError          the path holds something that is not ours
        ├── AuthenticationError        the file is encrypted with another key, or is not encrypted
        ├── SchemaError                the file was written by a newer tinymem
        ├── BusyError                  another process kept the file locked for too long
        ├── CorruptError               the file is damaged
        └── DiskFullError              no space is left for the write

A message says what happened, with the values, and what to do about it. Foreign exceptions are
mapped at one boundary each (`store/connect.py`, `engines/onnx.py`, `engines/llama.py`) and chained.
"""

from __future__ import annotations

import reprlib

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_LONGEST = 120  # characters


def shown(value: object) -> str:
    """Return how a value begins, for a message that has to stay short whatever it is."""
    try:
        return _SHORT.repr(value)[:_LONGEST]
    except ValueError:  # an integer, somewhere in it, of more digits than Python prints
        return "something with an integer too long to print"


class TinymemError(Exception):
    """The base of every error that tinymem raises on purpose."""


class ConfigError(TinymemError, ValueError):
    """A setting, or a combination of settings, cannot work."""


class ValidationError(TinymemError, ValueError):
    """An argument has the wrong type, range or form; nothing was read or written."""


class MemoryNotFoundError(TinymemError, ValueError):
    """No memory, not even a deleted one, has the given id."""


class ConflictError(TinymemError):
    """Another writer changed a memory between the decision about it and the write; nothing was written."""


class ImmutableError(TinymemError):
    """The memory was stored with `immutable=True` and may be deleted but not changed."""


class MemoryQuotaExceededError(TinymemError):
    """The file would hold more than `max_memories` or `max_bytes` allows; nothing was written."""


class EngineError(TinymemError):
    """A model could not do its work."""


class ModelFileError(EngineError):
    """A model's file is missing, damaged, or not of the kind that was asked for."""


class ReplyError(EngineError):
    """A language model's reply was cut off or unusable, even after a smaller request."""


class EmbeddingError(EngineError):
    """Text could not be turned into vectors; nothing was stored."""


class StoreError(TinymemError):
    """The database file could not do its work."""


class NotADatabaseError(StoreError):
    """The path holds something that tinymem did not write; it was left untouched."""


class AuthenticationError(StoreError):
    """The key is missing or not the file's, or the file is not encrypted; it was left untouched."""


class SchemaError(StoreError):
    """The file was written by a newer tinymem than this one; it was left untouched."""


class BusyError(StoreError):
    """Another process or thread held the file's write lock for longer than the busy timeout."""


class CorruptError(StoreError):
    """The file is damaged: what SQLite read from it cannot be what was written."""


class DiskFullError(StoreError):
    """No space is left on the disk; the whole call was rolled back."""


# The names that mem0's users catch.
Mem0ValidationError = ValidationError
RateLimitError = BusyError  # "try again later"
