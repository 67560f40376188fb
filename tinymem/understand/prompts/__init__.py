"""The prompts: text files for ordinary instruct models of 1 to 8 billion parameters, one caller each.

A prompt's constant part is the system message, what varies comes after it, so that a model computes the
constant part once. `PROMPT_VERSION` changes with every change to a file and is written into each commit.

Must never hold a sentence of a real conversation: a model may repeat what it reads here.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files


def load_prompt(name: str) -> str:
    """Return the text of a prompt file, without the blank space around it."""
    return files(__name__).joinpath(name).read_text("utf-8").strip()


def _version() -> str:
    """Return a short digest of all prompt files."""
    digest = hashlib.sha256()
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".txt"):
            digest.update(file.name.encode() + b"\0" + file.read_text("utf-8").encode() + b"\0")
    return digest.hexdigest()[:12]


PROMPT_VERSION = _version()
