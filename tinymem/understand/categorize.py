"""Which categories a fact belongs to, and whether it is about a topic: what an embedder finds near what.

The default categories have examples, from which a kernel ridge regression learns them; of any other category
or topic only words are known, and those reach the facts around them. How near is near enough is read from
the examples too, so that the same numbers serve every embedder. An embedder that cannot tell the examples
apart (one that knows letters, not meaning) is given no word: nothing is ever assigned by chance.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinymem.errors import ValidationError
from tinymem.types import Embedder, Vector
from tinymem.understand.categories import REST, Category, default_categories
from tinymem.understand.terms import WORD, content, word_set

# Chosen on 104 facts that are in no file here; `python -m scripts.evaluate.categories` measures others.
RIDGE = 0.3
LEAST_F1 = 0.6  # on examples left out; MiniLM reaches 0.80, hashes of words stay below 0.46
REACH = 0.95  # of all pairs of examples are farther apart than a category's words and a fact of it
NEAREST = 5  # examples that say what a category's words mean in house style
EXCLUDED_FROM = 0.7  # of what it takes to belong to a default category
MOST_SPACES, MOST_DIRECTIONS = 4, 1000  # kept in the process
PIECE = re.compile(r"[,;:.()\n]|\band\b")
VAGUE = word_set("preferenc detail information")
ALSO_CALLED = {
    **dict.fromkeys(("work", "job", "career", "profession"), "professional_details"),
    **dict.fromkeys(("exercise", "fitness"), "sports"),
    **dict.fromkeys(("medicine", "medical"), "health"),
    **dict.fromkeys(("computers", "tech"), "technology"),
    **dict.fromkeys(("clothes", "clothing"), "fashion"),
    **dict.fromkeys(("holidays", "trips"), "travel"),
    **dict.fromkeys(("relatives", "relations"), "family"),
    **dict.fromkeys(("preferences", "tastes"), "user_preferences"),
}

SHIPPED = Path(__file__).with_name("categories.npz")
"""What the examples teach about the bundled embedder, as `Learned` with the digest `made_of`; the vectors are
int8, 127 being the largest number of each. Written by `python -m scripts.learn_categories`."""

Scores: TypeAlias = NDArray[np.float32]
"""float32 (facts, categories); 1 and more belongs."""


class Categorizer:
    """Assigns categories to facts.

    What the examples and descriptions look like to an embedder is computed when first used, and once in a
    process for all Categorizers of that embedder; what the examples look like to the bundled one, it ships.

    Args:
        embedder: the vectors that are passed must be its own.
        definitions: what `parse_definitions` returns; None is the default categories.

    Example:
        >>> from tinymem.config import build_embedder
        >>> Categorizer(build_embedder(None, None)).assign(["Is allergic to walnuts", "Drives a van"])
        [('health', 'food'), ('misc',)]
    """

    def __init__(self, embedder: Embedder, definitions: Sequence[Category] | None = None) -> None:
        self.embedder = embedder
        self.definitions = default_categories() if definitions is None else tuple(definitions)

    def assign(
        self, texts: Sequence[str], vectors: Sequence[Vector] | Vector | None = None
    ) -> list[tuple[str, ...]]:
        """Return the names of the categories of each text, the most probable first.

        A text that belongs to none has "misc" if that is defined, and nothing otherwise; so has nothing a
        text without a word, and every text if the embedder cannot tell categories apart. `vectors` are the
        texts' document embeddings; without them they are computed.
        """
        space = space_of(self.embedder) if texts else None
        if space is None or not space.is_fit:
            return [()] * len(texts)
        rest = tuple(category.name for category in self.definitions if category.name.casefold() == REST)
        asked = [category for category in self.definitions if category.name not in rest]
        scores = space.scores(self.embedder, asked, rows_of(self.embedder, texts, vectors))
        return [
            (named(asked, row) or rest) if WORD.search(text) else ()
            for text, row in zip(texts, scores, strict=True)
        ]


def named(categories: Sequence[Category], scores: Scores) -> tuple[str, ...]:
    """Return the names of the categories with a score of 1 or more, the highest first."""
    found = np.flatnonzero(scores >= 1)
    return tuple(categories[place].name for place in found[np.argsort(-scores[found], kind="stable")])


class Topics:
    """Says which facts may be stored: none of an excluded topic, and only those of included ones, if any.

    A fact is of a topic if it has its words, if it is near them, or if the topic is called like a default
    category ("health", "food preferences") and the fact belongs to that. Never to store wins over to keep,
    and takes less: facts that may be of an excluded topic are dropped as well.

    Args:
        embedder: the vectors that are passed must be its own. With one that cannot tell categories apart
            only a topic's words count.
        includes: what `parse_topics` returns; empty is every topic.
        excludes: likewise; empty is none.

    Example:
        >>> from tinymem.config import build_embedder
        >>> topics = Topics(build_embedder(None, None), excludes=("health",))
        >>> topics.allowed(["Takes insulin twice a day", "Plays the drums"])
        [False, True]
    """

    def __init__(
        self, embedder: Embedder, includes: Sequence[str] = (), excludes: Sequence[str] = ()
    ) -> None:
        self.embedder = embedder
        self.includes, self.excludes = tuple(includes), tuple(excludes)

    def allowed(self, texts: Sequence[str], vectors: Sequence[Vector] | Vector | None = None) -> list[bool]:
        """Return for each text whether it may be stored; `vectors` as in `Categorizer.assign`."""
        if not texts or not (self.includes or self.excludes):
            return [True] * len(texts)
        rows = rows_of(self.embedder, texts, vectors)
        kept = self._of(self.includes, texts, rows) >= 1
        dropped = self._of(self.excludes, texts, rows, EXCLUDED_FROM) >= 1
        return [bool(keep) for keep in (kept | (not self.includes)) & ~dropped]

    def _of(self, topics: Sequence[str], texts: Sequence[str], rows: Vector, learned: float = 1.0) -> Scores:
        """Return how much each text is of the topic it is most of, float32 (texts,); 1 and more belongs.

        `learned` is what it takes to be of a default category; to be near a topic's words takes all of it.
        """
        best = np.full(len(texts), -np.inf, np.float32)
        space = space_of(self.embedder)
        if topics and space.is_fit:
            asked = [category for topic in topics for category in (Category(topic), *called(topic))]
            takes = np.array([learned if each in space.places else 1 for each in asked], np.float32)
            best = (space.scores(self.embedder, asked, rows) / takes).max(axis=1)
        wanted = [said for topic in topics if (said := set(content(topic)))]
        for place, text in enumerate(texts if wanted else ()):
            told = set(content(text))
            if any(said <= told for said in wanted):
                best[place] = np.inf
        return best


def called(topic: str) -> list[Category]:
    """Return the default categories that a topic means by its name, as "food preferences" means food."""
    meant = default_names().get(carried(topic))
    return [category for category in default_categories() if category.name == meant]


@cache
def default_names() -> dict[frozenset[str], str]:
    """Return what the default categories are called, by the stems that carry it."""
    names = {category.name: category.name for category in default_categories() if category.name != REST}
    return {carried(words): name for words, name in (names | ALSO_CALLED).items()}


def carried(words: str) -> frozenset[str]:
    """Return the stems that make the difference between names: "details" and the like only if alone."""
    stems = frozenset(content(words))
    return stems - VAGUE or stems


def rows_of(embedder: Embedder, texts: Sequence[str], vectors: Sequence[Vector] | Vector | None) -> Vector:
    """Return the document embeddings of texts, float32 (len(texts), dimension)."""
    rows = np.asarray(embedder.embed(texts) if vectors is None else vectors, np.float32)
    if rows.ndim != 2 or len(rows) != len(texts):
        raise ValidationError(f"{len(texts)} texts need as many vectors, got an array of shape {rows.shape}")
    return rows


def learned_names() -> list[str]:
    """Return the names of the default categories that have a meaning of their own."""
    return [category.name for category in default_categories() if category.name != REST]


def example_texts() -> list[str]:
    """Return the examples of all default categories, each once."""
    return list(dict.fromkeys(text for each in default_categories() for text in each.examples))


@dataclass(frozen=True)
class Learned:
    """What the examples of the default categories teach about an embedder.

    `examples` float32 (examples, dimension), rows of length 1; `weights` float32 (examples, categories) and
    `rates` float32 (categories,) give a score, which is enough from `least` on; `reach` is the cosine, seen
    from the middle of the examples, that few pairs of them have; `f1` tells how well the others know each.
    """

    examples: Vector
    weights: NDArray[np.float32]
    rates: NDArray[np.float32]
    least: float
    reach: float
    f1: float


def learn(examples: Vector) -> Learned:
    """Learn the default categories from the vectors of `example_texts()`.

    What each example would get had it not been learned from follows in closed form (Allen 1974, PRESS):
    it says from which value on a category is assigned, and whether the embedder is any good.
    """
    names = learned_names()
    of = [{each.name for each in default_categories() if text in each.examples} for text in example_texts()]
    wanted = np.array([[name in theirs for name in names] for theirs in of])
    inverse = np.linalg.inv(alike(examples, examples) + RIDGE * np.eye(len(wanted)))
    rates = wanted.mean(axis=0)
    weights = inverse @ (wanted - rates)
    least, f1 = best_cut(wanted - weights / np.diag(inverse)[:, None], wanted)
    around = turned(examples - examples.mean(axis=0))
    reach = float(np.quantile(around @ around.T, REACH))
    return Learned(examples, weights.astype(np.float32), rates.astype(np.float32), least, reach, f1)


def alike(rows: Vector, examples: Vector) -> Vector:
    """Return how alike texts and examples are, 0..1, (texts, examples): the kernel of the regression."""
    return np.asarray(((1 + rows @ examples.T) / 2) ** 3, np.float32)


def turned(rows: Vector) -> Vector:
    """Return rows of length 1 in the same directions."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def made_of(embedder: Embedder) -> str:
    """Return a digest of what an embedder and the examples are, which all that is learned follows from."""
    said = json.dumps([named_identity(embedder), [vars(each) for each in default_categories()]])
    return hashlib.sha256(said.encode()).hexdigest()


