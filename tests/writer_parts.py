"""What the tests of the writer's training share: a few house words, a passage with two facts, a reader."""

from __future__ import annotations

from tokenizers import Tokenizer

from scripts.train.writer_examples import Passage, Told
from scripts.train.writer_rows import END, NEXT, Reader, Row
from tinymem.engines.catalog import model_folder

HOUSE = [END, NEXT, "is", "has", "likes", "a", "not", "named", "and", "name", "allergic", "to"]
TALK = Passage(
    "made/1",
    "assistant: Any pets? user:",
    "I've got a Dog named Rex and my sister Maya works in Leeds. Thanks!",
    (0, 59),
    (Told("Has a dog named Rex", ((0, 24),), ((11, 20),)), Told("Sister Maya works in Leeds", ((29, 58),))),
)
SILENT = Passage("made/2", "user:", "I ski", (0, 5))


def reader_of(house: list[str]) -> Reader:
    """Return a reader with MiniLM's tokenizer."""
    return Reader(Tokenizer.from_file(str(model_folder("minilm") / "tokenizer.json")), house)


def row_of(reader: Reader, passage: Passage) -> Row:
    """Return the row of a passage that can be said."""
    row = reader.row(passage)
    assert row is not None
    return row
