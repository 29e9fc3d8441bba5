"""Where caches come from and go to, as users write it."""

import pytest

from ck.cli.errors import UsageError
from ck.cli.options.caches import cache_source, check_cache_target


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("app", "app"),
        ("registry:5000/app:1", "registry:5000/app:1"),
        ("type=registry,ref=registry:5000/app:1", "registry:5000/app:1"),
        ("ref=app", "app"),
    ],
)
def test_sources(text: str, reference: str) -> None:
    assert cache_source(text) == reference


@pytest.mark.parametrize("text", ["type=local,src=/x", "type=registry", "type=registry,ref=a,mode=max", 'ref="a'])
def test_what_is_no_source(text: str) -> None:
    with pytest.raises(UsageError, match='for "--cache-from" flag'):
        cache_source(text)


def test_targets() -> None:
    check_cache_target("type=inline")
    for text in ("", "app", "type=registry,ref=app", "type=inline,mode=max"):
        with pytest.raises(UsageError, match='for "--cache-to" flag: expected type=inline'):
            check_cache_target(text)
