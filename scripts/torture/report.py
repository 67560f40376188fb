"""What one kind of torture found: a line of figures, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 20  # problems of one line that are printed


@dataclass(frozen=True)
class Line:
    """One line of the table; it is "ok" where there are no problems."""

    what: str
    figures: str
    problems: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Say whether the promise was kept."""
        return f"{len(self.problems)} PROBLEMS" if self.problems else "ok"


def render_table(lines: Sequence[Line]) -> str:
    """Render the lines as one table, and what went wrong below it."""
    widths = [max(len(one.what) for one in lines), max(len(one.verdict) for one in lines)]
    rows = [f"| {one.what:{widths[0]}} | {one.verdict:{widths[1]}} | {one.figures} |" for one in lines]
    head = [f"| {'what':{widths[0]}} | {'verdict':{widths[1]}} | figures |"]
    rule = [f"|-{'-' * widths[0]}-|-{'-' * widths[1]}-|---|"]
    wrong = [f"{one.what}: {problem}" for one in lines for problem in one.problems[:SHOWN]]
    return "\n".join([*head, *rule, *rows, *([""] if wrong else []), *wrong])
