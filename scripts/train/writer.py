"""Train the writer: batches of rows, the loss, greedy replies and their scores."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from scripts.train.fit import Plan, fit
from scripts.train.minilm import MiniLM
from scripts.train.writer_examples import Passage
from scripts.train.writer_net import Writer
from scripts.train.writer_rows import END, NEXT, Reader, Row
from tinymem.understand.conjugate import BASES, past_tense, third_person
from tinymem.understand.terms import word_set
from tinymem.understand.wording import formed, joined, plain, words_of

STEPS = 40
THRESHOLDS = {"fact": 0.6, "alone": 0.5}
"""From which probability a fact is preferred to what the rules write, and believed where they write none."""
UNKNOWN = 100
DECODER_LAYERS = (0, 2, 4)
SCALES = {"body.": 1.0, "layers.": 2.0, "": 8.0}


def house_words(facts: Sequence[str], least: int = 2) -> list[str]:
    """Return the words that facts are made of, as they are mostly spelt, and verbs in the forms facts use."""
    counts: Counter[str] = Counter()
    spelt: dict[str, Counter[str]] = {}
    for fact in facts:
        for place, word in enumerate(words_of(fact)):
            key = plain(word.surface)
            counts[key] += 1
            surface = word.surface if place else word.surface[:1].lower() + word.surface[1:]
            spelt.setdefault(key, Counter())[surface if place or surface == key else key] += 1
    kept = [word for word, n in counts.most_common() if n >= least and len(word) < 24]
    verbs = sorted(
        {form for base in BASES for form in (base, third_person(base), past_tense(base))} - set(kept)
    )
    return [END, NEXT, *(spelt[word].most_common(1)[0][0] for word in kept), *verbs]


def untrained(published: Path, facts: Sequence[str], plan: Plan) -> tuple[Reader, Writer]:
    """Return a writer that has MiniLM's weights and the house words of these facts, and its reader."""
    torch.manual_seed(plan.seed)
    tokenizer = Tokenizer.from_file(str(published / "tokenizer.json"))
    reader = Reader(tokenizer, house_words(facts))
    pieces = [tokenizer.encode(word, add_special_tokens=False).ids or [UNKNOWN] for word in reader.house]
    layers = tuple(layer for layer in DECODER_LAYERS if layer < plan.layers)
    model = Writer(MiniLM.load(published, layers=plan.layers), pieces, layers)
    model.body.embeddings.word_embeddings.requires_grad_(False)
    model.body.embeddings.position_embeddings.requires_grad_(False)
    return reader, model


def stacked(rows: Sequence[Row], house: int) -> dict[str, Tensor]:
    """Return rows as padded tensors; `ways` (rows, steps, ways) index the choices, -1 where there is none."""
    tokens, words = max(len(r.ids) for r in rows), max(1, *(len(r.words) for r in rows))
    steps, most = max(len(r.fed) for r in rows), max(len(w) for r in rows for w in r.ways)
    ids, kinds = (torch.zeros(len(rows), tokens, dtype=torch.long) for _ in range(2))
    mask, real = (torch.zeros(len(rows), width, dtype=torch.bool) for width in (tokens, words))
    places, fed = (torch.zeros(len(rows), width, dtype=torch.long) for width in (words, steps))
    ways = torch.full((len(rows), steps, most), -1)
    for i, r in enumerate(rows):
        ids[i, : len(r.ids)], kinds[i, : len(r.ids)] = torch.tensor(r.ids), torch.tensor(r.kinds)
        mask[i, : len(r.ids)] = True
        places[i, : len(r.places)], real[i, : len(r.places)] = torch.tensor(r.places), True
        fed[i, : len(r.fed)] = torch.tensor(r.fed)
        for step, choices in enumerate(r.ways):
            for k, (form, n) in enumerate(choices):
                ways[i, step, k] = n if form < 0 else house + form * words + n
    return {
        "ids": ids,
        "kinds": kinds,
        "mask": mask,
        "places": places,
        "real": real,
        "fed": fed,
        "ways": ways,
    }


def loss_of_rows(model: Writer, rows: Sequence[Row]) -> Tensor:
    """Return the mean negative log-probability of a word, however it can be said."""
    b = stacked(rows, len(model.words))
    states, words = model.read(b["ids"], b["kinds"], b["mask"], b["places"])
    said = model.write(b["fed"], states, b["mask"], words, b["real"])
    chosen = said.gather(2, b["ways"].clamp(min=0)).masked_fill(b["ways"] < 0, float("-inf"))
    return -chosen.logsumexp(2)[(b["ways"] >= 0).any(2)].mean()


