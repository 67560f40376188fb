"""What `update` was asked for: the caller's arguments become a function from a Record to the Record after.

Pure, and separate from writing, so that an update that lost a race can be made again on what is
stored now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tinymem.arguments import (
    check_metadata_size,
    parse_expiration,
    parse_flag,
    parse_metadata,
    parse_text,
    show,
)
from tinymem.errors import ValidationError, shown
from tinymem.redact import NOTHING_REDACTED, Redaction
from tinymem.types import Metadata, Record

UNSET: Any = type("Unset", (), {"__repr__": lambda self: "UNSET"})()
"""An argument that was not given, where None means something."""

Revision = Callable[[Record], Record]


def parse_revision(
    data: object,
    text: object,
    metadata: object,
    merge: object,
    expiration_date: object,
    redaction: Redaction = NOTHING_REDACTED,
    at: str = "",
) -> Revision:
    """Return what an update does to a Record; errors about its words begin with `at`.

    Raises:
        ValidationError: there is nothing to change, or two arguments say different things.
    """
    if data is not None and not isinstance(data, (str, Mapping)):
        raise ValidationError(f"data must be a text or a metadata dict, got {show(data)}")
    if isinstance(data, Mapping):
        if metadata is not None:
            raise ValidationError("data is a dict, so it is metadata: give it once, as data or as metadata")
        metadata, data = data, None
    if data is not None and text is not None and data != text:
        raise ValidationError("data and text both give the new text: give one")
    asked = text if data is None else data
    new_text = None if asked is None else redaction.text(parse_text(asked, "text"), f"{at}text")
    if new_text is None and metadata is None and expiration_date is UNSET:
        raise ValidationError("update has nothing to change: give data, text, metadata or expiration_date")
    new_metadata = None if metadata is None else redaction.metadata(parse_metadata(metadata), f"{at}metadata")
    expires: Any = UNSET if expiration_date is UNSET else parse_expiration(expiration_date)
    merging = parse_flag(merge, "merge")

    def revise(record: Record) -> Record:
        return replace(
            record,
            text=record.text if new_text is None else new_text,
            metadata=revised_metadata(record.metadata, new_metadata, merging),
            expiration_date=record.expiration_date if expires is UNSET else expires,
        )

    return revise


def parse_revision_item(entry: Mapping[str, Any], redaction: Redaction = NOTHING_REDACTED) -> Revision:
    """Return what one entry of `batch_update` does to a Record.

    Raises:
        ValidationError: it changes nothing, or holds what `update` does not take.
    """
    known = ("memory_id", "data", "text", "metadata", "merge", "expiration_date")
    if unknown := [key for key in entry if key not in known]:
        raise ValidationError(f"an entry of batch_update has unknown keys {shown(unknown)}: use {known}")
    return parse_revision(
        entry.get("data"),
        entry.get("text"),
        entry.get("metadata"),
        entry.get("merge", True),
        entry.get("expiration_date", UNSET),
        redaction,
        f"memory {entry['memory_id']!r}: ",
    )


def revised_metadata(old: Metadata, new: Metadata | None, merge: bool) -> Metadata:
    """Return metadata after an update: merged key by key, where a new None removes the key, or replaced."""
    if new is None:
        return old
    if not merge:
        return new
    removed = {key for key, value in new.items() if value is None}
    merged = {key: value for key, value in {**old, **new}.items() if key not in removed}
    check_metadata_size(merged, "metadata, merged with what is there,")
    return merged
