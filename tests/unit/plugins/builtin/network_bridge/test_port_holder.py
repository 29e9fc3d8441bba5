import os
import socket

from ck.plugins.builtin.network_bridge._port_holder import inodes_of, process_with_port

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0
   1: 0100007F:1F90 0100007F:9C40 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0
"""


def test_the_sockets_of_a_port() -> None:
    assert list(inodes_of(TABLE, 8080)) == ["4711"]
    assert list(inodes_of(TABLE, 81)) == []


def test_a_process_is_found_by_its_port() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        found = process_with_port("tcp", holder.getsockname()[1])
    assert found is not None and found.startswith(f"process {os.getpid()} (")
