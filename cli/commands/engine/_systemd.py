"""systemctl(1)."""

from __future__ import annotations

import os

from ck.cli.errors import CliError


def check_systemd() -> None:
    """Raises: CliError where systemd does not run this machine, or who asks may not change it."""
    if not os.path.isdir("/run/systemd/system"):
        raise CliError("systemd does not run this machine")
    if os.geteuid() != 0:
        raise CliError("only root may change the machine's services")


def systemctl(*words: str) -> None:
    """Raises: CliError with what systemctl says."""
    from subprocess import run

    done = run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CliError(f"systemctl {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
