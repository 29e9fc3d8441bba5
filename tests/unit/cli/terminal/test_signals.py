"""Signals while attached."""

import os
import signal

import pytest

from ck.cli.errors import CliError
from ck.cli.terminal.signals import Handlers, Proxy, leave


def test_signals_before_the_start_wait_for_it() -> None:
    sent: list[str] = []
    proxy = Proxy(sent.append)
    with Handlers({"SIGUSR1": proxy}):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert sent == []
        proxy.started()
        assert sent == ["USR1"]
        os.kill(os.getpid(), signal.SIGUSR1)
        assert sent == ["USR1", "USR1"]
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_the_third_interrupt_ends_ck() -> None:
    sent: list[str] = []
    proxy = Proxy(sent.append)
    proxy.started()
    proxy("SIGINT")
    proxy("SIGTERM")
    with pytest.raises(CliError) as caught:
        proxy("SIGINT")
    assert caught.value.exit_code == 130
    assert sent == ["INT", "TERM"]


def test_leave_ends_a_blocked_read() -> None:
    reading, writing = os.pipe()
    try:
        with Handlers({"SIGALRM": leave}), pytest.raises(CliError) as caught:
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            os.read(reading, 1)
        assert caught.value.exit_code == 128 + signal.SIGALRM
    finally:
        os.close(reading)
        os.close(writing)


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        with Handlers({"SIGUSR2": leave}):
            os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
