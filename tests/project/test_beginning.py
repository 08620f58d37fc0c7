"""How a project begins, and what stays as it is."""

import subprocess

import pytest
import yaml
from support import ROOT, run

from theragate.cli import main
from theragate.errors import ConfigurationError, StoreError
from theragate.project.beginning import begin, plan_beginning
from theragate.project.templates import examples, managed, template
from theragate.project.written import digest, read_written
from theragate.study import load_study, read_parameters


@pytest.fixture
def folder(tmp_path):
    """Where projects begin: with a space and letters that ASCII lacks."""
    made = tmp_path / "Klinik für Innere Medizin"
    made.mkdir()
    return made


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".git/" not in str(path)}


def begun(target):
    begin(plan_beginning(target))
    return target


def test_a_project_has_the_stages_and_scripts_of_the_repository(folder):
    begun(folder)
    scripts = [path for path in (ROOT / "pipelines").iterdir() if path.suffix in (".py", ".yaml")]
    for path in [ROOT / "dvc.yaml", *scripts, ROOT / ".gitignore", ROOT / ".dvc" / "config"]:
        name = path.relative_to(ROOT)
        assert (folder / name).read_bytes() == path.read_bytes(), name
    assert {path.name for path in (folder / "pipelines").iterdir()} == {path.name for path in scripts}


def test_a_project_has_the_policies_of_the_repository_and_no_study(folder):
    begun(folder)
    ours, new = read_parameters(ROOT / "params.yaml"), read_parameters(folder / "params.yaml")
    assert new == ours | {"studies": {}}


def test_a_project_knows_what_was_written(folder):
    begun(folder)
    written = read_written(folder)
    assert set(written.files) == set(managed())
    for name, sha256 in written.files.items():
        assert digest((folder / name).read_text(encoding="utf-8")) == sha256


def test_git_takes_what_a_commit_needs_and_never_a_table(folder):
    begun(folder)
    secret = ["export.csv", "Export.CSV", "a b.XLSX", "x.sav", "sources/new_study/t.csv", "sources/new_study/t.parquet"]
    secret += ["data/s/cohort.parquet", "models/s/estimator/model.json", "private/ids/s.csv", "private/keys/ci.pem"]
    secret += ["reports/s/evidence.json", "reports/s/card.md", "mlflow-store/mlflow.db", ".theragate/searches/x"]
    needed = ["dvc.lock", "sources/new_study/README.md", "sources/new_study/t.csv.dvc", "sources/new_study/q.sql"]
    needed += ["release/s/waivers.json", "release/trust.json", "looks/s.jsonl", "expectations/s.json"]
    needed += ["reports/s/metrics.json", "theragate.json", ".github/workflows/theragate.yml", "requirements.lock"]
    for name in [*secret, *needed]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    run(folder, "git", "add", "-A")
    tracked = set(filter(None, run(folder, "git", "ls-files", "-z").split("\0")))
    assert set(needed) <= tracked
    assert tracked.isdisjoint(secret)


def test_nothing_that_is_there_is_overwritten(folder, monkeypatch, capsys):
    (folder / "Makefile").write_text("all:\n", encoding="utf-8")
    (folder / ".gitignore").write_text("# ours\nnotes/", encoding="utf-8")
    monkeypatch.chdir(folder)
    assert main(["init"]) == 0
    shown = capsys.readouterr().out
    assert "  stays   Makefile\n" in shown + "\n"
    assert "  add     dvc.yaml" in shown
    assert "  extend  .gitignore" in shown
    assert files(folder) == {"Makefile", ".gitignore"}
    assert main(["init", "--apply"]) == 0
    assert (folder / "Makefile").read_text(encoding="utf-8") == "all:\n"
    ignored = (folder / ".gitignore").read_text(encoding="utf-8")
    assert ignored == "# ours\nnotes/\n\n" + template(".gitignore")
    assert "Makefile" not in read_written(folder).files
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    capsys.readouterr()
    assert main(["init", "--apply"]) == 0
    assert {name: (folder / name).read_bytes() for name in files(folder)} == before


def test_a_project_that_is_whole_is_said_to_be(folder, monkeypatch, capsys):
    monkeypatch.chdir(begun(folder))
    assert main(["init"]) == 0
    assert "nothing to add" in capsys.readouterr().out


def test_an_interrupted_beginning_is_no_project_yet(folder, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("theragate.project.beginning.write_written", fail)
    with pytest.raises(KeyboardInterrupt):
        begun(folder)
    assert not (folder / "params.yaml").exists()
    monkeypatch.undo()
    begun(folder)
    assert read_parameters(folder / "params.yaml")["studies"] == {}


def test_a_folder_in_a_git_repository_gets_no_second_one(folder):
    run(folder, "git", "init", "-q")
    begun(folder / "models" / "stroke")
    assert not (folder / "models" / "stroke" / ".git").exists()
    assert run(folder / "models" / "stroke", "git", "rev-parse", "--show-prefix").strip() == "models/stroke/"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("project/inner", "no project lies in another one; received a folder of"),
        ("file", "a project is a folder; received a file"),
    ],
)
def test_where_no_project_can_begin(target, message, folder):
    begun(folder / "project")
    (folder / "file").touch()
    with pytest.raises(ConfigurationError, match=message):
        plan_beginning(folder / target)


