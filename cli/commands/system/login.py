"""`ck login`."""

from __future__ import annotations

import os
import sys

from ck.cli.client.api import Client
from ck.cli.config import config_path, read_config
from ck.cli.credentials import find, server_of, store
from ck.cli.errors import CliError, UsageError
from ck.cli.flags import Args, Command, switch, text
from ck.cli.reference import DOCKER_HUB

COMMAND = Command(
    "[SERVER]",
    "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
    (
        text("password", "Password or Personal Access Token (PAT)", "p"),
        switch("password-stdin", "Take the Password or Personal Access Token (PAT) from stdin"),
        text("username", "Username", "u"),
    ),
    maximum=1,
)


def run(args: Args, client: Client) -> int:
    """Have the engine try the credentials, then keep them."""
    server = server_of(args.words[0] if args.words else "")
    user, secret = _ask(args, server)
    answer = client.post("/auth", {"username": user, "password": secret, "serveraddress": server}) or {}
    if not _has_helper(server):
        sys.stderr.write(f"WARNING! Your credentials are stored unencrypted in '{config_path()}'.\n")
    store(server, user, secret, answer.get("IdentityToken", ""))
    print(answer.get("Status") or "Login Succeeded")
    return 0


def _has_helper(server: str) -> bool:
    config = read_config()
    return bool(config.get("credsStore") or (config.get("credHelpers") or {}).get(server))


def _ask(args: Args, server: str) -> tuple[str, str]:
    user, secret = args.text("username"), args.text("password")
    if args.on("password-stdin"):
        if secret:
            raise UsageError("--password and --password-stdin are mutually exclusive", 1)
        if not user:
            raise UsageError("must provide --username with --password-stdin", 1)
        return user, sys.stdin.read().rstrip("\r\n")
    if secret:
        sys.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")
    if user and secret:
        return user, secret
    if not os.isatty(0):
        raise CliError("cannot perform an interactive login from a non TTY device")
    if not user:
        known = find(server).get("username", "")
        prompt = f"Username ({known}): " if known else "Username: "
        user = input(prompt).strip() or known
    if not secret:
        from getpass import getpass

        secret = getpass("Password: ")
    if not user or not secret:
        raise CliError(f"a username and a password are required for {'Docker Hub' if server == DOCKER_HUB else server}")
    return user, secret
