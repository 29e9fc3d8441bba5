"""ckd: the composition root. Reads the config, picks the plugins, runs the kernel until a signal ends it."""

import argparse
import faulthandler
import fcntl
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from ck.kernel.config import Config, load
from ck.kernel.engine.farewell import Farewell
from ck.kernel.errors import CkError, InvalidArgument
from ck.kernel.linux.service_manager import notify
from ck.kernel.main import run
from ck.kernel.next_engine import become_next_engine, inherited_lock
from ck.kernel.pluginmanager import Builtins
from ck.plugins import builtin

log: Final = logging.getLogger("ckd")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the command `ckd`. Returns 0 also where another ckd serves the same run root."""
    gc.disable()  # until it serves: hardly anything that is made meanwhile is garbage
    faulthandler.enable()  # where it was, if the interpreter itself should die
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells every request
    if os.geteuid() != 0:
        sys.stderr.write("ckd: must be run as root\n")
        return 1
    try:
        config = _config(options)
        lock = _lock(config.run_root)
        if lock is None:
            log.info("another ckd serves %s", config.run_root)
            return 0
        _raise_limits()
        farewell = trio.run(_serve, config, options.ready_fd)
        if farewell.restart:
            log.info("a new ckd takes over")
            become_next_engine(lock, farewell.sockets)
    except (CkError, BaseExceptionGroup) as error:
        refused, unexpected = _split(error)
        for sentence in refused:
            sys.stderr.write(f"ckd: {sentence}\n")
        if unexpected is not None:
            raise unexpected from None
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ckd", description="The ck container engine")
    environ = os.environ
    parser.add_argument(
        "--config", metavar="FILE", default=environ.get("CK_CONFIG"), help="TOML; default /etc/ck/config.toml"
    )
    parser.add_argument(
        "--data-root", metavar="DIR", default=environ.get("CK_DATA_ROOT"), help="images, containers, volumes"
    )
    parser.add_argument(
        "--run-root", metavar="DIR", default=environ.get("CK_RUN_ROOT"), help="sockets and running state"
    )
    parser.add_argument(
        "-H", "--host", metavar="unix://PATH", default=environ.get("CK_HOST"), help="where the API is served"
    )
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--ready-fd", type=int, metavar="N", help="write a newline to this descriptor once serving")
    return parser


def _config(options: argparse.Namespace) -> Config:
    config = load(Path(options.config) if options.config else None)
    if options.data_root:
        config = attrs.evolve(config, data_root=Path(options.data_root).absolute())
    if options.run_root:
        config = attrs.evolve(config, run_root=Path(options.run_root).absolute())
    if options.host:
        scheme, _, path = options.host.partition("://")
        if scheme != "unix" or not path.startswith("/"):
            raise InvalidArgument(f"invalid host {options.host!r}: expected unix:///PATH")
        config = attrs.evolve(config, socket=Path(path))
    return config


def _lock(run_root: Path) -> int | None:
    """Take the lock of *run_root* for the life of this process; None where another process has it."""
    if (inherited := inherited_lock()) is not None:
        return inherited
    run_root.mkdir(parents=True, exist_ok=True, mode=0o755)
    descriptor = os.open(run_root / "ckd.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _raise_limits() -> None:
    """Every attached client and every log follower is a descriptor."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(config: Config, ready_fd: int | None) -> Farewell:
    """Run the kernel until it is told farewell or a signal comes; return how it ended."""
    builtins = Builtins(essential=builtin.ESSENTIAL, default=builtin.DEFAULT, optional=builtin.OPTIONAL)
    farewell = Farewell()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def stop_on_signal() -> None:
                async for number in signals:
                    log.info("got %s: stopping; containers run on", signal.Signals(number).name)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(stop_on_signal)
            await nursery.start(_run, nursery.cancel_scope, config, builtins, farewell)
            gc.freeze()  # what a start has made stays, and need not be looked through again and again
            gc.enable()
            log.info("serving on %s", config.socket_path())
            notify("READY=1")
            if ready_fd is not None:
                os.write(ready_fd, b"\n")
                os.close(ready_fd)
    return farewell


async def _run(
    end: trio.CancelScope,
    config: Config,
    builtins: Builtins,
    farewell: Farewell,
    *,
    task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """The kernel; *end* is cancelled when it has ended."""
    await run(config, builtins, farewell, task_status=task_status)
    end.cancel()


def _split(error: BaseException) -> tuple[list[str], BaseException | None]:
    """The sentences of the errors that were raised on purpose, and what is left: a bug, with its traceback."""
    if not isinstance(error, BaseExceptionGroup):
        return [str(error)], None
    refused, unexpected = error.split(CkError)
    return list(_sentences(refused)) if refused is not None else [], unexpected


def _sentences(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _sentences(inner)
    else:
        yield str(error)


if __name__ == "__main__":
    sys.exit(main())
