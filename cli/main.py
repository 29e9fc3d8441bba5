"""Entry point of `ck`: global flags, the command, its exit code.

What the hot path imports is measured: `run` and `exec` must not pay for help, tables, templates or tar.
"""

from __future__ import annotations

import os
import sys

from ck.cli import catalog
from ck.cli.client.api import Client
from ck.cli.errors import CliError, UsageError
from ck.cli.flags import Args, parse, switch, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

GLOBAL_FLAGS = (
    text("config", "Location of client config files (default ~/.docker)"),
    text("host", "Socket of the engine: unix:///PATH (default $CK_HOST, $CK_RUN_ROOT/ck.sock or /run/ck/ck.sock)", "H"),
    switch("version", "Print version information and quit", "v"),
)
BROKEN_PIPE = 128 + 13  # as a shell counts the death by SIGPIPE that other programs die here
INTERRUPTED = 128 + 2


def entry_point() -> NoReturn:
    """Be the program `ck`. To take the interpreter down would cost a fifth of the time of a short command, and all that
    is ours is flushed and closed."""
    os._exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run `ck` with *argv* (default: this process's); return the exit code."""
    try:
        code = _main(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except CliError as error:
        code = _fail(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left. Python would try to flush again at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    return code


def _fail(error: CliError) -> int:
    sys.stdout.flush()
    if message := str(error):
        sys.stderr.write(f"ck: {message}\n")
    return 1 if error.exit_code is None else error.exit_code


def _main(argv: Sequence[str]) -> int:
    try:
        options = parse(argv, GLOBAL_FLAGS, interspersed=False)
    except UsageError as error:
        raise UsageError(
            f"{error}\n\nUsage:  ck [OPTIONS] COMMAND\n\nRun 'ck --help' for more information", 125
        ) from None
    if options.on("version"):
        from ck.cli.version import VERSION

        print(f"ck version {VERSION}")
        return 0
    if config := options.text("config"):
        os.environ["DOCKER_CONFIG"] = config
    words = options.words
    helping = options.on("help")
    if words and words[0] == "help":
        helping, words = True, words[1:]
    if words and words[0] == "__complete":
        from ck.cli.completion.words import complete

        return complete(words[1:], GLOBAL_FLAGS, Client(options.text("host"), autostart=False))
    name, count = catalog.resolve(words)
    if not name:
        return _no_command(words)
    if helping:
        words = [*words[:count], "--help"]
    return _run(name, " ".join(words[:count]), words[count:], Client(options.text("host")))


def _run(name: str, path: str, argv: list[str], client: Client) -> int:
    module = catalog.load(name)
    command = module.COMMAND
    try:
        args = parse(argv, command.flags, interspersed=command.interspersed)
        if args.on("help"):
            from ck.cli.help import command_help

            print(command_help(path, name, command))
            return 0
        _check_count(path, args, command.minimum, command.maximum)
        return module.run(args, client)
    except UsageError as error:
        from ck.cli.help import usage

        message = f"{error}\n\n{usage(path, command)}\n\nRun 'ck {path} --help' for more information"
        raise UsageError(message, error.exit_code) from None
    except CliError as error:
        if error.exit_code is None:
            error.exit_code = command.failure
        raise


def _check_count(path: str, args: Args, minimum: int, maximum: int | None) -> None:
    count = len(args.words)
    if count >= minimum and (maximum is None or count <= maximum):
        return
    if minimum == maximum:
        wanted = f"{minimum} argument{'' if minimum == 1 else 's'}" if minimum else "no arguments"
        verb = "requires" if minimum else "accepts"
    elif count < minimum:
        verb, wanted = "requires", f"at least {minimum} argument{'' if minimum == 1 else 's'}"
    else:
        verb, wanted = "requires", f"at most {maximum} argument{'' if maximum == 1 else 's'}"
    raise UsageError(f"'ck {path}' {verb} {wanted}", 1)


def _no_command(words: list[str]) -> int:
    """Help for no command at all or for a noun alone; else the error that names what is unknown."""
    from ck.cli.help import noun_help, top_help

    if not words:
        print(top_help(GLOBAL_FLAGS))
        return 0
    if words[0] not in catalog.NOUNS:
        raise CliError(f"unknown command: ck {words[0]}\n\nRun 'ck --help' for more information")
    if len(words) == 1 or words[1] in {"--help", "-h", "help"}:
        print(noun_help(words[0]))
        return 0
    raise CliError(f"unknown command: ck {words[0]} {words[1]}\n\nRun 'ck {words[0]} --help' for more information")
