"""A real engine for tests: `ckd` on directories of its own, and `ck` against it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import attrs

from tests.support.census import processes, settle
from tests.support.layer_mounts import unmount_below

TREE = Path(__file__).resolve().parents[2]
SESSION = f"ck-test-{os.getpid()}-"
"""How the names of all directories of this test session begin: see tests/support/census.py."""
CK = (sys.executable, "-c", "from ck.cli.main import entry_point; entry_point()")
"""As cli/bin/ck does."""
Stream = int | IO[bytes]
NO_NETWORK = '[default]\nnetwork = "none"\n'
"""Containers have no network unless they ask for one: a bridge would be of the machine that runs the tests."""
START_SECONDS = 30
STOP_SECONDS = 30
CK_SECONDS = 100


@attrs.frozen(kw_only=True)
class Result:
    """What a finished `ck` left."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode(errors="surrogateescape")

    @property
    def err(self) -> str:
        return self.stderr.decode(errors="surrogateescape")


class Client(subprocess.Popen[bytes]):
    """A running `ck`. Leaving its `with` block by an error ends it: a failed test must not wait for what it broke."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)


def entering(netns: int | None) -> Sequence[str]:
    """The beginning of a command line that is to run in a network namespace; it must be given that fd."""
    return () if netns is None else ("nsenter", f"--net=/proc/self/fd/{netns}")


class Daemon:
    """One engine. As a context manager it is started, and at the end stopped with all that it made removed.

    `config` is the text of a config file. `netns` is an fd of the network namespace that is the engine's "host" (the
    caller's, kept open), None for this machine's own. `env` are further environment variables of ckd. The directories
    survive `stop` and `kill9`, so that `start` finds all again.
    """

    def __init__(
        self, *, config: str = NO_NETWORK, netns: int | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._netns = netns
        self._env = dict(env or {})
        # Short, and on a tmpfs as in life: the path of a unix socket has at most 107 bytes.
        self.run_root = Path(tempfile.mkdtemp(prefix=SESSION, dir="/run"))
        self.data_root = Path(tempfile.mkdtemp(prefix=SESSION))
        self.socket = self.run_root / "ck.sock"
        self.log = self.data_root / "ckd.log"
        self.config = self.data_root / "config.toml"
        self.config.write_text(config)
        self.boot_id = self.data_root / "boot-id"  # the machine's, once it was `reboot`ed
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "ckd does not run"
        return self._process.pid

    @property
    def abandoned(self) -> int:
        """How many connections it still serves whose client has gone: 0 once all that was done for such has ended."""
        # Two references are its own; the third is that of a living peer (net/unix/af_unix.c, unix_peer). Both ends are
        # in the client's network namespace, which is ours.
        orphan = re.compile(rf"^\S+ 00000002 (?:\S+ ){{3}}03 +\d+ {re.escape(str(self.socket))}$", re.MULTILINE)
        return len(orphan.findall(Path("/proc/net/unix").read_text()))

    @property
    def environment(self) -> dict[str, str]:
        """What `ck` and `docker` need in order to talk to this engine, and to nobody's settings."""
        return {
            **os.environ,
            "CK_HOST": f"unix://{self.socket}",
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.data_root / "docker-config"),
            "PYTHONPATH": str(TREE / "src"),
        }

    @property
    def storage(self) -> Path:
        """The directory of the storage driver that the engine, which runs, has chosen."""
        return self.data_root / "data/storage" / self.ck("info", "-f", "{{.Driver}}").out.strip()

    def start(self) -> None:
        """Start ckd; return when it serves."""
        assert self._process is None, "ckd runs already"
        ready, told = os.pipe()
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [
                        *entering(self._netns),
                        *self._booted(),
                        *(sys.executable, "-m", "ck.cli.ckd", "--config", str(self.config)),
                        *("--data-root", str(self.data_root / "data"), "--run-root", str(self.run_root)),
                        *("--ready-fd", str(told)),
                    ],
                    env={**self.environment, "CK_RUN_ROOT": str(self.run_root), **self._env},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(told,) if self._netns is None else (told, self._netns),
                    start_new_session=True,
                )
            os.close(told)
            # ckd writes one byte when it serves; when it dies the pipe ends without one.
            serves = os.read(ready, 1)
        finally:
            os.close(ready)
        if not serves:
            self._process.wait(START_SECONDS)
            self._process = None
            raise AssertionError(f"ckd did not start:\n{self.log_tail()}")

    def stop(self) -> None:
        """End ckd as a service manager does; containers run on."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """End ckd as the kernel does when memory is short."""
        self._end(signal.SIGKILL)

    def ended(self) -> None:
        """Take note that ckd has ended by itself, with success."""
        process, self._process = self._process, None
        assert process is not None and process.wait(STOP_SECONDS) == 0, self.log_tail()

    def reboot(self) -> None:
        """End everything as a power cut does. The next start finds another boot ID, and whatever was on disk."""
        self.kill9()
        marked = processes([str(self.run_root)], of=())
        for pid in marked:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        settle(marked)
        self.boot_id.write_text(f"{uuid.uuid4()}\n")

    def _booted(self) -> Sequence[str]:
        """The beginning of a command line that is to see the boot ID of a machine that was rebooted."""
        if not self.boot_id.exists():
            return ()
        script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
        return ("unshare", "--mount", "sh", "-c", script, str(self.boot_id))

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(
                f"ckd did not end within {STOP_SECONDS} s of {number.name}:\n{self.log_tail()}"
            ) from None

    def ck(
        self,
        *arguments: str | Path,
        stdin: bytes | None = None,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        timeout: float = CK_SECONDS,
    ) -> Result:
        """Run `ck` to its end. With *check*, any exit code but 0 is an AssertionError that shows what it said."""
        with self.popen(
            *arguments, env=env, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL
        ) as process:
            try:
                out, err = process.communicate(stdin, timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                raise AssertionError(
                    f"ck {' '.join(map(str, arguments))} did not end within {timeout:.0f} s;"
                    f" it said {out[-2000:]!r}, {err[-2000:]!r}; the engine:\n{self.log_tail()}"
                ) from None
        result = Result(code=process.returncode, stdout=out, stderr=err)
        if check and result.code != 0:
            raise AssertionError(
                f"ck {' '.join(map(str, arguments))}: exit code {result.code}\n{result.err}{result.out}"
                f"--- the engine:\n{self.log_tail()}"
            )
        return result

    def popen(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        stdin: Stream = subprocess.PIPE,
        stdout: Stream = subprocess.PIPE,
        stderr: Stream = subprocess.PIPE,
    ) -> Client:
        """Start `ck`; streams are as in subprocess.Popen."""
        environment = {**self.environment, **(env or {})}
        return Client([*CK, *map(str, arguments)], env=environment, stdin=stdin, stdout=stdout, stderr=stderr)

    def log_tail(self) -> str:
        """The last lines of ckd's log."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def remove_all(self) -> None:
        """Remove every container and every volume."""
        if self._process is None or self._process.poll() is not None:
            self._process = None
            self.start()
        for listing, removal in (
            (("ps", "-aq", "--no-trunc"), ("rm", "-f", "-v")),
            (("volume", "ls", "-q"), ("volume", "rm")),
        ):
            if names := self.ck(*listing).out.split():
                self.ck(*removal, *names)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._forget()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.remove_all()
            self.stop()
            settle(self._left())
            left = self._left()
            assert not left, f"the engine is stopped, but these processes of it run on: {left}"
        finally:
            self._forget()

    def _left(self) -> list[int]:
        """Processes that tell of this engine, and what runs in their containers."""
        return processes([str(self.run_root)], of=())

    def _forget(self) -> None:
        """Leave nothing, whatever happened before: a failure must not fail the next test too."""
        for pid in self._left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        settle(self._left())
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
        unmount_below(self.data_root / "data/storage")
        for directory in (self.run_root, self.data_root):
            shutil.rmtree(directory, ignore_errors=True)
