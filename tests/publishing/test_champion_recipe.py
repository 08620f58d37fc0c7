"""A champion's recipe on its way back into the pipeline: whoever weakens it is found out by what was signed."""

import json
from pathlib import Path

import pytest
from made_projects import client_of
from release.submission_by_hand import a_key, key_entry, trust

from theragate import cli
from theragate.errors import EvidenceError
from theragate.publishing.attest import check_champion
from theragate.registry.pinned_head import Memory
from theragate.release.champion import read_champion, write_champion
from theragate.release.examination import read_unverified
from theragate.release.keys import development_key
from theragate.release.refusals import Refusal
from theragate.release.trust import development_trust
from theragate.settings import read_settings
from theragate.tracking.attested import ATTESTATION
from theragate.tracking.runs import RECIPE
from theragate.tracking.store import Stores

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload``"),  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates
    pytest.mark.xdist_group("register"),
]
FILE = "champion.json"


@pytest.fixture
def serving(signed):
    """A study whose version 1, attested on a laptop, somebody has called champion."""
    client_of(signed).set_registered_model_alias(signed.study, "champion", "1")
    return signed


def stores_of(workspace) -> Stores:
    return Stores.of(read_settings({}, workspace.root))


def own_trust(workspace):
    return development_trust(development_key(workspace.root / "private")[0].public, {})


def seen(workspace):
    return Memory(workspace.root / "ledgers.json", lenient=True)


def rewrite_recipe(workspace, folder, **changes) -> None:
    """Change the run's recipe as an editor of the experiment can."""
    client = client_of(workspace)
    run_id = client.get_model_version(workspace.study, "1").run_id
    content = json.loads(Path(client.download_artifacts(run_id, RECIPE, str(folder))).read_text(encoding="utf-8"))
    (folder / RECIPE).write_text(json.dumps(content | changes), encoding="utf-8")
    client.log_artifact(run_id, str(folder / RECIPE))


def test_the_recipe_of_the_champion_is_the_one_that_its_attestation_signs(serving):
    assert cli.main(["champion", serving.study]) == 0
    champion = read_champion(serving.decided(FILE), serving.study)
    signed = read_unverified(client_of(serving).get_model_version(serving.study, "1").tags[ATTESTATION])
    assert champion.recipe_sha256(serving.study) == signed.recipe_sha256
    assert check_champion(serving, stores_of(serving), own_trust(serving), seen(serving)) is None


@pytest.mark.parametrize(
    "changes", [{"params": {"depth": 1, "rate": 0.1}}, {"features": ["age"]}, {"family": "coxnet"}]
)
def test_a_recipe_that_was_weakened_in_the_run_is_not_taken(serving, tmp_path, capsys, changes):
    before = serving.decided(FILE).read_bytes()
    rewrite_recipe(serving, tmp_path, **changes)
    assert cli.main(["champion", serving.study]) == 1
    error = capsys.readouterr().err
    assert "version 1, its run's recipe.json: a champion is fitted again, to be beaten, by the recipe that its" in error
    assert serving.decided(FILE).read_bytes() == before


def test_a_recipe_that_an_author_weakened_in_the_commit_is_not_attested(serving):
    assert cli.main(["champion", serving.study]) == 0
    champion = read_champion(serving.decided(FILE), serving.study)
    weak = champion.model_copy(update={"params": {"depth": 1, "rate": 0.1}})
    write_champion(serving.decided(FILE), serving.study, weak)
    with pytest.raises(EvidenceError, match=rf"release/{serving.study}/champion\.json: .*its own attestation signs"):
        check_champion(serving, stores_of(serving), own_trust(serving), seen(serving))


def test_a_signature_that_counts_nowhere_vouches_for_nothing(serving):
    assert cli.main(["champion", serving.study]) == 0
    with pytest.raises(Refusal, match="a key which counts here"):
        check_champion(serving, stores_of(serving), trust(), seen(serving))


def test_without_attestation_a_laptop_believes_the_run_and_a_deployment_does_not(serving):
    client_of(serving).delete_model_version_tag(serving.study, "1", ATTESTATION)
    assert cli.main(["champion", serving.study]) == 0
    with pytest.raises(EvidenceError, match="received a version without attestation"):
        check_champion(serving, stores_of(serving), trust(keys=(key_entry(a_key(1), "evaluator"),)), seen(serving))


def test_where_there_is_no_champion_there_is_nothing_to_check(by_hand):
    nowhere = Stores("sqlite:////nowhere/mlflow.db", "sqlite:////nowhere/mlflow.db", "")
    assert check_champion(by_hand, nowhere, own_trust(by_hand), seen(by_hand)) is None
