"""Results as text for a person: aligned columns, the last one wrapped to the terminal's width.

Pure functions from the library's dictionaries to strings; nothing here prints or reads a file. What
a memory says is never sent to a terminal raw: control characters are shown, not obeyed.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

GAP = "  "
NARROWEST = 20  # columns left to the last column however narrow the terminal is
SCOPE_KEYS = ("user_id", "agent_id", "run_id", "app_id")


def render_table(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> str:
    """Render rows under headings; `width` is the terminal's, in columns, and wraps the last column."""
    cells = [[show_text(cell) for cell in row] for row in rows]
    fixed = [
        max(display_width(row[column]) for row in [headings, *cells]) for column in range(len(headings) - 1)
    ]
    left = max(NARROWEST, width - sum(fixed) - len(GAP) * len(fixed))
    lines: list[str] = []
    for row in [headings, *cells]:
        starts = [pad(cell, size) for cell, size in zip(row[:-1], fixed, strict=True)]
        blanks = [" " * size for size in fixed]
        for number, part in enumerate(wrap_text(row[-1], left)):
            lines.append(GAP.join([*(blanks if number else starts), part]).rstrip())
    return "\n".join(lines)


def render_pairs(pairs: Iterable[tuple[str, str]], width: int) -> str:
    """Render names and values, one pair a line, values aligned and wrapped."""
    shown = [(name, show_text(value)) for name, value in pairs]
    size = max((display_width(name) for name, _ in shown), default=0)
    lines: list[str] = []
    for name, value in shown:
        for number, part in enumerate(wrap_text(value, max(NARROWEST, width - size - len(GAP)))):
            lines.append(f"{pad('' if number else name, size)}{GAP}{part}".rstrip())
    return "\n".join(lines)


def show_text(text: str) -> str:
    """Return a text on one line, with control characters escaped so that no terminal obeys them."""
    line = " ".join(text.split())
    return "".join(
        character
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs") or character == "\u200d"
        else character.encode("unicode_escape").decode("ascii")
        for character in line
    )


def display_width(text: str) -> int:
    """Return how many columns a terminal gives a text: East Asian wide characters take two."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def pad(text: str, size: int) -> str:
    """Return the text with spaces up to `size` columns."""
    return text + " " * (size - display_width(text))


def wrap_text(text: str, width: int) -> list[str]:
    """Return the text in lines of at most `width` columns, broken at spaces, else inside a word."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and display_width(line) + 1 + display_width(word) <= width:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        line = word
        while display_width(line) > width:
            cut = next(end for end in range(len(line), 0, -1) if display_width(line[:end]) <= width)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def added_table(added: Mapping[str, Any], width: int) -> str:
    """Render what `add` did: every change, then what it had to reject and why."""
    rows = [
        (
            item["event"],
            item["id"],
            item["memory"] + (f" (was: {item['previous_memory']})" if "previous_memory" in item else ""),
        )
        for item in added["results"]
    ]
    text = render_table(("EVENT", "ID", "MEMORY"), rows, width) if rows else "nothing new to remember"
    refused = [(item["reason"], item["text"]) for item in added.get("rejected", ())]
    if refused:
        text += "\n\nnot stored, because the words do not support it:\n"
        text += render_table(("REASON", "STATEMENT"), refused, width)
    return text


def found_table(found: Mapping[str, Any], width: int) -> str:
    """Render what `search` found, best first, with the parts of each score where they were asked for."""
    items = found["results"]
    rows = [(f"{item['score']:.2f}", item["id"], item["memory"]) for item in items]
    headings = ("SCORE", "ID", "MEMORY")
    if any("score_details" in item for item in items):
        headings = ("SCORE (PARTS)", "ID", "MEMORY")
        rows = [
            (f"{score} ({parts_of(item)})", *rest) for (score, *rest), item in zip(rows, items, strict=True)
        ]
    return render_table(headings, rows, width) if rows else "no memory matches"


def parts_of(item: Mapping[str, Any]) -> str:
    """Return the parts of a score as `semantic 0.41, keyword 0.00`; the whole is shown beside them."""
    beside = ("context_score", "speaker_score", "time_score")  # shown where they have something to say
    parts = {
        name: value
        for name, value in item["score_details"].items()
        if name != "final_score" and (value or name not in beside)
    }
    return ", ".join(f"{name.removesuffix('_score')} {value:.2f}" for name, value in parts.items())


def listed_table(listed: Mapping[str, Any], width: int) -> str:
    """Render what `get_all` lists, newest first, with whose memory each is."""
    rows = [(item["id"], item["created_at"][:10], whose(item), item["memory"]) for item in listed["results"]]
    return render_table(("ID", "CREATED", "WHOSE", "MEMORY"), rows, width) if rows else "no memories"


def whose(item: Mapping[str, Any]) -> str:
    """Return the ids of a memory as `user=ana agent=cook`."""
    return " ".join(f"{key[:-3]}={item[key]}" for key in SCOPE_KEYS if key in item)


def history_table(entries: Sequence[Mapping[str, Any]], width: int) -> str:
    """Render the history of one memory, oldest first."""
    rows = []
    for entry in entries:
        old, new = entry["old_memory"], entry["new_memory"]
        change = new if old is None else f"(deleted) {old}" if new is None else new
        if old is not None and new is not None and old != new:
            change += f" (was: {old})"
        rows.append((entry["updated_at"][:19], entry["event"], change))
    return render_table(("WHEN (UTC)", "EVENT", "MEMORY"), rows, width)


def pairs_table(values: Mapping[str, Any], width: int) -> str:
    """Render a dictionary, one key a line; what is no text is shown as JSON."""
    return render_pairs(
        (
            (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for key, value in values.items()
            if value not in ({}, [])
        ),
        width,
    )
