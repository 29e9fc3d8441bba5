"""Writers: one per run of a container, each turning chunks of output into files."""

import os
from abc import ABC, abstractmethod

FORMATS = ("local", "local-zlib", "json-file", "none")
"""`local-zlib` is `local` with compressed frames; one reader reads both."""


class Writer(ABC):
    """Takes chunks as they come out of the pipes.

    A full or failing disk is never the container's problem: no method but the constructor raises OSError. What cannot
    be written is dropped and counted, and the log tells how many bytes are missing as soon as it can be written again.
    """

    @abstractmethod
    def write(self, stream: int, chunk: bytes, time_ns: int) -> None:
        """Append *chunk*, cut anywhere, of *stream* (1 stdout, 2 stderr), read at *time_ns* (UNIX time in
        nanoseconds)."""

    @abstractmethod
    def close(self) -> None:
        """End the run: a line without a newline ends here, and does not join what the next run writes. Idempotent."""


class NoneWriter(Writer):
    """Keeps nothing."""

    def write(self, stream: int, chunk: bytes, time_ns: int) -> None:
        """Drop *chunk*."""

    def close(self) -> None:
        """Nothing is held."""


def open_writer(format: str, directory: str, max_size: int, max_files: int) -> Writer:
    """Open the log in *directory* (made if missing) for appending; damage of a crash is mended first.

    *format* is one of FORMATS; a file is rotated at *max_size* bytes (-1: never), and at most
    *max_files* files are kept. Raises: OSError, and ValueError for a format that there is not.
    """
    # Imported when wanted: a shim pays for one format in memory, not for all.
    if format == "none":
        return NoneWriter()
    if format not in FORMATS:
        raise ValueError(f"no log format {format!r} (there are: {', '.join(FORMATS)})")
    os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103 pathlib costs the shim 2 ms
    if format != "json-file":
        from ck.kernel.spool.local_writer import LocalWriter

        return LocalWriter(directory, max_size, max_files, compressed=format == "local-zlib")
    from ck.kernel.spool.json_writer import JsonFileWriter

    return JsonFileWriter(directory, max_size, max_files)
