"""Errors to numbers and words."""

import json

import pytest

from ck.kernel import errors as kernel
from ck.plugins.builtin.docker_api.errors import cause_of, error_json, message_of, status_of


@pytest.mark.parametrize(
    ("exc", "status"),
    [
        (kernel.InvalidArgument("x"), 400),
        (kernel.Unauthorized("x"), 401),
        (kernel.Forbidden("x"), 403),
        (kernel.NotFound("x"), 404),
        (kernel.Conflict("x"), 409),
        (kernel.InvalidTransition("x"), 409),
        (kernel.Unsupported("x"), 501),
        (kernel.Unavailable("x"), 503),
        (kernel.CorruptData("x"), 500),
        (kernel.PluginFailed("x"), 500),
        (kernel.StartFailed("x", 127), 400),
        (kernel.StartFailed("x", 126), 400),
        (kernel.StartFailed("x"), 500),
        (ValueError("x"), 500),
    ],
)
def test_status(exc: Exception, status: int) -> None:
    assert status_of(exc) == status


def test_a_bug_is_not_told_to_clients() -> None:
    assert message_of(ValueError("/etc/secret")) == "internal error (ValueError); the log of ckd has the details"


def test_a_failed_start_has_the_words_that_docker_s_client_looks_for() -> None:
    missing = kernel.StartFailed('exec: "foo": not found in $PATH of the image', 127)
    assert json.loads(error_json(missing)) == {
        "message": 'exec: "foo": not found in $PATH of the image (executable file not found)',
        "exitCode": 127,
        "sentence": 'exec: "foo": not found in $PATH of the image',
    }
    assert message_of(kernel.StartFailed("exec: /x: permission denied", 126)) == "exec: /x: permission denied"
    assert message_of(kernel.StartFailed("no cgroup")) == "no cgroup"


def test_the_cause_of_a_group_is_what_was_raised_on_purpose() -> None:
    wanted = kernel.Conflict("busy")
    assert cause_of(ExceptionGroup("a", [OSError(), ExceptionGroup("b", [wanted])])) is wanted
    bug = ValueError()
    assert cause_of(ExceptionGroup("a", [bug])) is bug
    assert cause_of(wanted) is wanted
