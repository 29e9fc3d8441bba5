import pytest

from ck.cli.options.restart import parse_backoff, parse_restart


def test_restart_policies() -> None:
    assert parse_restart("on-failure:3") == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert parse_restart("always") == {"Name": "always", "MaximumRetryCount": 0}
    for text in (":3", "on-failure:x", "on-failure:-1"):
        with pytest.raises(ValueError, match="invalid restart policy format"):
            parse_restart(text)


def test_backoff() -> None:
    assert parse_backoff("min=100ms,max=1m,factor=1.5,jitter=0.1,reset-after=10s") == {
        "min": 0.1,
        "max": 60.0,
        "factor": 1.5,
        "jitter": 0.1,
        "reset_after": 10.0,
    }
    assert parse_backoff("max=2s") == {"max": 2.0}


@pytest.mark.parametrize("text", ["", "speed=1", "min=1", "min", "factor=nan", "jitter=-1", "factor=1e3", "min=1s,,"])
def test_bad_backoff_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown field|must be a number|invalid duration"):
        parse_backoff(text)
