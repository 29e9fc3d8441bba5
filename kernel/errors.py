"""The errors the kernel and its plugins raise on purpose.

The class tells the caller what to do, the message tells a person what happened: one sentence that holds the
offending value. HTTP statuses and exit codes are the front ends' business (plugins/builtin/docker_api/errors.py).
"""

import attrs


class CkError(Exception):
    """Base of all that the kernel raises on purpose; never raised itself."""


class InvalidArgument(CkError):
    """The request is malformed or asks for something impossible: mend it, then ask again."""


class NotFound(CkError):
    """The named thing does not exist."""


class Conflict(CkError):
    """Valid, but not in the present state: look, then retry."""


class InvalidTransition(Conflict):
    """The lifecycle table has no such step."""


class Unauthorized(CkError):
    """Credentials are missing or wrong: log in, then retry."""


class Forbidden(CkError):
    """The caller may not do this, whatever the credentials."""


class Unsupported(CkError):
    """This host or this driver cannot do it; retrying will not help."""


class Unavailable(CkError):
    """A peer did not answer or answered with a passing fault: retry later."""


class CorruptData(CkError):
    """Bytes do not match what was promised (digest, checksum, format): fetch them anew."""


class PluginFailed(CkError):
    """A plugin raised what it must not, or missed its deadline. The message names plugin and call."""


@attrs.define(slots=False)
class StartFailed(CkError):
    """The program of a container or an exec session could not be started.

    `exit_code` is what a shell would say: 127 not found, 126 found but not executable, 125 the engine's own fault,
    128 + n killed by signal n before it began.
    """

    message: str
    exit_code: int = 125

    def __str__(self) -> str:
        return self.message
