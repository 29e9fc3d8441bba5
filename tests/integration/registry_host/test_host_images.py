"""Images of this machine's programs, unpacked and run: chroot(2) is the judge of what is missing."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from ck.kernel.drivers.registry import Manifest, Platform
from ck.kernel.errors import NotFound
from ck.plugins.builtin.registry_host._ldcache import CacheEntry, build, parse
from ck.plugins.builtin.registry_host.driver import HostRegistry

pytestmark = pytest.mark.root
HERE = Platform(architecture=os.uname().machine)
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@attrs.frozen(kw_only=True)
class Pulled:
    """A pulled image: `root` is its layer, unpacked."""

    manifest: Manifest
    config: dict[str, Any]
    root: Path

    def run(self, *command: str) -> str:
        environment = dict(line.partition("=")[::2] for line in self.config["config"]["Env"])
        arguments = [shutil.which("chroot") or "/usr/sbin/chroot", str(self.root), *command]
        result = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout


async def fetch(driver: HostRegistry, reference: str) -> tuple[Manifest, bytes, bytes]:
    """Manifest, config and layer of *reference*."""
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(driver.source(reference, None))
        manifest = await source.manifest(HERE)
        blobs = []
        for descriptor in (manifest.config, manifest.layers[0]):
            chunks = await stack.enter_async_context(source.blob(descriptor))
            blob = b"".join([chunk async for chunk in chunks])
            assert len(blob) == descriptor.size
            assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == descriptor.digest
            blobs.append(blob)
        return manifest, blobs[0], blobs[1]


@pytest.fixture
def pull(tmp_path: Path) -> Callable[..., Pulled]:
    def pull(reference: str, driver: HostRegistry | None = None) -> Pulled:
        manifest, config, layer = trio.run(fetch, driver or HostRegistry(path=SYSTEM_PATH), reference)
        root = tmp_path / "image"
        root.mkdir()
        subprocess.run(["tar", "-C", root, "-xp"], input=layer, check=True)
        os.mknod(root / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        return Pulled(manifest=manifest, config=json.loads(config), root=root)

    return pull


def test_a_shell(pull: Callable[..., Pulled]) -> None:
    image = pull("host/sh")
    assert image.run("/bin/sh", "-c", "echo hello; cd /root; echo $PATH > /tmp/x; read line < /tmp/x; echo $line") == (
        "hello\n/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    )
    assert image.config["config"]["Cmd"] == ["sh"]
    assert "Entrypoint" not in image.config["config"]
    assert image.config["rootfs"]["diff_ids"] == [image.manifest.layers[0].digest]


def test_python_of_the_distribution(pull: Callable[..., Pulled]) -> None:
    image = pull("host/python3")
    program = (
        "import ssl, json, sqlite3, ctypes, lzma, bz2, zlib, hashlib, socket, unittest, pwd, threading\n"
        "t = threading.Thread(target=print, args=(pwd.getpwuid(0).pw_name,)); t.start(); t.join()\n"
        "print(json.dumps(ssl.create_default_context().cert_store_stats()['x509_ca'] > 0), json.__cached__)"
    )
    name, ok, cached = image.run("python3", "-c", program).split()
    assert (name, ok) == ("root", "true")
    assert (image.root / cached.lstrip("/")).exists(), "without compiled modules each start compiles anew"


def test_python_that_is_first_in_path(pull: Callable[..., Pulled]) -> None:
    image = pull("host/python3", HostRegistry())
    assert image.run("python3", "-c", "import ssl, json, sqlite3, ctypes; print(sqlite3.connect(':memory:'))")


def test_perl_finds_the_modules_that_it_finds_here(pull: Callable[..., Pulled]) -> None:
    program = 'for (qw(POSIX Socket List::Util Encode Data::Dumper)) { print "$_\n" if eval "require $_" }'
    here = subprocess.run(["perl", "-e", program], capture_output=True, text=True, check=True).stdout
    assert "POSIX" in here
    assert pull("host/perl").run("perl", "-e", program) == here


def test_a_script_brings_its_interpreter(pull: Callable[..., Pulled], tmp_path: Path) -> None:
    script = tmp_path / "bin" / "greet"
    script.parent.mkdir()
    script.write_text("#!/usr/bin/env sh\necho hello from $0\n")
    script.chmod(0o755)
    image = pull("host/greet", HostRegistry(path=f"{script.parent}:{SYSTEM_PATH}"))
    assert image.run("greet") == f"hello from {script}\n"


def test_a_library_that_only_the_cache_knows_is_found_in_the_image_too(
    pull: Callable[..., Pulled], tmp_path: Path
) -> None:
    """The real ld.so reads the cache that was made for the image."""
    image = pull("host/sh")
    odd = tmp_path / "machine"
    image.root.rename(odd)
    cache = parse(Path("/etc/ld.so.cache").read_bytes())
    libc = next(entry for entry in cache if entry.name == "libc.so.6" and (odd / entry.path.lstrip("/")).exists())
    (odd / "opt/odd").mkdir(parents=True)
    (odd / libc.path.lstrip("/")).rename(odd / "opt/odd/libc.so.6")
    (odd / "etc/ld.so.cache").write_bytes(build([CacheEntry(libc.name, "/opt/odd/libc.so.6", libc.flags)]))
    again = pull("host/sh", HostRegistry(path=SYSTEM_PATH, root=str(odd)))
    assert not (again.root / libc.path.lstrip("/")).exists()
    assert again.run("sh", "-c", "echo found") == "found\n"

    (odd / "opt/odd/libc.so.6").unlink()
    with pytest.raises(
        NotFound, match=r'^"/usr/bin/dash" needs the library "libc\.so\.6", which is not on this machine$'
    ):
        pull("host/sh", HostRegistry(path=SYSTEM_PATH, root=str(odd)))


def test_the_same_files_give_the_same_digest() -> None:
    one, *_ = trio.run(fetch, HostRegistry(path=SYSTEM_PATH), "host/sh")
    two, *_ = trio.run(fetch, HostRegistry(path=SYSTEM_PATH), "host/sh:latest")
    assert one == two


def test_a_digest_pins_the_files_as_they_were() -> None:
    driver = HostRegistry(path=SYSTEM_PATH)
    manifest, *_ = trio.run(fetch, driver, "host/sh")
    assert trio.run(fetch, driver, f"host/sh@{manifest.digest}")[0] == manifest
    with pytest.raises(NotFound, match="no longer those of sha256:0000"):
        trio.run(fetch, driver, f"host/sh@sha256:{'0' * 64}")


def test_a_blob_goes_on_where_it_broke() -> None:
    async def tail(offset: int) -> bytes:
        async with driver.source("host/sh", None) as source:
            layer = (await source.manifest(HERE)).layers[0]
            async with source.blob(layer, offset) as chunks:
                return b"".join([chunk async for chunk in chunks])

    driver = HostRegistry(path=SYSTEM_PATH)
    _, _, whole = trio.run(fetch, driver, "host/sh")
    for offset in (0, 1, 1 << 20, (1 << 20) + 1, len(whole) - 1, len(whole)):
        assert trio.run(tail, offset) == whole[offset:]


def test_what_is_not_there() -> None:
    async def ask(reference: str, platform: Platform) -> None:
        async with HostRegistry(path=SYSTEM_PATH).source(reference, None) as source:
            await source.manifest(platform)

    with pytest.raises(NotFound, match=r'no program "ck-no-such-program" in \$PATH of this machine'):
        trio.run(ask, "host/ck-no-such-program", HERE)
    with pytest.raises(NotFound, match="not for linux/mips"):
        trio.run(ask, "host/sh", Platform(architecture="mips"))


def test_nothing_secret_becomes_readable(pull: Callable[..., Pulled]) -> None:
    image = pull("host/sh")
    assert not (image.root / "etc/shadow").exists()
    assert not (image.root / "etc/ssl/private").exists()
