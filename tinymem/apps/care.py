"""The commands that keep a file in good order: look back, undo, erase, copy, mend and save."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from tinymem.apps import tables
from tinymem.apps.command import KEY_VARIABLE, add_ids, ids_of, message_of, open_memory, refuse, show


def add_care_commands(command: Any) -> None:
    """Add these commands."""
    log = command("log", run_log, "list what was done to the file, newest first")
    log.add_argument("--limit", type=int, metavar="N", help="at most (default: all)")
    why = command("why", run_why, "show where a memory came from: words, calls and models")
    why.add_argument("id", help="the memory's id")

    undo = command("undo", run_undo, "take back what one call wrote; undoing that does it again")
    undo.add_argument("commit", help="the commit's id, as `log` shows it")
    undo.add_argument("--with-later", action="store_true", help="and all that was built on it")

    erase = command("erase", run_erase, "erase memories for good, with all their past")
    erase.add_argument("id", nargs="?", help="the memory's id")
    erase.add_argument("--yes", action="store_true", help="really erase: nothing brings them back")
    add_ids(erase, filters=True)

    backup = command("backup", run_backup, "copy the file, whoever is writing to it")
    backup.add_argument("path", help="the copy")
    command("compact", run_compact, "make the file as small as what it holds")
    command("check", run_check, "examine the file; exit status 1 if anything is wrong")
    command("repair", run_repair, "make anew what is broken and follows from the memories")
    salvage = command("salvage", run_salvage, "save what can be read of a damaged file into a new one")
    salvage.add_argument("to", help="the new file")


def run_log(arguments: argparse.Namespace) -> int:
    """Run `tinymem log`."""
    with open_memory(arguments) as memory:
        return show(arguments, memory.log(limit=arguments.limit), log_table)


def run_why(arguments: argparse.Namespace) -> int:
    """Run `tinymem why`."""
    with open_memory(arguments) as memory:
        return show(arguments, memory.why(arguments.id), why_table)


def run_undo(arguments: argparse.Namespace) -> int:
    """Run `tinymem undo`."""
    with open_memory(arguments) as memory:
        done = memory.undo(arguments.commit, with_later=arguments.with_later)
    return show(arguments, done, tables.added_table)


def run_erase(arguments: argparse.Namespace) -> int:
    """Run `tinymem erase`."""
    which = {**ids_of(arguments), "filters": arguments.filter}
    with open_memory(arguments) as memory:
        if not arguments.yes:
            count = 1 if arguments.id else memory.count(**which, show_expired=True, show_archived=True)
            refuse(
                arguments, f"{count} memories, and deleted ones, would be erased for good; repeat with --yes"
            )
        done = memory.erase(arguments.id, **which)
    return show(arguments, done, message_of)


def run_backup(arguments: argparse.Namespace) -> int:
    """Run `tinymem backup`."""
    with open_memory(arguments) as memory:
        return show(arguments, memory.backup(arguments.path), tables.pairs_table)


def run_compact(arguments: argparse.Namespace) -> int:
    """Run `tinymem compact`."""
    with open_memory(arguments) as memory:
        return show(arguments, memory.compact(), tables.pairs_table)


def run_check(arguments: argparse.Namespace) -> int:
    """Run `tinymem check`."""
    with open_memory(arguments) as memory:
        problems = memory.check()
    show(arguments, problems, lambda found, width: "\n".join(found) or "sound: no problems found")
    return 1 if problems else 0


def run_repair(arguments: argparse.Namespace) -> int:
    """Run `tinymem repair`."""
    with open_memory(arguments) as memory:
        mended = memory.repair()
    return show(arguments, mended, lambda found, width: "\n".join(found) or "nothing had to be mended")


def run_salvage(arguments: argparse.Namespace) -> int:
    """Run `tinymem salvage`; the damaged file is --db."""
    from tinymem import config, salvage  # here, so that --help does not load the database

    key = os.environ.get(KEY_VARIABLE)
    saved = salvage(config.database_path(arguments.db), arguments.to, key=key)
    return show(arguments, saved, tables.pairs_table)


def log_table(log: Mapping[str, Any], width: int) -> str:
    """Render what was done to a file, newest first: each commit, and what it changed."""
    rows = []
    for one in log["results"]:
        changes = "; ".join(f"{change['event']} {change['memory']}" for change in one["changes"])
        rows.append((one["at"][:19], one["call"], one["commit_id"], changes))
    return (
        tables.render_table(("WHEN (UTC)", "CALL", "COMMIT", "CHANGES"), rows, width)
        if rows
        else "no commits"
    )


def why_table(why: Mapping[str, Any], width: int) -> str:
    """Render where a memory came from, oldest change first: what it says, and the words that say so."""
    rows = []
    for change in why["changes"]:
        words = " / ".join(f"{piece['role']}: {piece['text']}" for piece in change["evidence"])
        rows.append(
            (change["at"][:19], change["event"], change["memory"] or "", words or f"({change['source']})")
        )
    return tables.render_table(("WHEN (UTC)", "EVENT", "MEMORY", "BECAUSE OF"), rows, width)
