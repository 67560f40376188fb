"""One training loop for both models: seeded, a checkpoint after each epoch, and resumable.

The order of an epoch and its dropout depend only on the seed and the epoch's number, so a run
that was broken off and continued gives the same weights as one that was not. It never looks at
the test author: the caller scores the model after an epoch and says how good it was.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Plan:
    """How to train. The numbers are those that worked in the first experiments (models/memory/README.md)."""

    epochs: int
    rate: float = 5e-5
    batch: int = 16
    warm_up: float = 0.1
    decay: float = 0.01
    layers: int = 6
    frozen_layers: int = 2
    seed: int = 0


def rate_at(step: int, steps: int, plan: Plan) -> float:
    """Return the learning rate: a linear rise, then linearly down to 0."""
    rise, fall = step / max(1.0, plan.warm_up * steps), (steps - step) / ((1 - plan.warm_up) * steps)
    return plan.rate * min(rise, max(0.0, fall))


def batches(lengths: Sequence[int], size: int, rng: random.Random) -> list[list[int]]:
    """Group row numbers of similar length, in a random order of groups."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] + rng.random() * 20)
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    rng.shuffle(groups)
    return groups


def fit(
    model: nn.Module,
    lengths: Sequence[int],
    loss_of: Callable[[list[int]], Tensor],
    score: Callable[[], dict[str, Any]],
    plan: Plan,
    folder: Path,
    scales: Mapping[str, float] | None = None,
) -> None:
    """Train `model`; leave `last.pt`, `best.pt` (highest `score()["keep"]`) and `log.jsonl` in `folder`.

    `loss_of` gets the row numbers of one batch. A `last.pt` that is already there is continued. `scales` are
    multiples of the learning rate, by how a weight's name begins.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(
        groups_of(model, scales or {}), plan.rate, weight_decay=plan.decay, fused=True
    )
    done, best = resume(model, optimizer, folder)
    for epoch in range(done, plan.epochs):
        started = time.monotonic()
        loss = one_epoch(model, optimizer, lengths, loss_of, plan, epoch)
        seconds = round(time.monotonic() - started)
        model.eval()
        scores = score()
        line = {"epoch": epoch + 1, "train_s": seconds, "loss": round(loss, 4), **scores}
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
        if scores["keep"] >= best:
            best = scores["keep"]
            torch.save(model.state_dict(), folder / "best.pt")
        state = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "done": epoch + 1,
            "best": best,
        }
        torch.save(state, folder / "last.part")
        (folder / "last.part").replace(folder / "last.pt")


def groups_of(model: nn.Module, scales: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return what is learned, grouped by its multiple of the learning rate."""
    groups: dict[float, list[Tensor]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            scale = next((scale for begins, scale in scales.items() if name.startswith(begins)), 1.0)
            groups.setdefault(scale, []).append(weight)
    return [{"params": weights, "scale": scale} for scale, weights in groups.items()]


def resume(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> tuple[int, float]:
    """Load `last.pt` if it is there; return how many epochs are done and the best score so far."""
    if not (folder / "last.pt").exists():
        return 0, float("-inf")
    state = torch.load(folder / "last.pt")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["done"]), float(state["best"])


def one_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    lengths: Sequence[int],
    loss_of: Callable[[list[int]], Tensor],
    plan: Plan,
    epoch: int,
) -> float:
    """See every row once; return the mean loss of a batch."""
    torch.manual_seed(plan.seed * 1000 + epoch)
    groups = batches(lengths, plan.batch, random.Random(f"{plan.seed}/{epoch}"))
    steps, total, started = len(groups) * plan.epochs, 0.0, time.monotonic()
    model.train()
    for number, group in enumerate(groups):
        for settings in optimizer.param_groups:
            settings["lr"] = settings["scale"] * rate_at(epoch * len(groups) + number + 1, steps, plan)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):  # half as long again on CPUs that know it
            loss = loss_of(group)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        if number % 100 == 99:
            rate = (number + 1) / (time.monotonic() - started)
            print(f"epoch {epoch + 1}: {number + 1}/{len(groups)}, {rate:.2f} batches/s", flush=True)
    return total / len(groups)
