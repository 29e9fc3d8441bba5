"""Builds the images of tests/images: a minimal Debian with some packages and an entrypoint."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Final

from ck.kernel.drivers.platform import canonical
from ck.kernel.drivers.registry import Platform
from tests.support.daemon import TREE
from tests.support.oci_layout import OciLayout, make_layer

RECIPES: Final = TREE / "tests" / "images"
_KEPT: Final = TREE / ".work" / "images"
_SUITE: Final = "bookworm"
# What no program reads; half of the download is saved as well.
_LEFT_OUT: Final = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")


def debian_layout(name: str) -> Path:
    """The layout directory of the image *name*, whose only tag is "latest"; built where the recipe is new."""
    recipe = RECIPES / name
    text = b"".join(path.read_bytes() for path in sorted(recipe.iterdir()))
    layout = _KEPT / f"{name}-{hashlib.sha256(text).hexdigest()[:12]}"
    if not layout.exists():
        _KEPT.mkdir(parents=True, exist_ok=True)
        unfinished = _KEPT / f"{name}-{os.getpid()}"
        _build(recipe, unfinished)
        unfinished.rename(layout)
    return layout


def _build(recipe: Path, directory: Path) -> None:
    packages = ",".join((recipe / "packages").read_text().split())
    excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    # With mounts of its own: whatever ends it, none is left.
    command = [
        "unshare",
        "--mount",
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        # openjdk registers its manual pages, whether they were left out or not, and fails where it cannot.
        '--essential-hook=mkdir -p "$1/usr/share/man/man1"',
        f"--include={packages}",
        *excludes,
        _SUITE,
        "-",
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"mmdebstrap: {done.stderr.decode(errors='replace')}")
    entrypoint = {"entrypoint.sh": (recipe / "entrypoint.sh").read_bytes()}
    config = json.loads((recipe / "config.json").read_text())
    platform = canonical(Platform(architecture=os.uname().machine))
    layout = OciLayout(directory)
    layout.add_image("latest", [make_layer(done.stdout), make_layer(entrypoint)], platform, **config)
