"""Detach keys: the sequence that lets go of a container without ending it."""

from __future__ import annotations

DEFAULT = "ctrl-p,ctrl-q"
CONTROLS = "@abcdefghijklmnopqrstuvwxyz[\\]^_"  # in the order of their codes, 0 to 31


def parse_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q`, `a,b`, `ctrl-@`: the bytes that a terminal sends for them. Raises: ValueError."""
    keys = bytearray()
    for key in (text or DEFAULT).split(","):
        control = key.removeprefix("ctrl-")
        if len(key) == 1 and key.isascii():
            keys.append(ord(key))
        elif len(control) == 1 and control != key and control in CONTROLS:
            keys.append(CONTROLS.index(control))
        else:
            raise ValueError(f"unknown character: '{key}'")
    return bytes(keys)


class DetachFilter:
    """Looks for the keys in what is typed; holds back a beginning of them until it is known whether the rest
    follows."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, typed: bytes) -> tuple[bytes, bool]:
        """What to send on, and whether the keys are complete (then the rest of *typed* is dropped)."""
        data = self._held + typed
        place = data.find(self._keys) if self._keys else -1
        if place >= 0:
            return data[:place], True
        held = min(len(self._keys) - 1, len(data))
        while held > 0 and not data.endswith(self._keys[:held]):
            held -= 1
        passed = len(data) - max(held, 0)
        self._held = data[passed:]
        return data[:passed], False
