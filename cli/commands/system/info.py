"""`ck info`."""

from __future__ import annotations

import sys

from ck.cli.client.api import Client
from ck.cli.flags import Args, Command, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP
from ck.cli.output.units import binary_size
from ck.cli.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

COMMAND = Command("", "Display system-wide information", (text("format", INSPECT_FORMAT_HELP, "f"),))


def run(args: Args, client: Client) -> int:
    """Print what the engine tells of itself and of its host."""
    info = client.get("/info")
    if format_ := args.text("format"):
        from ck.cli.output.template.evaluate import Template

        print(Template("{{json .}}" if format_ == "json" else format_).run(info))
        return 0
    print(f"Client: ck\n Version:    {VERSION}\n\nServer:")
    print("\n".join(_lines(info)))
    sys.stdout.flush()
    for warning in info.get("Warnings") or ():
        sys.stderr.write(f"{warning}\n")
    return 0


def _lines(info: dict[str, Any]) -> Iterator[str]:
    yield f" Containers: {info['Containers']}"
    for state in ("Running", "Paused", "Stopped"):
        yield f"  {state}: {info[f'Containers{state}']}"
    yield f" Images: {info['Images']}"
    yield f" Server Version: {info['ServerVersion']}"
    yield f" Storage Driver: {info['Driver']}"
    for key, value in info.get("DriverStatus") or ():
        yield f"  {key}: {value}"
    yield f" Logging Driver: {info['LoggingDriver']}"
    if info.get("CgroupDriver"):
        yield f" Cgroup Driver: {info['CgroupDriver']}"
    if info.get("CgroupVersion"):
        yield f" Cgroup Version: {info['CgroupVersion']}"
    yield " Plugins:"
    for kind in ("Volume", "Network", "Log"):
        if names := (info.get("Plugins") or {}).get(kind):
            yield f"  {kind}: {' '.join(names)}"
    if runtimes := info.get("Runtimes"):
        yield f" Runtimes: {' '.join(sorted(runtimes))}"
    if info.get("DefaultRuntime"):
        yield f" Default Runtime: {info['DefaultRuntime']}"
    if options := info.get("SecurityOptions"):
        yield " Security Options:"
        for option in options:
            yield f"  {dict(pair.partition('=')[::2] for pair in option.split(',')).get('name', option)}"
    for key, label in (
        ("KernelVersion", "Kernel Version"),
        ("OperatingSystem", "Operating System"),
        ("OSType", "OSType"),
        ("Architecture", "Architecture"),
        ("NCPU", "CPUs"),
        ("MemTotal", "Total Memory"),
        ("Name", "Name"),
        ("ID", "ID"),
        ("DockerRootDir", "Root Dir"),
    ):
        if info.get(key):
            yield f" {label}: {binary_size(info[key]) if key == 'MemTotal' else info[key]}"
    if labels := info.get("Labels"):
        yield " Labels:"
        yield from (f"  {label}" for label in labels)
