"""Messages become a model's prompt, in the words of the chat template that its GGUF carries.

The template is the model maker's Jinja source, a stranger's program: it runs in Jinja's immutable sandbox,
without a clock (a prompt never depends on the day it is rendered) and without files. Where a
template has no place for a system message, its text opens the first user message instead.

Must never lose a message's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from tinymem.errors import ConfigError, ModelFileError
from tinymem.types import Message

PLAIN_TEMPLATE = (
    "{% for message in messages %}### {{ message['role'] | capitalize }}\n{{ message['content'] }}\n\n"
    "{% endfor %}### Assistant{{ '\n' }}"
)
"""The format of a model without a template: a heading per message, as many base models know it."""

PROBE = Message("system", "a probe of the system role")


class ChatTemplate:
    """A compiled chat template.

    Args:
        source: Jinja source from the GGUF; None is `PLAIN_TEMPLATE`.
        bos: text of the model's first token, "" if it has none.
        eos: text of the model's last token, "" if it has none.

    Raises:
        ModelFileError: the source is no valid template.
    """

    def __init__(self, source: str | None, bos: str = "", eos: str = "") -> None:
        import jinja2

        try:
            self._template = _environment().from_string(PLAIN_TEMPLATE if source is None else source)
        except jinja2.TemplateError as problem:
            raise ModelFileError(
                f"the model's chat template is broken ({problem}); pass chat_template= with a working one"
            ) from problem
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._takes_system = self._keeps(PROBE)

    def render(self, messages: Sequence[Message]) -> str:
        """Return the prompt, up to where the assistant begins to speak.

        Raises:
            ConfigError: the template refuses these messages, such as two of one role in a row.
        """
        told = messages if self._takes_system else _without_system(messages)
        try:
            return self._filled(told)
        except _failures() as problem:
            roles = ", ".join(message.role for message in messages)
            raise ConfigError(
                f"the model's chat template refuses messages of the roles {roles}: {problem}; "
                "reorder them or pass another chat_template"
            ) from problem

    def _keeps(self, system: Message) -> bool:
        """Return whether a system message comes out of the template."""
        try:
            return system.content in self._filled([system, Message("user", "hello")])
        except _failures():
            return False

    def _filled(self, messages: Sequence[Message]) -> str:
        """Fill the template in; raises what the template raises."""
        told = [{"role": message.role, "content": message.content} for message in messages]
        # Thinking aloud would run into the grammar; templates that can think are told not to.
        settings = {"add_generation_prompt": True, "enable_thinking": False, "tools": None, **self._tokens}
        return str(self._template.render(messages=told, **settings))


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with each system text at the head of the next user message."""
    told: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "system":
            waiting.append(message.content)
        elif message.role == "user" and waiting:
            told.append(replace(message, content="\n\n".join([*waiting, message.content])))
            waiting = []
        else:
            told.append(message)
    if waiting:
        told.append(Message("user", "\n\n".join(waiting)))
    return told


def _environment() -> Any:
    """Return the sandbox, with what chat templates expect beyond plain Jinja."""
    import jinja2
    import jinja2.ext
    import jinja2.parser
    import jinja2.sandbox

    class GenerationTag(jinja2.ext.Extension):
        """`{% generation %}` marks words for training; here they are only words."""

        tags = {"generation"}  # noqa: RUF012 - Jinja's own attribute

        def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> NoReturn:
        raise jinja2.TemplateError(message)

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, "jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda _format: ""  # the prompts say the date themselves
    return environment


def _failures() -> tuple[type[Exception], ...]:
    """Return what a template can raise while it is filled in: Jinja's errors and Python's own."""
    import jinja2

    return (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
