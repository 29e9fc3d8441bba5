"""A visit to a new WordPress with Chromium: installs it, writes a post, takes a picture.

A program, for a namespace of its own: `browse.py SITE PICTURE` prints the address of the post.

Chromium is driven by chromedriver over HTTP (W3C WebDriver).
"""

import base64
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

TITLE: Final = "Written in a container"
USER, PASSWORD = "captain", "correct horse battery staple"
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # the key by which WebDriver names elements
_PATIENCE: Final = 60.0
T = TypeVar("T")


class Browser:
    """One window."""

    def __init__(self, driver: str, profile: str) -> None:
        self._http = httpx.Client(base_url=driver, timeout=_PATIENCE, trust_env=False)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"]
        arguments += [f"--user-data-dir={profile}", "--disable-dev-shm-usage"]
        capabilities = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}
        self._session = f"/session/{self._post('/session', capabilities=capabilities)['sessionId']}"

    def go(self, url: str) -> None:
        self._post(f"{self._session}/url", url=url)

    @property
    def url(self) -> str:
        return str(self._get(f"{self._session}/url"))

    def find(self, css: str) -> str:
        """The first element, waited for."""
        found = self._post(f"{self._session}/element", using="css selector", value=css)
        return f"{self._session}/element/{found[_ELEMENT]}"

    def type(self, css: str, text: str) -> None:
        """In place of what stands there."""

        def once() -> None:
            element = self.find(css)
            self._post(f"{element}/clear")
            self._post(f"{element}/value", text=text)

        eventually(once)

    def press(self, css: str) -> None:
        eventually(lambda: self._post(f"{self.find(css)}/click"))

    def run(self, script: str) -> Any:
        return self._post(f"{self._session}/execute/sync", script=script, args=[])

    def picture(self) -> bytes:
        return base64.b64decode(self._get(f"{self._session}/screenshot"))

    def close(self) -> None:
        self._http.delete(self._session)

    def _get(self, path: str) -> Any:
        return _value(self._http.get(path))

    def _post(self, path: str, **body: Any) -> Any:
        return _value(self._http.post(path, json=body))


def _value(response: httpx.Response) -> Any:
    value = response.json()["value"]
    if response.status_code != 200:
        raise LookupError(f"{value['error']}: {value['message'].splitlines()[0]}")
    return value


def eventually(attempt: Callable[[], T]) -> T:
    """Try until it succeeds: a page tells nobody outside when its scripts are done."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return attempt()
        except LookupError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def visit(browser: Browser, site: str) -> str:
    """Install WordPress, write a post; return its address."""
    browser.go(site)
    if "language" in browser.run("return document.body.innerHTML").lower() and browser.run(
        "return !!document.querySelector('#language-continue')"
    ):
        browser.press("#language-continue")
    browser.type("#weblog_title", "A site in containers")
    browser.type("#user_login", USER)
    browser.type("#pass1", PASSWORD)
    browser.type("#admin_email", "captain@example.org")
    browser.press("#submit")
    eventually(lambda: browser.find("a.button.button-large[href$='wp-login.php']"))
    browser.go(f"{site}/wp-login.php")
    eventually(lambda: browser.find("#user_login:focus"))  # a script takes it there, out of a field begun before
    browser.type("#user_login", USER)
    browser.type("#user_pass", PASSWORD)
    browser.press("#wp-submit")
    eventually(lambda: browser.find("#wpadminbar"))
    browser.go(f"{site}/wp-admin/post-new.php")
    eventually(lambda: browser.find(".editor-post-title__input, .wp-block-post-title"))
    # The tour that greets new authors covers the page.
    browser.run("wp.data.dispatch('core/preferences').set('core/edit-post', 'welcomeGuide', false)")
    browser.type(".editor-post-title__input, .wp-block-post-title", TITLE)
    browser.press(".editor-post-publish-panel__toggle")
    browser.press(".editor-post-publish-button")
    eventually(lambda: browser.find(".post-publish-panel__postpublish-header a"))
    return str(browser.run("return wp.data.select('core/editor').getCurrentPost().link"))


def main(site: str, picture: str) -> None:
    with (
        tempfile.TemporaryDirectory() as profile,
        subprocess.Popen(["chromedriver", "--port=9515"], stdout=subprocess.PIPE, text=True) as driver,
    ):
        try:
            assert driver.stdout is not None
            for line in driver.stdout:
                if "started successfully" in line:
                    break
            browser = Browser("http://127.0.0.1:9515", profile)
            try:
                address = visit(browser, site)
                browser.go(address)
            finally:
                Path(picture).write_bytes(browser.picture())
                browser.close()
        finally:
            driver.terminate()
    print(address)


if __name__ == "__main__":
    main(*sys.argv[1:])
