"""What `update` was asked for: the caller's arguments become a function from a Record to the Record after.

Pure, and separate from writing, so that an update that lost a race can be made again on what is
stored now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tinymem.arguments import parse_expiration, parse_flag, parse_metadata, parse_text, show
from tinymem.errors import ValidationError
from tinymem.types import Metadata, Record

UNSET: Any = type("Unset", (), {"__repr__": lambda self: "UNSET"})()
"""An argument that was not given, where None means something."""

Revision = Callable[[Record], Record]


def parse_revision(
    data: object, text: object, metadata: object, merge: object, expiration_date: object
) -> Revision:
    """Return what an update does to a Record.

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
    new_text = None if data is None and text is None else parse_text(text if data is None else data, "text")
    if new_text is None and metadata is None and expiration_date is UNSET:
        raise ValidationError("update has nothing to change: give data, text, metadata or expiration_date")
    new_metadata = None if metadata is None else parse_metadata(metadata)
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


def revised_metadata(old: Metadata, new: Metadata | None, merge: bool) -> Metadata:
    """Return metadata after an update: merged key by key, where a new None removes the key, or replaced."""
    if new is None:
        return old
    if not merge:
        return new
    removed = {key for key, value in new.items() if value is None}
    return {key: value for key, value in {**old, **new}.items() if key not in removed}
