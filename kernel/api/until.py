"""The filter `until` of lists and prunes: before which moment. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ck.kernel.errors import InvalidArgument

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def parse_until(value: str, now: datetime) -> datetime:
    """A UNIX time, RFC 3339 or a duration such as "24h" before *now*. Raises: InvalidArgument."""
    try:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return datetime.fromtimestamp(float(value), UTC)
        parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", value)
        if parts and "".join(number + unit for number, unit in parts) == value:
            return now - timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"invalid filter 'until={value}'") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
