import configparser

from ck.cli.commands.engine._units import NAMES, units


def parsed(text: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text)
    return unit


def test_the_units() -> None:
    made = units(["/opt/my ck/bin/ckd", "--config", "/etc/50%.toml"], group=True)
    assert tuple(made) == NAMES
    socket, service = (parsed(made[name]) for name in NAMES)
    assert socket["Socket"]["ListenStream"] == "/run/ck/ck.sock" and socket["Socket"]["SocketGroup"] == "ck"
    assert service["Service"]["ExecStart"] == '"/opt/my ck/bin/ckd" --config /etc/50%%.toml'
    assert (service["Service"]["Type"], service["Service"]["KillMode"]) == ("notify", "process")


def test_without_a_group_the_socket_is_root_s() -> None:
    assert "SocketGroup" not in parsed(units(["/usr/bin/ckd"], group=False)["ck.socket"])["Socket"]
