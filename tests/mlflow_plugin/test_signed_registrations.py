"""Who has registered what is said by the server's signature: tried with the password of its role in the database."""

from contextlib import contextmanager

import pytest
import sqlalchemy
from mlflow_plugin.attested_by_hand import attest
from mlflow_plugin.servers import experiment_of
from mlflow_plugin.test_authors import NOBODY
from mlflow_plugin.test_refusals import refuses

REGISTERED, VERSIONS, TAGS = "theragate_registrations", "model_versions", "model_version_tags"


@contextmanager
def past(server):
    """One transaction with the server's own address, past the server; and how it copies rows, changed."""
    engine = sqlalchemy.create_engine(server.database)

    def copy(table, changes, **where):
        found = sqlalchemy.Table(table, sqlalchemy.MetaData(), autoload_with=connection)
        rows = connection.execute(sqlalchemy.select(found).filter_by(**where)).mappings().all()
        assert rows
        for row in rows:
            kept = {key: value for key, value in row.items() if (table, key) != (REGISTERED, "id")}
            connection.execute(found.insert().values(**kept | changes))

    with engine.begin() as connection:
        yield copy
    engine.dispose()


def test_nobody_becomes_an_author_by_a_row_that_the_server_has_not_written(release):
    version, attested = release.register("candidate")
    for person in ("ada", "grace"):
        with past(release.server) as copy:
            copy(REGISTERED, {"person": person}, name=release.study)
            copy(REGISTERED, {"person": person, "name": f"{release.study}_before"}, name=release.study)
            copy(REGISTERED, {"person": "mallory", "runner": person}, name=release.study)
    release.approve(version, attested, by="ada")
    release.promote(version, by="grace")


@pytest.mark.parametrize("recorded", [True, False])
def test_no_version_is_registered_in_the_name_of_another(release, recorded):
    """Ada, with that password, writes that mallory has registered what she would then approve herself."""
    honest, _ = release.register("honest", by="mallory")
    package, ada = release.package("candidate"), release.person("ada")
    experiment = experiment_of(ada)
    place = f"{experiment}/{ada.run(experiment)}/artifacts/model"
    ada.upload(package, place)
    source = {"source": f"mlflow-artifacts:/{place}", "storage_location": f"mlflow-artifacts:/{place}"}
    number = int(honest) + 1
    with past(release.server) as copy:
        copy(VERSIONS, {"version": number, **source}, name=release.study, version=int(honest))
        copy(TAGS, {"version": number}, name=release.study, version=int(honest), key="theragate.author")
        if recorded:
            moved = {"version": number, "source": source["source"], "location": source["source"]}
            copy(REGISTERED, moved, name=release.study, version=int(honest))
    attested = attest(package, release.study, release.server.deployment.evaluator, author=NOBODY)
    release.hand_in(str(number), attested)
    assert release.person("ada").version(release.study, str(number))["description"].startswith("NOT ATTESTED")
    for person in ("ada", "grace"):
        answer = release.person(person).tag(release.study, str(number), "theragate.approve", attested.approval)
        refuses(answer, "the server has recorded and signed who registered it; received no such record of `mallory`")


def test_a_signed_row_of_another_version_is_none_of_this_one(release):
    """The signature of an honest registration, repeated with other files: those of its number, too."""
    honest, _ = release.register("honest", by="mallory")
    package, ada = release.package("candidate"), release.person("ada")
    experiment = experiment_of(ada)
    place = f"{experiment}/{ada.run(experiment)}/artifacts/model"
    ada.upload(package, place)
    other = f"{release.study}_other"
    ada.must("POST", "registered-models/create", name=other)
    with past(release.server) as copy:
        moved = {"name": other, "storage_location": f"mlflow-artifacts:/{place}"}
        copy(VERSIONS, moved, name=release.study, version=int(honest))
        copy(TAGS, {"name": other}, name=release.study, version=int(honest), key="theragate.author")
    attested = attest(package, other, release.server.deployment.evaluator, author=NOBODY)
    release.server.deployment.policies[other] = release.server.deployment.policies[release.study]
    type(release)(release.server, release.folder, other).hand_in(honest, attested)
    refuses(ada.tag(other, honest, "theragate.approve", attested.approval), "received no such record of `mallory`")


def test_a_model_with_another_name_keeps_who_has_registered_it(release):
    draft = type(release)(release.server, release.folder, f"{release.study}_draft")
    package = draft.package("candidate")
    version = release.person("alan").register(draft.study, package)
    release.person("alan").must("POST", "registered-models/rename", name=draft.study, new_name=release.study)
    attested = attest(package, release.study, release.server.deployment.evaluator, author=NOBODY)
    release.hand_in(version, attested)
    release.approve(version, attested)
    release.promote(version)


def test_a_server_without_its_key_registers_nothing_that_nobody_could_release(release):
    """It would be registered in vain; that the key came back changes nothing about who has registered what."""
    key = release.server.deployment.ledger_file
    aside = key.rename(key.with_name("aside.pem"))
    try:
        package, alan = release.package("candidate"), release.person("alan")
        with pytest.raises(AssertionError, match="THERAGATE_LEDGER_KEY"):
            alan.register(release.study, package)
    finally:
        aside.rename(key)
    version, attested = release.register("candidate again")
    release.approve(version, attested)
    release.promote(version)
