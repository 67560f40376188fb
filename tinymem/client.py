"""MemoryClient and AsyncMemoryClient: mem0's names for its hosted service, here a Memory in a file.

Whoever wrote `MemoryClient(api_key=...)` goes on with the same line: what only a server needs is taken,
not used, and said once.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from tinymem.aio import AsyncMemory
from tinymem.memory import Memory

HOSTED = ("api_key", "host", "org_id", "project_id", "organization", "project", "client")
_warned: set[str] = set()


def without_hosted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments without those that only the hosted service needs; each is warned of once."""
    for name in HOSTED:
        if given.get(name) is not None and name not in _warned:
            _warned.add(name)
            warnings.warn(
                f"tinymem keeps memories in a file on this machine: {name} is not used", stacklevel=3
            )
    return {name: value for name, value in given.items() if name not in HOSTED}


class Project:
    """What mem0 calls a project: the settings of one file.

    Example:
        >>> client = MemoryClient(path=":memory:")
        >>> _ = client.project.update(custom_categories=[{"pets": "animals that live with somebody"}])
        >>> client.project.get()["custom_categories"]
        [{'pets': 'animals that live with somebody'}]
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the settings of the file, or those of them that `fields` names."""
        settings = self._memory.configure()
        return settings if fields is None else {name: settings.get(name) for name in fields}

    def update(self, **settings: Any) -> dict[str, Any]:
        """Change settings as `Memory.configure` takes them, and return all.

        Raises:
            TypeError: a file has no such setting.
        """
        return self._memory.configure(**settings)


class AsyncProject:
    """A `Project` whose methods are awaited."""

    def __init__(self, memory: AsyncMemory) -> None:
        self._memory = memory

    async def get(self, fields: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the settings of the file; see `Project.get`."""
        return await self._memory._run(partial(Project(self._memory.memory).get, fields))

    async def update(self, **settings: Any) -> dict[str, Any]:
        """Change settings; see `Project.update`."""
        return await self._memory.configure(**settings)


class MemoryClient(Memory):
    """A `Memory` that also takes what mem0's client takes: api_key, host, org_id and project_id, unused.

    Example:
        >>> MemoryClient(path=":memory:").count()
        0
    """

    def __init__(self, api_key: str | None = None, *, path: str | None = None, **settings: Any) -> None:
        super().__init__(path, **without_hosted({"api_key": api_key, **settings}))

    @property
    def project(self) -> Project:
        """The settings of the file, under mem0's name."""
        return Project(self)


class AsyncMemoryClient(AsyncMemory):
    """An `AsyncMemory` that also takes what mem0's client takes, unused.

    Example:
        >>> AsyncMemoryClient(path=":memory:").memory.count()
        0
    """

    def __init__(self, api_key: str | None = None, *, path: str | None = None, **settings: Any) -> None:
        super().__init__(path, **without_hosted({"api_key": api_key, **settings}))

    @property
    def project(self) -> AsyncProject:
        """The settings of the file, under mem0's name."""
        return AsyncProject(self)
