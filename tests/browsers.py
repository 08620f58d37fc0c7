"""A headless Chromium of this machine, for tests of what people see, and the pictures of it in the docs."""

import contextlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MARKS = [
    pytest.mark.browser,
    # Playwright leaves the pipe to its driver to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]
_ASSISTANT_SEEN = "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1"  # as after a first visit, where MLflow offers it
_COLOURS = 256  # of a picture: the UI has few, and its shades are what makes files large


def need_browser() -> None:
    """Skip, and say why, where there is no browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH: install Debian's `chromium`, or any Chromium or Chrome")


@contextlib.contextmanager
def new_browser() -> Iterator[Any]:
    """Start a Chromium, and stop it after the block."""
    need_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def new_page(browser: Any, **context: Any) -> Any:
    """Open a page of one size for all tests and pictures; `context` is of Playwright's browser context."""
    page = browser.new_context(viewport={"width": 1300, "height": 900}, **context).new_page()
    page.add_init_script(f"localStorage.setItem('{_ASSISTANT_SEEN}', 'true')")
    page.set_default_timeout(30_000)
    return page


@dataclass(frozen=True)
class Pictures:
    """Where the pictures of the docs go; nowhere, unless `--screenshots FOLDER` was given."""

    folder: Path | None

    def take(self, page: Any, name: str) -> None:
        """Keep what the page shows, standing still, as ``NAME.png``."""
        if self.folder is not None:
            from PIL import Image

            page.mouse.move(0, 0)
            shot = io.BytesIO(page.screenshot(animations="disabled", caret="hide"))
            Image.open(shot).convert("RGB").quantize(_COLOURS).save(self.folder / f"{name}.png", optimize=True)
