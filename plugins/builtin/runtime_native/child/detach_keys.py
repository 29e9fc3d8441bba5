"""Finding the detach keys in what a user types."""


class DetachKeys:
    """Scans a client's stdin for *keys*, wherever packets are cut; empty *keys* are never found.

    Bytes that may be the beginning of the keys are held back until the next byte tells.
    """

    __slots__ = ("_held", "_keys")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, typed: bytes) -> tuple[bytes, bool]:
        """Return what the program shall get, and whether the keys were typed; what follows them is dropped."""
        if not self._keys:
            return typed, False
        typed = self._held + typed
        at = typed.find(self._keys)
        if at >= 0:
            self._held = b""
            return typed[:at], True
        held = next(n for n in range(min(len(self._keys) - 1, len(typed)), -1, -1) if typed.endswith(self._keys[:n]))
        self._held = typed[len(typed) - held :]
        return typed[: len(typed) - held], False

    def rest(self) -> bytes:
        """What is still held back, for a client that will type no more."""
        held, self._held = self._held, b""
        return held
