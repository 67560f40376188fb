"""What all commands share: whose memories, which file, and how an answer is printed."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from typing import Any, NoReturn

from tinymem.apps import tables
from tinymem.errors import ConfigError

HELP_WIDTH = 96  # fixed, so that the README can quote the help
KEY_VARIABLE = "TINYMEM_KEY"  # not an option: other users of a machine see command lines


def add_ids(parser: argparse.ArgumentParser, *, filters: bool = False) -> None:
    """Add the options that say whose memories, and which."""
    for name in ("user", "agent", "run", "app"):
        parser.add_argument(f"--{name}", dest=f"{name}_id", metavar="ID", help=f"the {name}_id")
    if filters:
        parser.add_argument("--filter", type=parse_object, metavar="JSON", help="a filter (see the README)")


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object that an option holds."""
    try:
        value = json.loads(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"no JSON: {problem}: {text!r}") from problem
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'must be a JSON object like {{"key": "value"}}, got {text!r}')
    return value


def open_memory(arguments: argparse.Namespace, *, creates: bool = False) -> Any:
    """Return the Memory of the file that was asked for; only `creates` makes a new file."""
    from tinymem import Memory, config  # here, so that --help does not load the database

    path = config.database_path(arguments.db)
    if not creates and path != ":memory:" and not os.path.exists(path):
        raise ConfigError(
            f"there is no file {path!r}: `tinymem add` makes it, --db or TINYMEM_DB name another"
        )
    return Memory(path, llm=getattr(arguments, "llm", None), key=os.environ.get(KEY_VARIABLE))


def ids_of(arguments: argparse.Namespace) -> dict[str, str | None]:
    """Return whose memories are meant, as the library's keyword arguments."""
    return {name: getattr(arguments, name) for name in tables.SCOPE_KEYS}


def read_messages(arguments: argparse.Namespace) -> Any:
    """Return what to add: the text itself, or the JSON conversation in a file or on stdin."""
    if bool(arguments.text) == (arguments.messages is not None):
        refuse(arguments, "give either a text or --messages FILE (- is stdin)")
    source = arguments.messages or ("-" if arguments.text == ["-"] else None)
    if source is None:
        return " ".join(arguments.text)
    return load_json(arguments, source)


def load_json(arguments: argparse.Namespace, source: str) -> Any:
    """Return the JSON in a file, or with - on stdin."""
    try:
        if source == "-":
            return json.loads(sys.stdin.read())
        with open(source, encoding="utf-8-sig") as file:
            return json.load(file)
    except OSError as problem:
        refuse(arguments, f"cannot read {source!r}: {problem.strerror}")
    except ValueError as problem:
        refuse(arguments, f"{source!r} holds no JSON: {problem}")


def refuse(arguments: argparse.Namespace, message: str) -> NoReturn:
    """End with the usage and exit status 2."""
    arguments.fail(message)
    raise AssertionError("argparse's error() does not return")


def show(arguments: argparse.Namespace, answer: Any, table: Any) -> int:
    """Print the library's answer, as JSON or as a table; return exit status 0."""
    if arguments.json:
        plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        print(json.dumps(answer, ensure_ascii=plain, indent=2))
    else:
        print(table(answer, shutil.get_terminal_size((HELP_WIDTH, 24)).columns))
    return 0


def message_of(done: Any, width: int) -> str:
    """Return the one sentence with which a writing method answers, and how many memories went."""
    count = next((f" ({done[key]})" for key in ("deleted", "erased") if key in done), "")
    return f"{done['message']}{count}"
