"""The small part of /etc that programs look for, and the directories that a root file system has."""

from collections.abc import Iterator
from typing import Final

from ck.plugins.builtin.registry_host._host import Host

FILES: Final[dict[str, bytes]] = {
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "/etc/group": b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    # The engine mounts its own over these three; a mount needs something to stand on, also in a read-only root.
    "/etc/hostname": b"",
    "/etc/hosts": b"",
    "/etc/resolv.conf": b"",
}
LINKS: Final[dict[str, str]] = {"/etc/mtab": "/proc/self/mounts"}
DIRECTORIES: Final[dict[str, int]] = {
    **dict.fromkeys(("/dev", "/dev/pts", "/dev/shm", "/etc", "/proc", "/root", "/run", "/sys", "/usr", "/var"), 0o755),
    **dict.fromkeys(("/tmp", "/var/tmp"), 0o1777),
}
MERGED: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Where these are links into /usr, they are so in the image: /bin/sh is found although sh is /usr/bin/sh."""

_CERTIFICATES: Final = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted/pem")
_SINGLE: Final = (
    "/etc/os-release",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    # OpenSSL of Debian looks for all of its files through these links.
    "/usr/lib/ssl/cert.pem",
    "/usr/lib/ssl/certs/ca-certificates.crt",
    "/usr/lib/ssl/openssl.cnf",
)


def host_files(host: Host) -> Iterator[str]:
    """What of this machine's /etc goes into an image where it is there: its name, certificates, OpenSSL's defaults."""
    yield from _SINGLE
    for directory in _CERTIFICATES:
        yield from (f"{directory}/{name}" for name in host.names(directory))


def merged_links(host: Host) -> Iterator[str]:
    """Those of MERGED that are links here."""
    for link in MERGED:
        found = host.find(link)
        if found and found.links:
            yield link
