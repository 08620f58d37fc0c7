"""What a reviewer sees: two runs of a study side by side in MLflow's own UI, in a real browser."""

import os
import signal
import socket
import subprocess
import time

import pytest
from browsers import MARKS, need_browser, new_browser, new_page
from support import STUDY, environment, free_port, run

pytestmark = MARKS


@pytest.fixture(scope="module")
def address(tmp_path_factory, pipeline_clone):
    """A server of the UI over two runs of the small study: its first training and an experiment with more folds."""
    need_browser()
    folder = pipeline_clone(tmp_path_factory.mktemp("clone"))
    run(folder, "dvc", "exp", "run", "-n", "five-folds", "-S", f"studies.{STUDY}.validation.folds=5")
    port = free_port()
    server = subprocess.Popen(
        ["theragate", "ui", "--port", str(port)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
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
    with new_browser() as browser:
        yield new_page(browser)


def open_runs(page, address: str) -> None:
    """Go from the list of experiments to the runs of the small study, as a reviewer does."""
    page.goto(f"{address}/#/experiments?workflowType=machine_learning")
    link = page.get_by_role("link", name=STUDY, exact=True)
    link.wait_for()
    number = link.get_attribute("href").rsplit("/", 1)[-1]
    page.goto(f"{address}/#/experiments/{number}/runs?workflowType=machine_learning")
    page.get_by_role("link", name="logistic").first.wait_for()


def test_a_reviewer_compares_two_runs(page, address, pictures):
    open_runs(page, address)
    names = page.get_by_role("link").filter(has_text=" · ")
    assert names.count() == 2
    page.locator(".ag-header-select-all input, [data-testid='select-all-runs']").first.check(force=True)
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Comparing 2 Runs").first.wait_for()
    for shown in ("auroc", "auroc.lower", "auroc.upper", "auroc/minus reference", "auroc/sex female"):
        page.get_by_text(shown, exact=True).first.wait_for()
    for section in ("Visualizations", "Parameters"):  # folded, so that names and measures fit one picture
        page.get_by_role("button", name=section, exact=True).click()
    page.get_by_text("auroc.upper", exact=True).first.scroll_into_view_if_needed()
    pictures.take(page, "compared-runs")


def test_a_run_says_its_verdict_and_how_to_reproduce_it(page, address):
    open_runs(page, address)
    page.get_by_role("link").filter(has_text=" · ").first.click()
    page.get_by_text("TG003").first.wait_for()
    page.get_by_text("dvc repro", exact=False).first.wait_for()


def test_a_version_shows_the_verdict_as_a_table(page, address):
    page.goto(f"{address}/#/models/{STUDY}/versions/1")
    page.get_by_role("cell", name="TG006 Fairness", exact=False).first.wait_for()
    assert page.get_by_text("sha256.policy").count()
