"""Becoming a release manager by way of the accounts, tried on a real server by the administrator of its users."""

import pytest
from mlflow_plugin.servers import ADMIN, PASSWORD, Person
from mlflow_plugin.test_refusals import refuses

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


def test_a_user_of_nearly_the_same_name_is_no_manager(release, admin):
    version, attested = release.register("candidate")
    for name in ("ADA", "ａｄａ"):
        made = admin.api("POST", "users/create", username=name, password=PASSWORD)
        assert made.status_code in (200, 400), made.text  # once for each server
        person = release.person(name)
        person.session.auth = (name.encode(), PASSWORD.encode())
        refuses(person.tag(release.study, version, "theragate.approve", attested.approval), "who is not one")
        refuses(person.set_alias(release.study, version), "who is not one")
    dossier = f"/api/2.0/theragate/dossiers/{attested.attestation.dossier_sha256}"
    admin.api("POST", "users/create", username="evaluator@elsewhere.example", password=PASSWORD)
    stranger = release.person("evaluator@elsewhere.example")
    refuses(stranger.send("GET", dossier), "who is neither")
