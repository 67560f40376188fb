"""How well are entities and relations read from facts? `python -m scripts.evaluate.relations [--show]`.

Runs `relations_of` on facts that were labelled by hand before the rules were tuned, and prints precision
and recall of triples and of entities, and the time a fact takes. Letter case does not count.

A labelled fact has `triples`, what a careful reader would draw, the user being "ana"; `names`, proper names
in it that belong to no such triple; `allow`, triples that are right but not asked for: they count neither
for nor against. A "mentions" is right when it names one of the fact's entities; it counts among the entities
only. `origin` is where the fact comes from: our own pen, or a random draw of the training corpus. The rules
were tuned on all of them afterwards; what they gave on each part when they first saw it, in this order:

              triples precision  recall   entities precision  recall
    corpus 1        86 %          95 %           89 %          91 %
    own             96 %          95 %           97 %          97 %
    corpus 2        90 %          84 %           87 %          82 %
    corpus 3        91 %          88 %           90 %          84 %
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from tinymem.types import Triple
from tinymem.understand.relations import MENTIONS, relations_of

LABELLED = Path(__file__).with_name("relations.jsonl")
SPEAKER = "ana"
ROUNDS = 20  # over all facts, to measure the time


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--show", action="store_true", help="print every fact that is not perfect")
    asked = parser.parse_args(arguments)
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    judged = [(row, *judge(row, relations_of(row["fact"], SPEAKER))) for row in rows]
    if asked.show:
        print("\n".join(render_fault(row, faults) for row, _, faults in judged if faults), end="\n\n")
    for origin in [*dict.fromkeys(row["origin"] for row in rows), ""]:
        counts: Counter[str] = Counter()
        for row, count, _ in judged:
            counts.update(count if origin in ("", row["origin"]) else {})
        print(render_counts(origin or "all", counts))
    begin = perf_counter()
    for _ in range(ROUNDS):
        for row in rows:
            relations_of(row["fact"], SPEAKER)
    print(f"time     {(perf_counter() - begin) / ROUNDS / len(rows) * 1e3:.3f} ms a fact")


def judge(row: dict[str, Any], found: Sequence[Triple]) -> tuple[dict[str, int], list[str]]:
    """Compare what was found with the labels: counts, and the faults for a person to read."""
    wanted, allowed = folded(row["triples"]), folded(row.get("allow", []))
    got = folded([each.source, each.relationship, each.target] for each in found)
    mentions = {each for each in got if each[1] == MENTIONS}
    related = got - mentions - (allowed - wanted)
    names = ends(wanted) | {name.casefold() for name in row.get("names", [])}
    named = ends(got) - (ends(allowed) - names)
    counts = dict(
        facts=1,
        triples=len(related),
        right_triples=len(related & wanted),
        wanted_triples=len(wanted),
        entities=len(named),
        right_entities=len(named & names),
        wanted_entities=len(names),
        mentions=len(mentions),
        right_mentions=len(ends(mentions) & (names | ends(allowed))),
    )
    faults = [f"wrong: {' > '.join(each)}" for each in sorted(related - wanted)]
    faults += [f"missed: {' > '.join(each)}" for each in sorted(wanted - related)]
    faults += [f"wrong entity: {each}" for each in sorted(named - names - ends(related - wanted))]
    faults += [f"missed entity: {each}" for each in sorted(names - named - ends(wanted - related))]
    return counts, faults


def folded(triples: Any) -> set[tuple[str, str, str]]:
    return {(source.casefold(), relationship, target.casefold()) for source, relationship, target in triples}


def ends(triples: set[tuple[str, str, str]]) -> set[str]:
    """Return the entities of triples, the speaker left out."""
    return {name for source, _, target in triples for name in (source, target)} - {SPEAKER}


def render_counts(title: str, counts: Counter[str]) -> str:
    def share(part: str, whole: str) -> str:
        return f"{counts[part] / max(1, counts[whole]):6.1%} ({counts[part]}/{counts[whole]})"

    return (
        f"{title:8} {counts['facts']} facts: triples precision {share('right_triples', 'triples')}, "
        f"recall {share('right_triples', 'wanted_triples')}; "
        f"entities precision {share('right_entities', 'entities')}, "
        f"recall {share('right_entities', 'wanted_entities')}; "
        f"mentions right {share('right_mentions', 'mentions')}"
    )


def render_fault(row: dict[str, Any], faults: Sequence[str]) -> str:
    return "\n    ".join([f"[{row['origin']}] {row['fact']}", *faults])


if __name__ == "__main__":
    main()
