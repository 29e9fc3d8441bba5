"""`ck version`."""

from __future__ import annotations

import os
import sys

from ck.cli.client.api import Client
from ck.cli.errors import ConnectionFailed
from ck.cli.flags import Args, Command, text
from ck.cli.output.listing import INSPECT_FORMAT_HELP
from ck.cli.version import API_VERSION, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND = Command(
    "",
    "Show the version information of client and engine",
    (text("format", INSPECT_FORMAT_HELP, "f"),),
)


def run(args: Args, client: Client) -> int:
    """Print both versions; without an engine the client's, and return 1."""
    failure = ""
    server = None
    try:
        server = client.get("/version")
    except ConnectionFailed as error:
        failure = str(error)
    if format_ := args.text("format"):
        from ck.cli.output.template.evaluate import Template

        print(Template("{{json .}}" if format_ == "json" else format_).run({"Client": _client(), "Server": server}))
    else:
        _print(server)
    if failure:
        sys.stdout.flush()
        sys.stderr.write(f"ck: {failure}\n")
    return 1 if failure else 0


def _client() -> dict[str, Any]:
    system = os.uname()
    return {
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "DefaultAPIVersion": API_VERSION,
        "PythonVersion": ".".join(map(str, sys.version_info[:3])),
        "Os": system.sysname.lower(),
        "Arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine),
    }


def _print(server: dict[str, Any] | None) -> None:
    client = _client()
    print("Client: ck")
    _line("Version", client["Version"])
    _line("API version", client["ApiVersion"])
    _line("Python version", client["PythonVersion"])
    _line("OS/Arch", f"{client['Os']}/{client['Arch']}")
    if server is None:
        return
    print(f"\nServer: {(server.get('Platform') or {}).get('Name') or 'ckd'}")
    for component in server.get("Components") or ():
        details = component.get("Details") or {}
        print(f" {component['Name']}:")
        _line(" Version", component["Version"])
        if api := details.get("ApiVersion"):
            _line(
                " API version",
                f"{api} (minimum version {details.get('MinAPIVersion', server.get('MinAPIVersion', ''))})",
            )
        for key, label in (("GitCommit", "Git commit"), ("KernelVersion", "Kernel version")):
            if value := details.get(key):
                _line(f" {label}", value)
        if details.get("Os"):
            _line(" OS/Arch", f"{details['Os']}/{details.get('Arch', '')}")


def _line(label: str, value: str) -> None:
    print(f" {label + ':':<18} {value}")
