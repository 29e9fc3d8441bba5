import os
import socket
from pathlib import Path

import pytest

from ck.kernel.linux.listen_fds import Listener, hand_down, inherited_listeners
from ck.kernel.linux.service_manager import notify


@pytest.mark.parametrize("abstract", [True, False])
def test_a_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@ck-test-{os.getpid()}" if abstract else str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_listeners_keep_their_names(tmp_path: Path) -> None:
    """In a process of its own, whose descriptors from 3 on are nobody else's."""
    pid = os.fork()
    if pid == 0:
        try:
            sockets = [socket.socket(socket.AF_UNIX) for _ in range(2)]
            for place, sock in enumerate(sockets):
                sock.bind(str(tmp_path / f"{place}"))
                sock.listen()
            hand_down([Listener(sockets[0], "ck.socket"), Listener(sockets[1], "")])
            found = inherited_listeners()
            fine = [each.name for each in found] == ["ck.socket", ""]
            fine = fine and [each.socket.getsockname()[-1] for each in found] == ["0", "1"]
            os._exit(0 if fine and inherited_listeners() == [] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
