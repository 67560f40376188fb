"""Out of one file and into another: everything as JSON Lines, and back, exactly.

An export is written beside its target and renamed when it is whole. An import is one transaction: what
does not fit, by a single line, leaves the file as it was. What is no export of ours is `foreign`'s.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinymem import arguments
from tinymem.admitting import admit
from tinymem.core import MemoryCore
from tinymem.errors import SchemaError, StoreError, ValidationError
from tinymem.store.beside import COMPANIONS, parse_path, written_beside
from tinymem.store.filters import scope_where, where
from tinymem.store.lines import Dump, Line, Parsed, parse_line, texts_to_embed
from tinymem.store.transfer import Made, is_database
from tinymem.store.writing import check_embedder
from tinymem.types import Change, Commit, Scope, Vector, render_time

FORMAT = 1
"""The number of the form in which exports are written; a newer one is refused."""

EMBEDDED_AT_ONCE = 256
LONGEST_HEADER = 1 << 20  # bytes: whatever begins with a longer line is no export

_COUNTED = {"memory": "memories", "commit": "commits", "change": "changes", "feedback": "feedback"}


class Portable(MemoryCore):
    """The methods of `Memory` that carry memories from file to file."""

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Write memories with all of their past to a file of JSON Lines, one line for each thing, plain text.

        Args:
            path: the file; one that is there is replaced when the new one is complete.
            user_id, agent_id, run_id, app_id, filters: which memories, expired and archived ones included,
                with their history and the messages of the commits that made them. None of them exports
                the whole file: also its settings, and the history of deleted memories.

        Returns:
            {"path", "memories", "commits", "changes", "messages", "feedback"}: how many of each.

        Raises:
            ValidationError: an id or filter cannot be meant, or the path is a database.
            StoreError: the file cannot be written; what stood there stands there still.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> memory.export("ana.jsonl", user_id="ana")["memories"]
            1
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        condition = scope_where(scope, user_or_agent=True) & where(filters)
        target = _parse_target(path)
        counts = Counter(dict.fromkeys((*_COUNTED.values(), "messages"), 0))
        with (
            written_beside(target) as part,
            open(part, "wb") as file,
            closing(self._store.dump(condition)) as lines,
        ):
            header = _header(next(lines), render_time(self._now()))
            digest = _begun(header)
            file.write(_rendered(header))
            for line in lines:
                raw = _rendered(line)
                digest.update(raw)
                file.write(raw)
                counts[_COUNTED.get(line["kind"], "others")] += 1
                counts["messages"] += len(line.get("messages", ()))
            file.write(_rendered({"kind": "end", "sha256": digest.hexdigest()}))
        return {"path": str(target), **{name: counts[name] for name in (*_COUNTED.values(), "messages")}}

    def import_(
        self,
        source: str | os.PathLike[str] | Mapping[str, Any] | Sequence[Any],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        app_id: str | None = None,
        session_id: str | None = None,
        settings: bool = False,
    ) -> dict[str, Any]:
        """Read what `export` wrote, or memories of mem0, into this file: all of it or nothing.

        An export comes back as it was: ids, ages, vectors, history, messages and feedback. Memories that
        are here already, with the same history, are skipped. What no call would store is refused.

        Args:
            source: the path of an export; or of mem0's folder, its history.db or its `get_all` as JSON, or
                that result itself.
            user_id, agent_id, run_id, app_id: whose memories they are, where the source does not say so.
            settings: take the settings of the export too, which decide what is stored from then on (see
                `configure`); one that the file has stays.

        Returns:
            {"memories", "commits", "changes", "messages", "feedback": how many were new, "skipped": how many
            memories were here already, "settings", "settings_left": how many were taken and how many not,
            "vectors": what became of them}. Vectors of another embedder than the file's are made anew if
            this Memory's embedder can; else those memories are found by words.

        Raises:
            ValidationError: the source is none of these, or damaged; names the line.
            ConflictError: ids of the source stand for something else in this file; lists them.
            SchemaError: a newer tinymem wrote the export. StoreError: it cannot be read.

        Example:
            >>> memory = Memory(":memory:")
            >>> _ = memory.add("Likes tea", user_id="ana", infer=False)
            >>> _ = memory.export("all.jsonl")
            >>> Memory(":memory:").import_("all.jsonl")["memories"]
            1
        """
        scope = self._scope((user_id, agent_id, run_id, app_id, session_id))
        taking = arguments.parse_flag(settings, "settings")
        if isinstance(source, (Mapping, list, tuple)):
            return self._import_foreign(source, scope)
        path = Path(parse_path(source))
        if not os.path.exists(path):
            raise StoreError(f"{path} is not there; give the path of an export")
        if os.path.isfile(path) and not is_database(str(path)) and _begins_as_export(path):
            return self._import_export(path, taking)
        if os.path.isdir(path) or path.suffix.lower() in (".json", ".db"):
            return self._import_foreign(path, scope)
        raise ValidationError(
            f"{path.name}, line 1: this is no header of an export of tinymem; give the path of an export (of "
            "another tinymem file, export it first), or mem0's folder, history.db or get_all JSON"
        )

    def _import_export(self, path: Path, settings: bool) -> dict[str, Any]:
        embedder = _load_header(path)["embedder"]
        made = Made(self._embedder.identity, self._made_anew(path, embedder))
        dump = Dump(path.name, embedder, _parsed_lines(path, embedder), settings)
        restored = self._store.restore(dump, made, keep_messages=self._keep_messages)
        vectors = self._said_of_vectors(restored.vectors)
        return {**restored.counts, **restored.settings, "vectors": vectors}

    def _made_anew(self, path: Path, embedder: Mapping[str, Any] | None) -> dict[str, Vector]:
        """Embed the texts of an export whose own vectors are of another space than the file's."""
        standing = self._store.identity()
        if not standing or (embedder is not None and self._store.vectors_match(embedder)):
            return {}
        lines = _parsed_lines(path, embedder)
        return self._in_batches([text for _, line in lines for text in texts_to_embed(line)])

    def _in_batches(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Return the embedding of each text, or {} where the file's vectors are another embedder's."""
        texts = list(dict.fromkeys(texts))
        vectors: dict[str, Vector] = {}
        for start in range(0, len(texts), EMBEDDED_AT_ONCE):
            vectors.update(self._vectors(texts[start : start + EMBEDDED_AT_ONCE]))
        return vectors

    def _said_of_vectors(self, carried: str) -> str:
        mine, standing = self._embedder.identity, self._store.identity().get("embedder", {})
        if carried == "made anew":
            return f"made anew with {mine['name']!r}"
        if carried == "left out":
            return (
                f"left out: the file's vectors are of {standing.get('name')!r}, and neither the source's fit "
                f"them nor those of this Memory's {mine['name']!r}; what was imported is found by its words"
            )
        if not self._store.vectors_match(mine):
            return f"kept: made by {standing.get('name')!r}, so only an embedder like it finds by meaning"
        return "kept"

    def _import_foreign(self, source: Any, scope: Scope) -> dict[str, Any]:
        from tinymem.foreign import read_foreign

        commits = read_foreign(source, scope, self._now, self._new_id)
        if commits is None:
            shown = source if isinstance(source, Path) else arguments.show(source)
            raise ValidationError(
                f"{shown} is neither an export of tinymem nor mem0's folder, history.db or get_all JSON"
            )
        commits = [self._redaction.commit(commit) for commit in commits]
        changes = [change for commit in commits for change in commit.changes]
        vectors = self._in_batches([change.after.text for change in changes if change.after is not None])
        complete = [_embedded(commit, vectors) for commit in commits]
        self._store.apply(*complete, keep_messages=self._keep_messages, embedder=self._embedder.identity)
        alive = Counter(change.event for change in changes)
        return {
            "memories": alive["ADD"] - alive["DELETE"],
            "commits": len(commits),
            "changes": len(changes),
            "messages": sum(len(commit.messages) for commit in commits) if self._keep_messages else 0,
            "feedback": 0,
            **dict.fromkeys(("skipped", "settings", "settings_left"), 0),
            "vectors": self._said_of_vectors("made anew" if vectors or not changes else "left out"),
        }


def _embedded(commit: Commit, vectors: Mapping[str, Vector]) -> Commit:
    """Return a commit whose Changes have their vectors."""

    def embedded(change: Change) -> Change:
        return change if change.after is None else replace(change, vector=vectors.get(change.after.text))

    return replace(commit, changes=tuple(embedded(change) for change in commit.changes))


# -- the file of lines


def _parse_target(path: object) -> Path:
    """Return where an export goes, symbolic links followed; it never goes over a database."""
    target = os.path.realpath(parse_path(path))
    if os.path.exists(target):
        if not os.path.isfile(target):
            raise StoreError(f"{target} is not an ordinary file; give the path of a file, or of a new one")
        if is_database(target) or target.endswith(COMPANIONS):
            raise ValidationError(f"{target} is a database, or a part of one; export to another path")
    return Path(target)


def _header(line: Line, at: str) -> Line:
    from tinymem import __version__

    return {"kind": "header", "format": FORMAT, "tinymem": __version__, **line, "exported_at": at}


def _begun(header: Line) -> Any:
    """Return the digest that an export's last line states, begun with the header but its time."""
    return hashlib.sha256(_rendered({**header, "exported_at": None}))


def _rendered(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _begins_as_export(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            header = json.loads(file.readline(LONGEST_HEADER).decode())
    except OSError as error:
        raise StoreError(f"{path} can not be read: {error}; check its permissions") from error
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and header.get("kind") == "header"


def _load_header(path: Path) -> Line:
    """Return the header of an export.

    Raises:
        SchemaError: A newer tinymem wrote it.
        ValidationError: It says no format or an impossible embedder.
    """
    with closing(_lines(path)) as lines:
        place, header = next(lines)
    number = header.get("format")
    if type(number) is not int or number < 1:
        raise ValidationError(f"{place}: the header says no format, but {number!r:.40}")
    if number > FORMAT:
        raise SchemaError(
            f"{place}: the export has format {number}, and this tinymem knows formats up to {FORMAT}; "
            "upgrade tinymem to import it. Nothing was imported."
        )
    if header.get("embedder") is not None:
        try:
            check_embedder(header["embedder"])
        except ValidationError as error:
            raise ValidationError(f"{place}: {error}") from error
    return {"embedder": None, **header}


def _parsed_lines(path: Path, embedder: Mapping[str, Any] | None) -> Iterator[tuple[str, Parsed]]:
    """Yield the lines after the header, each with the place that errors name."""
    dimension = None if embedder is None else int(embedder["dimension"])
    lines = _lines(path)
    next(lines)
    for place, line in lines:
        yield place, admit(parse_line(line, dimension, place), place)


def _lines(path: Path) -> Generator[tuple[str, Line], None, None]:
    """Yield each line with its place, but for the last, which has to be the end.

    Raises:
        ValidationError: A line is no JSON object, or the file was cut off or changed.
        StoreError: It can not be read.
    """
    digest, ended = None, False
    try:
        with open(path, "rb") as file:
            for number, raw in enumerate(file, start=1):
                place = f"{path.name}, line {number}"
                if ended:
                    raise ValidationError(f"{place}: nothing may stand after the end")
                line = _parsed(raw, place)
                if digest is None:
                    digest = _begun(line)
                elif line.get("kind") == "end":
                    _compare(line, digest.hexdigest(), place)
                    ended = True
                    continue
                else:
                    digest.update(raw)
                yield place, line
    except OSError as error:
        raise StoreError(f"{path} can not be read: {error}; check its permissions") from error
    if not ended:
        raise ValidationError(f"{path.name} was cut off: its end is missing; export it again")


def _parsed(raw: bytes, place: str) -> Line:
    try:
        line = json.loads(raw.decode())
        if b"\\u" in raw:  # half of a surrogate pair can be escaped, and never be stored
            json.dumps(line, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValidationError(
            f"{place}: this is no JSON ({error}): the file was cut off or damaged"
        ) from error
    if not isinstance(line, dict):
        raise ValidationError(f"{place}: this is no JSON object, but {arguments.show(line)}")
    return line


def _compare(end: Line, found: str, place: str) -> None:
    """Refuse lines that are not those which were exported; without a digest they are meant as they are."""
    if end.get("sha256", found) != found:
        raise ValidationError(
            f"{place}: the lines before are not those that were exported: the file was damaged or changed. "
            'Export it again or, if it was changed on purpose, take "sha256" out of its last line'
        )
