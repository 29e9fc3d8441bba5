"""`./dev test-vm [--short] [JOB...]`: see README.md."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.vm import machine
from tests.vm.image import ensure_image
from tests.vm.jobs import JOBS, SHORT, TREE, Job

WORK = TREE / ".work/vm"


def main() -> int:
    """Run the jobs; 0 where all have succeeded."""
    parser = argparse.ArgumentParser(prog="./dev test-vm", description="Test on a Debian with cgroup v2 and systemd.")
    parser.add_argument("--short", action="store_true", help="one test of each kind, as in CI")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=", ".join(JOBS))
    options = parser.parse_args()
    known: Mapping[str, Job] = SHORT if options.short else JOBS
    unknown = [name for name in options.jobs if name not in known]
    if unknown:
        parser.error(f"there is no job {unknown[0]!r}: there are {', '.join(known)}")
    chosen = {name: known[name] for name in options.jobs or known}
    ensure_image(WORK / "image")
    with tempfile.TemporaryDirectory(prefix="ck-vm-") as directory:
        shares = {str(TREE): _tree(Path(directory) / "tree")}
        if any(job.wheels for job in chosen.values()):
            shares["/wheels"] = _wheels()
        codes = {name: _run(name, job, shares, Path(directory)) for name, job in chosen.items()}
    failed = sum(code != 0 for code in codes.values())
    print(f"{len(codes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _run(name: str, job: Job, shares: Mapping[str, Path], directory: Path) -> int:
    begin = time.monotonic()
    print(f"== {name}", flush=True)
    disk = directory / "disk" if len(job.boots) > 1 else None
    code = 0
    for script in job.boots:
        code = machine.run(WORK / "image", script, tiny=job.tiny, seconds=job.seconds, shares=shares, disk=disk)
        if code:
            break
    if disk is not None:
        disk.unlink(missing_ok=True)
    print(f"== {name}: {'passed' if code == 0 else f'failed with exit code {code}'}, {time.monotonic() - begin:.0f} s")
    return code


def _tree(target: Path) -> Path:
    """What the tests need of the tree: it is copied into the machine, so what is large and useless stays out."""
    shutil.copytree(TREE, target, symlinks=True, ignore=_useless)
    return target


def _useless(path: str, names: list[str]) -> list[str]:
    # By whole paths: a package of ours may have the name of a directory that is made at the top.
    if path == str(TREE):
        made = (".git", ".hypothesis", "build", "dist")
        return [name for name in names if name in made or (name.startswith(".") and name.endswith("_cache"))]
    if path == str(TREE / ".work"):
        return [name for name in names if name != "tools"]
    return []


def _wheels() -> Path:
    """A wheel of the tree and of all that it needs, for a machine that has no network."""
    wheels = WORK / "wheels"
    recipe = (TREE / "pyproject.toml").read_text()
    stamp = wheels / "recipe"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if not stamp.exists() or stamp.read_text() != recipe:
        shutil.rmtree(wheels, ignore_errors=True)
        wheels.mkdir(parents=True)
        subprocess.run([*pip, "wheel", "--wheel-dir", str(wheels), str(TREE), "setuptools"], check=True)
        stamp.write_text(recipe)
    for old in wheels.glob("ck-*.whl"):
        old.unlink()
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(TREE)], check=True)
    return wheels


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.exit(main())
