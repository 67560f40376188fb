"""A conversation in, facts out: what tinymem stores, finds, supersedes and can still tell.

scripts/demo                       the built-in conversation (scripts/demo_conversation.json)
scripts/demo FILE.json [QUESTION]  any other: a list of messages {"role", "content"}, or an object like
                                   the built-in one (sessions on different days, each with questions)

Everything is real: the bundled models, the file, the search. Nothing leaves this machine.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinymem import Memory, TinymemError
from tinymem.apps import tables

ROOT = Path(__file__).resolve().parent.parent
BUILT_IN = ROOT / "scripts" / "demo_conversation.json"
DATABASE = ROOT / "build" / "demo.db"
WIDTH = min(shutil.get_terminal_size((100, 24)).columns, 110)


def main(arguments: list[str]) -> int:
    source = Path(arguments[0]) if arguments else BUILT_IN
    try:
        talk = read_talk(source)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as problem:
        print(f"demo: {source} holds no conversation: {problem}", file=sys.stderr)
        return 2
    forget_last_time()
    try:
        with Memory(DATABASE) as memory:
            show(memory, talk, arguments[1:])
            close_with(memory, talk["user_id"])
    except TinymemError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `scripts/demo | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def read_talk(source: Path) -> dict[str, Any]:
    """Return {"user_id", "sessions": [{"on", "messages", "questions"}]} of either shape of file."""
    talk = json.loads(source.read_text(encoding="utf-8-sig"))
    if isinstance(talk, list):
        said = [str(message.get("content")) for message in talk if message["role"] == "user"]
        talk = {"sessions": [{"messages": talk, "questions": said[-1:]}]}
    if not any(message["role"] == "user" for session in talk["sessions"] for message in session["messages"]):
        raise ValueError("no message has the role 'user'")
    return {"user_id": "user", **talk}


def forget_last_time() -> None:
    DATABASE.parent.mkdir(exist_ok=True)
    for ending in ("", "-wal", "-shm"):
        Path(f"{DATABASE}{ending}").unlink(missing_ok=True)


def show(memory: Memory, talk: dict[str, Any], questions: list[str]) -> None:
    superseded: list[str] = []
    for number, session in enumerate(talk["sessions"], start=1):
        heading(f"Conversation {number}" + (f", {session['on'][:10]}" if "on" in session else ""))
        for message in session["messages"]:
            speak(message)
        with timed(f"add() understood {len(session['messages'])} messages"):
            added = memory.add(session["messages"], user_id=talk["user_id"], timestamp=session.get("on"))
        print(tables.added_table(added, WIDTH))
        superseded += [item["id"] for item in added["results"] if item["event"] == "UPDATE"]
        ask(memory, talk["user_id"], session.get("questions", []))
    ask(memory, talk["user_id"], questions)
    tell_history(memory, talk["user_id"], superseded)


def ask(memory: Memory, user_id: str, questions: list[str]) -> None:
    for question in questions:
        heading(f"Search: {question}")
        with timed("search()"):
            found = memory.search(question, user_id=user_id, limit=3, explain=True)
        print(tables.found_table(found, WIDTH))


def tell_history(memory: Memory, user_id: str, superseded: list[str]) -> None:
    """Show what happened to a memory that a later message changed, else to the oldest one."""
    stored = memory.get_all(user_id=user_id)["results"]
    chosen = superseded[0] if superseded else stored[-1]["id"] if stored else None
    if chosen is not None:
        heading(f"History of {chosen}")
        print(tables.history_table(memory.history(chosen), WIDTH))
    heading("Everything that is remembered now")
    print(tables.listed_table({"results": stored}, WIDTH))


def close_with(memory: Memory, user_id: str) -> None:
    problems = memory.check()
    heading("The file")
    print("check(): " + ("; ".join(problems) or "sound"))
    tinymem = shlex.quote(str(ROOT / ".venv" / "bin" / "tinymem"))
    print("All of it is in one file. Look for yourself:")
    print(f"  {tinymem} list --user {shlex.quote(user_id)} --db {shlex.quote(str(DATABASE))}")


def heading(text: str) -> None:
    print(f"\n== {text}")


def speak(message: dict[str, Any]) -> None:
    who = message.get("name") or message["role"]
    print(
        textwrap.fill(
            f"{who + ':':11}{tables.show_text(str(message.get('content')))}",
            WIDTH,
            subsequent_indent=" " * 11,
        )
    )


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    print(f"-- {what} in {(time.perf_counter() - started) * 1000:.0f} ms")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
