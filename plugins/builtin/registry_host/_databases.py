"""The databases of dpkg, apk and rpm: what is installed, and which package has a file."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ck.plugins.builtin.registry_host._host import Host
from ck.plugins.builtin.registry_host._packages import Package, PackageManager

DPKG: Final = "/var/lib/dpkg"
APK: Final = "/lib/apk/db/installed"
RPM_SECONDS: Final = 30


def package_manager(host: Host) -> PackageManager | None:
    """The package manager of this machine, or None."""
    if host.is_file(f"{DPKG}/status"):
        return Dpkg(host)
    if host.is_file(APK):
        return Apk(host)
    return Rpm() if shutil.which("rpm") else None


def parse_dpkg_status(text: str) -> list[Package]:
    """The installed packages of /var/lib/dpkg/status (deb822(5)). Pure."""
    packages = []
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Source):[ \t]*([^\s(][^\n(]*)", paragraph, re.MULTILINE))
        if fields.get("Status", "").rstrip().endswith(" installed") and "Package" in fields:
            name = fields["Package"].strip()
            packages.append(Package(name, fields.get("Source", name).strip()))
    return packages


def parse_apk_installed(text: str) -> dict[Package, list[str]]:
    """Packages and their files of apk's database (apk-package(5): P name, o origin, F directory, R file). Pure."""
    packages = {}
    for paragraph in text.split("\n\n"):
        name = source = directory = ""
        files = []
        for line in paragraph.splitlines():
            key, _, value = line.partition(":")
            match key:
                case "P":
                    name = value
                case "o":
                    source = value
                case "F":
                    directory = value
                case "R":
                    files.append(f"/{directory}/{value}" if directory else f"/{value}")
        if name:
            packages[Package(name, source or name)] = files
    return packages


def parse_rpm_list(text: str) -> list[Package]:
    """Lines of name and source rpm, tab between them: the source's name is what precedes version and release. Pure."""
    packages = []
    for line in text.splitlines():
        name, _, source = line.partition("\t")
        packages.append(Package(name, source.rsplit("-", 2)[0] if source.endswith(".rpm") else name))
    return packages


class Dpkg:
    """dpkg's database is plain text (dpkg(1), "FILES")."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def installed(self) -> list[Package]:
        return parse_dpkg_status((self._host.read(f"{DPKG}/status") or b"").decode(errors="surrogateescape"))

    def owner(self, paths: Sequence[str]) -> str | None:
        lines = [f"\n{path}\n".encode(errors="surrogateescape") for path in paths]
        for name in self._host.names(f"{DPKG}/info"):
            if name.endswith(".list"):
                content = self._host.read(f"{DPKG}/info/{name}") or b""
                if any(line in content for line in lines):
                    return name.removesuffix(".list").partition(":")[0]
        return None

    def files(self, package: str) -> Iterator[str]:
        for name in self._host.names(f"{DPKG}/info"):
            # The lists of packages that may be there for several architectures are named NAME:ARCH.
            if name.endswith(".list") and name.removesuffix(".list").partition(":")[0] == package:
                content = self._host.read(f"{DPKG}/info/{name}") or b""
                yield from content.decode(errors="surrogateescape").splitlines()


class Apk:
    """apk's database is one text file."""

    def __init__(self, host: Host) -> None:
        self._packages = parse_apk_installed((host.read(APK) or b"").decode(errors="surrogateescape"))

    def installed(self) -> list[Package]:
        return list(self._packages)

    def owner(self, paths: Sequence[str]) -> str | None:
        return next((p.name for p, files in self._packages.items() if not set(paths).isdisjoint(files)), None)

    def files(self, package: str) -> Iterable[str]:
        return next((files for p, files in self._packages.items() if p.name == package), [])


class Rpm:
    """rpm's database has had several binary formats; only rpm(8) reads them all. *options* (`--root`) come first."""

    def __init__(self, *options: str) -> None:
        self._options = options

    def installed(self) -> list[Package]:
        return parse_rpm_list(self._query("--all", "--queryformat", "%{NAME}\\t%{SOURCERPM}\\n"))

    def owner(self, paths: Sequence[str]) -> str | None:
        for path in paths:
            name = self._query("--file", path, "--queryformat", "%{NAME}\\n").strip()
            if name:
                return name.splitlines()[0]
        return None

    def files(self, package: str) -> list[str]:
        return self._query("--list", package).splitlines()

    def _query(self, *arguments: str) -> str:
        """What `rpm --query` prints; nothing where it fails, as it does for a file that no package has."""
        command = ["rpm", *self._options, "--query", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=RPM_SECONDS, check=False)
        return result.stdout if result.returncode == 0 else ""
