"""What all tests share: no network, tiny chat models, built once per session, and files that are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import network
from tests.fakes import EveryMessage, SameBeginning
from tests.gguf_builder import build_gguf
from tinymem import Memory
from tinymem.testing import FrozenClock, HashEmbedder, counting_ids

network.forbid()


def pytest_report_header() -> str:
    return f"network: refused{', to child processes as well' if network.guard.reaches_children else ''}"


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Fail a test that tried to leave the machine, even if its code swallowed the refusal."""
    network.guard.refused.clear()
    yield
    assert network.guard.refused == []


@pytest.fixture
def loopback() -> Iterator[None]:
    """Allow the machine's own addresses, 127.0.0.1 and ::1, and no others."""
    network.guard.loopback = True
    yield
    network.guard.loopback = network.ALWAYS_LOOPBACK


@pytest.fixture(scope="session")
def noise_gguf(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function (family, **options of build_gguf) -> path of a random-weight GGUF."""
    folder = tmp_path_factory.mktemp("gguf")
    built: dict[str, Path] = {}

    def get(family: str = "chatml", **options: object) -> Path:
        key = repr((family, sorted(options.items())))
        if key not in built:
            built[key] = build_gguf(folder / f"{family}-{len(built)}.gguf", family, **options)  # type: ignore[arg-type]
        return built[key]

    return get


@pytest.fixture
def memory_factory(tmp_path: Path) -> Iterator[Callable[..., Memory]]:
    """Return a function (name, **settings) -> Memory on a real file, with fakes for models not given.

    In the end every file that a test opened must be sound, and be a single file once closed.
    """
    opened: list[Memory] = []
    paths: set[Path] = set()

    def make(name: str = "memory.db", **settings: Any) -> Memory:
        fakes = {"embedder": HashEmbedder(), "extractor": EveryMessage(), "reconciler": SameBeginning()}
        opened.append(Memory(tmp_path / name, **{**fakes, **settings}))
        paths.add(tmp_path / name)
        return opened[-1]

    yield make
    for memory in opened:
        memory.close()
    for path in paths:
        assert [left.name for left in path.parent.glob(f"{path.name}-*")] == []
        with Memory(path, embedder=HashEmbedder()) as memory:
            assert memory.check() == []


@pytest.fixture
def memory(memory_factory: Callable[..., Memory]) -> Memory:
    """Return an empty Memory whose clock stands still at noon of 2026-01-10 and whose ids count."""
    return memory_factory(clock=FrozenClock("2026-01-10T12:00:00+00:00"), new_id=counting_ids())
