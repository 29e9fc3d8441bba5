"""Packing layers for their way to a registry: gzip, the same bytes for the same layer."""

import zlib
from typing import Any, Final

_WINDOW: Final = 16 + zlib.MAX_WBITS  # a gzip header, without name or time (zlib.h, deflateInit2)


def compressor() -> Any:
    """An object with `compress` and `flush`, as zlib has. Both let go of the interpreter's lock while they work."""
    # Imported where it is needed, because an idle engine's memory is a budget.
    try:
        from isal import isal_zlib
    except ImportError:  # isal is built for x86-64 and arm64 only
        return zlib.compressobj(6, zlib.DEFLATED, _WINDOW)
    return isal_zlib.compressobj(isal_zlib.ISAL_BEST_COMPRESSION, isal_zlib.DEFLATED, _WINDOW)
