"""Becoming a release manager by way of the accounts, tried on a real server by the administrator of its users."""

import contextlib

import pytest
import sqlalchemy
from mlflow_plugin.servers import ADMIN, PASSWORD, Person
from mlflow_plugin.test_refusals import refuses
from werkzeug.security import generate_password_hash

from theragate.release.trust import Holder

ROADS = ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"]
OTHER = "a password that the administrator knows"


@pytest.fixture
def admin(release):
    return release.person(ADMIN)


@pytest.mark.parametrize("road", ROADS)
def test_nobody_sets_the_password_of_a_manager(admin, road):
    for who in (admin, Person("grace", admin.address)):
        answer = who.send("PATCH", f"{road}/users/update-password", json={"username": "ada", "password": OTHER})
        assert answer.status_code == 403, answer.text
    refuses(admin.send("DELETE", f"{road}/users/delete", json={"username": "ada"}), "nobody deletes it")
    assert Person("ada", admin.address).api("GET", "users/current").status_code == 200


def test_a_manager_changes_the_own_password(release):
    ada = release.person("ada")
    for old, new in ((PASSWORD, OTHER), (OTHER, PASSWORD)):
        ada.session.auth = ("ada", old)
        answer = ada.api("PATCH", "users/update-password", username="ada", password=new, current_password=old)
        assert answer.status_code == 200, answer.text


def test_everybody_elses_account_is_the_administrators_business(admin):
    assert admin.api("POST", "users/create", username="temporary", password=PASSWORD).status_code == 200
    assert admin.api("PATCH", "users/update-password", username="temporary", password=OTHER).status_code == 200
    assert admin.api("DELETE", "users/delete", username="temporary").status_code == 200


LOOKALIKES = ["ADA", "ａｄａ", "\u0430da", "ada\u3164", "ada\u034f", "ada ", "a\u200bda", "ada.", "grace\n", "reAder"]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_no_account_looks_like_one_with_a_right(admin, name):
    """The bare name of a manager without an account is tried on a server of its own."""
    for road in ROADS:
        answer = admin.send("POST", f"{road}/users/create", json={"username": name, "password": PASSWORD})
        refuses(answer, "account `")
    assert admin.api("GET", "users/get", username=name).status_code == 404


def test_no_account_looks_like_another(admin):
    refuses(
        admin.api("POST", "users/create", username="rnallory", password=PASSWORD), "like that of the account `mallory`"
    )


def form_of(admin):
    """Sign up as the form of MLflow's page does, with its token."""
    page = admin.send("GET", "/signup")
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert token
    return token


def test_a_listed_name_without_an_account_is_nobodys(release, admin):
    deployment = release.server.deployment
    listed = (Holder(name="newcomer"), Holder(name="ada"), Holder(name="grace"))
    deployment.write(release_managers=listed)
    try:
        for road in ROADS:
            body = {"username": "newcomer", "password": OTHER}
            refuses(admin.send("POST", f"{road}/users/create", json=body), "before the trust file lists the name")
        form = {"username": "newcomer", "password": OTHER, "csrf_token": form_of(admin)}
        refuses(admin.send("POST", "/api/2.0/mlflow/users/create-ui", data=form), "before the trust file lists")
        assert admin.api("GET", "users/get", username="newcomer").status_code == 404
    finally:
        deployment.write()


def test_a_manager_is_no_administrator(release, admin):
    for road in ROADS:
        body = {"username": "ada", "is_admin": True}
        refuses(admin.send("PATCH", f"{road}/users/update-admin", json=body), "who could act as two people")
    admin.must("POST", "users/create", username="both", password=PASSWORD)
    admin.must("PATCH", "users/update-admin", username="both", is_admin=True)
    deployment = release.server.deployment
    deployment.write(release_managers=(Holder(name="both"), Holder(name="grace")))
    try:
        version, attested = release.register("candidate")
        both = release.person("both")
        refuses(both.tag(release.study, version, "theragate.approve", attested.approval), "is no administrator of the")
        admin.must("PATCH", "users/update-admin", username="both", is_admin=False)
        assert both.tag(release.study, version, "theragate.approve", attested.approval).status_code == 200
    finally:
        deployment.write()
        admin.must("DELETE", "users/delete", username="both")


