"""`ck engine enable`."""

from __future__ import annotations

import os
import sys

from ck.cli.client.api import Client
from ck.cli.commands.engine._systemd import check_systemd, systemctl
from ck.cli.commands.engine._units import DIRECTORY, NAMES, units
from ck.cli.errors import ConnectionFailed
from ck.cli.flags import Args, Command

COMMAND = Command("", "Have systemd start the engine at boot, and whenever somebody connects")


def run(args: Args, client: Client) -> int:
    """Write the units, hand a running engine's containers to the one that systemd starts. Raises: CliError."""
    check_systemd()
    for name, text in units(_ckd(), group=_has_group()).items():
        with open(f"{DIRECTORY}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    client.autostart = False
    try:
        engine = client.get("/ck/engine")["Pid"]
    except ConnectionFailed:
        engine = 0
    if engine:
        from ck.cli.commands.engine.stop import stop_engine

        stop_engine(client)  # containers run on, and are found again
    systemctl("daemon-reload")
    systemctl("enable", "--now", *NAMES)
    return 0


def _ckd() -> list[str]:
    """The command of this installation."""
    beside = os.path.join(os.path.dirname(sys.executable), "ckd")
    return [beside] if os.access(beside, os.X_OK) else [sys.executable, "-P", "-m", "ck.cli.ckd"]


def _has_group() -> bool:
    import grp

    try:
        grp.getgrnam("ck")
    except KeyError:
        return False
    return True
