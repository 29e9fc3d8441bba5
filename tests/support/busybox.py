"""A small image with a shell and its tools: the static busybox of this machine in an OCI layout."""

import functools
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

from ck.kernel.drivers.platform import canonical
from ck.kernel.drivers.registry import Platform
from tests.support.oci_layout import OciLayout, make_layer

TAG = "latest"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FILES = {
    "etc/passwd": """\
root:x:0:0:root:/root:/bin/sh
www-data:x:33:33::/var/www:/bin/sh
nobody:x:65534:65534::/:/bin/false
""",
    "etc/group": """\
root:x:0:
adm:x:4:www-data
www-data:x:33:
users:x:100:
nogroup:x:65534:
""",
}
DIRECTORIES = {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "var": 0o755, "var/www": 0o755}


def busybox_layout(directory: Path) -> str:
    """Write the layout into *directory*, a new one; return the reference of its only image, whose command is `sh`."""
    layout = OciLayout(directory / "layout")
    layer = make_layer(busybox_tar())
    layout.add_image(
        TAG, [layer], canonical(Platform(architecture=os.uname().machine)), Env=[f"PATH={PATH}"], Cmd=["sh"]
    )
    return f"oci:{layout.directory}:{TAG}"


@functools.cache
def busybox_tar() -> bytes:
    """The root file system: /bin with a link for every applet, a few users, a few directories."""
    busybox = static_busybox()
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, mode in DIRECTORIES.items():
            _add(tar, name, mode, tarfile.DIRTYPE)
        _add(tar, "bin/busybox", 0o755, content=busybox.read_bytes())
        for applet in sorted(set(applets) - {"busybox"}):
            _add(tar, f"bin/{applet}", 0o777, tarfile.SYMTYPE, target="busybox")
        for name, text in FILES.items():
            _add(tar, name, 0o644, content=text.encode())
    return out.getvalue()


def static_busybox() -> Path:
    """Debian's busybox-static, also one that `./dev` unpacked. Its dynamic twin needs libraries that no image has."""
    for directory in os.get_exec_path():
        found = shutil.which("busybox", path=directory)
        if found and _is_static(Path(found)):
            return Path(found)
    raise AssertionError("no static busybox in $PATH: run the tests by `./dev test`, or install busybox-static")


def _is_static(program: Path) -> bool:
    with program.open("rb") as file:
        return all(segment.header.p_type != "PT_INTERP" for segment in ELFFile(file).iter_segments())


def _add(
    tar: tarfile.TarFile, name: str, mode: int, kind: bytes = tarfile.REGTYPE, *, content: bytes = b"", target: str = ""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
    tar.addfile(entry, io.BytesIO(content))
