"""What is noticed before every run: other code, other keys, and nothing that a stage does not read."""

import json

import pytest
import yaml
from made_extensions import MadeExtensions
from support import STUDY, Project, run

from theragate.errors import ConfigurationError
from theragate.project.stage_digests import DIGESTS, READS, differing, notice, stage_digests


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def changed(before, after):
    """The stages whose digests of the study differ."""
    return {stage for stage in READS if before["studies"][STUDY][stage] != after["studies"][STUDY][stage]}


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
    before = stage_digests(project.root)
    change(project.study)
    project.write()
    assert changed(before, stage_digests(project.root)) == stages


def test_a_policy_concerns_the_stages_that_judge_the_studies_that_name_it(project):
    project.params["policies"]["strict"] = {}
    project.params["studies"]["other"] = {**project.study, "policy": "strict"}
    project.write()
    before = stage_digests(project.root)
    project.params["policies"]["strict"] = {"calibration": {"slope": 0.1}}
    project.write()
    after = stage_digests(project.root)
    assert changed(before, after) == set()
    assert {stage for stage in READS if before["studies"]["other"][stage] != after["studies"]["other"][stage]} == {
        "gate",
        "register",
    }


def test_the_order_of_keys_and_the_layout_change_nothing(project):
    before = stage_digests(project.root)
    text = yaml.safe_dump(json.loads(json.dumps(project.params)), sort_keys=True, width=40)
    (project.root / "params.yaml").write_text("# a comment\n" + text, encoding="utf-8")
    assert changed(before, stage_digests(project.root)) == set()


def test_a_script_of_the_project_is_code_of_its_stage(project):
    (project.root / "pipelines").mkdir()
    before = stage_digests(project.root)["code"]
    (project.root / "pipelines" / "train.py").write_text("own", encoding="utf-8")
    after = stage_digests(project.root)["code"]
    assert {stage for stage in READS if before[stage] != after[stage]} == {"train"}


def test_what_is_written_says_what_has_changed_since_the_last_run(project):
    assert notice(project.root) == "digests: 7 stages, 1 study"
    written = (project.root / DIGESTS).read_bytes()
    assert json.loads(written) == stage_digests(project.root)
    assert notice(project.root) == "digests: nothing changed"
    assert (project.root / DIGESTS).read_bytes() == written
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
    assert not (project.root / DIGESTS).exists()


@pytest.mark.parametrize("broken", ["", "[]", '{"files": 1, "params": {"of": 2, "studies": 3}}'])
def test_what_is_remembered_may_be_broken(broken, project):
    digests = stage_digests(project.root)
    (project.root / ".dvc/tmp/theragate/digests.json").write_text(broken, encoding="utf-8")
    (project.root / DIGESTS).parent.mkdir(exist_ok=True)
    (project.root / DIGESTS).write_text(broken, encoding="utf-8")
    assert stage_digests(project.root) == digests
    notice(project.root)
    assert json.loads((project.root / DIGESTS).read_bytes()) == digests


def test_what_differs_from_the_lock_is_named_by_keys_of_params(project):
    now = stage_digests(project.root)
    locked = {"code.train": now["code"]["train"], f"studies.{STUDY}.refit": now["studies"][STUDY]["refit"]}
    assert differing(locked, now) == ()
    other = {
        "code.train": "0",
        f"studies.{STUDY}.refit": {**locked[f"studies.{STUDY}.refit"], "seed": "0", "outcome": "0"},
        f"studies.{STUDY}.gate": {"entry": "0", "policies": "0"},
    }
    assert set(differing(other, now)) == {
        "code of train",
        "`seed`",
        f"`studies.{STUDY}.outcome`",
        f"`studies.{STUDY}`",
        "`policies`",
    }
    assert differing({"studies.gone.gate": {"entry": "0"}}, now) == ("`studies.gone`",)


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
    absent = stage_digests(project.root)
    acme.gate()
    before = stage_digests(project.root)
    assert changed(absent, before) == set(READS)
    assert all("extensions" not in read for read in before["studies"]["other"].values())
    assert not acme.imported("acme_gates")
    notice(project.root)
    (acme.folder / "acme_gates" / "more.py").touch()
    after = stage_digests(project.root)
    assert changed(before, after) == set(READS)
    assert before["studies"]["other"] == after["studies"]["other"]
    assert before["code"] == after["code"]
    line, *_ = notice(project.root).splitlines()
    assert line == f"digests: changed since the last run: {STUDY}: extensions"
