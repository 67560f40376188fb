"""The key of an encrypted file, as SQLite takes it.

The cipher is that of SQLite3 Multiple Ciphers (the extra `tinymem[encryption]`, which takes apsw's place):
every page of the file, of its write-ahead log and of its journal is encrypted with ChaCha20 and authenticated
with Poly1305, so that a page that somebody changed is damage, not another text. What SQLite sorts stays in
memory. No cryptography is done here, and a key must never get into a message.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import apsw

from tinymem.errors import ConfigError

MAGIC = b"SQLite format 3\x00"
"""How a plain database begins."""

CIPHER = "chacha20"
ROUNDS = 256_000
"""Rounds of PBKDF2-HMAC-SHA256 that make a key of a passphrase: 0.1 s for us, and for whoever guesses."""

KEY_BYTES = 32
SALT_BYTES = 16
"""How many bytes a file begins with that make another key of the same passphrase."""

LONGEST_PASSPHRASE = 1024  # characters

_INSTALL = (
    'a key needs a SQLite that can encrypt: pip install "tinymem[encryption]" && pip install '
    "--force-reinstall --no-deps apsw-sqlite3mc (the second because pip may put plain apsw over it)"
)
# What the cipher leaves readable of a header is bytes 16 to 23: the size of a page, the two format versions,
# how many bytes of a page are the cipher's, and three constants. Source: https://sqlite.org/fileformat2.html
_READABLE = slice(16, 24)
_CIPHERS_BYTES = 32
_CONSTANTS = b"\x40\x20\x20"


def check_key(key: object, path: str) -> str | bytes | None:
    """Return a key that can be used for a path, or None.

    Raises:
        ConfigError: It is no passphrase and no 32 bytes, there is no file, or this SQLite can not encrypt.
    """
    if key is None:
        return None
    if not isinstance(key, (str, bytes)):
        raise ConfigError(f"key must be a passphrase or {KEY_BYTES} bytes, got a {type(key).__name__}")
    if isinstance(key, bytes) and len(key) != KEY_BYTES:
        raise ConfigError(
            f"a key in bytes has {KEY_BYTES} of them, such as os.urandom({KEY_BYTES}), and this one has "
            f"{len(key)}; give a passphrase as a str"
        )
    if isinstance(key, str) and not (key.strip() and _is_text(key) and len(key) <= LONGEST_PASSPHRASE):
        raise ConfigError(f"a passphrase must be text of 1 to {LONGEST_PASSPHRASE} characters, not blank")
    if path == ":memory:":
        raise ConfigError(
            "':memory:' has no file that a key could encrypt; give a path, or leave out the key"
        )
    if not hasattr(apsw, "mc_version"):
        raise ConfigError(_INSTALL)
    return key


def _is_text(key: str) -> bool:
    try:
        return bool(key.encode())
    except UnicodeEncodeError:
        return False


def unlock(
    connection: apsw.Connection, key: str | bytes, *, checked: bool = True, salt: bytes | None = None
) -> None:
    """Tell a connection its key, before anything is read; whether it fits, the first read tells.

    Pages that are not `checked` may have been changed; `salt` is that of a new file, else a random one.
    """
    connection.pragma("cipher", CIPHER)
    connection.pragma("kdf_iter", ROUNDS)
    if not checked:
        connection.pragma("hmac_check", False)
    if salt is not None:
        connection.pragma("cipher_salt", salt.hex())
    connection.pragma(*_pragma(key))


def location(path: Path, key: str | bytes | None) -> str:
    """Return a path as VACUUM INTO takes it, with the key of the copy; it must never get into a message."""
    told = ("key", "") if key is None else _pragma(key)
    options = urlencode({"cipher": CIPHER, "kdf_iter": ROUNDS, told[0]: told[1]})
    return f"{path.absolute().as_uri()}?{options}"


def is_encrypted(header: bytes) -> bool:
    """Tell whether a file's first bytes are those of an encrypted database."""
    readable = header[_READABLE]
    page_size = int.from_bytes(readable[:2], "big")
    return (
        page_size.bit_count() == 1
        and all(version in (1, 2) for version in readable[2:4])
        and readable[4:] == bytes([_CIPHERS_BYTES]) + _CONSTANTS
        and not header.startswith(MAGIC)
    )


def _pragma(key: str | bytes) -> tuple[str, str]:
    """Return the pragma that takes a key: 32 bytes as they are, a passphrase as its UTF-8 in hexadecimal."""
    if isinstance(key, bytes):
        return "key", f"raw:{key.hex()}"
    return "hexkey", key.encode().hex()
