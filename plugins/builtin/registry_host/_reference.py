"""References to programs of this machine: `host/NAME` and `host/NAME@DIGEST`. Pure."""

from typing import Final, Self

import attrs

from ck.kernel.drivers.digest import split_digest
from ck.kernel.errors import InvalidArgument

PREFIX: Final = "host/"
TAG: Final = ":latest"


@attrs.frozen
class Reference:
    """A program by its name in $PATH. With a `digest`, the program as it was when its image had that one."""

    program: str
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference.

        `:latest` is accepted, because Docker's clients add it to every reference that has no tag.
        Raises: InvalidArgument for any other tag, a malformed digest, and what cannot be the name of a program.
        """
        name, at, digest = text.removeprefix(PREFIX).partition("@")
        if at:
            split_digest(digest)
        else:
            name = name.removesuffix(TAG)
        if ":" in name:
            raise InvalidArgument(
                f'"{text}" has a tag: a program of this machine has none, it is {PREFIX}NAME as it is now'
            )
        if not text.startswith(PREFIX) or "/" in name or "\0" in name or name in ("", ".", ".."):
            raise InvalidArgument(f'"{text}" names no program: write {PREFIX}NAME, as in {PREFIX}sh')
        return cls(name, digest)

    def __str__(self) -> str:
        """The spelling under which the image is kept."""
        return f"{PREFIX}{self.program}@{self.digest}" if self.digest else f"{PREFIX}{self.program}"

    @property
    def familiar(self) -> str:
        """The spelling that is shown: Docker's clients list no name without a tag."""
        return str(self) if self.digest else f"{self}{TAG}"
