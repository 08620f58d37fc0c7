"""What a reviewer sees: two runs of a study side by side in MLflow's own UI, in a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from support import STUDY, environment, pipeline_clone, run

pytestmark = [
    pytest.mark.browser,
    # Playwright leaves the pipe to its driver to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server of the UI over two runs of the small study: its first training and an experiment with more trials."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH: install Debian's `chromium`, or any Chromium or Chrome")
    folder = tmp_path_factory.mktemp("clone")
    pipeline_clone(folder)
    run(folder, "dvc", "exp", "run", "-n", "more-trials", "-S", f"studies.{STUDY}.tuning.trials=8")
    port = free_port()
    server = subprocess.Popen(
        ["theragate", "ui", "--port", str(port)],
        cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes], *, patience: float = 60) -> None:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return
    raise AssertionError("the server did not answer")


@pytest.fixture
def page(address):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        opened = browser.new_page(viewport={"width": 1500, "height": 1100})
        opened.set_default_timeout(30_000)
        yield opened
        browser.close()
