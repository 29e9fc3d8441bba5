import re

import pytest

from ck.cli.options.subnets import subnet_configs


def test_each_value_goes_to_its_subnet() -> None:
    assert subnet_configs(
        ["10.0.0.0/24", "fd00::/64"], ["10.0.0.128/25"], ["fd00::9", "10.0.0.254"], ["printer=10.0.0.7"]
    ) == [
        {
            "Subnet": "10.0.0.0/24",
            "IPRange": "10.0.0.128/25",
            "Gateway": "10.0.0.254",
            "AuxiliaryAddresses": {"printer": "10.0.0.7"},
        },
        {"Subnet": "fd00::/64", "Gateway": "fd00::9"},
    ]
    assert subnet_configs([], [], [], []) == []


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ((["x"], [], [], []), "'x'"),
        (([], [], ["10.0.0.1"], []), "10.0.0.1"),
        ((["10.0.0.0/24"], ["10.1.0.0/24"], [], []), "10.1.0.0/24"),
        ((["10.0.0.0/24"], [], ["10.0.0.1", "10.0.0.2"], []), "10.0.0.2"),
        ((["10.0.0.0/24"], [], [], ["10.0.0.7"]), "10.0.0.7"),
        ((["10.0.0.0/24"], [], ["fd00::1"], []), "fd00::1"),
    ],
)
def test_what_belongs_nowhere(arguments: tuple[list[str], ...], value: str) -> None:
    with pytest.raises(ValueError, match=re.escape(value)):
        subnet_configs(*arguments)
