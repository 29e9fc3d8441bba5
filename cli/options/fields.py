"""Options that hold several fields: `type=bind,source=/a,target=/b`."""

from __future__ import annotations


def split_csv(text: str) -> list[str]:
    """One line of CSV (RFC 4180): a field in double quotes may hold commas; a doubled quote is a quote. Raises:
    ValueError."""
    fields, field, quoted, at = [], "", False, 0
    while at < len(text):
        letter = text[at]
        if letter == '"':
            if quoted and text[at + 1 : at + 2] == '"':
                field += '"'
                at += 1
            else:
                quoted = not quoted
        elif letter == "," and not quoted:
            fields.append(field)
            field = ""
        else:
            field += letter
        at += 1
    if quoted:
        raise ValueError(f"a quote is not closed in '{text}'")
    return [*fields, field]
