"""What is run in the machine: each a script, and what it needs."""

from pathlib import Path
from typing import Final

import attrs

TREE: Final = Path(__file__).resolve().parents[2]
_PYTEST: Final = (
    f"cd {TREE}; export PATH=$PATH:{TREE}/.work/tools/usr/bin:{TREE}/.work/tools/bin TMPDIR=/var/tmp "
    "PYTHONDONTWRITEBYTECODE=1; "
    ".venv/bin/python -m pytest -q -p no:cacheprovider --timeout 300 "
)
_LIMITS: Final = "tests/integration/limits"
_USERS: Final = "tests/integration/engine/test_users_of_its_own.py"


@attrs.frozen(kw_only=True)
class Job:
    """`boots` are run one after the other on one disk: a reboot lies between. `tiny`: without systemd."""

    boots: tuple[str, ...]
    tiny: bool = False
    seconds: float = 900
    wheels: bool = False  # needs the wheelhouse, at /wheels


def _tests(*names: str) -> tuple[str, ...]:
    return (_PYTEST + " ".join(names),)


# A fresh machine: nothing but Debian, Python and the wheels, as README.md says under "Install" and "First minute".
_INSTALL: Final = """
set -eux
python3 -m venv /opt/ck
/opt/ck/bin/pip install --quiet --no-index --find-links /wheels ck
export PATH=$PATH:/opt/ck/bin
ck run --rm --network none host/sh sh -c 'echo hello' | grep -x hello
ck run --rm --network none host/python3 python3 -c 'import ssl, json; print(ssl.OPENSSL_VERSION)' | grep OpenSSL
ck engine stop
"""

_SERVICE: Final = (TREE / "tests/vm/service.sh").read_text
_REBOOT: Final = (TREE / "tests/vm/reboot.sh").read_text

JOBS: Final = {
    "limits": Job(boots=_tests(_LIMITS), tiny=True, seconds=1500),
    "users": Job(boots=_tests(_USERS), tiny=True),
    "install": Job(boots=(_INSTALL,), wheels=True),
    "service": Job(boots=(_INSTALL + _SERVICE(),), wheels=True),
    "reboot": Job(boots=(_INSTALL + _REBOOT(), "set -eux\nafter=1\n" + _REBOOT()), wheels=True),
}

# One test of each kind, and no systemd: what boots it and installs takes four minutes of CI's forty.
SHORT: Final = {
    "short": Job(
        boots=_tests(
            f"{_LIMITS}/test_memory.py::test_who_takes_too_much_is_killed_and_told_of",
            f"{_LIMITS}/test_memory.py::test_a_group_is_killed_whole",
            f"{_LIMITS}/test_cpu.py::test_cpus",
            f"{_LIMITS}/test_cpu.py::test_cpuset",
            f"{_LIMITS}/test_pids.py::test_no_more_processes_than_allowed",
            f"{_LIMITS}/test_io.py::test_write_bps",
            f"{_LIMITS}/test_update.py::test_a_running_container_gets_other_limits",
            f"{_LIMITS}/test_devices.py::test_what_may_be_done_with_it",
            f"{_LIMITS}/test_stats.py::test_docker_py_sees_docker_s_shape",
            f"{_USERS}::test_files_are_the_container_s_own_inside_and_on_disk",
        ),
        tiny=True,
    ),
}
