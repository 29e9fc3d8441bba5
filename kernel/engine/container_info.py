"""What is asked about containers: logs, processes, sizes."""

from collections.abc import AsyncIterator
from typing import Final

import trio

from ck.kernel.api.container import Container, Processes
from ck.kernel.drivers.log import LogQuery, LogRecord
from ck.kernel.engine.context import Context
from ck.kernel.engine.ps import parse_ps
from ck.kernel.errors import InvalidArgument, Unsupported

_PS_SECONDS: Final = 10.0


def logs(ctx: Context, container: Container, query: LogQuery) -> AsyncIterator[list[LogRecord]]:
    """Lines of the container's log. Raises: Unsupported where its log driver keeps none."""
    run = ctx.runs.get(container.id)
    ended = run.output_ended if run is not None else trio.Event()
    if run is None:
        ended.set()
    directory = ctx.container_directory(container.id) / "log"
    return ctx.log_driver(container.log_driver).read(directory, query, ended)


async def top(ctx: Context, container: Container, ps_args: str) -> Processes:
    """ps(1) for the container's processes.

    Raises: Conflict where it does not run; InvalidArgument for what ps refuses.
    """
    pids = set(await ctx.run_of(container).runtime.pids())
    arguments = ps_args.split() or ["-ef"]
    try:
        with trio.fail_after(_PS_SECONDS):
            # By number, because ps alone shows the engine's own user's. Some options (f) do not go with that.
            for chosen in ([f"-q{','.join(map(str, pids))}"], []):
                command = ["ps", *arguments, *chosen]
                done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
                if done.returncode == 0:
                    break
    except FileNotFoundError as error:
        raise Unsupported("cannot list processes: this host has no ps (Debian: procps)") from error
    except trio.TooSlowError as error:
        raise Unsupported(f"ps {ps_args} did not end within {_PS_SECONDS:g} s") from error
    if done.returncode:
        raise InvalidArgument(f"ps {ps_args}: {done.stderr.decode(errors='replace').strip()}")
    return parse_ps(done.stdout.decode(errors="replace"), pids)


async def sizes(ctx: Context, container: Container) -> tuple[int, int]:
    """Bytes of the writable root, and of that and the image."""
    written = await ctx.storage.usage(container.id)
    return written, written + container.size_root_fs
