"""Detach keys as users write them. Pure."""

from ck.kernel.errors import InvalidArgument

DEFAULT = b"\x10\x11"  # ctrl-p ctrl-q
_CONTROL = {**{chr(ord("a") + i): i + 1 for i in range(26)}, "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_detach_keys(text: str) -> bytes:
    """ "ctrl-p,ctrl-q" or "a,b" -> the bytes to look for; "" means the default. Raises: InvalidArgument."""
    if not text:
        return DEFAULT
    keys = bytearray()
    for key in text.split(","):
        control = key.removeprefix("ctrl-")
        if len(key) == 1 and key.isascii():
            keys.append(ord(key))
        elif key.startswith("ctrl-") and control in _CONTROL:
            keys.append(_CONTROL[control])
        else:
            raise InvalidArgument(
                f"invalid detach keys {text!r}: {key!r} is neither one character nor ctrl- and one of them"
            )
    return bytes(keys)
