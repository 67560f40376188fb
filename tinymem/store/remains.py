"""What is left of a tinymem file's tables: their rows, found by the trees that lead there, or by their looks.

Where a tree is whole, its rows are the table. Where a branch of it is lost, every page that no tree leads to
and that is not known to be free is looked at as well: each of our tables has rows like no other's. Such a row
may be an old copy of itself, so it is kept apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from tinymem.store.pages import (
    INDEX_INTERIOR,
    INDEX_LEAF,
    TABLE_LEAF,
    DamageError,
    Pages,
    Row,
    free_pages,
    read_rows,
    walk,
)

# The types of a row's values: n NULL, i integer, f float, t text, b blob. A table's own number is NULL in it.
_LOOKS = {
    "memory": ("table", r"nttt[nt]{7}ttt[nt]i[nit]*"),
    "commits": ("table", r"nttttt"),
    "changes": ("table", r"nitit[nt][nt][nb]t"),
    "feedback": ("table", r"ntt[nt]t"),
    "entity": ("table", r"nttt[nb]"),
    "memory_vec_chunks": ("table", r"nibb"),
    "memory_vec_vector_chunks00": ("table", r"[in]b"),
    "memory_category": ("index", r"iti"),
    "messages": ("index", r"iit[nt]t[nt]"),
    "identity": ("index", r"tt"),
    "sqlite_autoindex_memory_1": ("index", r"ti"),
}
# Old copies of vectors may be another embedder's, and many indexes look like that of the ids.
_LOOKALIKES = frozenset({"memory_vec_chunks", "memory_vec_vector_chunks00", "sqlite_autoindex_memory_1"})
_PATTERNS = [
    (table, kind, re.compile(looks)) for table, (kind, looks) in _LOOKS.items() if table not in _LOOKALIKES
]
_LETTERS = {type(None): "n", int: "i", float: "f", str: "t", bytes: "b"}
_KINDS = {TABLE_LEAF: "table", INDEX_LEAF: "index", INDEX_INTERIOR: "index"}


@dataclass
class Remains:
    """The rows of each table, those that only look like them, and which tables are not whole.

    Without `has_contents` nothing leads to tables, and all rows are found by their looks.
    """

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    strays: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    broken: set[str] = field(default_factory=set)
    has_contents: bool = True

    def all_rows(self, table: str) -> list[Row]:
        """Return the rows of a table and, where it is not whole, those that look like its own, last."""
        return [*self.rows[table], *(self.strays[table] if table in self.broken else ())]


def collect(pages: Pages) -> Remains:
    """Find what is left of our tables."""
    remains = Remains()
    seen: set[int] = set()
    roots, whole = _roots(pages, seen)
    remains.has_contents = not roots.keys().isdisjoint(_LOOKS)
    for table in _LOOKS:
        if table in roots:
            _collect_table(pages, roots[table], table, remains, seen)
        elif not whole:  # else it is a table that this file does not have
            remains.broken.add(table)
    if remains.broken:
        found = remains.strays if remains.has_contents else remains.rows
        for number in set(range(1, pages.count + 1)) - seen - free_pages(pages):
            _collect_page(pages, number, found)
    return remains


def _roots(pages: Pages, seen: set[int]) -> tuple[dict[str, int], bool]:
    """Return where each table and index begins, and whether all of them could be read."""
    roots: dict[str, int] = {}
    contents, whole = walk(pages, 1)
    for number in contents:
        seen.add(number)
        try:
            rows, senseless = read_rows(pages, number)
        except DamageError:
            whole = False
            continue
        fitting = [row.values for row in rows if re.fullmatch(r"ttti[nt]", _looks(row))]
        whole &= not senseless and len(fitting) == len(rows)
        roots.update((name, root) for _, name, _, root, _ in fitting if root)
    return roots, whole


def _collect_table(pages: Pages, root: int, table: str, remains: Remains, seen: set[int]) -> None:
    tree = walk(pages, root)
    whole = tree.whole
    pattern = re.compile(_LOOKS[table][1])
    for number in tree.pages:
        seen.add(number)
        try:
            rows, senseless = read_rows(pages, number)
        except DamageError:
            whole = False
            continue
        fitting = [row for row in rows if pattern.fullmatch(_looks(row))]
        remains.rows[table] += fitting
        whole &= not senseless and len(fitting) == len(rows)
    if not whole:
        remains.broken.add(table)


def _collect_page(pages: Pages, number: int, found: dict[str, list[Row]]) -> None:
    """Sort the rows of a page that no tree leads to by their looks."""
    try:
        page = pages[number]
        rows, _ = read_rows(pages, number)
    except DamageError:
        return
    here = _KINDS.get(page[100 if number == 1 else 0])
    for row in rows:
        looks = _looks(row)
        for table, kind, pattern in _PATTERNS:
            if kind == here and pattern.fullmatch(looks):
                found[table].append(row)


def _looks(row: Row) -> str:
    return "".join(_LETTERS[type(value)] for value in row.values)