def test_a_manager_with_a_role_makes_no_second_account(release, admin):
    """Whoever manages a workspace may make accounts, says MLflow, without being an administrator."""
    roles, listed = "/api/3.0/mlflow/roles", release.person("ada")
    role = admin.send("POST", f"{roles}/create", json={"name": "everything", "workspace": "default"}).json()["role"][
        "id"
    ]
    grant = {"role_id": role, "resource_type": "workspace", "resource_pattern": "*", "permission": "MANAGE"}
    assert admin.send("POST", f"{roles}/permissions/add", json=grant).status_code == 200
    for name in ("ada", "mallory"):
        assert admin.send("POST", f"{roles}/assign", json={"role_id": role, "username": name}).status_code == 200
    for road in ROADS:
        body = {"username": "second", "password": PASSWORD}
        refuses(listed.send("POST", f"{road}/users/create", json=body), "a request of `ada`, who is listed")
    assert admin.api("GET", "users/get", username="second").status_code == 404
    release.person("mallory").must("POST", "users/create", username="second", password=PASSWORD)
    admin.must("DELETE", "users/delete", username="second")
    assert admin.send("DELETE", f"{roles}/delete", json={"role_id": role}).status_code == 200


def test_a_password_that_a_process_remembers_releases_nothing(release):
    """As if another process, or somebody in the database, had changed it: this one has not heard of it."""
    version, attested = release.register("candidate")
    ada, grace = release.person("ada"), release.person("grace")
    assert ada.api("GET", "users/current").status_code == 200
    with changed_elsewhere(release.server, "ada"):
        assert ada.api("GET", "users/current").status_code == 200, "MLflow remembers the old password"
        refuses(ada.tag(release.study, version, "theragate.approve", attested.approval), "with the present password")
        assert ada.api("GET", "users/current").status_code == 401, "this process has heard of it now"
    release.approve(version, attested)
    assert grace.api("GET", "users/current").status_code == 200
    with changed_elsewhere(release.server, "grace"):
        refuses(grace.set_alias(release.study, version), "with the present password")
    release.promote(version)
    for act in (
        lambda person: person.delete_alias(release.study),
        lambda person: person.tag(release.study, version, "theragate.withdraw", "The outcome was coded wrongly there."),
        lambda person: person.tag(release.study, version, "theragate.revoke", "The outcome was coded wrongly there."),
    ):
        assert ada.api("GET", "users/current").status_code == 200
        with changed_elsewhere(release.server, "ada"):
            refuses(act(ada), "with the present password")
    assert release.serving() == version


@contextlib.contextmanager
def changed_elsewhere(server, name):
    """Change a password in the table of users, past the server."""
    engine = sqlalchemy.create_engine(f"sqlite:///{server.folder}/users.db")
    change = sqlalchemy.text("UPDATE users SET password_hash = :hash WHERE username = :name")
    read = sqlalchemy.text("SELECT password_hash FROM users WHERE username = :name")
    with engine.begin() as connection:
        before = connection.execute(read, {"name": name}).scalar()
        connection.execute(change, {"hash": generate_password_hash(OTHER), "name": name})
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(change, {"hash": before, "name": name})
        engine.dispose()


def test_the_name_of_a_key_gives_no_right(release, admin):
    _, attested = release.register("candidate")
    dossier = f"/api/2.0/theragate/dossiers/{attested.attestation.dossier_sha256}"
    refuses(release.person("evaluator").send("GET", dossier), "who is neither")
    assert release.person("reader").send("GET", dossier).content == attested.dossier
    deployment = release.server.deployment
    deployment.write(readers=(Holder(name="reader", studies=("another_study",)),))
    try:
        refuses(release.person("reader").send("GET", dossier), "who is neither")
    finally:
        deployment.write()
