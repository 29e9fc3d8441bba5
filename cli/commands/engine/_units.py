"""The engine's units for systemd (systemd.service(5), systemd.socket(5)). Pure."""

from __future__ import annotations

NAMES = ("ck.socket", "ck.service")
DIRECTORY = "/etc/systemd/system"

_SOCKET = """\
[Unit]
Description=API of the ck container engine

[Socket]
ListenStream=/run/ck/ck.sock
DirectoryMode=0755
SocketMode=0660
{group}
[Install]
WantedBy=sockets.target
"""

# KillMode: what the engine has started lives on, also what has not left its group yet. The containers themselves are in
# ck.slice (docs/systemd.md).
_SERVICE = """\
[Unit]
Description=ck container engine
Requires=ck.socket
After=ck.socket network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart={command}
Restart=always
RestartSec=1
KillMode=process
Delegate=yes
LimitNOFILE=1048576
TasksMax=infinity
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
"""


def units(command: list[str], *, group: bool) -> dict[str, str]:
    """The text of each unit. *group*: there is a group ck, whose members may use the socket."""
    quoted = " ".join(f'"{word}"' if " " in word else word for word in command)
    return {
        "ck.socket": _SOCKET.format(group="SocketGroup=ck\n" if group else ""),
        "ck.service": _SERVICE.format(command=quoted.replace("%", "%%")),
    }
