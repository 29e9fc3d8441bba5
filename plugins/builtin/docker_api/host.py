"""The facts of this machine that `version` and `info` tell."""

import os
import platform
from functools import cache
from pathlib import Path

from ck.plugins.builtin.docker_api._shapes.system import Host

_GOARCH = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "loongarch64": "loong64"}


@cache
def this_host() -> Host:
    """Read once; none of it changes while the daemon runs, but IPv4 forwarding, which only `info` shows."""
    name = os.uname()
    release = _os_release()
    return Host(
        kernel=name.release,
        architecture=name.machine,
        goarch=_GOARCH.get(name.machine, name.machine),
        operating_system=release.get("PRETTY_NAME", "Linux"),
        os_version=release.get("VERSION_ID", ""),
        cpus=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        python=platform.python_version(),
        forwards_ipv4=_read_flag(Path("/proc/sys/net/ipv4/ip_forward")),
    )


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:  # a machine without the file is still a machine
        return {}


def _read_flag(path: Path) -> bool:
    return path.exists() and path.read_text().strip() == "1"
