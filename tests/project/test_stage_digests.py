"""What is noticed before every run: other code, other keys, and nothing that a stage does not read."""

import json
from pathlib import Path

import pytest
import yaml
from made_extensions import MadeExtensions
from support import STUDY, Project, run

from theragate.digests import md5_file
from theragate.errors import ConfigurationError
from theragate.project.stage_digests import READS, differing, digest_files, notice


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def changed(before, after, study=STUDY):
    """The stages whose digests of the study differ."""
    paths = {stage: f"data/_keys/{study}/{stage}.json" for stage in READS}
    return {stage for stage, path in paths.items() if before[path] != after[path]}


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        (lambda study: study["card"].update(owner="Another"), {"gate", "register"}),
        (lambda study: study["card"].update(title="Another"), {"validate", "gate", "register"}),
        (lambda study: study["tuning"].update(trials=5), {"gate", "register"}),  # for `train` it stands in dvc.yaml
        (lambda study: study["decision"].update(threshold=0.3), {"train", "evaluate", "gate", "register"}),
        (lambda study: study["source"].update(licence="Another."), {"ingest", "gate", "register"}),
        (lambda study: study["outcome"].update(positive="no"), set(READS)),
        (lambda study: study.update(policy="strict"), {"gate", "register"}),
    ],
)
def test_a_key_concerns_the_stages_that_read_it(change, stages, project):
    before = digest_files(project.root)
    change(project.study)
    project.write()
    assert changed(before, digest_files(project.root)) == stages


def test_a_policy_concerns_the_stages_that_judge_the_studies_that_name_it(project):
    project.params["policies"]["strict"] = {}
    project.params["studies"]["other"] = {**project.study, "policy": "strict"}
    project.write()
    before = digest_files(project.root)
    project.params["policies"]["strict"] = {"calibration": {"slope": 0.1}}
    project.write()
    after = digest_files(project.root)
    assert changed(before, after) == set()
    assert changed(before, after, "other") == {"gate", "register"}


def test_the_order_of_keys_and_the_layout_change_nothing(project):
    before = digest_files(project.root)
    text = yaml.safe_dump(json.loads(json.dumps(project.params)), sort_keys=True, width=40)
    (project.root / "params.yaml").write_text("# a comment\n" + text, encoding="utf-8")
    assert changed(before, digest_files(project.root)) == set()


def test_a_script_of_the_project_is_code_of_its_stage(project):
    (project.root / "pipelines").mkdir()
    before = digest_files(project.root)
    (project.root / "pipelines" / "train.py").write_text("own", encoding="utf-8")
    after = digest_files(project.root)
    assert {path for path in before if before[path] != after[path]} == {"data/_code/train.json"}


def written(project):
    return {path: json.loads((project.root / path).read_bytes()) for path in digest_files(project.root)}


def test_what_is_written_says_what_has_changed_since_the_last_run(project):
    assert notice(project.root) == "digests: 7 stages, 1 study"
    assert written(project) == digest_files(project.root)
    inodes = [(project.root / path).stat().st_ino for path in written(project)]
    assert notice(project.root) == "digests: nothing changed"
    assert [(project.root / path).stat().st_ino for path in written(project)] == inodes, "none is written again"
    project.study["decision"]["threshold"] = 0.3
    project.params["studies"]["other"] = project.study
    project.write()
    changes, warning = notice(project.root).splitlines()
    assert changes == f"digests: changed since the last run: {STUDY}: decision; other is new"
    assert warning.startswith("warning: study `other`: it has its suite")
    for name in ("expectations/other.json", "sources/other/README.md"):
        (project.root / name).parent.mkdir(exist_ok=True)
        (project.root / name).touch()
    del project.params["studies"][STUDY]
    project.write()
    (project.root / "pipelines").mkdir()
    (project.root / "pipelines" / "gate.py").write_text("own", encoding="utf-8")
    assert notice(project.root) == f"digests: changed since the last run: code of gate; {STUDY} is gone"
    assert not (project.root / "data" / "_keys" / STUDY).exists()
    assert written(project) == digest_files(project.root)


