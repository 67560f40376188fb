"""What the spotter and the judge ask of a model that reads pairs of texts.

`tinymem.engines.onnx.OnnxModel` fulfils it. Only the shape of the answers is fixed here; this module
must never import a model runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray


class Reading(Protocol):
    """What a model says about one pair."""

    @property
    def outputs(self) -> Mapping[str, NDArray[Any]]:
        """Output arrays of this pair without the batch axis and without padding."""
        ...

    @property
    def offsets(self) -> Sequence[tuple[int, int] | None]:
        """For each token the characters of the second text that it stands for, or None."""
        ...


class PairEncoder(Protocol):
    """A model that reads (first, second) pairs: long firsts lose their beginning, long seconds their end."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The settings that lie beside the model: `max_tokens` and what its kind needs."""
        ...

    def encode(self, firsts: Sequence[str], seconds: Sequence[str] | None = None) -> Sequence[Reading]:
        """Return a Reading for each pair, in order."""
        ...
