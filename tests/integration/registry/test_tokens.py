"""Bearer tokens: who asks whom for what, with which credentials, and how often."""

import base64
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from ck.kernel.drivers.registry import Credentials
from ck.kernel.errors import NotFound, Unauthorized, Unavailable
from tests.support.flaky_proxy import Fault, FlakyProxy, Request
from tests.support.oci_layout import AMD64, OciLayout, make_layer
from tests.support.pulling import distribution, manifest_of
from tests.support.registry import Registry

pytestmark = pytest.mark.usefixtures("anonymous")
SECONDS = 30
ANN = Credentials(username="ann", password="pa:ss")
TOKEN = Fault(status=200, body=json.dumps({"access_token": "one", "expires_in": 300}).encode())


def with_token_server(
    registry: Registry,
    tmp_path: Path,
    answer: Callable[[Request], Fault],
    test: Callable[[FlakyProxy, FlakyProxy], Awaitable[None]],
    accepted: str = "Bearer one",
) -> None:
    """Run *test* with a registry that lets only the header *accepted* in, and the token server that it names."""
    layout = OciLayout(tmp_path / "layout")
    layout.add_image("t", [make_layer({"file": os.urandom(1000)})])
    registry.push(layout.directory, "t", "tokens/x:1")

    def gate(request: Request) -> Fault | None:
        if request.headers.get("authorization") == accepted:
            return None
        challenge = (
            f'Bearer realm="http://{tokens.address}/token?a=b",service="ck test",scope="repository:tokens/x:pull"'
        )
        return Fault(status=401, headers={"WWW-Authenticate": challenge})

    tokens = FlakyProxy(registry.address, answer)
    gated = FlakyProxy(registry.address, gate)

    async def main() -> None:
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                await nursery.start(tokens.serve)
                await nursery.start(gated.serve)
                await test(gated, tokens)
                nursery.cancel_scope.cancel()

    trio.run(main)


def test_user_name_and_password(registry: Registry, tmp_path: Path) -> None:
    async def test(gated: FlakyProxy, tokens: FlakyProxy) -> None:
        await manifest_of(distribution(), f"{gated.address}/tokens/x:1", credentials=ANN)
        (asked,) = tokens.requests
        assert asked.headers["authorization"] == f"Basic {base64.b64encode(b'ann:pa:ss').decode()}"
        assert asked.target == "/token?a=b&service=ck+test&scope=repository%3Atokens%2Fx%3Apull&account=ann"

    with_token_server(registry, tmp_path, lambda request: TOKEN, test)


def test_identity_token(registry: Registry, tmp_path: Path) -> None:
    async def test(gated: FlakyProxy, tokens: FlakyProxy) -> None:
        await manifest_of(
            distribution(), f"{gated.address}/tokens/x:1", credentials=Credentials(identity_token="secret")
        )
        (asked,) = tokens.requests
        assert asked.target == "/token?a=b"
        assert b"grant_type=refresh_token" in asked.body
        assert b"refresh_token=secret" in asked.body

    with_token_server(registry, tmp_path, lambda request: TOKEN, test)


def test_a_token_that_is_refused_is_replaced_once(registry: Registry, tmp_path: Path) -> None:
    def answer(request: Request) -> Fault:
        return Fault(status=200, body=json.dumps({"token": f"number{request.number}"}).encode())

    async def test(gated: FlakyProxy, tokens: FlakyProxy) -> None:
        driver = distribution()
        with pytest.raises(NotFound, match=f"pull access denied for {gated.address}/tokens/x:1"):
            await manifest_of(driver, f"{gated.address}/tokens/x:1")
        with pytest.raises(Unauthorized, match="refuses the user name or password"):
            await manifest_of(driver, f"{gated.address}/tokens/x:1", credentials=ANN)
        async with driver.source(driver.normalize(f"{gated.address}/tokens/x:1"), None) as source:
            # The first token of a source is refused, the next one is let in.
            with pytest.raises(NotFound):
                await source.manifest(AMD64)
            assert (await source.manifest(AMD64)).layers

    with_token_server(registry, tmp_path, answer, test, accepted="Bearer number3")


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (Fault(status=401, body=b'{"errors":[{"message":"who"}]}'), Unauthorized, "refuses an anonymous client: who"),
        (Fault(status=200, body=b"[]"), Unavailable, "answered 200 without a token"),
        (Fault(status=200, body=b"[" * 100_000), Unavailable, "answered 200 without a token"),
        (Fault(status=200, body=b'{"token":"a\\r\\nX: y"}'), Unavailable, "a token that is not plain text"),
        (Fault(status=200, body=b'{"token":"a","expires_in":"soon"}'), Unavailable, "without a token"),
        (Fault(status=404), Unavailable, "answered 404 without a token"),
        (Fault(status=503), Unavailable, "token server 127.0.0.1 answered 503"),
    ],
)
def test_token_servers_that_do_not_help(
    answer: Fault, kind: type[Exception], sentence: str, registry: Registry, tmp_path: Path
) -> None:
    async def test(gated: FlakyProxy, tokens: FlakyProxy) -> None:
        with pytest.raises(kind, match=sentence):
            await manifest_of(distribution(), f"{gated.address}/tokens/x:1")

    with_token_server(registry, tmp_path, lambda request: answer, test)
