"""The command line: one subcommand for each method of Memory, on one file.

Arguments become one call of the library, its answer becomes a table, or with --json exactly the
library's dictionary. Nothing is decided here. Exit status: 0 done, 1 the library refused or `check`
found problems (one line on stderr, no traceback), 2 the command line itself cannot be meant.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from tinymem.apps import tables
from tinymem.apps.care import add_care_commands
from tinymem.apps.command import (
    HELP_WIDTH,
    add_ids,
    ids_of,
    load_json,
    message_of,
    open_memory,
    parse_object,
    read_messages,
    refuse,
    show,
)
from tinymem.errors import MemoryNotFoundError, TinymemError

SEARCH_LIMIT = 10  # a screenful; the library's own default is 100
EPILOG = """\
The file is --db FILE, else the environment's TINYMEM_DB, else memory.db in the user's data folder;
TINYMEM_KEY is the passphrase of an encrypted one.
`tinymem COMMAND --help` shows a command's own options.

  tinymem add "I moved to Lisbon and I'm vegetarian" --user ana --db notes.db
  tinymem add --messages chat.json --user ana        a conversation: [{"role": ..., "content": ...}, ...]
  tinymem search "what can ana eat" --user ana --json
  tinymem list --user ana --filter '{"created_at": {"gte": "2026-01-01"}}'
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = build_parser()
    arguments = parser.parse_args(argv, argparse.Namespace(db=None, json=False))
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except TinymemError as problem:
        print(f"tinymem: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell reports for Ctrl-C
    except BrokenPipeError:  # `tinymem list | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


# -- the grammar of the command line


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--db", metavar="FILE", help="the memory file")
    common.add_argument("--json", action="store_true", help="print the library's answer as JSON")
    parser = argparse.ArgumentParser(
        prog="tinymem",
        description="Memory for an AI assistant, kept in one file on this machine.",
        epilog=EPILOG,
        formatter_class=raw_help,
        parents=[common],
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Any, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", parents=[common]
        )
        made.set_defaults(run=run, fail=made.error)
        return made

    add_writing_commands(command)
    add_reading_commands(command)
    add_care_commands(command)
    return parser


def raw_help(prog: str) -> argparse.HelpFormatter:
    """Return a formatter that keeps the epilog's lines and does not depend on the terminal."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=HELP_WIDTH)


def add_writing_commands(command: Any) -> None:
    """Add the commands that change the file."""
    add = command("add", run_add, "remember a statement or a conversation")
    add.add_argument("text", nargs="*", help="what to remember; - reads a JSON conversation from stdin")
    add.add_argument("--messages", metavar="FILE", help="a JSON conversation: messages with role and content")
    add_ids(add)
    add.add_argument("--no-infer", action="store_true", help="store every message word for word")
    add.add_argument("--metadata", type=parse_object, metavar="JSON", help="an object kept with each memory")
    add.add_argument("--expires", metavar="DATE", help="the last day on which the memories are visible")
    add.add_argument(
        "--llm", metavar="GGUF", help="a chat model that understands, instead of the bundled one"
    )
    add.add_argument("--dry-run", action="store_true", help="show what would be stored, write nothing")

    update = command("update", run_update, "change a memory's text or metadata")
    update.add_argument("id", help="the memory's id")
    update.add_argument("text", nargs="*", help="the new text")
    update.add_argument("--metadata", type=parse_object, metavar="JSON", help="merged; null removes a key")

    delete = command("delete", run_delete, "delete one memory, or --all of a user, agent, run or app")
    delete.add_argument("id", nargs="?", help="the memory's id")
    delete.add_argument("--all", action="store_true", help="all that `list` shows with the same options")
    delete.add_argument("--yes", action="store_true", help="really delete --all")
    add_ids(delete, filters=True)

    retag = command("retag", run_retag, "sort memories into categories anew")
    retag.add_argument("--categories", metavar="FILE", help="JSON: [{name: description}, ...]")
    add_ids(retag, filters=True)

    load = command("import", run_import, "take in an export, or memories of mem0")
    load.add_argument("source", help="the export, or mem0's folder, history.db or get_all JSON")
    load.add_argument("--settings", action="store_true", help="take the settings of the export too")
    add_ids(load)


def add_reading_commands(command: Any) -> None:
    """Add the commands that only read."""
    search = command("search", run_search, "find memories by meaning and by words")
    search.add_argument("query", nargs="+", help="a question or keywords")
    add_ids(search, filters=True)
    search.add_argument("--limit", type=int, default=SEARCH_LIMIT, metavar="N", help="at most (default: 10)")
    search.add_argument("--threshold", type=float, metavar="SCORE", help="the lowest score wanted, 0 to 1")
    search.add_argument("--explain", action="store_true", help="show the parts of every score")

    listing = command("list", run_list, "list memories, newest first")
    add_ids(listing, filters=True)
    listing.add_argument("--limit", type=int, metavar="N", help="at most (default: all)")

    get = command("get", run_get, "show one memory")
    get.add_argument("id", help="the memory's id")
    history = command("history", run_history, "show what happened to a memory")
    history.add_argument("id", help="the memory's id")
    export = command("export", run_export, "write memories with their history to a file of JSON Lines")
    export.add_argument("path", help="the file to write")
    add_ids(export, filters=True)
    command("stats", run_stats, "show how much the file holds")


# -- the commands


def run_add(arguments: argparse.Namespace) -> int:
    """Run `tinymem add`."""
    messages = read_messages(arguments)
    with open_memory(arguments, creates=True) as memory:
        added = memory.add(
            messages,
            **ids_of(arguments),
            metadata=arguments.metadata,
            infer=not arguments.no_infer,
            expiration_date=arguments.expires,
            dry_run=arguments.dry_run,
        )
    return show(arguments, added, tables.added_table)


def run_search(arguments: argparse.Namespace) -> int:
    """Run `tinymem search`."""
    with open_memory(arguments) as memory:
        found = memory.search(
            " ".join(arguments.query),
            **ids_of(arguments),
            filters=arguments.filter,
            limit=arguments.limit,
            threshold=arguments.threshold,
            explain=arguments.explain,
        )
    return show(arguments, found, tables.found_table)


def run_list(arguments: argparse.Namespace) -> int:
    """Run `tinymem list`."""
    with open_memory(arguments) as memory:
        listed = memory.get_all(**ids_of(arguments), filters=arguments.filter, limit=arguments.limit)
    return show(arguments, listed, tables.listed_table)


def run_get(arguments: argparse.Namespace) -> int:
    """Run `tinymem get`."""
    with open_memory(arguments) as memory:
        item = memory.get(arguments.id)
    if item is None:
        raise MemoryNotFoundError(f"no memory has the id {arguments.id!r}; `tinymem list` shows the ids")
    return show(arguments, item, tables.pairs_table)


def run_update(arguments: argparse.Namespace) -> int:
    """Run `tinymem update`."""
    text = " ".join(arguments.text) or None
    if text is None and arguments.metadata is None:
        refuse(arguments, "give the new text, --metadata, or both")
    with open_memory(arguments) as memory:
        done = memory.update(arguments.id, text, metadata=arguments.metadata)
    return show(arguments, done, message_of)


def run_retag(arguments: argparse.Namespace) -> int:
    """Run `tinymem retag`."""
    custom = None if arguments.categories is None else load_json(arguments, arguments.categories)
    with open_memory(arguments) as memory:
        done = memory.recategorize(**ids_of(arguments), filters=arguments.filter, custom_categories=custom)
    return show(arguments, done, tables.pairs_table)


def run_import(arguments: argparse.Namespace) -> int:
    """Run `tinymem import`."""
    with open_memory(arguments, creates=True) as memory:
        done = memory.import_(arguments.source, **ids_of(arguments), settings=arguments.settings)
    return show(arguments, done, tables.pairs_table)


def run_export(arguments: argparse.Namespace) -> int:
    """Run `tinymem export`."""
    with open_memory(arguments) as memory:
        done = memory.export(arguments.path, **ids_of(arguments), filters=arguments.filter)
    return show(arguments, done, tables.pairs_table)


def run_delete(arguments: argparse.Namespace) -> int:
    """Run `tinymem delete`."""
    which = {**ids_of(arguments), "filters": arguments.filter}
    if arguments.all == (arguments.id is not None):
        refuse(arguments, "give either an id or --all")
    if arguments.id is not None and any(value is not None for value in which.values()):
        refuse(arguments, "--user, --agent, --run, --app and --filter go with --all, not with an id")
    with open_memory(arguments) as memory:
        if arguments.all and not arguments.yes:
            refuse(arguments, f"{memory.count(**which)} memories would go; repeat with --yes")
        done = memory.delete_all(**which) if arguments.all else memory.delete(arguments.id)
    return show(arguments, done, message_of)


def run_history(arguments: argparse.Namespace) -> int:
    """Run `tinymem history`."""
    with open_memory(arguments) as memory:
        entries = memory.history(arguments.id)
    return show(arguments, entries, tables.history_table)


def run_stats(arguments: argparse.Namespace) -> int:
    """Run `tinymem stats`."""
    with open_memory(arguments) as memory:
        return show(arguments, memory.stats(), tables.pairs_table)


if __name__ == "__main__":
    sys.exit(main())
