import pytest

from ck.cli.options.rates import parse_bps, parse_iops


def test_rates() -> None:
    assert parse_bps("/dev/disk:with:colons:1mb") == {"Path": "/dev/disk:with:colons", "Rate": 1 << 20}
    assert parse_iops("/dev/sda:100") == {"Path": "/dev/sda", "Rate": 100}


@pytest.mark.parametrize("text", ["/dev/sda", "sda:1", ":1", "/dev/sda:", "/dev/sda:-1", "/dev/sda:x"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError):
        parse_bps(text)
    with pytest.raises(ValueError):
        parse_iops(text)
