"""Readers: a place in a log that moves on."""

from abc import ABC, abstractmethod

from ck.kernel.spool.lines import Lines, Selection


class Reader(ABC):
    """Its methods do file I/O and must not run at the same time; all may raise OSError.

    Without `follow` it gives what was in the log when it was opened, and rotation takes nothing of that away. With
    `follow` it reads on; one so slow that rotation removes a file before its turn gets a line that says so.
    """

    @abstractmethod
    def __init__(self, directory: str, selection: Selection, *, follow: bool) -> None:
        """Open the log in *directory*, which may be missing yet, at the first line of *selection*."""

    @property
    @abstractmethod
    def past_until(self) -> bool:
        """Whether all further lines are too late to be selected."""

    @abstractmethod
    def read(self) -> list[Lines]:
        """The next lines; empty if there is none for now."""

    @abstractmethod
    def finish(self) -> list[Lines]:
        """The lines that have no end yet, as they are: call it once, when no more will be written or waited for."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files. Idempotent."""
