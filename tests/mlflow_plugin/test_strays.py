"""Files that lie among a server's own and belong to nothing: `theragate server --check` counts them."""

import re

from mlflow_plugin.servers import experiment_of

from theragate.mlflow_plugin.checks.artifacts import check_artifacts
from theragate.settings import read_settings


def counted(server, words):
    """How many files and bytes a check finds, and what it names."""
    environ = server.environ()
    found = [one for one in check_artifacts(read_settings(environ, server.folder), environ) if words in one.sentence]
    if not found:
        return 0, 0, ""
    assert [one.level for one in found] == ["warning"]
    files, size = re.search(r"received ([\d,]+) files \(([\d,]+) bytes\) of nothing", found[0].sentence).groups()
    return int(files.replace(",", "")), int(size.replace(",", "")), found[0].sentence


def test_files_of_no_run_and_no_version_are_counted(release):
    artifacts, sealed = "the artifacts, ", "the sealed models, "
    before, sealed_before = counted(release.server, artifacts), counted(release.server, sealed)
    version, _ = release.champion(size=20_000)
    experiment = experiment_of(release.person("alan"))
    release.person("alan").upload(release.folder / "champion", f"{experiment}/{'a' * 32}/artifacts/model")
    after = counted(release.server, artifacts)
    package = [path for path in (release.folder / "champion").rglob("*") if path.is_file()]
    assert after[0] - before[0] == len(package)
    assert after[1] - before[1] == sum(path.stat().st_size for path in package)
    assert counted(release.server, sealed)[:2] == sealed_before[:2], "what is in service belongs to a row of the ledger"
    lost = release.server.artifacts / "sealed" / ("f" * 64)
    lost.mkdir()
    (lost / "MLmodel").write_bytes(b"x" * 77)
    assert counted(release.server, sealed)[:2] == (sealed_before[0] + 1, sealed_before[1] + 77)
    (lost / "MLmodel").unlink()
    lost.rmdir()
    assert release.serving() == version


def test_a_file_beside_everything_is_named(release):
    experiment = experiment_of(release.person("alan"))
    before = counted(release.server, "the artifacts, ")
    for path in (f"{experiment}/a note", "0/a note"):
        answer = release.person("alan").send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", data=b"12345")
        assert answer.status_code == 200, answer.text
    after = counted(release.server, "the artifacts, ")
    assert (after[0] - before[0], after[1] - before[1]) == (2, 10)
    assert "`0`" in after[2], "nothing is in the folder of that experiment but this"
    assert after[2].endswith("look at them, and remove what nobody needs.")
