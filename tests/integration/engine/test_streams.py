"""Exit codes, output to the last byte, stdin, detach and attach."""

import os

import pytest

from tests.integration.engine.lab import Lab


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        (("nosuch",), 127, 'ck: exec: "nosuch": not found in $PATH of the image\n'),
        (("/nosuch",), 127, 'exec: "/nosuch"'),
        (("/etc/passwd",), 126, 'exec: "/etc/passwd": permission denied'),
        (("/tmp",), 126, 'exec: "/tmp": is a directory'),
        (("",), 125, "the command is an empty string"),
    ],
)
def test_programs_that_cannot_run(lab: Lab, command: tuple[str, ...], code: int, sentence: str) -> None:
    lab.refused("", sentence, *command, code=code)
    container = lab.make("", *command) if command[0] else None
    if container:
        assert sentence.rstrip() in lab.fails("start", container)
        assert lab.status(container) == f"created {code}"
        assert sentence.removeprefix("ck: ") in lab.inspect(container, "{{.State.Error}}") + "\n"


def test_exit_codes(lab: Lab) -> None:
    assert lab.run("", "sh", "-c", "exit 42").code == 42
    for number in (1, 9, 15):
        assert lab.run("--init", "sh", "-c", f"kill -{number} $$").code == 128 + number
    lab.refused("--nosuch", "unknown flag: --nosuch")
    lab.refused("--entrypoint nosuch", "not found in $PATH", code=127)
    assert lab.run("--entrypoint echo", "a", "b").out == "a b\n"


def test_all_output_comes_before_the_end(lab: Lab) -> None:
    line = "0123456789abcdef" * 4
    script = f"yes {line} | head -n 200000; yes {line[::-1]} | head -n 100000 >&2; exit 5"
    result = lab.run("", "sh", "-c", script)
    assert result.code == 5
    assert result.stdout == f"{line}\n".encode() * 200_000 and result.stderr == f"{line[::-1]}\n".encode() * 100_000


def test_stdin(lab: Lab) -> None:
    data = os.urandom(5_000_000)
    assert lab.run("-i", "cat", stdin=data).stdout == data
    assert lab.run("", "wc", "-c", stdin=b"not for the container").out == "0\n"
    assert lab.run("-i", "sh", "-c", "exit 3", stdin=data).code == 3


def test_attach_sees_what_comes_and_ends_with_the_code(lab: Lab) -> None:
    container = lab.up("-i", "sh", "-c", "read line; echo got $line; exit 9")
    with lab.popen("attach", container) as one, lab.popen("attach", "--no-stdin", container) as two:
        # Both are attached once the events say so; only then is there anything to see.
        with lab.popen("events", "--since", "1h", "-f", f"container={container}", "-f", "event=attach") as events:
            assert events.stdout is not None
            for _ in range(2):
                events.stdout.readline()
            events.kill()
        out, _ = one.communicate(b"hello\n")
        assert out == b"got hello\n" and two.stdout is not None and two.stdout.read() == b"got hello\n"
        assert (one.wait(), two.wait()) == (9, 9)
    assert "you cannot attach to a stopped container" in lab.fails("attach", container)


def test_start_attached(lab: Lab) -> None:
    container = lab.make("-i", "sh", "-c", "cat; exit 6")
    result = lab.daemon.ck("start", "-ai", container, stdin=b"through", check=False)
    assert (result.code, result.out) == (6, "through")


def test_a_detached_container_goes_on_without_its_client(lab: Lab) -> None:
    container = lab.up("-i", "cat")
    with lab.popen("attach", container) as first:
        assert first.stdin is not None and first.stdout is not None
        first.stdin.write(b"one\n")
        first.stdin.flush()
        assert first.stdout.readline() == b"one\n"
        first.kill()
    assert lab.status(container) == "running 0"
    assert lab.ck("logs", container) == "one\n"