def test_without_git_it_is_said_that_git_is_missing(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ConfigurationError, match=r"a project is a git repository.*no command `git`.*Install git"):
        begun(folder)


def test_a_disk_that_takes_nothing_is_one_line(folder, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("theragate.files.tempfile.mkstemp", refuse)
    with pytest.raises(StoreError, match="the file can be written"):
        begun(folder)


@pytest.mark.parametrize("study", examples())
def test_every_public_study_is_brought_whole(study, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["init", "new", "--example", study]) == 0
    project = folder / "new"
    assert load_study(project / "params.yaml", study) == load_study(ROOT / "params.yaml", study)
    monkeypatch.chdir(project)
    assert main(["check"]) == 0
    assert f"1 study is well declared: {study}" in capsys.readouterr().out


def test_public_studies_are_added_to_a_project_one_by_one(folder, monkeypatch, capsys):
    monkeypatch.chdir(begun(folder))
    for study in ("warfarin_dose", "heart_attack_survival"):
        assert main(["init", "--example", study]) == 0
    assert list(read_parameters(folder / "params.yaml")["studies"]) == ["warfarin_dose", "heart_attack_survival"]
    before = (folder / "params.yaml").read_bytes()
    assert main(["init", "--example", "warfarin_dose"]) == 1
    assert main(["init", "--example", "telepathy"]) == 1
    refused = capsys.readouterr().err
    assert "received one that is there (in params.yaml)" in refused
    assert "a public study is one of breast_cancer_diagnosis," in refused
    assert (folder / "params.yaml").read_bytes() == before


def test_a_public_study_brings_its_policy_where_the_project_has_none_of_that_name(folder, monkeypatch):
    monkeypatch.chdir(begun(folder))
    whole = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    own = {"every_study": whole["policies"]["every_study"], "binary_risk": whole["policies"]["binary_risk"]}
    (folder / "params.yaml").write_text(yaml.safe_dump({"seed": 1, "policies": own, "studies": {}}), encoding="utf-8")
    assert main(["init", "--example", "heart_attack_survival"]) == 0
    policies = read_parameters(folder / "params.yaml")["policies"]
    assert policies == own | {"survival_risk": whole["policies"]["survival_risk"]}
    assert main(["check"]) == 0


def test_what_is_said_fits_a_terminal(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["init", "ein neues Projekt"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  cd 'ein neues Projekt'"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", [["check"], ["repro"], ["summary"]])
def test_a_project_without_a_study_says_what_comes_next(command, folder, monkeypatch, capsys):
    monkeypatch.chdir(begun(folder))
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "theragate new-study NAME --from FILE --outcome COLUMN" in shown.out
    assert shown.err == ""


def test_plain_dvc_says_so_too(folder):
    assert "theragate new-study NAME --from FILE --outcome COLUMN" in run(begun(folder), "dvc", "repro")


def test_commands_find_the_project_from_a_folder_in_it(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["init", "new", "--example", "warfarin_dose"]) == 0
    inside = folder / "new" / "notes" / "2026"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert main(["check"]) == 0
    table = "age,sex,ill\n" + "".join(f"{30 + row % 50},{'fm'[row % 2]},{row % 3 // 2}\n" for row in range(120))
    (inside / "table.csv").write_text(table, encoding="utf-8")
    monkeypatch.chdir(inside)
    assert main(["new-study", "my_study", "--from", "table.csv", "--outcome", "ill"]) == 0
    assert (folder / "new" / "sources" / "my_study" / "table.csv").is_file()
    monkeypatch.chdir(inside)
    assert main(["new-study", "other", "--from", "nothing.csv", "--outcome", "ill"]) == 1
    assert "--from notes/2026/nothing.csv" in capsys.readouterr().err


def test_a_copy_does_not_run_the_code_of_the_folder_that_it_was_copied_from(folder, monkeypatch, capsys):
    monkeypatch.chdir(begun(folder / "copy"))
    (folder / "copy" / ".venv").mkdir()
    (folder / "copy" / ".venv" / "installed").write_text(f"{folder / 'original'}\n", encoding="utf-8")
    monkeypatch.setattr("sys.prefix", str(folder / "original" / ".venv"))
    assert main(["check"]) == 1
    assert f"received that of `{folder / 'original'}`, of which this folder is a copy" in capsys.readouterr().err
    monkeypatch.setattr("sys.prefix", str(folder / "shared environment"))
    assert main(["check"]) == 0


def test_dvc_is_quiet_offline_and_content_with_the_folder(folder, tmp_path):
    begun(folder)
    shown = run(folder, "dvc", "status", HOME=str(tmp_path))
    assert "git add" not in shown
    config = subprocess.run(["dvc", "config", "-l"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert {"core.analytics=false", "core.check_update=false"} <= set(config.split())
