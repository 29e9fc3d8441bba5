"""`--cache-from` and `--cache-to`: where the cache of a build comes from, and where it goes."""

from __future__ import annotations

from ck.cli.errors import UsageError
from ck.cli.options.fields import split_csv

INLINE_CACHE = "BUILDKIT_INLINE_CACHE"
"""The build argument that has the cache go into the image."""


def cache_source(text: str) -> str:
    """The reference in `IMAGE` or `type=registry,ref=IMAGE`. Raises: UsageError."""
    if "=" not in text:
        return text
    fields = _fields("cache-from", text)
    if fields.get("type", "registry") != "registry" or not fields.get("ref") or set(fields) - {"type", "ref"}:
        raise UsageError(f'invalid argument "{text}" for "--cache-from" flag: expected type=registry,ref=IMAGE', 125)
    return fields["ref"]


def check_cache_target(text: str) -> None:
    """Raises: UsageError for any but `type=inline`."""
    if _fields("cache-to", text) != {"type": "inline"}:
        raise UsageError(f'invalid argument "{text}" for "--cache-to" flag: expected type=inline', 125)


def _fields(flag: str, text: str) -> dict[str, str]:
    try:
        return dict(field.partition("=")[::2] for field in split_csv(text))
    except ValueError as error:
        raise UsageError(f'invalid argument "{text}" for "--{flag}" flag: {error}', 125) from None
