"""The container's own terminal."""

from ck.kernel.drivers.runtime import TerminalSize
from tests.integration.runtime_init.outcome import Runner, Spec, SpecOf


def with_terminal(spec: Spec) -> Spec:
    spec["process"]["terminal"] = True
    return spec


def test_a_real_terminal_of_the_right_size(run: Runner, spec_of: SpecOf) -> None:
    script = "tty; stty size; test -t 0 && test -t 2 && echo yes; ls -1 /dev/pts; stat -c %t:%T /dev/console"
    outcome = run(with_terminal(spec_of("sh", "-c", script)), size=TerminalSize(rows=33, columns=99))
    lines = outcome.stdout.replace("\r\n", "\n").splitlines()
    assert lines[:3] == ["/dev/pts/0", "33 99", "yes"]
    assert "ptmx" in lines
    assert lines[-1] == "88:0"  # 136:0, the pty
    assert outcome.code == 0


def test_it_is_the_controlling_terminal_of_another_user_too(run: Runner, spec_of: SpecOf) -> None:
    outcome = run(with_terminal(spec_of("sh", "-c", "echo hi > /dev/tty; stat -c %u /dev/pts/0")), user="alice")
    assert outcome.stdout.split() == ["hi", "1000"]


def test_with_init_the_program_is_in_the_foreground(run: Runner, spec_of: SpecOf) -> None:
    spec = with_terminal(spec_of("sh", "-c", "ps -o pid,pgid,tpgid,comm 2>/dev/null; cat /proc/$$/stat"))
    spec["annotations"]["ck.init"] = "true"
    stat = run(spec).stdout.split()[-52:]
    _pid, _name, _state, _ppid, group, _session, _tty, foreground = stat[:8]
    assert group == foreground


def test_without_devpts_it_is_a_sentence(run: Runner, spec_of: SpecOf) -> None:
    spec = with_terminal(spec_of("true"))
    spec["mounts"] = [mount for mount in spec["mounts"] if mount["destination"] != "/dev/pts"]
    message = run(spec).failed["message"]
    assert message == "cannot open a terminal in the container: no such file or directory"
