"""Where the bundled models lie, and whether a model's files are the ones that were published.

A wheel carries them inside the package; in a checkout they lie beside it. Looking for one reads no
model file; `verify` reads them all; loading several reads once what they share. This module must never touch
the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from tinymem.engines.manifest import MANIFEST, read_json
from tinymem.errors import ModelFileError


def models_folder() -> Path:
    """Return the folder of the bundled models: inside the package when installed, else beside it."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def model_folder(name: str) -> Path:
    """Return the folder of the bundled model called `name`, such as "minilm" or "memory".

    Raises:
        ModelFileError: this installation does not have it.
    """
    folder = models_folder() / name
    if not folder.is_dir():
        raise ModelFileError(
            f"the bundled model {name!r} is not in {folder.parent}: install tinymem again from its wheel, "
            "or pass the path of a model folder of your own"
        )
    return folder


def verify(folder: str | Path) -> None:
    """Compare every file that a model folder's manifest lists with its sha256.

    Raises:
        ModelFileError: the manifest cannot be read or lists nothing, or a file is missing or differs.
    """
    folder = Path(folder)
    files = read_json(folder / MANIFEST).get("files")
    if not isinstance(files, dict) or not files:
        raise ModelFileError(f"{folder / MANIFEST} lists no files, so there is nothing to compare them with")
    compare_files(folder, files)


def file_sha256(path: Path) -> str:
    """Return the hex digest of a file's bytes.

    Raises:
        ModelFileError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as problem:
        raise ModelFileError(
            f"{path} cannot be read ({problem}); fetch or install the model again"
        ) from problem
    return digest.hexdigest()


def known_sha256(path: Path) -> str:
    """Return the hex digest of a file's bytes, without reading a file again that nobody has written to.

    Raises:
        ModelFileError: the file cannot be read.
    """
    if not path.is_file():
        return file_sha256(path)  # which says why not
    state = path.stat()
    return sha256_as_of(path.resolve(), state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def sha256_as_of(path: Path, *_: int) -> str:
    """Return the hex digest of a file that has some number, length and time; other ones are another file."""
    return file_sha256(path)


def compare_files(
    folder: Path, expected: Mapping[str, str], digest_of: Callable[[Path], str] = file_sha256
) -> None:
    """Compare files, named from a folder, with the sha256 that is expected of each.

    Raises:
        ModelFileError: a file is missing or differs.
    """
    for name, digest in expected.items():
        found = digest_of(folder / name)
        if found != digest:
            raise ModelFileError(
                f"{folder / name} is not the file that was published: its sha256 is {found}, the manifest "
                f"says {digest}; fetch or install the model again"
            )
