"""A network namespace of a container's own has its loopback link up."""

from tests.support.daemon import Daemon


def test_lo_is_up_without_a_network(daemon: Daemon, busybox_image: str) -> None:
    daemon.ck("pull", "-q", busybox_image)
    done = daemon.ck("run", "--rm", "--network", "none", busybox_image, "ping", "-c", "1", "-W", "5", "127.0.0.1")
    assert "1 packets received" in done.out
