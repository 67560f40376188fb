"""AsyncMemory: every method of Memory, awaited; the work is done by threads of its own.

An await that is cancelled gives up waiting: the call itself goes on to its end, so that nothing is ever
half written, and closing waits for it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from tinymem.errors import StoreError
from tinymem.memory import Memory

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Self = TypeVar("Self", bound="AsyncMemory")

WORKERS = 4  # calls of one AsyncMemory that run at once; SQLite lets one of them write at a time


def awaited(
    method: Callable[Concatenate[Any, Arguments], Result],
) -> Callable[Concatenate[AsyncMemory, Arguments], Coroutine[Any, Any, Result]]:
    """Return a method that runs one of Memory's on the executor; signature and docstring stay the same."""

    @wraps(method)
    async def run(self: AsyncMemory, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await self._run(partial(method, self.memory, *args, **kwargs))

    return run


class AsyncMemory:
    """A `Memory` whose methods are awaited; see `Memory` for what they take and return.

    Args:
        *args, **kwargs: as `Memory` takes them. The file is opened at once, models on first use.

    Example:
        >>> async def tell() -> str:
        ...     async with AsyncMemory(":memory:") as memory:
        ...         added = await memory.add("I'm allergic to peanuts.", user_id="ana")
        ...         return added["results"][0]["memory"]
        >>> asyncio.run(tell())
        'Is allergic to peanuts'
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.memory = Memory(*args, **kwargs)
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="tinymem")

    @classmethod
    def from_config(cls: type[Self], config_dict: Mapping[str, Any]) -> Self:
        """Return an AsyncMemory made from a dictionary; see `Memory.from_config`."""
        memory = cls.__new__(cls)
        memory.memory = Memory.from_config(config_dict)
        memory._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="tinymem")
        return memory

    add = awaited(Memory.add)
    update = awaited(Memory.update)
    delete = awaited(Memory.delete)
    delete_all = awaited(Memory.delete_all)
    reset = awaited(Memory.reset)
    search = awaited(Memory.search)
    get = awaited(Memory.get)
    get_all = awaited(Memory.get_all)
    count = awaited(Memory.count)
    history = awaited(Memory.history)
    batch_update = awaited(Memory.batch_update)
    batch_delete = awaited(Memory.batch_delete)
    add_many = awaited(Memory.add_many)
    archive = awaited(Memory.archive)
    unarchive = awaited(Memory.unarchive)
    feedback = awaited(Memory.feedback)
    users = awaited(Memory.users)
    delete_users = awaited(Memory.delete_users)
    recategorize = awaited(Memory.recategorize)
    configure = awaited(Memory.configure)
    entities = awaited(Memory.entities)
    related = awaited(Memory.related)
    export = awaited(Memory.export)
    import_ = awaited(Memory.import_)
    undo = awaited(Memory.undo)
    log = awaited(Memory.log)
    why = awaited(Memory.why)
    erase = awaited(Memory.erase)
    backup = awaited(Memory.backup)
    snapshot = awaited(Memory.snapshot)
    compact = awaited(Memory.compact)
    repair = awaited(Memory.repair)
    reembed = awaited(Memory.reembed)
    rekey = awaited(Memory.rekey)
    check = awaited(Memory.check)
    stats = awaited(Memory.stats)

    async def close(self) -> None:
        """Wait for the calls that still run, then close the file; see `Memory.close`. Safe to call twice."""
        loop = asyncio.get_running_loop()
        await asyncio.shield(loop.run_in_executor(None, self._close))

    def __await__(self: Self) -> Generator[None, None, Self]:
        """Return the memory itself: in mem0 1.x `from_config` was awaited."""
        yield from ()
        return self

    async def __aenter__(self: Self) -> Self:
        """Return the memory itself; `close` runs at the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        await self.close()

    def _close(self) -> None:
        self._executor.shutdown(wait=True)
        self.memory.close()

    async def _run(self, call: Callable[[], Result]) -> Result:
        """Run a call on the executor, in the caller's context variables."""
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        try:
            waiting: Awaitable[Result] = loop.run_in_executor(self._executor, context.run, call)
        except RuntimeError as problem:  # what the executor says once it was shut down
            raise StoreError("this AsyncMemory was closed; open it again") from problem
        return await waiting
