"""A release server on an empty PostgreSQL, made by the very commands of docs/deployment.md."""

import os
import re
import subprocess

import psycopg
import pytest
import sqlalchemy
from documentation.pages import Page
from mlflow_plugin.attested_by_hand import Deployment, attest, policy_of, write_package
from mlflow_plugin.ruled import PROGRAMS, cluster
from mlflow_plugin.servers import Server, running
from support import BIN, ROOT

pytestmark = pytest.mark.xdist_group("release-postgresql")
STUDY = "study_from_nothing"


def section(title: str) -> str:
    """The blocks of a section of the page, in their order."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    text = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3  # the superuser's, the owner's, an upgrade
    return "\n".join(blocks)


class OnPostgresql(Server):
    """A server whose sign-in is in the database that the page has made for it."""

    def environ(self):
        environ = super().environ()
        sign_in = self.folder / "sign-in.ini"
        users = self.database.replace("/mlflow", "/sign_in")
        sign_in.write_text(re.sub(r"(?m)^database_uri = .*$", f"database_uri = {users}", sign_in.read_text()))
        return environ


def test_a_server_is_set_up_by_the_page_alone(tmp_path):
    assert Page(ROOT / "docs" / "deployment.md").anchors >= {"the-database-from-nothing"}
    deployment = Deployment(tmp_path / "deployment")
    deployment.accept(policy_of(STUDY))
    with cluster() as superuser:
        place = sqlalchemy.make_url(superuser).query["host"]

        def here(text: str) -> str:
            """Put our socket where the page names a machine."""
            return re.sub(r"@db\.hospital\.example/(\w+)", rf"@/\1?host={place}", text)

        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "THERAGATE_"))}
        environ = kept | {
            "PATH": f"{BIN}:{PROGRAMS}:{os.environ['PATH']}",
            "THERAGATE_TRUST": str(deployment.trust_file),
        }
        script = "set -euo pipefail\n" + here(section("The database, from nothing"))
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        server_role = here("postgresql://theragate_server@db.hospital.example/mlflow")
        with running(OnPostgresql(tmp_path / "server", server_role, deployment)) as server:
            server.hire()
            package = write_package(tmp_path / "package", STUDY)
            attested = attest(package, STUDY, deployment.evaluator)
            version = server.person("alan").register(STUDY, package)
            evaluator = server.person("evaluator")
            assert evaluator.put_dossier(attested).status_code == 200
            evaluator.tag(STUDY, version, "theragate.attestation", attested.envelope)
            assert server.person("ada").tag(STUDY, version, "theragate.approve", attested.approval).status_code == 200
            answer = server.person("grace").set_alias(STUDY, version)
            assert answer.status_code == 200, answer.text
            assert server.person("ada").aliases(STUDY) == {"champion": version}
        with pytest.raises(psycopg.Error, match="says the ledger"), psycopg.connect(server_role) as connection:
            connection.execute("DELETE FROM registered_model_aliases")
        connection.close()
        with pytest.raises(psycopg.Error, match="permission denied for database"):
            psycopg.connect(here("postgresql://theragate_owner@db.hospital.example/sign_in"))