def shipped_for(embedder: Embedder) -> Learned | None:
    """Return what ships of what an embedder teaches: that of the bundled one, and of no other."""
    with np.load(SHIPPED) as shipped:
        if shipped["made_of"].item() != made_of(embedder):
            return None
        examples = turned(shipped["examples"].astype(np.float32))
        numbers = {name: shipped[name].item() for name in ("least", "reach", "f1")}
        return Learned(examples, shipped["weights"], shipped["rates"], **numbers)


class Space:
    """The default categories as one embedder sees them, and the directions of others."""

    def __init__(self, embedder: Embedder) -> None:
        learned = shipped_for(embedder)
        if learned is None:
            learned = learn(np.asarray(embedder.embed(example_texts()), np.float32))
        self.learned = learned
        self.is_fit = learned.f1 >= LEAST_F1
        self.places = {each: place for place, each in enumerate(default_categories()) if each.name != REST}
        self.middle = learned.examples.mean(axis=0)
        self.around = self.centred(learned.examples)
        self._directions: dict[Category, Vector] = {}
        self._lock = threading.Lock()

    def scores(self, embedder: Embedder, categories: Sequence[Category], rows: Vector) -> Scores:
        """Return how much each text belongs to each category; default categories are those learned."""
        found = np.empty((len(rows), len(categories)), np.float32)
        known = [place for place, category in enumerate(categories) if category in self.places]
        other = [place for place, category in enumerate(categories) if category not in self.places]
        if known:
            columns = [self.places[categories[place]] for place in known]
            near = alike(rows, self.learned.examples)
            found[:, known] = (near @ self.learned.weights + self.learned.rates)[
                :, columns
            ] / self.learned.least
        if other:
            directions = self.directions(embedder, [categories[place] for place in other])
            found[:, other] = self.centred(rows) @ directions.T / self.learned.reach
        return found

    def directions(self, embedder: Embedder, categories: Sequence[Category]) -> Vector:
        """Return where the facts of categories are that are known by their words: (categories, dimension)."""
        with self._lock:
            missing = [category for category in categories if category not in self._directions]
            if len(self._directions) + len(missing) > MOST_DIRECTIONS:
                self._directions.clear()
                missing = list(categories)
            if missing:
                self._directions.update(zip(missing, self._directed(embedder, missing), strict=True))
            return np.array([self._directions[category] for category in categories])

    def _directed(self, embedder: Embedder, categories: Sequence[Category]) -> list[Vector]:
        """Return rows of length 1: the words of each, moved towards the facts that are nearest to them."""
        told = [wordings(category) for category in categories]
        said = embedder.embed([text for texts in told for text in texts], kind="query")
        parts = np.split(np.asarray(said, np.float32), np.cumsum([len(texts) for texts in told])[:-1])
        starts = self.centred(np.array([part.mean(axis=0) for part in parts]))
        return [self._moved(start) for start in starts]

    def _moved(self, start: Vector) -> Vector:
        near = self.around @ start
        nearest = np.argsort(-near)[:NEAREST]
        weights = np.maximum(near[nearest], 1e-6)
        moved = start + weights @ self.around[nearest] / weights.sum()
        return np.asarray(moved / np.linalg.norm(moved), np.float32)

    def centred(self, rows: Vector) -> Vector:
        """Return rows of length 1 as seen from the middle of the examples: less of what all facts share."""
        return turned(rows - self.middle)


