"""One test's corner of an engine: what it makes is named after it, and removed at its end."""

import shlex
from collections.abc import Sequence

from tests.support.daemon import Client, Daemon, Result


class Lab:
    """Runs `ck` with the busybox image. Options are one string, split as a shell does."""

    def __init__(self, daemon: Daemon, image: str, name: str) -> None:
        self.daemon, self.image, self.name = daemon, image, name
        self._count = 0

    def run(self, options: str, *command: str, stdin: bytes | None = None) -> Result:
        """`ck run --rm` to its end, whatever its exit code."""
        return self.daemon.ck("run", "--rm", *shlex.split(options), self.image, *command, stdin=stdin, check=False)

    def out(self, options: str, script: str) -> str:
        """What a shell script prints in a container of its own; its exit code must be 0."""
        result = self.run(options, "sh", "-c", script)
        assert result.code == 0, result
        return result.out

    def refused(self, options: str, sentence: str, *command: str, code: int = 125) -> None:
        """`ck run --rm` fails with *code* and says *sentence*, and no container is left."""
        before = self.all()
        result = self.run(options, *(command or ("true",)))
        assert (result.code, result.out) == (code, ""), result
        assert sentence in result.err.partition("\n\n")[0], result.err
        assert self.all() == before

    def up(self, options: str = "", *command: str) -> str:
        """Start a container in the background (`sleep 1000` without a command); return its name."""
        name = self.new_name()
        self.ck("run", "-d", "--name", name, *shlex.split(options), self.image, *(command or ("sleep", "1000")))
        return name

    def make(self, options: str = "", *command: str) -> str:
        """As `up`, but only created."""
        name = self.new_name()
        self.ck("create", "--name", name, *shlex.split(options), self.image, *(command or ("sleep", "1000")))
        return name

    def new_name(self) -> str:
        self._count += 1
        return f"{self.name}-{self._count}"

    def ck(self, *arguments: str, stdin: bytes | None = None) -> str:
        """The output of `ck`, which must succeed."""
        return self.daemon.ck(*arguments, stdin=stdin).out

    def fails(self, *arguments: str, code: int = 1) -> str:
        """`ck` ends with *code*; return what it says."""
        result = self.daemon.ck(*arguments, check=False)
        assert result.code == code, result
        return result.err

    def popen(self, *arguments: str) -> Client:
        return self.daemon.popen(*arguments)

    def inspect(self, ref: str, template: str) -> str:
        return self.ck("inspect", "-f", template, ref).rstrip("\n")

    def status(self, ref: str) -> str:
        """ "running 0", "exited 137", ..."""
        return self.inspect(ref, "{{.State.Status}} {{.State.ExitCode}}")

    def all(self) -> Sequence[str]:
        return sorted(self.ck("ps", "-aq", "--no-trunc").split())

    def events(self, ref: str, *options: str) -> list[str]:
        """The actions of *ref*'s events so far, attaching left out."""
        shown = self.ck(
            "events", "--since", "1h", "--until", "0s", "-f", f"container={ref}", *options, "--format", "{{.Action}}"
        )
        return [action for action in shown.splitlines() if action != "attach"]

    def clean(self) -> None:
        names = self.ck("ps", "-a", "--format", "{{.Names}}").split()
        if mine := [name for name in names if name.startswith(self.name)]:
            self.ck("rm", "-f", "-v", *mine)
        volumes = self.ck("volume", "ls", "-q").split()
        if mine := [name for name in volumes if name.startswith(self.name)]:
            self.ck("volume", "rm", *mine)
