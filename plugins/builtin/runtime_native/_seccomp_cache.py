"""Compiled seccomp filters on disk: libseccomp takes tens of milliseconds, a file does not."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ck.kernel.drivers.runtime import OciSpec
from ck.plugins.builtin.runtime_native._libseccomp import compile_filter, library_version
from ck.plugins.builtin.runtime_native._seccomp import seccomp_of


class FilterCache:
    """Filters by the digest of their rules, in the directory *directory* (made if missing). Blocks: use a worker
    thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._machine = os.uname().machine

    def filter_of(self, spec: OciSpec) -> bytes | None:
        """The BPF program that *spec* asks for, None for unconfined. Raises: InvalidArgument, Unsupported, OSError."""
        profile = seccomp_of(spec, self._machine)
        return None if profile is None else self._filter(profile)

    def _filter(self, profile: Mapping[str, Any]) -> bytes:
        # Another version of the library may know more system calls.
        identity = json.dumps([self._machine, library_version(), profile], sort_keys=True).encode()
        path = self._directory / f"{hashlib.sha256(identity).hexdigest()}.bpf"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            program = compile_filter(profile)
        self._directory.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a reader, or a crash, must never meet half a filter.
        with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as file:
            file.write(program)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).rename(path)
        return program
