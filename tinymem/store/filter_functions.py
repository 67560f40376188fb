"""What compiled filters ask of Python: scalar functions for what SQL cannot say exactly.

Each is deterministic and pure. `metadata` is the JSON text of the column, `path` a JSON list of
keys, operands are canonical JSON text; NULL means absent. A key with dots is looked up as it is
before it is taken as a path. SQLite's own JSON functions take over where they give the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tinymem.errors import CorruptError
from tinymem.store import keywords
from tinymem.store.filter_values import canonical

_ABSENT = object()


def find(value: Any, key: str) -> Any:
    """Return what stands under a key, or `_ABSENT`; of a dotted key the longest literal key wins."""
    if not isinstance(value, dict):
        return _ABSENT
    if key in value:
        return value[key]
    cut = key.rfind(".")
    while cut >= 0:
        if key[:cut] in value:
            found = find(value[key[:cut]], key[cut + 1 :])
            if found is not _ABSENT:
                return found
        cut = key.rfind(".", 0, cut)
    return _ABSENT


@lru_cache(maxsize=256)
def _decoded(text: str) -> Any:
    """Read a path or an operand; the same one comes with every row."""
    return json.loads(text)


def _lookup(metadata: str, path: str) -> Any:
    """Return the value at a path of keys, None when absent: JSON's null counts as absent."""
    try:
        value = json.loads(metadata)
    except ValueError as problem:
        raise CorruptError(f"the file holds metadata that is not JSON: {metadata!r:.80}") from problem
    for key in _decoded(path):
        value = find(value, key)
    return None if value is _ABSENT else value


def metadata_value(metadata: str, path: str) -> str | None:
    """Return the canonical JSON text of the value at a path, None when absent."""
    value = _lookup(metadata, path)
    return None if value is None else canonical(value)


def metadata_order(metadata: str, path: str, operand: str) -> int | None:
    """Return -1, 0 or 1 as the value is less than, equal to or greater than a number or string.

    None when absent or of another type: numbers have an order with numbers, strings with strings.
    """
    value, other = _lookup(metadata, path), _decoded(operand)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) != isinstance(other, str):
        return None
    return int(value > other) - int(value < other)


def metadata_contains(metadata: str, path: str, operand: str) -> bool:
    """Tell whether text holds the operand, a list has it as a member, a dict all of its pairs."""
    value, wanted = _lookup(metadata, path), _decoded(operand)
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    if isinstance(value, list):
        return any(canonical(item) == operand for item in value)
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(key in value and canonical(value[key]) == canonical(wanted[key]) for key in wanted)
    return False


def metadata_icontains(metadata: str, path: str, operand: str) -> bool:
    """Tell whether text holds a string, or a list has it as a member, whatever the case."""
    value, wanted = _lookup(metadata, path), _decoded(operand).casefold()
    if isinstance(value, str):
        return wanted in value.casefold()
    if isinstance(value, list):
        return any(isinstance(item, str) and item.casefold() == wanted for item in value)
    return False


def casefold(text: str | None) -> str | None:
    """Fold case in full Unicode, which SQLite's `lower` does not."""
    return None if text is None else text.casefold()


SQL_FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int]] = {
    "tinymem_casefold": (casefold, 1),
    "tinymem_has_words": (keywords.has_words, 2),
    "tinymem_value": (metadata_value, 2),
    "tinymem_order": (metadata_order, 3),
    "tinymem_contains": (metadata_contains, 3),
    "tinymem_icontains": (metadata_icontains, 3),
}
"""Name -> (function, number of arguments): every connection registers them as deterministic."""
