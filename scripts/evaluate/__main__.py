"""How well does the bundled understanding remember? `python -m scripts.evaluate` from the repository's root.

    python -m scripts.evaluate [CASES.jsonl] [--json OUT] [--show] [--read 40]

Runs the default `tinymem.Memory` on every case, judges what it holds afterwards, and prints the figures,
then the scores by tag. --show prints every case that is not perfect with what was stored; --read prints
credited memories beside the words they came from, because key words cannot see clumsy sentences.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from scripts.evaluate import report
from scripts.evaluate.cases import OWN_CASES, read_cases
from scripts.evaluate.run import verdicts


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path, nargs="?", default=OWN_CASES, help="a file like cases.jsonl")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures and every case here")
    parser.add_argument("--show", action="store_true", help="print every case that is not perfect")
    parser.add_argument(
        "--read", type=int, default=0, metavar="COUNT", help="print some credited memories to read"
    )
    parser.add_argument("--seed", type=int, default=0, help="which ones --read prints")
    asked = parser.parse_args(arguments)
    judged = list(verdicts(read_cases(asked.cases)))
    if asked.show:
        print(*(report.render_fault(each) for each in judged if each.faults), sep="\n\n", end="\n\n")
    print(report.render_table(report.total(judged)))
    print("\n" + report.render_tags(report.by_tag(judged)))
    if asked.read:
        print("\n" + report.render_reading(judged, asked.read, asked.seed))
    if asked.json:
        text = json.dumps(report.as_json(judged), ensure_ascii=False, indent=1)
        asked.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
