"""A release manager's work in MLflow's own UI, signed in on a release server, in a real browser."""

import re

import pytest
from browsers import MARKS, need_browser, new_browser, new_page
from mlflow_plugin.attested_by_hand import Deployment, attest, policy_of, write_package
from mlflow_plugin.servers import PASSWORD, Server, running

pytestmark = MARKS
AUTHOR, MANAGER = "grace", "ada"  # both are release managers


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    need_browser()
    folder = tmp_path_factory.mktemp("server")
    made = Server(folder, f"sqlite:///{folder}/mlflow.db", Deployment(folder / "deployment"))
    with running(made):
        made.hire()
        yield made


@pytest.fixture(scope="module")
def browser():
    with new_browser() as opened:
        yield opened


def register(server: Server, study: str) -> None:
    """Register the first version of `study`, attested and not approved, as its author and the evaluator do."""
    server.deployment.accept(policy_of(study))
    package = write_package(server.folder / study, study)
    attested = attest(package, study, server.deployment.evaluator)
    version = server.person(AUTHOR).register(study, package)
    evaluator = server.person("evaluator")
    assert evaluator.put_dossier(attested).status_code == 200
    assert evaluator.tag(study, version, "theragate.attestation", attested.envelope).status_code == 200


def open_version(browser, server: Server, study: str, *, by: str):
    """Sign in, and go from the list of models to the first version of `study`."""
    page = new_page(browser, http_credentials={"username": by, "password": PASSWORD})
    news = page.get_by_role("dialog").filter(has_text="new Model Registry UI")  # shown to whoever comes first
    page.add_locator_handler(news, lambda: news.get_by_role("button", name="Close").click())
    page.goto(f"{server.address}/#/models")
    page.get_by_role("link", name=study, exact=True).click()
    page.get_by_role("link", name="Version 1", exact=True).first.click()
    page.get_by_role("cell", name="TG006 Fairness", exact=False).first.wait_for()
    return page


def add_tag(page, name: str, value: str) -> None:
    page.get_by_placeholder("Name").fill(name)
    page.get_by_placeholder("Value").fill(value)
    page.get_by_test_id("add-tag-button").click()


def set_alias(page, alias: str):
    """Ask for an alias in the version's dialog; return the dialog."""
    page.get_by_title("Add aliases").click()
    dialog = page.get_by_role("dialog").filter(has_text="Add/Edit alias")
    dialog.get_by_role("combobox").fill(alias)
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Save aliases").click()
    return dialog


def tag(page, name: str):
    """The row of a tag on the version's page, brought into view."""
    row = page.locator(f"tr[data-row-key='{name}']")
    row.scroll_into_view_if_needed()
    return row


def test_a_manager_is_refused_approves_promotes_and_sees_it(browser, server, pictures):
    study = "example_study"
    register(server, study)
    page = open_version(browser, server, study, by=MANAGER)

    dialog = set_alias(page, "champion")
    refusal = dialog.get_by_role("alert")
    refusal.wait_for()
    sentence = refusal.inner_text()
    assert f"`{study}` version 1: a release manager other than its author has approved" in sentence
    pictures.take(page, "refused-promotion")
    dialog.get_by_role("button", name="Cancel").click()
    assert server.person(MANAGER).aliases(study) == {}

    # What the sentence says is what helps: the tag and its value are taken from there.
    name, digits = re.search(r"the tag `(\S+)` with the value `([0-9a-f]{12}): reason`", sentence).groups()
    reason = "Read the card; limits and groups are as agreed in May."
    add_tag(page, name, f"{digits}: {reason}")
    page.get_by_placeholder("Value").and_(page.locator("[value='']")).wait_for()
    set_alias(page, "champion").wait_for(state="hidden")

    page.reload()
    page.get_by_text("@ champion").wait_for()
    assert f"approved by {MANAGER} on " in tag(page, "theragate.approved").inner_text()
    assert reason in tag(page, "theragate.approved").inner_text()
    assert f"promoted by {MANAGER} on " in tag(page, "theragate.released").inner_text()
    assert page.locator(f"tr[data-row-key='{name}']").count() == 0
    page.get_by_role("button", name="Description").first.click()  # folds it, so that alias and tags fit one picture
    tag(page, "theragate.released")
    pictures.take(page, "promoted-version")
    assert server.person(MANAGER).aliases(study) == {"champion": "1"}


def test_the_author_is_told_why_he_cannot_approve(browser, server):
    study = "study_of_its_author"
    register(server, study)
    page = open_version(browser, server, study, by=AUTHOR)
    digest = tag(page, "sha256.evidence").inner_text().split()[1]
    add_tag(page, "theragate.approve", f"{digest[:12]}: I made it, and I know that it is good.")
    page.get_by_text(
        f"`{study}` version 1: a model is approved by someone other than its author; received an approval by "
        f"`{AUTHOR}`, who is its author: registered it. Ask another release manager to read the evidence and approve "
        "it.",
        exact=False,
    ).wait_for()
    assert study not in {row["event"]["study"] for row in server.person(AUTHOR).ledger()}
