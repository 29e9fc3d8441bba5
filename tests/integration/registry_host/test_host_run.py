"""Programs of this machine as containers, by the real engine."""

from tests.support.daemon import Daemon


def test_a_shell_runs_without_any_registry(daemon: Daemon) -> None:
    assert daemon.ck("run", "--rm", "host/sh", "sh", "-c", "echo hello").out == "hello\n"


def test_the_command_is_the_program_itself(daemon: Daemon) -> None:
    daemon.ck("pull", "-q", "host/sh")
    assert daemon.ck("run", "--rm", "-i", "host/sh", stdin=b"echo $((6 * 7))\n").out == "42\n"


def test_python_brings_its_library(daemon: Daemon) -> None:
    program = "import ssl, json, sqlite3, ctypes; print(ssl.create_default_context().cert_store_stats()['x509_ca'] > 0)"
    assert daemon.ck("run", "--rm", "host/python3", "python3", "-c", program).out == "True\n"


def test_pulling_again_finds_the_same_image(daemon: Daemon) -> None:
    daemon.ck("pull", "-q", "host/sh")
    assert "Image is up to date for host/sh:latest" in daemon.ck("pull", "host/sh").out
    shown = daemon.ck("images", "--format", "{{.Repository}} {{.Tag}}", "--filter", "reference=host/sh").out
    assert shown == "host/sh latest\n"


def test_a_program_that_is_not_there(daemon: Daemon) -> None:
    result = daemon.ck("run", "--rm", "host/ck-no-such-program", check=False)
    assert result.code == 125
    assert 'no program "ck-no-such-program" in $PATH of this machine' in result.err


def test_a_tag_is_refused(daemon: Daemon) -> None:
    result = daemon.ck("pull", "host/sh:3.1", check=False)
    assert result.code == 1
    assert '"host/sh:3.1" has a tag: a program of this machine has none' in result.err
