"""A study is renamed and removed in every place that has it, wholly or not at all, and what is nowhere else stays."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import STUDY, Project, run

from theragate import cli
from theragate.cohorts.sources import read_source
from theragate.commands import remove_study as removing
from theragate.commands import rename_study as renaming
from theragate.commands.check import check
from theragate.commands.remove_study import remove_study
from theragate.commands.rename_study import rename_study
from theragate.errors import ConfigurationError, DataError, StoreError
from theragate.project.study_places import check_files, left_over, places
from theragate.study import load_study

NEW = "tiny_study"
LOCK = f"""schema: '2.0'
stages:
  ingest@{STUDY}:
    cmd: python pipelines/ingest.py {STUDY}
    outs:
    - path: data/{STUDY}/cohort.parquet
      hash: md5
  ingest@other_study:
    cmd: python pipelines/ingest.py other_study
  gate@{STUDY}:
    cmd: python pipelines/gate.py {STUDY}
"""
OTHER = "schema: '2.0'\nstages:\n  ingest@other_study:\n    cmd: python pipelines/ingest.py other_study\n"
IGNORED = f"/private/\n/sources/{STUDY}/small.csv\n/exports/{STUDY}\n/sources/{STUDY}_2/other.csv\n"
MADE = [
    f"data/{STUDY}/cohort.parquet",
    f"models/{STUDY}/record.json",
    f"reports/{STUDY}/verdict.json",
    f".theragate/searches/{STUDY}/search.db",
]


@pytest.fixture
def made(project: Project, monkeypatch) -> Path:
    """A project in which the small study has something everywhere, beside a study that has to stay as it is."""
    root = project.root
    project.params["studies"]["other_study"] = copy.deepcopy(project.study)
    project.write()
    suite = project.suite | {"name": "other_study"}
    (root / "expectations" / "other_study.json").write_text(json.dumps(suite), encoding="utf-8")
    waiver = {"study": STUDY, "code": "TG003", "gate": "discrimination", "status": "fail"}
    files = {
        "dvc.lock": LOCK,
        ".gitignore": IGNORED,
        f"looks/{STUDY}.jsonl": "",
        f"private/ids/{STUDY}.csv": "source_id,patient\n",
        f"release/{STUDY}/waivers.json": json.dumps({"study": STUDY, "waivers": [waiver]}),
        f"release/{STUDY}/champion.json": json.dumps({"study": STUDY, "champion": {"version": "3"}}),
        "sources/other_study/README.md": "Ours.",
        "data/other_study/cohort.parquet": "",
        **dict.fromkeys(MADE, "made"),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / f"looks/{STUDY}.jsonl").write_text("{}\n", encoding="utf-8")
    monkeypatch.chdir(root)
    return root


def everything(root: Path) -> dict[str, bytes]:
    """All files with their content, but for the claim of the pipeline."""
    paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return {
        str(path): (root / path).read_bytes()
        for path in paths
        if path.parts[:2] != (".theragate", "pipeline.json") and path.name != "pipeline.lock"
    }


def test_a_study_is_renamed_everywhere(made):
    before = everything(made)
    said = rename_study(made, STUDY, NEW)
    after = everything(made)
    assert not [name for name in after if STUDY in name.replace(f"{STUDY}_2", "")]
    assert list(yaml.safe_load(after["params.yaml"])["studies"]) == [NEW, "other_study"]
    assert json.loads(after[f"expectations/{NEW}.json"])["name"] == NEW
    waivers = json.loads(after[f"release/{NEW}/waivers.json"])
    assert (waivers["study"], waivers["waivers"][0]["study"]) == (NEW, NEW)
    assert json.loads(after[f"release/{NEW}/champion.json"]) == {"study": NEW, "champion": None}
    for name in (f"looks/{STUDY}.jsonl", f"sources/{STUDY}/small.csv", f"private/ids/{STUDY}.csv"):
        assert after[name.replace(STUDY, NEW)] == before[name], "people's own is only moved"
    assert after["dvc.lock"].decode() == OTHER
    assert after[".gitignore"].decode() == IGNORED.replace(f"/{STUDY}/", f"/{NEW}/").replace(f"/{STUDY}\n", f"/{NEW}\n")
    for name in MADE:
        assert name not in after, "what bears the old name inside is made again"
        assert name.replace(STUDY, NEW) not in after
    others = {name for name in before if "other_study" in name}
    assert {name: before[name] for name in others} == {name: after[name] for name in others}
    assert left_over(made, [NEW, "other_study"]) == {}
    assert "The registry keeps its versions, champion and ledger under `small_study`" in said
    for path in ("params.yaml", f"expectations/{STUDY}.json", f"data/{STUDY}", "dvc.lock"):
        assert path in said


def test_a_renamed_study_is_well_declared(project):
    rename_study(project.root, STUDY, NEW)
    assert check(project.root) == f"1 study is well declared: {NEW}"


def test_what_somebody_has_renamed_in_params_is_renamed_in_all_other_places(made):
    text = (made / "params.yaml").read_text(encoding="utf-8")
    (made / "params.yaml").write_text(text.replace(f"  {STUDY}:", f"  {NEW}:"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"files of {STUDY}\\): `theragate rename-study {STUDY} {NEW}`"):
        check(made)
    (made / f"reports/{NEW}").mkdir()
    (made / f"reports/{NEW}/half.json").touch()
    rename_study(made, STUDY, NEW)
    assert left_over(made, [NEW, "other_study"]) == {}
    assert not (made / f"reports/{NEW}").exists()
    check_files(made, NEW, [NEW])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("smal_study", NEW, "Did you mean `small_study`"),
        ("nobody", NEW, "there are small_study, other_study"),
        (STUDY, "Tiny", "small letters, digits"),
        (STUDY, "../tiny", "small letters, digits"),
        (STUDY, STUDY, r"taken \(in params.yaml\)"),
        (STUDY, "other_study", r"taken \(in params.yaml\)"),
    ],
)
def test_what_cannot_be_renamed_is_refused_and_nothing_changes(old, new, message, made):
    before = everything(made)
    with pytest.raises(ConfigurationError, match=message):
        rename_study(made, old, new)
    assert everything(made) == before


def test_a_name_of_which_something_is_left_is_taken(made):
    (made / f"sources/{NEW}").mkdir()
    (made / f"sources/{NEW}/table.csv").touch()
    with pytest.raises(ConfigurationError, match=f"taken \\(sources/{NEW}\\)"):
        rename_study(made, STUDY, NEW)


@pytest.mark.parametrize("error", [StoreError("params.yaml", rule="a", received="b", remedy="C."), KeyboardInterrupt()])
@pytest.mark.parametrize(
    ("room", "act"),
    [
        (renaming, lambda root: rename_study(root, STUDY, NEW)),
        (removing, lambda root: remove_study(root, STUDY, certain=True, with_sources=True)),
    ],
    ids=["rename", "remove"],
)
def test_what_is_interrupted_changes_nothing(room, act, error, made, monkeypatch):
    before = everything(made)

    class Interrupted(room.Changes):
        def write(self, path, text):
            super().write(path, text)
            if path.name == "params.yaml":  # the last of all
                raise error

    monkeypatch.setattr(room, "Changes", Interrupted)
    with pytest.raises(type(error)):
        act(made)
    assert everything(made) == before


def test_removing_says_first_what_it_would_take_along(made):
    before = everything(made)
    said = remove_study(made, STUDY, certain=False, with_sources=False)
    assert everything(made) == before
    assert f"`theragate remove-study {STUDY} --yes`" in said
    assert f"stays, since it is nowhere else: sources/{STUDY}, private/ids/{STUDY}.csv" in said
    assert "the registry has under" in said
    for path in ("params.yaml", "dvc.lock", f"release/{STUDY}", f"looks/{STUDY}.jsonl", f"models/{STUDY}"):
        assert path in said


@pytest.mark.parametrize("with_sources", [False, True])
def test_a_study_is_removed_everywhere(with_sources, made):
    before = everything(made)
    remove_study(made, STUDY, certain=True, with_sources=with_sources)
    after = everything(made)
    left = sorted(name for name in after if STUDY in name)
    own = [] if with_sources else [f"private/ids/{STUDY}.csv", f"sources/{STUDY}/small.csv"]
    assert left == own
    assert list(yaml.safe_load(after["params.yaml"])["studies"]) == ["other_study"]
    assert after["dvc.lock"].decode() == OTHER
    assert f"/sources/{STUDY}_2/other.csv" in after[".gitignore"].decode()
    assert (f"/sources/{STUDY}/small.csv" in after[".gitignore"].decode()) is not with_sources
    others = {name for name in before if "other_study" in name}
    assert {name: before[name] for name in others} == {name: after[name] for name in others}


def test_what_is_left_of_a_study_that_was_deleted_by_hand_is_named_and_removed(made, capsys):
    params = yaml.safe_load((made / "params.yaml").read_text(encoding="utf-8"))
    del params["studies"][STUDY]
    (made / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (left,) = left_over(made, ["other_study"]).values()
    assert set(left) == {*(place.path for place in places(made, STUDY)), "its entries in dvc.lock"}
    assert cli.main(["remove-study", STUDY, "--yes", "--with-sources"]) == 0
    assert "is removed" in capsys.readouterr().out
    assert left_over(made, ["other_study"]) == {}


def test_an_experiment_without_its_sources_says_how_they_come_along(tmp_path):
    folder = tmp_path / ".dvc" / "tmp" / "exps" / "tmp1"
    folder.mkdir(parents=True)
    project = Project(folder)
    shutil.rmtree(project.table.parent)
    with pytest.raises(ConfigurationError, match=f"exp run … --copy-paths sources/{STUDY}`") as caught:
        check_files(project.root, STUDY, [STUDY])
    assert "rename-study" not in str(caught.value)
    project.table.parent.mkdir()
    spec = load_study(project.root / "params.yaml", STUDY).source
    with pytest.raises(DataError, match=r"--copy-paths .* Put it there"):
        read_source(spec, project.root, study=STUDY)


def test_empty_folders_that_git_leaves_behind_are_no_left_overs(made):
    (made / "reports/former_study").mkdir()
    (made / "reports/README.md").touch()
    (made / "expectations/.gitkeep").touch()
    assert left_over(made, [STUDY, "other_study"]) == {}


def test_check_names_what_is_left(project):
    (project.root / "models/former_study").mkdir(parents=True)
    (project.root / "models/former_study/record.json").touch()
    said = check(project.root)
    assert "\n  former_study: models/former_study\n" in said
    assert "theragate remove-study NAME" in said


def test_removing_the_only_study_leaves_a_project_without_one(project):
    remove_study(project.root, STUDY, certain=True, with_sources=False)
    assert check(project.root).startswith("There is no study yet.")


def test_an_unknown_study_is_not_removed(made):
    with pytest.raises(ConfigurationError, match="Did you mean `small_study`"):
        remove_study(made, "smal_study", certain=True, with_sources=False)


def test_nothing_is_renamed_while_the_pipeline_runs(made, tmp_path):
    before = everything(made)
    claim = "import sys, pathlib; from theragate.runner.exclusive import claim_pipeline; "
    claim += f"claim_pipeline(pathlib.Path({str(made)!r})); print('claimed', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", claim], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StoreError, match="another one, process"):
            rename_study(made, STUDY, NEW)
        other.communicate()
    assert everything(made) == before


@pytest.mark.xdist_group("pipeline")
def test_neither_dvc_nor_our_own_run_shows_a_bare_error_of_the_system(made_by_hand):
    said = run(made_by_hand, "theragate", "repro", f"ingest@{NEW}", code=1)
    assert f"theragate rename-study OLD {NEW}" in said
    assert f", {STUDY}" in said
    assert "Errno" not in said
    assert "Traceback" not in said
    said = run(made_by_hand, "dvc", "repro", f"ingest@{NEW}", code=255)
    assert said.index(f"theragate rename-study OLD {NEW}") < said.index("ERROR")


@pytest.fixture
def made_by_hand(judged_clone, tmp_path) -> Path:
    """A clone in which somebody has renamed the study in params.yaml alone."""
    folder = tmp_path / "clone"
    run(tmp_path, "git", "clone", "-q", str(judged_clone), str(folder))
    text = (folder / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(text.replace(f"  {STUDY}:", f"  {NEW}:"), encoding="utf-8")
    return folder
