"""What everyday commands load when they start: each module is time that every one of them would cost."""

import subprocess
import sys
from pathlib import Path

from tests.support.daemon import Daemon

NAME = "ck-start-cost"
COMMANDS = (
    f"run -d --name {NAME} IMAGE sleep 1000",
    "run --rm IMAGE true",
    f"exec {NAME} true",
    f"logs {NAME}",
    "ps",
    "images",
    "pull -q IMAGE",
    f"stop -t 0 {NAME}",
    f"start {NAME}",
    f"rm -f {NAME}",
    f"build -q -t {NAME} CONTEXT",
    f"rmi {NAME}",
)
LIGHT = {"__future__", "_json", "_socket", "binascii", "select", "termios"}


def test_everyday_commands_load_nothing_but_their_own(daemon: Daemon, busybox_image: str, tmp_path: Path) -> None:
    daemon.ck("pull", "-q", busybox_image)
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox_image}\nRUN true\n")
    words = {"IMAGE": busybox_image, "CONTEXT": str(tmp_path)}
    program = [sys.executable, "-X", "importtime", str(Path(sys.executable).with_name("ck"))]
    always = loaded([sys.executable, "-X", "importtime", "-c", "import os"], daemon)
    try:
        for command in COMMANDS:
            arguments = [words.get(word, word) for word in command.split()]
            extra = loaded([*program, *arguments], daemon) - always
            assert {name for name in extra if name.partition(".")[0] != "ck"} <= LIGHT, command
    finally:
        daemon.ck("rm", "-f", NAME)


def loaded(command: list[str], daemon: Daemon) -> set[str]:
    """The modules that Python tells of on stderr (python(1), -X importtime)."""
    done = subprocess.run(command, env=daemon.environment, capture_output=True, text=True, timeout=60, check=True)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
