"""How full a file system may become before unused images go, and how far it is emptied then. Pure."""

import os
import re
from typing import Final, Self

import attrs

from ck.kernel.errors import InvalidArgument

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B?")
_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)%")
_POWERS: Final = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


@attrs.frozen(kw_only=True)
class FileSystem:
    """Bytes in use, and all that those who may use it could fill, as df(1) counts them."""

    used: int
    total: int

    @classmethod
    def of(cls, status: os.statvfs_result) -> Self:
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        return cls(used=used, total=used + status.f_bavail * status.f_frsize)


@attrs.frozen
class Mark:
    """`value` is a percentage of the file system, or bytes of it that are in use."""

    value: float
    is_percent: bool

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """ "85%", "200GB", "200 GiB", "1000000". Raises: InvalidArgument, calling the setting *name*."""
        if found := _PERCENT.fullmatch(text):
            if float(found[1]) > 100:
                raise InvalidArgument(f"[images] {name} is {text!r}: there is no more than 100%")
            return cls(float(found[1]), True)
        if found := _SIZE.fullmatch(text):
            return cls(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2]], False)
        raise InvalidArgument(f"[images] {name} is {text!r}: it must be a percentage or a size, as 85% or 200GB")

    def of(self, system: FileSystem) -> float:
        """In bytes."""
        return system.total * self.value / 100 if self.is_percent else self.value


@attrs.frozen
class Watermarks:
    """`high` starts a collection, `low` ends it."""

    high: Mark
    low: Mark

    @classmethod
    def parse(cls, high: str, low: str) -> Self | None:
        """None where neither is set. Raises: InvalidArgument."""
        if not high and not low:
            return None
        if not high or not low:
            raise InvalidArgument("[images] high_watermark and low_watermark go together: set both, or neither")
        marks = cls(Mark.parse("high_watermark", high), Mark.parse("low_watermark", low))
        if marks.high.is_percent != marks.low.is_percent:
            raise InvalidArgument(f"[images] high_watermark {high!r} and low_watermark {low!r} must be of one kind")
        if marks.low.value > marks.high.value:
            raise InvalidArgument(f"[images] low_watermark {low!r} is above high_watermark {high!r}")
        return marks

    def excess(self, system: FileSystem) -> int:
        """Bytes to free: none below the high mark, above it all that is above the low one."""
        return max(0, int(system.used - self.low.of(system))) if system.used > self.high.of(system) else 0
