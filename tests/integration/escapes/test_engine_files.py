"""The engine's own program, files and descriptors."""

import os
import sys
from pathlib import Path

import pytest

from tests.integration.engine.lab import Lab

INTERPRETER = Path(os.path.realpath(sys.executable))


def test_the_engine_s_program_cannot_be_executed_again(lab: Lab, users: str) -> None:
    """CVE-2019-5736: a program /proc/self/exe is the runtime itself, which can then be overwritten."""
    lab.refused(users, "it is reached by a link of the kernel's", "/proc/self/exe", "-c", "1", code=126)
    link = "ln -s /proc/self/exe /entry; sleep 1000"
    name = lab.up(users, "sh", "-c", link)
    lab.ck("exec", name, "sh", "-c", "until [ -L /entry ]; do :; done")
    assert "it is reached by a link of the kernel's" in lab.fails("exec", name, "/entry", code=126)


def test_what_runs_a_script_cannot_write_to_the_engine_s_program(lab: Lab, python: str) -> None:
    """The same, by `#!/proc/self/exe`, with everything that the host's root may do."""
    before = INTERPRETER.stat()
    script = (
        "import os\n"
        "open('/s', 'w').write('#!/proc/self/exe\\nimport time; time.sleep(1000)')\n"
        "os.chmod('/s', 0o755)\n"
        "os.mkdir('/ready')\n"
        "import time; time.sleep(1000)\n"
    )
    name = lab.new_name()
    lab.ck("run", "-d", "--name", name, "--userns", "host", "--cap-add", "SYS_PTRACE", python, "python3", "-c", script)
    write = (
        "import os, glob\n"
        "found = []\n"
        "for exe in glob.glob('/proc/[0-9]*/exe'):\n"
        "    for mode in (os.O_WRONLY, os.O_RDWR | os.O_TRUNC):\n"
        "        try: os.open(exe, mode); found.append(exe)\n"
        "        except OSError: pass\n"
        "print(found)\n"
    )
    with lab.popen("exec", name, "/s"):
        # Whatever became of the script: nothing that runs leads to a file of the host that can be written.
        out = lab.ck("exec", name, "python3", "-c", write)
        for exe in eval(out):  # a list of texts that we printed ourselves
            assert exe == "nothing"
        lab.ck("kill", name)
    after = INTERPRETER.stat()
    assert (before.st_ino, before.st_mtime_ns, before.st_size) == (after.st_ino, after.st_mtime_ns, after.st_size)


@pytest.mark.parametrize("verb", ["run", "exec", "run -t", "exec -t"])
def test_no_descriptor_but_the_three_standard_ones(lab: Lab, users: str, verb: str) -> None:
    """CVE-2024-21626 and its kin: what the engine has open leads to the host."""
    # The shell's own, which lists them, is the fourth.
    script = "cd /proc/self/fd && for fd in *; do readlink $fd; done | grep -v '^/proc/[0-9]*/fd$'"
    options = "-t" if verb.endswith("-t") else ""
    if verb.startswith("run"):
        out = lab.daemon.ck("run", "--rm", *options.split(), *users.split(), lab.image, "sh", "-c", script).out
    else:
        name = lab.up(users)
        out = lab.ck("exec", *options.split(), name, "sh", "-c", script)
    for link in out.split():
        assert link.startswith(("pipe:", "/dev/null", "/dev/pts/", "/dev/console")), out


def test_the_working_directory_cannot_be_an_open_file_of_the_engine(lab: Lab, users: str) -> None:
    """CVE-2024-21626: `-w /proc/self/fd/7`."""
    for number in range(3, 20):
        result = lab.run(f"{users} -w /proc/self/fd/{number}", "pwd")
        assert result.code in (126, 127) and result.out == "", result
    name = lab.up(users)
    for number in range(3, 20):
        result = lab.daemon.ck("exec", "-w", f"/proc/self/fd/{number}", name, "pwd", check=False)
        assert result.code in (126, 127) and result.out == "", result


def test_the_engine_s_processes_are_not_to_be_seen(lab: Lab, users: str) -> None:
    name = lab.up(users)
    shown = lab.ck("exec", name, "sh", "-c", "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done")
    assert "ckd" not in shown and "forkserver" not in shown


def test_nothing_of_the_engine_s_environment(lab: Lab, users: str) -> None:
    shown = lab.out(users, "cat /proc/1/environ | tr '\\0' '\\n'; env")
    assert "CK_" not in shown and "PYTHON" not in shown and str(lab.daemon.run_root) not in shown


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "GCONV_PATH", "NOTIFY_SOCKET"]
)
def test_the_environment_of_a_container_is_no_word_to_the_engine(lab: Lab, users: str, trap: Path, name: str) -> None:
    """What the image or the user sets is for the program alone."""
    assert lab.out(f"{users} -e {name}={trap}", f"echo ${name}") == f"{trap}\n"
    assert trap.read_text() == "untouched"


@pytest.mark.parametrize("options", ["--userns host", "--userns auto --cap-add SYS_PTRACE"])
def test_the_init_cannot_be_traced_before_it_is_the_program(lab: Lab, python: str, options: str) -> None:
    """What joins the container, as `exec` does, must not be taken over by who is in it already (CVE-2016-9962)."""
    script = (
        "import os, glob\n"
        "while True:\n"
        "    for path in glob.glob('/proc/[0-9]*'):\n"
        "        if path == f'/proc/{os.getpid()}': continue\n"
        "        for what in ('root', 'cwd', 'exe'):\n"
        "            try: link = os.readlink(f'{path}/{what}')\n"
        "            except OSError: continue\n"
        "            print(what, link, flush=True)\n"
        "        try: names = os.listdir(f'{path}/fd')\n"
        "        except OSError: continue\n"
        "        for fd in names:\n"
        "            try: link = os.readlink(f'{path}/fd/{fd}')\n"
        "            except OSError: continue\n"
        "            if link[0] == '/' and not link.startswith(('/dev/', '/proc/')): print(link, flush=True)\n"
    )
    name = lab.new_name()
    lab.ck("run", "-d", "--name", name, *options.split(), python, "python3", "-c", script)
    for _ in range(25):
        lab.ck("exec", name, "python3", "-c", "1")
    seen = lab.ck("logs", name)
    assert "exe /" in seen  # of the sessions' own program
    assert not [line for line in seen.splitlines() if "ck-test" in line or "forkserver" in line]
