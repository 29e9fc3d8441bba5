"""What `--help` prints, laid out as Docker does."""

from __future__ import annotations

from ck.cli.catalog import COMMON, NOUNS, spellings, verbs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ck.cli.flags import Command, Flag

WIDTH = 80


def usage(path: str, command: Command) -> str:
    """The usage lines; a command with several forms has one line for each in `usage`."""
    options = " [OPTIONS]" if command.flags else ""
    return "\n".join(
        f"{'Usage: ' if line == 0 else '       '} ck {path}{options} {form}".rstrip()
        for line, form in enumerate(command.usage.split("\n"))
    )


def command_help(path: str, name: str, command: Command) -> str:
    """All about one command; *path* is as it was typed, *name* as the catalog calls it."""
    parts = [usage(path, command), command.help]
    if len(names := spellings(name)) > 1:
        parts.append("Aliases:\n  " + ", ".join(f"ck {each}" for each in names))
    if command.flags:
        parts.append("Options:\n" + options(command.flags))
    return "\n\n".join(parts)


def options(flags: Iterable[Flag]) -> str:
    """One paragraph a flag: names and kind left, the help text wrapped at the right."""
    rows = []
    for flag in sorted((each for each in flags if each.help), key=lambda each: each.name):
        short = f"-{flag.short}, " if flag.short else "    "
        default = ""
        if flag.default:
            default = f" (default {flag.default})" if flag.kind in {"", "int"} else f' (default "{flag.default}")'
        rows.append((f"  {short}--{flag.name} {flag.kind}".rstrip(), flag.help + default))
    indent = max(len(left) for left, _ in rows) + 3
    lines = []
    for left, right in rows:
        first, *more = _wrap(right, WIDTH - indent)
        lines.append(left.ljust(indent) + first)
        lines.extend(" " * indent + line for line in more)
    return "\n".join(lines)


def noun_help(noun: str) -> str:
    """`ck container`."""
    return (
        f"Usage:  ck {noun} COMMAND\n\n{NOUNS[noun]}\n\nCommands:\n{_columns(verbs(noun))}\n\n"
        f"Run 'ck {noun} COMMAND --help' for more information on a command."
    )


def top_help(flags: Iterable[Flag]) -> str:
    """`ck --help`."""
    single = dict(verbs(""))
    common = _columns((name, single[name]) for name in COMMON)
    others = _columns((name, help_) for name, help_ in single.items() if name not in COMMON)
    return (
        "Usage:  ck [OPTIONS] COMMAND\n\nA container engine\n\n"
        f"Common Commands:\n{common}\n\nManagement Commands:\n{_columns(NOUNS.items())}\n\nCommands:\n{others}\n\n"
        f"Global Options:\n{options(flags)}\n\nRun 'ck COMMAND --help' for more information on a command."
    )


def _columns(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"  {left:<11} {right}" for left, right in rows)


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines
