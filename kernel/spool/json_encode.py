r"""From output to the entries of Docker's json-file format. Pure.

An entry is one line of the file: `{"log":"...\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}`; `log`
lacks the `\n` where the entry is only a piece of a line. Escapes are those of Go's encoding/json, which also escapes
`<`, `>`, `&`, U+2028 and U+2029, and replaces each byte that is not UTF-8 by U+FFFD. Source: the json-file driver of
Docker Engine.
"""

import codecs
import time

PIECE_MAX = 16 * 1024
"""Bytes of a line in one entry; a longer line becomes several, as with Docker."""

_NAMES = {1: b"stdout", 2: b"stderr"}
_PLAIN = bytes(set(range(0x20, 0x80)) - set(b'\\"<>&')) + b"\n"
_ESCAPES = {
    **{code: b"\\u%04x" % code for code in (*range(0x20), *b"<>&")},
    ord("\r"): b"\\r",
    ord('"'): b'\\"',
    ord("\\"): b"\\\\",
}


def _replace_byte(error: UnicodeError) -> tuple[str, int]:
    # Go gives one U+FFFD for each bad byte, Python's own "replace" one for each bad sequence.
    assert isinstance(error, UnicodeDecodeError)
    return "\\ufffd", error.start + 1


codecs.register_error("ck.json-file", _replace_byte)


def encode(output: bytes, stream: int, time_ns: int) -> bytes:
    """The entries for the lines of *output*; what follows its last newline becomes a piece."""
    escaped = _escape(output)
    tail = b'","stream":"%s","time":"%s"}\n' % (_NAMES[stream], timestamp(time_ns))
    end = b"\\n" + tail
    # The whole chunk at once: a loop over its lines would cost ten times as much.
    if escaped.endswith(b"\n"):
        return b'{"log":"' + escaped[:-1].replace(b"\n", end + b'{"log":"') + end
    return b'{"log":"' + escaped.replace(b"\n", end + b'{"log":"') + tail


def next_piece(output: bytes, start: int) -> int:
    """Where the entries that begin at *start* should end: behind the last newline within PIECE_MAX bytes, else at
    PIECE_MAX bytes or up to 3 less, so that no character is torn. The end of *output* if that is nearer."""
    limit = start + PIECE_MAX
    newline = output.rfind(b"\n", start, limit)
    if newline >= 0:
        return newline + 1
    if limit >= len(output):
        return len(output)
    for end in range(limit, limit - 4, -1):
        if output[end] & 0xC0 != 0x80:
            return end
    return limit


def timestamp(time_ns: int) -> bytes:
    """RFC 3339 in UTC with as many decimals as there are, as Go's time.RFC3339Nano."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return (f"{whole}.{nanoseconds:09d}".rstrip("0").rstrip(".") + "Z").encode()


def _escape(output: bytes) -> bytes:
    special = set(output.translate(None, _PLAIN))
    # The backslash first: what the others become has backslashes in it.
    for code in sorted(special & _ESCAPES.keys(), key=lambda code: code != ord("\\")):
        output = output.replace(bytes((code,)), _ESCAPES[code])
    if output.isascii():
        return output
    text = output.decode("utf-8", "ck.json-file")
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()
