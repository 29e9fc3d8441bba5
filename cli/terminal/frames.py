"""Docker's stream frames: stream number, three zeros, big-endian length, payload (Docker Engine API,
ContainerAttach)."""

from __future__ import annotations

HEADER_BYTES = 8
STDOUT, STDERR = 1, 2
ENGINE_ERROR = 3
EXIT_CODE = 4  # ours, where HIJACK_WITH_STATUS asked for it: decimal digits


class Frames:
    """Takes a stream of frames apart as it arrives, however it was cut; pure.

    A payload is passed on before it is complete, and neighbours of one stream are joined: a million short frames cost
    one write for each read, not one each.
    """

    def __init__(self) -> None:
        self._header = b""
        self._stream = STDOUT
        self._left = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Pairs of stream number and bytes, in their order."""
        if self._header:
            data = self._header + data
        runs: list[tuple[int, list[bytes]]] = []
        at, end = 0, len(data)
        stream, left = self._stream, self._left
        while at < end:
            if not left:
                if end - at < HEADER_BYTES:
                    break
                stream = data[at]
                left = int.from_bytes(data[at + 4 : at + 8])
                at += HEADER_BYTES
                continue
            piece = data[at : at + left]
            at += len(piece)
            left -= len(piece)
            if runs and runs[-1][0] == stream:
                runs[-1][1].append(piece)
            else:
                runs.append((stream, [piece]))
        self._header, self._stream, self._left = data[at:], stream, left
        return [(number, b"".join(pieces)) for number, pieces in runs]
