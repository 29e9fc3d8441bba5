"""One page of a repository's tags (distribution-spec, "Listing Tags"). Pure; what it reads comes from a stranger."""

import json
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from ck.kernel.errors import CorruptData
from ck.plugins.builtin.registry_distribution._reference import TAG

_NEXT: Final = re.compile(r"<([^<>]*)>\s*;\s*rel=\"?next\"?", re.IGNORECASE)


def read_tags(raw: bytes, host: str) -> Sequence[str]:
    """The tags in the body *raw* that *host* sent. Raises: CorruptData."""
    try:
        # A repository whose tags were all deleted has null.
        tags = json.loads(raw)["tags"] or []
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise CorruptData(f"{host} sent no list of tags") from exc
    if not isinstance(tags, list):
        raise CorruptData(f"{host} sent no list of tags")
    for tag in tags:
        if not isinstance(tag, str) or not TAG.fullmatch(tag):
            raise CorruptData(f"{host} lists the malformed tag {tag!r}")
    return tags


def next_query(link: str) -> str:
    """The query of the next page that the header *link* names, "" for none (RFC 8288). Only the query counts: a
    registry has no business to send us elsewhere for this."""
    found = _NEXT.search(link)
    try:
        return urlsplit(found[1]).query if found else ""
    except ValueError:
        return ""
