"""The writer: a small model that says a clause's facts, word by word, in words of the source or of the house.

A few replies are followed at once (a beam), each word may come from several places and counts with the sum of
them, and every fact carries how sure the model was of it. It never decides what is stored: the extractor
checks what is written here against what was said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinymem.errors import ConfigError, ModelFileError
from tinymem.understand.passage import Passage, Source, source
from tinymem.understand.wording import FORMS, formed, is_broken, joined, mended, plain

Numbers = NDArray[Any]

END, NEXT = 0, 1
BEAM, STEPS, ROWS = 3, 44, 48
PAST = "past"  # what a state calls what was written
STAMMERING = 0.05  # what a repeated word is still worth
LEAST = 1e-9  # what any word is worth: its logarithm is taken
LONG_WORD = 4
SENTENCE_ENDS = frozenset(".!?…:")


class WritingModel(Protocol):
    """What the writer asks of a model; `tinymem.engines.onnx_writer.OnnxWriter` fulfils it."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the model says about itself: its kind, its thresholds."""
        ...

    @property
    def house(self) -> Sequence[str]:
        """The words that can be said without copying; the first two end a reply and begin another fact."""
        ...

    def pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the ids of a text's word pieces, and the characters that each stands for."""
        ...

    def read(self, sources: Sequence[tuple[list[int], list[int], list[int]]]) -> list[Any]:
        """Return what is made of (ids, kinds, places of the words' first pieces), in order."""
        ...

    def begin(self, reads: Sequence[Any]) -> dict[str, Numbers]:
        """Return the state before the first word, by name, rows first; `keys` is (rows, words, width).

        `past` is what was written so far; everything else is of the passage.
        """
        ...

    def step(self, fed: NDArray[np.int64], state: dict[str, Numbers]) -> tuple[Numbers, dict[str, Numbers]]:
        """Return log-probabilities (rows, house words + FORMS x words) of what is next, and the new state."""
        ...


@dataclass(frozen=True)
class Draft:
    """A fact as the model wrote it.

    `probability`: geometric mean of its words' probabilities, 0 to 1; `least`: that of its least sure word.
    """

    text: str
    probability: float
    least: float


@dataclass
class Line:
    """A reply that is being written.

    `words` (a line break between facts) and the probability that each was `worth`; what the model is `fed`
    next, and its `row` in the model's state.
    """

    score: float = 0.0
    words: list[str] = field(default_factory=list)
    worth: list[float] = field(default_factory=list)
    fed: int = END
    row: int = 0
    ended: bool = False

    def value(self) -> float:
        """How good the reply is: the mean log-probability, so that short replies have no head start."""
        return self.score / (len(self.worth) + 0.5)

    def value_with(self, worth: float) -> float:
        """How good it were with one more word of this probability."""
        return (self.score + log(max(worth, LEAST))) / (len(self.worth) + 1.5)


class Vocabulary:
    """All that can be said about one passage: house words, then the source's words in each form."""

    def __init__(self, read: Source, house: Sequence[str], index: Mapping[str, int], width: int) -> None:
        self.house, self.index, self.words = house, index, read.words
        self.size, self.width = len(house), width
        surfaces, fresh = dict(index), len(house)
        self.kinds = np.zeros(self.size + len(FORMS) * width, dtype=np.int64)
        self.kinds[: self.size] = np.arange(self.size)
        for form in range(len(FORMS)):
            for place, word in enumerate(read.words):
                surface = plain(formed(word.surface, form))
                kind = surfaces.setdefault(surface, fresh)
                fresh += kind == fresh
                self.kinds[self.size + form * width + place] = kind

    def summed(self, said: Numbers) -> Numbers:
        """Return the probability of each surface, however it can be said.

        Raises:
            ModelFileError: the model chooses among other house words than those it was given with.
        """
        if len(said) != len(self.kinds):
            raise ModelFileError(
                f"the writer chooses among {len(said)} words, but its house words and the source's are "
                f"{len(self.kinds)}: its files do not belong together; fetch or export the model again"
            )
        return np.bincount(self.kinds, weights=np.exp(said))

    def way(self, said: Numbers, kind: int) -> int:
        """Return the likeliest way of saying a surface."""
        ways = self.size + np.flatnonzero(self.kinds[self.size :] == kind)
        if kind < self.size:  # a house word is its own surface
            ways = np.append(kind, ways)
        return int(ways[np.argmax(said[ways])])

    def surface(self, way: int) -> str:
        """Return the word that a way says."""
        if way < self.size:
            return self.house[way]
        form, place = divmod(way - self.size, self.width)
        return formed(self.spelt(place), form)

    def spelt(self, place: int) -> str:
        """Return a source word as it is spelt inside a sentence: "Not" at the beginning of one is "not"."""
        surface = self.words[place].surface
        known = self.index.get(plain(surface))
        begins = place == 0 or self.words[place - 1].surface in SENTENCE_ENDS
        begins = begins or self.words[place - 1].text != self.words[place].text
        return self.house[known] if begins and known is not None else surface

    def fed(self, way: int) -> int:
        """Return what the model is fed after a way was chosen."""
        return way if way < self.size else self.size + (way - self.size) % self.width


