"""A disk that fails when it is told to: SQLite's file layer, with one call refused, or all from one on.

It registers itself as the default, so that tinymem uses it without knowing, and goes away in the end.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, cast

import apsw


def failure(result: int) -> apsw.Error:
    """Return the error of a failing disk with SQLite's extended code."""
    error: Any = apsw.IOError("the disk fails, as it was told to")
    error.result, error.extendedresult = apsw.SQLITE_IOERR, result
    return cast(apsw.Error, error)


FULL = apsw.FullError("the disk is full, as it was told to be")
ERRORS: dict[str, apsw.Error] = {
    "write": failure(apsw.SQLITE_IOERR_WRITE),
    "half a write": failure(apsw.SQLITE_IOERR_WRITE),
    "write to a full disk": FULL,
    "sync": failure(apsw.SQLITE_IOERR_FSYNC),
    "read": failure(apsw.SQLITE_IOERR_READ),
    "truncate": failure(apsw.SQLITE_IOERR_TRUNCATE),
}
"""What can fail, and with which error."""


class FailingDisk(apsw.VFS):
    """The default way to files while it is open; `arm` says what fails, and when."""

    def __init__(self) -> None:
        self.base = apsw.vfs_names()[0]
        self._kind, self._left, self.for_good = "", 0, False
        self.failed = 0  # calls so far, since it was armed
        super().__init__("failing", self.base, makedefault=True)

    def __enter__(self) -> FailingDisk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unregister()

    def arm(self, kind: str, after: int, *, for_good: bool) -> None:
        """Fail the call of this kind that comes after so many others, and with `for_good` all that follow."""
        self._kind, self._left, self.for_good, self.failed = kind, after, for_good, 0

    def mend(self) -> None:
        """Fail no more."""
        self._kind = ""

    def fails(self, *kinds: str) -> bool:
        """Count one call of any of these kinds, and tell whether it has to fail."""
        if self._kind not in kinds:
            return False
        self._left -= 1
        if self._left >= 0 or (self.failed and not self.for_good):
            return False
        self.failed += 1
        return True

    @property
    def error(self) -> apsw.Error:
        """The error of what fails."""
        return ERRORS[self._kind]

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file on this disk."""
        return FailingFile(self, name, flags)


class FailingFile(apsw.VFSFile):
    """A file on a `FailingDisk`."""

    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(disk.base, name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        """Read, or fail."""
        if self._disk.fails("read"):
            raise self._disk.error
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write, or fail, perhaps half-way."""
        if self._disk.fails("write", "half a write", "write to a full disk"):
            if self._disk.error is ERRORS["half a write"]:
                super().xWrite(data[: len(data) // 2], offset)
            raise self._disk.error
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        """Wait for the disk, or fail."""
        if self._disk.fails("sync"):
            raise self._disk.error
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:
        """Cut the file, or fail."""
        if self._disk.fails("truncate"):
            raise self._disk.error
        super().xTruncate(newsize)
