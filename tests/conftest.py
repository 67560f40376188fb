"""What many tests share: tiny chat models, built once per session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gguf_builder import build_gguf


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
