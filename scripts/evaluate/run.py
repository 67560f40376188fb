"""Run the library on a case: a fresh store, one conversation, and what is held afterwards.

Every case has a file of its own in a temporary folder. What `add` raises is a result and ends nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scripts.evaluate.cases import SCOPES, Case
from scripts.evaluate.judge import Outcome, Verdict, judge
from tinymem import Memory

WHO = "somebody"


def verdicts(cases: Sequence[Case]) -> Iterator[Verdict]:
    """Run and judge one case after another."""
    for case in cases:
        yield judge(case, run(case))


def run(case: Case) -> Outcome:
    """Return what the default Memory holds after the conversation, and the seconds that `add` took."""
    owner: dict[str, Any] = {SCOPES[case.scope]: WHO}
    with tempfile.TemporaryDirectory() as folder, Memory(Path(folder) / "case.db") as memory:
        for text in case.existing:
            memory.add(text, infer=False, **owner)
        started, error = time.perf_counter(), None
        try:
            memory.add(case.messages, **owner)
        except Exception as problem:  # noqa: BLE001  # a crash is counted, whatever it is
            error = f"{type(problem).__name__}: {problem}"
        seconds = time.perf_counter() - started
        held = tuple(item["memory"] for item in memory.get_all(**owner)["results"])
    return Outcome(held, seconds, error)
