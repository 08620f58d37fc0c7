"""What a packaged model may hold: each forbidden thing is refused by its name, and nothing is loaded."""

import os
import shutil
import socket
import subprocess

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.digests import sha256_file, sha256_tree
from theragate.release.model_files import Package, inspect_package
from theragate.release.package_rules import File, Limits, check_description, check_files
from theragate.release.refusals import Refusal

FLAVOR = {
    "code": None,
    "data": "data/estimator",
    "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    "loader_module": "theragate.serving",
    "python_version": "3.11.7",
    "streamable": False,
}
DESCRIPTION = {
    "flavors": {"python_function": FLAVOR},
    "signature": {"inputs": '[{"type": "double", "name": "a & b *c", "required": true}]'},
    "utc_time_created": "2026-11-26 01:19:37.624000",
}


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    files = {
        "MLmodel": yaml.safe_dump(DESCRIPTION),
        "conda.yaml": "name: x\n",
        "python_env.yaml": "python: 3\n",
        "requirements.txt": "numpy==2.4.6\n",
        "data/estimator/predictor.json": "{}",
        "data/estimator/design.skops": "s",
        "data/estimator/booster.ubj": "b",
        "data/estimator/forest.npz": "f",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_a_model_as_theragate_packages_it(package):
    found = inspect_package(package)
    assert found.sha256 == sha256_tree(package)
    assert found.model_sha256 == sha256_tree(package / "data" / "estimator")


def test_what_mlflow_writes_into_a_download_is_no_part_of_the_model(package):
    before = inspect_package(package).sha256
    (package / "registered_model_meta").write_text("model_name: x\n")
    assert inspect_package(package).sha256 == before


NAMES = st.lists(
    st.lists(st.sampled_from(["a", "b.c", "a-", "a.json", "z"]), min_size=1, max_size=3).map("/".join),
    min_size=1,
    max_size=6,
    unique=True,
)


@settings(max_examples=40)
@given(NAMES)
def test_the_digest_is_that_of_the_tree(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("tree")
    for name in names:
        if not any(other != name and (other + "/").startswith(name + "/") for other in names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    files = [
        File(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_file(path))
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert Package(tuple(files)).sha256 == sha256_tree(folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.pkl", "another file"),
        ("python_model.py", "another file"),
        ("code/theragate/serving.py", "another file"),
        ("data/model.joblib", "another file"),
        ("data/estimator/model.pkl", "received the suffix `.pkl`"),
        ("data/estimator/model.cloudpickle", "received the suffix `.cloudpickle`"),
        ("data/estimator/hook.py", "received the suffix `.py`"),
        ("data/estimator/native.so", "received the suffix `.so`"),
        ("data/estimator/forest.npy", "received the suffix `.npy`"),
        ("data/estimator/booster.ubj.py", "received the suffix `.py`"),
        ("data/estimator/BOOSTER.UBJ", "received the suffix `.UBJ`"),
        ("data/estimator/none", "received no suffix"),
        ("data/estimator/deep/registered_model_meta", "received no suffix"),
        ("data/estimator2/a.json", "another file"),
        ("mlmodel", "another file"),
        ("sub/MLmodel", "another file"),
        ("data/estimator/a\nb.json", "received a path that is not"),
        ("data/estimator/a\\b.json", "received a path that is not"),
        ("data/estimator/\u202enosj.json", "received a path that is not"),
    ],
)
def test_a_file_that_has_no_place_in_a_model_is_named(package, name, message):
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_text("x")
    with pytest.raises(Refusal, match=message) as refused:
        inspect_package(package)
    shown = name if name.isprintable() else ascii(name)
    assert refused.value.subject == f"model file `{shown}`"


@pytest.mark.parametrize("path", ["/etc/passwd.json", "data/estimator/../../x.json", "data/estimator//x.json", ""])
def test_a_path_that_leaves_the_model_is_refused(path):
    with pytest.raises(Refusal, match="received a path that is not"):
        check_files([File(path, 1, "0" * 64)])


@pytest.mark.parametrize("name", ["MLmodel", "data/estimator/booster.ubj", "data/estimator/more.json"])
def test_a_link_is_refused(package, name):
    (package / name).unlink(missing_ok=True)
    (package / name).symlink_to("/etc/hostname")
    with pytest.raises(Refusal, match=rf"`{name}`.*a symbolic link"):
        inspect_package(package)


def test_a_folder_that_is_a_link_is_refused(package, tmp_path):
    shutil.move(package / "data" / "estimator", tmp_path / "elsewhere")
    (package / "data" / "estimator").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refusal, match=r"`data/estimator`.*a symbolic link"):
        inspect_package(package)


def test_a_pipe_and_a_socket_are_refused_without_being_opened(package, monkeypatch):
    os.mkfifo(package / "data" / "estimator" / "pipe.json")
    with pytest.raises(Refusal, match="a pipe, socket or device"):
        inspect_package(package)
    (package / "data" / "estimator" / "pipe.json").unlink()
    monkeypatch.chdir(package)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("data/estimator/s.json")
    with pytest.raises(Refusal, match="a pipe, socket or device"):
        inspect_package(package)


def test_what_is_missing_is_named(package, tmp_path):
    (package / "MLmodel").unlink()
    with pytest.raises(Refusal, match=r"`MLmodel`.*no such file"):
        inspect_package(package)
    with pytest.raises(Refusal, match="no such folder"):
        check_files([File("MLmodel", 1, "0" * 64)])
    with pytest.raises(Refusal, match=r"can be read.*No such file"):
        inspect_package(tmp_path / "none")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(file=1_000), r"`data/estimator/huge\.json`: a file has 1,000 bytes at most; received 5,000,000,000"),
        (Limits(file=10_000_000_000, total=1_000_000), "a model has 1,000,000 bytes"),
        (Limits(file=10_000_000_000, total=10_000_000_000, count=3), "a model has 3 files and folders"),
    ],
)
def test_a_model_is_not_endless_and_is_refused_before_it_is_read(package, limits, message):
    with (package / "data" / "estimator" / "huge.json").open("wb") as stream:
        stream.truncate(5_000_000_000)
    with pytest.raises(Refusal, match=message):
        inspect_package(package, limits=limits)


