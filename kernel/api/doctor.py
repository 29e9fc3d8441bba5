"""The answer to `ck doctor`: what does not belong, and what is stuck."""

from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class Finding:
    """`fixable`: `--fix` can set it right without losing anybody's data. `fixed` once it has."""

    kind: str
    name: str
    problem: str
    since: datetime | None = None
    holder: str = ""
    fixable: bool = False
    fixed: bool = False
