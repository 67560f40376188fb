"""Who may read the file: its key, changed.

What may be remembered at all is `redact`'s; what is gone for good is `keeping`'s.
"""

from __future__ import annotations

from tinymem.core import MemoryCore


class Privacy(MemoryCore):
    """The method of `Memory` about the key of its file."""

    def rekey(self, key: str | bytes | None) -> None:
        """Encrypt the file with another key, or for the first time; None decrypts it.

        A copy under the new key takes the file's place in one step, so that a crash leaves the one or the
        other. Nobody else may have the file open meanwhile, and as much space again has to be free. Backups
        keep the key that they were made with; an `export` is plain text always. Encrypting a file does not
        reach what the disk itself still keeps of the plain one.

        Args:
            key: a passphrase, or 32 random bytes such as `os.urandom(32)`; None leaves the file readable.

        Raises:
            ConfigError: it can not be a key, there is no file, or `tinymem[encryption]` is not installed.
            BusyError: somebody else has the file open. StoreError: the copy can not be written.

        Example:
            >>> Memory(":memory:").rekey("a passphrase that nobody guesses")
            Traceback (most recent call last):
            tinymem.errors.ConfigError: ':memory:' has no file that a key could encrypt
        """
        self._store.rekey(key)