def test_folders_may_be_deeper_than_python_calls_itself(package):
    descriptor = os.open(package / "data" / "estimator", os.O_RDONLY)
    for _ in range(1_200):
        os.mkdir("a", dir_fd=descriptor)
        below = os.open("a", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    try:
        with pytest.raises(Refusal, match="a model has 1,000 files and folders"):
            inspect_package(package, limits=Limits(count=1_000))
        inspect_package(package)
    finally:  # pytest's own cleaning calls itself for each folder
        subprocess.run(["rm", "-rf", str(package)], check=True)


def test_a_description_is_not_endless_and_is_refused_before_it_is_read():
    files = [File("MLmodel", 1_500_000_000, "0" * 64), File("data/estimator/model.json", 1, "0" * 64)]
    with pytest.raises(Refusal, match=r"`MLmodel`: it has 1,048,576 bytes at most; received 1,500,000,000 bytes"):
        check_files(files)


def described(**changes) -> bytes:
    return yaml.safe_dump(DESCRIPTION | {"flavors": {"python_function": FLAVOR | changes}}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (described(loader_module="mlflow.sklearn"), "loaded by `theragate.serving`; received `mlflow.sklearn`"),
        (described(loader_module="theragate.serving.x"), "received `theragate.serving.x`"),
        (described(loader_module=None), "loaded by `theragate.serving`; received `None`"),
        (described(data="data"), "loaded from `data/estimator`; received `data`"),
        (described(data="/etc"), "received `/etc`"),
        (described(code="code"), "contains no code; received `code`"),
        (described(model_code_path="x.py"), "received `model_code_path`"),
        (described(python_model="x.pkl"), "received `python_model`"),
        (yaml.safe_dump(DESCRIPTION | {"flavors": {}}).encode(), "its only flavour is"),
        (
            yaml.safe_dump({"flavors": {"python_function": FLAVOR, "sklearn": {}}}).encode(),
            "received `python_function`, `sklearn`",
        ),
        (yaml.safe_dump({"flavors": {"python_function": None}}).encode(), "the keys of its flavour"),
        (b"", "its only flavour is"),
        (b"- a\n", "its only flavour is"),
        (b"flavors: [", "it is plain YAML; received text that is not"),
        (b"\xff\xfe", "it is plain YAML; received text that is not"),
        (described() + b"flavors: {}\n", "it is plain YAML; received text that is not"),
        (described() + b"---\nflavors: {}\n", "it is plain YAML; received text that is not"),
        (described() + b"x: &a 1\n", "anchors or tags"),
        (described() + b"x: !!python/object/apply:os.system [ls]\n", "anchors or tags"),
        (described() + b"#" * (1 << 20), "1,048,576 bytes at most"),
    ],
)
def test_a_description_that_says_anything_else_is_refused(content, message):
    with pytest.raises(Refusal, match=message):
        check_description(content)


def test_a_plain_description_is_fine():
    check_description(described())
