"""Only Theragate's own stages run under the hand that signs, and every way to add another is named."""

import shutil
from pathlib import Path

import pytest

import theragate
from theragate.errors import EvidenceError
from theragate.project.pipeline_files import check_pipeline
from theragate.project.templates import managed, template


@pytest.fixture
def project(tmp_path):
    for name in managed():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(template(name), encoding="utf-8")
    (tmp_path / "sources" / "mini").mkdir()
    (tmp_path / "sources" / "mini" / "table.csv.dvc").write_text("outs:\n- md5: abc\n  path: table.csv\n")
    (tmp_path / "pipelines" / "dvc.lock").write_text("schema: '2.0'\n")
    return tmp_path


def test_a_project_as_it_was_begun(project):
    check_pipeline(project)
    text = (project / "dvc.yaml").read_text(encoding="utf-8")
    (project / "dvc.yaml").write_bytes(text.replace("\n", "\r\n").encode())
    check_pipeline(project)


@pytest.mark.parametrize("name", ["dvc.yaml", "pipelines/train.py", "pipelines/_source.py", "pipelines/dvc.yaml"])
def test_a_stage_of_ours_is_ours(project, name):
    original = (project / name).read_bytes()
    (project / name).write_bytes(original + b"\n# more\n")
    with pytest.raises(EvidenceError, match=f"file `{name}`: .* received other content"):
        check_pipeline(project)
    (project / name).unlink()
    with pytest.raises(EvidenceError, match=f"file `{name}`: .* received no such file"):
        check_pipeline(project)
    (project / "elsewhere").write_bytes(original)
    (project / name).symlink_to(project / "elsewhere")
    with pytest.raises(EvidenceError, match=f"file `{name}`: .* received no such file"):
        check_pipeline(project)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pipelines/json.py", "print('shadows the standard library')"),
        ("pipelines/numpy/__init__.py", ""),
        ("pipelines/theragate.so", ""),
        ("pipelines/__pycache__/train.cpython-311.pyc", ""),
        ("sources/dvc.yaml", "stages: {x: {cmd: evil, outs: [mini]}}\n"),
        ("data/deep/dvc.yaml", ""),
        ("Dvcfile", "cmd: evil\n"),
        ("matplotlibrc", "backend: module://evil\n"),
        ("mini.dvc", "cmd: evil\nouts: [{path: sources/mini}]\n"),
        ("mini.dvc", "{cmd: evil}"),
        ("mini.dvc", "outs: [\n"),
    ],
)
def test_a_file_more_from_which_something_would_run(project, name, content):
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(content)
    with pytest.raises(EvidenceError, match="received one more"):
        check_pipeline(project)


def test_a_folder_that_is_a_link(project):
    shutil.move(project / "pipelines", project / "others")
    (project / "pipelines").symlink_to(project / "others")
    with pytest.raises(EvidenceError, match="received no such file"):
        check_pipeline(project)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("src/json.py", b"print('shadows the standard library')"),
        ("src/numpy/__init__.py", b""),
        ("src/theragate/gates/_decide.py", b"def decide(*_, **__): ...\n"),
        ("src/theragate/more.py", b""),
        ("src/theragate/gates/__init__.py", None),
    ],
)
def test_code_beside_the_stages_is_the_installed_code(project, name, content):
    installed = Path(theragate.__file__).parent
    shutil.copytree(installed, project / "src" / "theragate")
    check_pipeline(project)
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.unlink()
        path.symlink_to(installed / "gates" / "__init__.py")
    else:
        path.write_bytes(content)
    with pytest.raises(EvidenceError, match=f"file `{name}`: .* received code that is not installed"):
        check_pipeline(project)


def test_a_source_folder_that_is_a_link(project):
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / "json.py").touch()
    (project / "src").symlink_to(project / "elsewhere")
    with pytest.raises(EvidenceError, match=r"file `src`: .* received a link"):
        check_pipeline(project)
