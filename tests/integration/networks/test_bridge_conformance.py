"""The bridge driver against the kernel."""

import sys
from pathlib import Path

from tests.support.daemon import TREE
from tests.support.machine import Machine


def test_conformance(own_machine: Machine, tmp_path: Path) -> None:
    path = f"PYTHONPATH={TREE / 'src'}:{TREE}"
    program = "tests.integration.networks.conformance_process"
    own_machine.run(own_machine.host, "env", path, sys.executable, "-m", program, str(tmp_path))
    # Nothing is left: no link but those that were there, and the last engine took the bridge with it.
    links = own_machine.ip(own_machine.host, "-brief link")
    assert sorted(line.split("@")[0].split()[0] for line in links.splitlines()) == ["lo", "up0"]
