"""`ck build`."""

from __future__ import annotations

import os
import sys

from ck.cli.client.api import Client
from ck.cli.client.codec import dumps
from ck.cli.commands.image._context import (
    dockerfile_of,
    dockerfile_of_upload,
    private_body,
    read_agents,
    read_secrets,
)
from ck.cli.credentials import all_auths_header
from ck.cli.errors import CliError, UsageError
from ck.cli.flags import Args, Command, switch, text, texts
from ck.cli.options.outputs import STDOUT, Output, parse_output
from ck.cli.terminal.progress import Progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from typing import Any

COMMAND = Command(
    "PATH | URL | -",
    "Build an image from a Dockerfile",
    (
        texts("add-host", "Add a custom host-to-IP mapping (host:ip)"),
        texts("build-arg", "Set build-time variables"),
        texts("cache-from", "Images to take the cache from: IMAGE, or type=registry,ref=IMAGE"),
        texts("cache-to", "Where the cache goes: type=inline, which is into the image"),
        text("cgroup-parent", "Set the parent cgroup for the RUN instructions during build"),
        text("cpu-period", "Limit the CPU CFS (Completely Fair Scheduler) period", kind="int"),
        text("cpu-quota", "Limit the CPU CFS (Completely Fair Scheduler) quota", kind="int"),
        text("cpu-shares", "CPU shares (relative weight)", "c", kind="int"),
        text("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)"),
        text("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)"),
        text("file", "Name of the Dockerfile (default PATH/Dockerfile), - for STDIN", "f"),
        switch("force-rm", ""),
        text("iidfile", "Write the image ID to the file"),
        texts("label", "Set metadata for an image"),
        text("memory", "Memory limit", "m", kind="bytes"),
        text("memory-swap", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", kind="bytes"),
        text("network", "Set the networking mode for the RUN instructions during build"),
        switch("no-cache", "Do not use cache when building the image"),
        texts(
            "output",
            "Where the result goes: DIRECTORY, type=local|tar|docker|oci,dest=PATH, or type=image,name=NAME,push=true",
            "o",
            kind="string",
        ),
        text("platform", "Set platform if the image is not for this machine's"),
        text("progress", "How progress is shown: auto, plain, tty, quiet", default="auto"),
        switch("pull", "Always attempt to pull a newer version of the base images"),
        switch("quiet", "Suppress the build output and print image ID on success", "q"),
        switch("reproducible", "Give all, what RUN writes too, the time of SOURCE_DATE_EPOCH, or 1970 without it"),
        switch("rm", ""),
        texts("secret", "Secret for RUN --mount=type=secret: id=ID[,src=PATH|,env=NAME]"),
        text("shm-size", "Size of /dev/shm", kind="bytes"),
        texts("ssh", "SSH agent for RUN --mount=type=ssh: default or ID=SOCKET"),
        texts("tag", "Name and optionally a tag in the name:tag format", "t"),
        text("target", "Set the target build stage to build"),
        texts("ulimit", "Ulimit options of RUN", kind="ulimit"),
    ),
    minimum=1,
    maximum=1,
)

_SIZES = {"shmsize": "shm-size", "memory": "memory", "memswap": "memory-swap"}


def run(args: Args, client: Client) -> int:
    """Build; print the image's ID with -q."""
    quiet = args.on("quiet") or args.choice("progress", ("auto", "plain", "tty", "quiet")) == "quiet"
    output = _output(args)
    if output.path or output.push:
        from ck.cli.commands.image._result import known_images, push_result, write_result
    names = [*args.texts("tag"), *output.names]
    if output.push and not names:
        raise UsageError("--output with push needs a name: name=NAME, or --tag NAME", 125)
    query, data = _context(args)
    id_file = args.text("iidfile")
    if id_file:
        _clear(id_file)
    before: Container[str] = known_images(client) if output.path else ()
    query |= {"t": names} | _options(args)
    messages = client.stream("POST", "/build", query, data=data, headers=all_auths_header())
    image = _show(messages, sys.stderr if output.path == STDOUT else sys.stdout, quiet=quiet)
    if output.path:
        write_result(client, image, names, output, before)
    elif output.push:
        push_result(client, names, None if quiet else sys.stdout)
    if quiet and not output.path:
        print(image)
    if id_file:
        _write(id_file, image)
    return 0


def _clear(path: str) -> None:
    """Remove the file *path*, so that it tells of no earlier build if this one fails. Raises: CliError where it could
    not be written either."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        return  # a pipe or a device, which keeps nothing
    try:
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "x"):
            os.unlink(path)
    except OSError as error:
        raise _unwritable(path, error) from None


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: str, error: OSError) -> CliError:
    return CliError(f"cannot write {path}: {error.strerror}")


def _output(args: Args) -> Output:
    """Without the flag the result is an image, and goes nowhere else. Raises: UsageError."""
    found = args.parsed("output", parse_output)
    if len(found) > 1:
        raise UsageError("--output may be given once only", 125)
    return found[0] if found else Output("image")


def _context(args: Args) -> tuple[dict[str, object], Iterable[bytes]]:
    """What the query says of the context, and the body. Raises: CliError, UsageError."""
    place, file = args.words[0], args.text("file")
    query: dict[str, object] = {}
    stream: Iterable[bytes] = ()
    if place == "-":
        if file == "-":
            raise UsageError("invalid argument: can't use stdin for both build context and dockerfile", 125)
        from ck.cli.output.upload import pieces

        stream = pieces("-")
        dockerfile, content = dockerfile_of_upload(file)
    elif place.startswith(("http://", "https://", "git://", "git@", "ssh://")):
        query["remote"] = place
        dockerfile, content = dockerfile_of_upload(file)
    else:
        if not os.path.isdir(place):
            raise CliError(f'unable to prepare context: path "{place}" not found')
        query["ck-context"] = os.path.realpath(place)
        dockerfile, content = dockerfile_of(place, file)
    private = private_body(content, read_secrets(args.texts("secret")))
    return query | {"dockerfile": dockerfile, "ck-private": len(private) or ""}, _joined(private, stream)


def _joined(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _options(args: Args) -> dict[str, object]:
    arguments = _build_args(args.texts("build-arg"))
    caches = _caches(args, arguments)
    if "SOURCE_DATE_EPOCH" in os.environ:
        arguments.setdefault("SOURCE_DATE_EPOCH", os.environ["SOURCE_DATE_EPOCH"])
    return {
        "target": args.text("target"),
        "buildargs": arguments,
        "labels": _labels(args),
        "nocache": args.on("no-cache"),
        "pull": args.on("pull"),
        "cachefrom": dumps(caches).decode(),
        "networkmode": args.text("network"),
        "extrahosts": args.texts("add-host"),
        "platform": args.text("platform"),
        **{key: _size(args, flag) for key, flag in _SIZES.items() if args.given(flag)},
        "cpushares": args.number("cpu-shares") or "",
        "cpuperiod": args.number("cpu-period") or "",
        "cpuquota": args.number("cpu-quota") or "",
        "cpusetcpus": args.text("cpuset-cpus"),
        "cpusetmems": args.text("cpuset-mems"),
        "ulimits": dumps(_ulimits(args)).decode() if args.given("ulimit") else "",
        "cgroupparent": args.text("cgroup-parent"),
        "ck-reproducible": args.on("reproducible"),
        "ck-ssh": read_agents(args.texts("ssh")),
    }


def _caches(args: Args, arguments: dict[str, str]) -> list[str]:
    """The images that --cache-from names; --cache-to goes into the build's *arguments*. Raises: UsageError."""
    if not args.given("cache-to") and not args.given("cache-from"):
        return []
    from ck.cli.options.caches import INLINE_CACHE, cache_source, check_cache_target

    for value in args.texts("cache-to"):
        check_cache_target(value)
        arguments[INLINE_CACHE] = "1"
    return [cache_source(value) for value in args.texts("cache-from")]


def _labels(args: Args) -> dict[str, str]:
    if not args.given("label"):
        return {}
    from ck.cli.options.environment import pairs

    return args.convert("label", ",".join(args.texts("label")), lambda _: pairs(args.texts("label")))


def _size(args: Args, flag: str) -> int:
    from ck.cli.options.sizes import parse_bytes, parse_swap

    return args.convert(flag, args.text(flag), parse_swap if flag == "memory-swap" else parse_bytes)


def _ulimits(args: Args) -> list[dict[str, Any]]:
    from ck.cli.options.host import parse_ulimit

    return args.parsed("ulimit", parse_ulimit)


def _build_args(given: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE`; a NAME alone has its value from the environment, if it is there."""
    found: dict[str, str] = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def _show(messages: Iterable[dict[str, Any]], out: Any, *, quiet: bool) -> str:
    """Show what the build tells; return the ID of its image. Raises: CliError."""
    image = ""

    def watched() -> Iterator[dict[str, Any]]:
        nonlocal image
        for message in messages:
            image = (message.get("aux") or {}).get("ID") or image
            if not quiet or message.get("error"):
                yield message

    Progress(out).show(watched())
    return image
