"""A release server with an extension installed: it judges by it where the trust file lists its digest, only there."""

import pytest
from gates.evidence_by_hand import STUDIES, good_evidence
from made_extensions import GATE, MadeExtensions
from mlflow_plugin.attested_by_hand import Deployment
from mlflow_plugin.conftest import Release
from mlflow_plugin.servers import Server, running

from theragate.extensions import find
from theragate.gates import read_policy

ACME = "acme-theragate"
SEEN = "import os\nopen(os.environ['ACME_SEEN'], 'w').close()\n"


@pytest.mark.xdist_group("server of extensions")
def test_a_server_imports_what_its_trust_file_lists(acme: MadeExtensions, tmp_path, monkeypatch) -> None:
    seen = tmp_path / "seen"
    monkeypatch.setenv("ACME_SEEN", str(seen))
    acme.gate(source=SEEN + GATE)
    digest = find(ACME).sha256
    gates = STUDIES["survival"].gates | {"follow_up": {"most": 0.9, "reason": "Agreed with the clinic."}}
    changes = {"name": "with_extension", "extensions": (ACME,), "gates": gates}
    cohort = good_evidence(STUDIES["survival"]).cohort.model_copy(update={"censored_before_horizon": 7})
    policy = read_policy(STUDIES["survival"].model_copy(update=changes))
    monkeypatch.setenv("PYTHONPATH", str(acme.folder))
    server = Server(tmp_path / "server", f"sqlite:///{tmp_path}/mlflow.db", Deployment(tmp_path / "deployment"))
    server.deployment.policies["with_extension"] = (policy.sha256,)
    with running(server):
        server.hire()
        release = Release(server, tmp_path, "with_extension")
        version, attested = release.register("first", policy=policy, evidence={"cohort": cohort})
        seen.unlink()  # the evaluator's import
        for listed in ({}, {ACME: ("0" * 64,)}):
            server.deployment.write(extensions=listed)
            answer = release.person("ada").tag("with_extension", version, "theragate.approve", attested.approval)
            assert answer.status_code == 403
            assert "list the digest under `extensions` in release/trust.json" in answer.json()["message"]
            assert release.person("grace").set_alias("with_extension", version).status_code == 403
            assert not seen.exists()
        server.deployment.write(extensions={ACME: (digest,)})
        release.hand_in(version, attested)  # again: it did not count before
        release.approve(version, attested)
        release.promote(version)
        assert release.serving() == version
        assert seen.exists()