def wordings(category: Category) -> list[str]:
    """Return what says the meaning of a category: name, description whole and in pieces, examples."""
    name = category.name.replace("_", " ").replace("-", " ")
    pieces = [piece.strip() for piece in PIECE.split(category.description)]
    return [
        text for text in (name, f"About {name}", category.description, *pieces, *category.examples) if text
    ]


def best_cut(values: NDArray[np.float64], wanted: NDArray[np.bool_]) -> tuple[float, float]:
    """Return from which value on to say yes, for the highest F1 of all answers together, and that F1."""
    order = np.argsort(-values, axis=None)
    right = np.cumsum(wanted.ravel()[order])
    f1 = 2 * right / (np.arange(1, right.size + 1) + right[-1])
    best = int(f1.argmax())
    return float(values.ravel()[order[best]]), float(f1[best])


_SPACES: dict[str, Space] = {}
_LOCK = threading.Lock()


def named_identity(embedder: Embedder) -> str:
    """Return what fixes an embedder's vectors, as text."""
    return json.dumps(dict(embedder.identity), sort_keys=True, default=str)


def space_of(embedder: Embedder) -> Space:
    """Return the Space of an embedder, the same for all that make the same vectors; any thread may ask."""
    identity = named_identity(embedder)
    with _LOCK:
        if identity not in _SPACES:
            if len(_SPACES) >= MOST_SPACES:
                del _SPACES[next(iter(_SPACES))]
            _SPACES[identity] = Space(embedder)
        return _SPACES[identity]