class Writer:
    """Writes the facts of passages with a model of kind `writer`.

    Raises:
        ConfigError: the model is of another kind.
    """

    def __init__(self, model: WritingModel, *, beam: int = BEAM) -> None:
        if model.manifest.get("kind") != "writer":
            raise ConfigError(
                f"a model of kind {model.manifest.get('kind')!r} cannot write: pass one of kind 'writer'"
            )
        self.model, self.beam = model, beam
        thresholds = model.manifest.get("thresholds", {})
        self.threshold: float = thresholds.get("fact", 0.6)
        self.alone: float = thresholds.get("alone", 0.5)
        self._index: dict[str, int] | None = None

    def write_many(self, passages: Sequence[Passage]) -> list[list[Draft]]:
        """Return the facts of each passage, in order; [] where there is nothing to say."""
        found: list[list[Draft]] = []
        size = max(1, ROWS // self.beam)
        for start in range(0, len(passages), size):
            found += self._write_together(passages[start : start + size])
        return found

    def _write_together(self, passages: Sequence[Passage]) -> list[list[Draft]]:
        sources = [source(passage, self.model.pieces) for passage in passages]
        reads = self.model.read([(one.ids, one.kinds, one.places) for one in sources])
        state = self.model.begin(reads)
        vocabularies = self._vocabularies(sources, state["keys"].shape[1])
        lines = [[Line(row=row)] for row in range(len(passages))]
        told = np.arange(len(passages))  # whose passage each row of the state is about
        for _ in range(STEPS):
            alive = [line for group in lines for line in group if not line.ended]
            if not alive:
                break
            rows = np.array([line.row for line in alive])
            if not np.array_equal(rows, np.arange(len(told))):
                same = np.array_equal(told[rows], told)  # then only what was written can differ
                state = {
                    name: values if same and name != PAST else values[rows] for name, values in state.items()
                }
                told = told[rows]
            said, state = self.model.step(np.array([line.fed for line in alive], dtype=np.int64), state)
            for row, line in enumerate(alive):
                line.row = row
            lines = [
                self._grown(group, said, vocabulary)
                for group, vocabulary in zip(lines, vocabularies, strict=True)
            ]
        return [drafts(max(group, key=Line.value)) for group in lines]

    def _vocabularies(self, sources: Sequence[Source], width: int) -> list[Vocabulary]:
        if self._index is None:
            self._index = {plain(word): place for place, word in enumerate(self.model.house)}
        return [Vocabulary(one, self.model.house, self._index, width) for one in sources]

    def _grown(self, group: Sequence[Line], said: Numbers, vocabulary: Vocabulary) -> list[Line]:
        """Return the best lines after one more word each.

        What stammers is worth less than it seems, so the most promising are tried until no other can win.
        """
        longer = [line for line in group if line.ended]
        possible = [
            (line.value_with(worth), line, kind, worth)
            for line in group
            if not line.ended
            for kind, worth in self._likeliest(vocabulary.summed(said[line.row]))
        ]
        for most, line, kind, worth in sorted(possible, key=lambda one: one[0], reverse=True):
            if len(longer) >= self.beam and most < min(one.value() for one in longer):
                break
            longer.append(grown(line, kind, worth, said[line.row], vocabulary))
            longer = sorted(longer, key=Line.value, reverse=True)[: self.beam]
        return longer

    def _likeliest(self, summed: Numbers) -> Iterator[tuple[int, float]]:
        """Yield the surfaces that are most probable, as many as lines go on, with their probability."""
        for _ in range(self.beam):
            kind = int(summed.argmax())
            yield kind, float(summed[kind])
            summed[kind] = -1.0


def grown(line: Line, kind: int, worth: float, said: Numbers, vocabulary: Vocabulary) -> Line:
    """Return a line with one more word, or ended."""
    way = vocabulary.way(said, kind)
    word = "\n" if way in (END, NEXT) else vocabulary.surface(way)
    if stammers(line.words, word):
        worth *= STAMMERING
    worth = max(worth, LEAST)
    score, worths = line.score + log(worth), [*line.worth, worth]
    if way == END:
        return Line(score, line.words, worths, END, line.row, ended=True)
    return Line(score, [*line.words, word], worths, vocabulary.fed(way), line.row)


def stammers(words: Sequence[str], word: str) -> bool:
    """Return whether a word says again what its fact has said: a long word, or a pair of short ones.

    >>> stammers(["has", "a", "Ford", "Focus", "in", "a", "Ford"], "Focus"), stammers(["to", "and"], "to")
    (True, False)
    """
    begins = len(words) - next((n for n, each in enumerate(reversed(words)) if each == "\n"), len(words))
    said, new = [plain(each) for each in words[begins:]], plain(word)
    if not new.isalpha():
        return False
    if len(new) >= LONG_WORD:
        return new in said
    return bool(said) and said[-1].isalpha() and (said[-1], new) in pairwise(said)


def drafts(line: Line) -> list[Draft]:
    """Return the facts of a line; one that it did not come to finish is left out."""
    found: list[Draft] = []
    words: list[str] = []
    worth: list[float] = []
    for word, value in zip([*line.words, "\n"], line.worth, strict=False):
        worth.append(value)
        if word != "\n":
            words.append(word)
            continue
        text = mended(joined(words)) if words else ""
        if text and not is_broken(text):
            found.append(Draft(text, float(np.exp(np.mean(np.log(worth)))), min(worth)))
        words, worth = [], []
    return found
