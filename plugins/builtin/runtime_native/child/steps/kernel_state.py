"""What the container's kernel says of itself: host name, domain name, sysctls."""

import os
from collections.abc import Iterable

from ck.kernel.linux.uts import set_domainname, set_hostname
from ck.plugins.builtin.runtime_native.child.steps.failure import doing, quote


def set_names(hostname: str, domainname: str) -> None:
    """Set those that are not empty."""
    if hostname:
        with doing(f"set the host name to {quote(hostname)}"):
            set_hostname(hostname)
    if domainname:
        with doing(f"set the domain name to {quote(domainname)}"):
            set_domainname(domainname)


def open_sysctls() -> int:
    """The host's /proc/sys, to be kept past the change of root: in the container it is read-only. What a process finds
    there belongs to the namespaces it is in."""
    with doing('open "/proc/sys"'):
        return os.open("/proc/sys", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def set_sysctls(directory: int, sysctls: Iterable[list[str]]) -> None:
    """Write each [path, value] below *directory*."""
    for path, value in sysctls:
        with doing(f"set the sysctl {quote(path.replace('/', '.'))} to {quote(value)}"):
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
            os.write(fd, value.encode())
            os.close(fd)