@torch.no_grad()
def greedy(
    model: Writer, rows: Sequence[Row], house: Sequence[str], size: int = 64
) -> list[tuple[list[str], float]]:
    """Return for each row its facts and the least probability of a word in them."""
    model.eval()
    found: list[tuple[list[str], float]] = [([], 1.0)] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    for start in range(0, len(order), size):
        group = order[start : start + size]
        for i, reply in zip(group, greedy_batch(model, [rows[i] for i in group], house), strict=True):
            found[i] = reply
    return found


def greedy_batch(model: Writer, rows: Sequence[Row], house: Sequence[str]) -> list[tuple[list[str], float]]:
    """Return `greedy` of rows that fit one batch."""
    b = stacked(rows, len(house))
    size, width = len(house), b["places"].shape[1]
    with torch.autocast("cpu", torch.bfloat16):
        states, words = model.read(b["ids"], b["kinds"], b["mask"], b["places"])
    fed = torch.zeros(len(rows), 1, dtype=torch.long)
    texts: list[list[list[str]]] = [[[]] for _ in rows]
    least, open_rows = [1.0] * len(rows), set(range(len(rows)))
    for _ in range(STEPS):
        with torch.autocast("cpu", torch.bfloat16):
            said = model.write(fed, states, b["mask"], words, b["real"])[:, -1].exp()
        following = []
        for i, row in enumerate(rows):
            value, best = said[i].max(0)
            choice = int(best)
            if i in open_rows:
                if choice == 0:
                    open_rows.discard(i)
                elif choice == 1:
                    texts[i].append([])
                else:
                    form, place = divmod(choice - size, width)
                    texts[i][-1].append(
                        house[choice] if choice < size else formed(row.words[place].surface, form)
                    )
                    least[i] = min(least[i], float(value))
            following.append(choice if choice < size else size + (choice - size) % width)
        fed = torch.cat([fed, torch.tensor(following)[:, None]], 1)
        if not open_rows:
            break
    return [([joined(t) for t in text if t], low) for text, low in zip(texts, least, strict=True)]


def near(a: str, b: str) -> bool:
    """Return whether two facts share at least 60 % (F1) of their words; negation counts as a word."""
    x, y = Counter(stems(a)), Counter(stems(b))
    shared = sum((x & y).values())
    return shared > 0 and 2 * shared / (sum(x.values()) + sum(y.values())) >= 0.6


STOP = word_set(
    "a an the and or to of in on at for with from by as is are was were be been has have had does do did"
)


def stems(text: str) -> list[str]:
    """Return the words that `near` compares, without their endings."""
    words = [re.sub(r"'s$", "", plain(w.surface)) for w in words_of(text) if w.surface[0].isalnum()]
    return [re.sub(r"(?:ing|ies|ed|es|s|y|e)$", "", w) if len(w) > 4 else w for w in words if w not in STOP]


def scores(passages: Sequence[Passage], replies: Sequence[list[str]]) -> dict[str, float]:
    """Return precision, recall and exact share of facts, and how often nothing was said where nothing is."""
    said = hit = exact = 0
    for passage, facts in zip(passages, replies, strict=True):
        left = [f.text for f in passage.facts]
        said += len(facts)
        for fact in facts:
            alike = [g for g in left if g.lower() == fact.lower()] or [g for g in left if near(fact, g)]
            match = alike[0] if alike else None
            if match:
                hit += 1
                exact += match.lower() == fact.lower()
                left.remove(match)
    gold = sum(len(p.facts) for p in passages)
    silent = [not r for p, r in zip(passages, replies, strict=True) if not p.facts]
    return {
        "P": round(hit / max(1, said), 3),
        "R": round(hit / gold, 3),
        "exact": round(exact / gold, 3),
        "silent": round(sum(silent) / max(1, len(silent)), 3),
    }


def train(
    model: Writer,
    reader: Reader,
    data: Sequence[Passage],
    test: Sequence[Passage],
    plan: Plan,
    folder: Path,
    samples: int = 25,
) -> None:
    """Train on passages; a row that cannot be said is left out."""
    rows = [row for passage in data if (row := reader.row(passage))]
    held = [reader.source_row(passage) for passage in test]
    mean = sum(len(r.ids) for r in rows) / len(rows)
    print(f"{len(rows)} of {len(data)} passages can be said; {mean:.0f} pieces each", flush=True)

    def score() -> dict[str, Any]:
        replies = greedy(model, held, reader.house)
        for i in random.Random(len(folder.name)).sample(range(len(test)), samples):
            clause, (facts, low) = test[i].text[slice(*test[i].mark)][:90], replies[i]
            print(f"   {clause!r} -> {facts} ({low:.2f}) | {[f.text for f in test[i].facts]}")
        found = scores(test, [facts for facts, _ in replies])
        return {"keep": found["P"] + found["R"] + found["exact"], **found}

    fit(
        model,
        [len(r.ids) for r in rows],
        lambda group: loss_of_rows(model, [rows[i] for i in group]),
        score,
        plan,
        folder,
        SCALES,
    )