def test_of_many_changes_a_few_are_named(project):
    project.params["studies"] |= {f"study_{number}": project.study for number in range(9)}
    project.write()
    notice(project.root)
    project.params["studies"] = {f"other_{number}": project.study for number in range(6)}
    project.write()
    line = notice(project.root).splitlines()[0]
    assert line.endswith("run: other_0 is new; other_1 is new; other_2 is new; other_3 is new; and 12 more")


def test_a_project_without_a_study_has_digests_too(project):
    project.params["studies"] = {}
    project.write()
    first, *more = notice(project.root).splitlines()
    assert first == "digests: 7 stages, 0 studies"
    assert more[-1].split()[:2] == ["theragate", "new-study"]


def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_written(project):
    (project.root / "params.yaml").write_text("studies: [", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="syntax error"):
        notice(project.root)
    assert not (project.root / "data").exists()


@pytest.mark.parametrize("broken", ["", "[]", '{"files": 1, "params": {"of": 2, "studies": 3}}'])
def test_what_is_remembered_may_be_broken(broken, project):
    digests = digest_files(project.root)
    notice(project.root)
    for path in (".dvc/tmp/theragate/digests.json", "data/_code/train.json"):
        (project.root / path).write_text(broken, encoding="utf-8")
    assert digest_files(project.root) == digests
    notice(project.root)
    assert written(project) == digests


def differences(project, path, md5):
    return tuple(differing(project.root, path, md5, digest_files(project.root)))


def test_what_differs_from_the_lock_is_named_by_keys_of_params(project):
    notice(project.root)
    locked = {path: md5_file(project.root / path) for path in digest_files(project.root)}
    assert [differences(project, *each) for each in locked.items()] == [()] * len(locked)
    project.study["outcome"]["description"] = "Another."
    project.params["seed"] += 1
    project.params["policies"]["every_study"] = {"calibration": {}}
    project.write()
    keys = {stage: f"data/_keys/{STUDY}/{stage}.json" for stage in READS}
    assert differences(project, keys["refit"], locked[keys["refit"]]) == ("`seed`", f"`studies.{STUDY}.outcome`")
    assert differences(project, keys["gate"], locked[keys["gate"]]) == (f"`studies.{STUDY}`", "`policies`")
    assert differences(project, "data/_code/train.json", "0") == ("code of train",)
    # Where the lock is of another run than the files, all that the stage reads may differ.
    assert len(differences(project, keys["ingest"], "0")) == len(READS["ingest"])
    del project.params["studies"][STUDY]
    project.params["studies"]["other"] = project.study if STUDY in project.params["studies"] else {}
    project.write()
    assert f"`studies.{STUDY}`" in differences(project, keys["gate"], locked[keys["gate"]])


def test_the_step_ends_with_one_line_and_without_a_traceback(project):
    script = project.root / "notice.py"
    script.write_text(
        "import sys; from pathlib import Path; from theragate.project.stage_digests import notice;"
        "from theragate.runner.reporting import reported; sys.exit(reported(lambda: notice(Path.cwd())))",
        encoding="utf-8",
    )
    assert run(project.root, "python", "notice.py") == "digests: 7 stages, 1 study\n"
    (project.root / "params.yaml").unlink()
    refused = run(project.root, "python", "notice.py", code=1)
    assert refused.startswith("error: ")
    assert len(refused.splitlines()) == 1


def test_every_stage_depends_on_the_extensions_that_its_study_names(project, acme: MadeExtensions):
    project.params["studies"]["other"] = dict(project.study)
    project.study["extensions"] = ["acme-theragate"]
    project.write()
    absent = digest_files(project.root)
    acme.gate()
    before = digest_files(project.root)
    assert changed(absent, before) == set(READS)
    assert all("extensions" not in before[f"data/_keys/other/{stage}.json"] for stage in READS)
    assert not acme.imported("acme_gates")
    notice(project.root)
    (acme.folder / "acme_gates" / "more.py").touch()
    after = digest_files(project.root)
    assert changed(before, after) == set(READS)
    assert {Path(path).parent.name for path in before if before[path] != after[path]} == {STUDY}
    line, *_ = notice(project.root).splitlines()
    assert line == f"digests: changed since the last run: {STUDY}: extensions"
