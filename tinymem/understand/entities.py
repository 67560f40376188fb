"""Is this name one that the owner's graph has already? Then it is spelt as it stands there.

Names with the same key are the same. Beyond that only a name of several words may be another spelling,
when one holds the other's words and their embeddings lie close: single words and numbers never, since
Anna is not Hanna and room 12 is not room 13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinymem.types import Triple, Vector, entity_key

SAME_NAME_AT = 0.85  # cosine from which a name that holds another's words is the same


class Names:
    """The entities of one owner, found by their key or by the words that another name shares with them.

    Args:
        known: their names, with vectors, float32 (dimension,), where they have one.
    """

    def __init__(self, known: Mapping[str, Vector | None]) -> None:
        self._by_key: dict[str, str] = {}
        self._by_word: dict[str, list[str]] = {}
        self._vectors: dict[str, Vector | None] = {}
        for name, vector in known.items():
            self.add(name, vector)

    def add(self, name: str, vector: Vector | None) -> None:
        """Take in a name that no entity has yet."""
        key = entity_key(name)
        self._by_key[key] = name
        self._vectors[name] = vector
        for word in set(key.split()):
            self._by_word.setdefault(word, []).append(name)

    def same(self, name: str) -> str | None:
        """Return the entity with this name's key, or None."""
        return self._by_key.get(entity_key(name))

    def like(self, name: str, vector: Vector | None) -> str | None:
        """Return the entity that a name is another spelling of, or None."""
        words = set(entity_key(name).split())
        best, at = None, SAME_NAME_AT
        for other in dict.fromkeys(each for word in sorted(words) for each in self._by_word.get(word, ())):
            others, stored = set(entity_key(other).split()), self._vectors[other]
            shared = words & others
            if (
                min(len(words), len(others)) < 2
                or shared not in (words, others)
                or has_number(words ^ others)
            ):
                continue
            if vector is not None and stored is not None and float(vector @ stored) >= at:
                best, at = other, float(vector @ stored)
        return best


def canonical(names: Sequence[str], known: Names, vectors: Mapping[str, Vector]) -> dict[str, str]:
    """Return how each name is to be spelt; those that are new are taken into `known`.

    Args:
        names: as the relations have them.
        known: the entities of their owner.
        vectors: of the names, as far as they could be compared.
    """
    spelt: dict[str, str] = {}
    for name in names:
        found = known.same(name) or known.like(name, vectors.get(name))
        if found is None:
            known.add(name, vectors.get(name))
        spelt[name] = found or name
    return spelt


def has_number(words: set[str]) -> bool:
    """Tell whether one of the words holds a digit."""
    return any(character.isdigit() for word in words for character in word)


def renamed(relations: Sequence[Triple], spelt: Mapping[str, str]) -> tuple[Triple, ...]:
    """Return relations with their entities respelt; those that come to say the same stand once."""
    found = {
        Triple(spelt[each.source], each.relationship, spelt[each.target]): None
        for each in relations
        if spelt[each.source] != spelt[each.target]
    }
    return tuple(found)
