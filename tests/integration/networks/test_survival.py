"""Networks of containers that run go on when the engine is killed, and when somebody takes the rules away."""

import subprocess
import sys

import pytest

from ck.kernel.linux.netns import inside
from ck.kernel.linux.nftables.connection import Nftables, monitor
from ck.kernel.linux.nftables.messages import INET, Table
from tests.integration.networks.town import Town
from tests.support.machine import HOST4

_TALK = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
print("connected", flush=True)
for line in sys.stdin:
    s.sendall(line.encode()); print(s.recv(100).decode().strip(), flush=True)
"""
_ECHO = """
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: self.wfile.write(line)
socketserver.ThreadingTCPServer.address_family = socketserver.socket.AF_INET
with socketserver.ThreadingTCPServer(("", 80), Echo) as server:
    print("ready", flush=True); server.serve_forever()
"""


@pytest.mark.parametrize("end", ["kill9", "stop"])
def test_connections_and_names_go_on(own_town: Town, end: str) -> None:
    town = own_town
    town.engine.ck("network", "create", "app")
    words = ("run", "-d", "--init", "--name", "echo", "--network", "app", "-p", "8300:80", "host/python3")
    town.engine.ck(*words, "python3", "-c", _ECHO)
    town.ready("echo")
    town.idle("web", "--network", "app")
    before = town.resolve("web", "echo")
    with subprocess.Popen(
        ("nsenter", f"--net=/proc/self/fd/{town.machine.lan}", sys.executable, "-c", _TALK, HOST4, "8300"),
        pass_fds=(town.machine.lan,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdin is not None and client.stdout is not None
        assert client.stdout.readline() == "connected\n"
        for line in ("one", "two", "three"):
            if line == "two":
                getattr(town.engine, end)()
            if line == "three":
                town.engine.start()
            client.stdin.write(f"{line}\n")
            client.stdin.flush()
            assert client.stdout.readline() == f"{line}\n"
        client.stdin.close()
    assert town.resolve("web", "echo") == before
    # The port is still held, the address is not given again.
    refused = town.engine.ck("run", "--rm", "-p", "8300:80", town.image, "true", check=False)
    assert "port 8300/tcp of 0.0.0.0 is in use by container" in refused.err
    town.idle("new", "--network", "app")
    assert not set(before) & {town.address("new", "app"), town.address("new", "app", 6)}
    # New connections, new containers and the end are as they were.
    assert town.resolve("new", "echo") == before
    town.engine.ck("rm", "-f", "echo", "web", "new")
    town.engine.ck("network", "rm", "app")


def test_names_wait_for_the_next_engine(own_town: Town) -> None:
    """A query while there is no engine is answered late, never wrong."""
    town = own_town
    town.engine.ck("network", "create", "app")
    town.idle("db", "--network", "app")
    script = "read x; echo asked; nslookup -type=a db; echo done"
    expected = town.address("db", "app")
    pid = town.inspect("db", "{{.State.Pid}}")
    town.engine.kill9()
    with subprocess.Popen(
        ("nsenter", "-t", pid, "-n", "-m", "sh", "-c", script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as asker:
        assert asker.stdin is not None and asker.stdout is not None
        asker.stdin.write("go\n")
        asker.stdin.flush()
        assert asker.stdout.readline() == "asked\n"
        town.engine.start()
        said, _ = asker.communicate()
    assert expected in said


def test_what_ended_meanwhile_is_gone(own_town: Town) -> None:
    town = own_town
    town.engine.ck("network", "create", "app")
    town.serve("web", "--network", "app", "-p", "8301:80")
    pid = town.inspect("web", "{{.State.Pid}}")
    town.engine.kill9()
    town.machine.run(town.machine.host, "kill", "-9", pid)
    town.engine.start()
    town.idle("next", "--network", "app", "-p", "8301:80")
    assert len([link for link in town.links() if link.startswith("ckv")]) == 1


def test_the_table_comes_back(own_town: Town) -> None:
    town = own_town
    town.serve("web", "-p", "8302:80")
    with inside(town.machine.host), Nftables() as nftables, monitor() as changes:
        table = Table(INET, "ck")
        assert nftables.exists(table.get())
        try:
            nftables.commit([table.delete()])
        except PermissionError:
            # The kernel guards it: only the engine may (NFT_TABLE_F_OWNER). Without the engine anybody may.
            town.engine.kill9()
            nftables.commit([table.delete()])
            town.engine.start()
        else:
            changes.setblocking(True)
            while not nftables.exists(table.get()):
                changes.recv(1 << 16)
    assert town.fetch(f"http://{HOST4}:8302/", lan=True) == "web"
