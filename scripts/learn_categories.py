#!/usr/bin/env python3
"""Write what the examples of the default categories teach about the bundled embedder, to ship it.

    python -m scripts.learn_categories

To be run again after a change of categories.json, of models/minilm, or of how categories are learned: a test
compares.
"""

from __future__ import annotations

import numpy as np

from tinymem.config import build_embedder
from tinymem.understand.categorize import SHIPPED, example_texts, learn, made_of, turned


def main() -> None:
    embedder = build_embedder(None, None)
    rows = embedder.embed(example_texts())
    small = np.rint(127 * rows / np.abs(rows).max(axis=1, keepdims=True)).astype(np.int8)
    learned = learn(turned(small.astype(np.float32)))  # from what will be read, not from what it was
    np.savez(SHIPPED, made_of=made_of(embedder), **{**vars(learned), "examples": small})
    print(f"{SHIPPED}: {len(small)} examples, {SHIPPED.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
