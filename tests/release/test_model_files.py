"""What a packaged model may hold: each forbidden thing is refused by its name, and nothing is loaded."""

import os
import shutil
import socket
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theragate.digests import sha256_file, sha256_tree
from theragate.package_form import environment, written
from theragate.release.model_files import Package, inspect_package
from theragate.release.package_rules import File, Limits, check_files, check_texts
from theragate.release.refusals import Refusal

FLAVOR = {
    "data": "data/estimator",
    "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    "loader_module": "theragate.serving",
    "python_version": "3.11",
    "streamable": False,
}
DESCRIPTION = {
    "flavors": {"python_function": FLAVOR},
    "metadata": {"study": "x", "inputs": {"a & b *c": "number", "größe": "text"}},
    "prompts": None,
    "signature": {"inputs": None, "outputs": '[{"type": "double", "name": "a & b *c", "required": true}]'},
}
ENVIRONMENT = environment("3.11", ["mlflow==3.17.2", "numpy==2.4.6", "torch==2.9.0+cpu"])


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    files = {
        "MLmodel": written(DESCRIPTION),
        **ENVIRONMENT,
        "data/estimator/predictor.json": b"{}",
        "data/estimator/design.skops": b"s",
        "data/estimator/booster.ubj": b"b",
        "data/estimator/forest.npz": b"f",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_a_model_as_theragate_packages_it(package):
    found = inspect_package(package)
    assert found.sha256 == sha256_tree(package)
    assert found.model_sha256 == sha256_tree(package / "data" / "estimator")


def test_what_mlflow_writes_into_a_download_is_no_part_of_the_model(package):
    before = inspect_package(package)
    (package / "registered_model_meta").symlink_to("/etc/hostname")
    assert inspect_package(package) == before, "it is not even looked at"
    (package / "registered_model_meta").unlink()
    (package / "registered_model_meta").mkdir()
    (package / "registered_model_meta" / "evil.json").write_text("x")
    with pytest.raises(Refusal, match="another file"):
        inspect_package(package)


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
        ("constraints.txt", "another file"),
        ("uv.lock", "another file"),
        ("pyproject.toml", "another file"),
        ("input_example.json", "another file"),
        ("wheels/evil-1.0-py3-none-any.whl", "another file"),
        ("sub/MLmodel", "another file"),
        ("data/estimator/a\nb.json", "received a path that is not"),
        ("data/estimator/a\\b.json", "received a path that is not"),
        ("data/estimator/\u202enosj.json", "received a path that is not"),
        ("data/estimator/b\u043eoster.ubj", "received a path that is not"),
        ("data/estimator/Booster.ubj", "received a second file of that name"),
    ],
)
def test_a_file_that_has_no_place_in_a_model_is_named(package, name, message):
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_text("x")
    with pytest.raises(Refusal, match=message) as refused:
        inspect_package(package)
    shown = name if name.isprintable() else ascii(name)
    assert refused.value.subject in (f"model file `{shown}`", "model file `data/estimator/booster.ubj`")


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


@pytest.mark.parametrize("name", ["MLmodel", *ENVIRONMENT])
def test_what_is_missing_is_named(package, name):
    (package / name).unlink()
    with pytest.raises(Refusal, match=rf"`{name}`.*no such file"):
        inspect_package(package)


def test_a_model_without_an_estimator_and_none_at_all(tmp_path):
    with pytest.raises(Refusal, match="no such folder"):
        check_files([File(name, 1, "0" * 64) for name in ("MLmodel", *ENVIRONMENT)])
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
    return written(DESCRIPTION | {"flavors": {"python_function": FLAVOR | changes}})


def check_description(content: bytes) -> None:
    check_texts({"MLmodel": content, **ENVIRONMENT})


PLAIN = described()
SPELLING = "in another spelling, or more than that"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (described(loader_module="mlflow.sklearn"), "loaded by `theragate.serving`; received `mlflow.sklearn`"),
        (described(loader_module="theragate.serving.x"), "received `theragate.serving.x`"),
        (described(loader_module=None), "loaded by `theragate.serving`; received `None`"),
        (described(data="data"), "loaded from `data/estimator`; received `data`"),
        (described(data="/etc"), "received `/etc`"),
        (described(code="code"), "the keys of its flavour are .*; received `code`"),
        (described(model_code_path="x.py"), "received `model_code_path`"),
        (described(python_model="x.pkl"), "received `python_model`"),
        (described(config={"x": 1}), "received `config`"),
        (described(env="data/estimator/evil.json"), "received another `env`"),
        (described(env={"conda": "data/estimator/evil.json"}), "received another `env`"),
        (described(python_version="3.11\nevil"), "`python_version` is written like"),
        (described(python_version=["3.11"]), "`python_version` is written like"),
        (written(DESCRIPTION | {"flavors": {}}), "its only flavour is"),
        (
            written(DESCRIPTION | {"flavors": {"python_function": FLAVOR, "sklearn": {}}}),
            "received `python_function`, `sklearn`",
        ),
        (written(DESCRIPTION | {"flavors": {"python_function": None}}), "the keys of its flavour"),
        (written(DESCRIPTION | {"auth_policy": {}}), "the keys of the description are .*; received `auth_policy`"),
        (written(DESCRIPTION | {"run_id": "a" * 32}), "received `run_id`"),
        (written(DESCRIPTION | {"saved_input_example_info": {}}), "received `saved_input_example_info`"),
        (written(DESCRIPTION | {"prompts": ["x"]}), "a model has no `prompts`"),
        (written(DESCRIPTION | {"metadata": {"mlflow.external": True}}), "the keys of `metadata` are"),
        (written(DESCRIPTION | {"metadata": ["x"]}), "the keys of `metadata` are"),
        (b"null\n", "it is a mapping"),
        (b'[\n "a"\n]\n', "it is a mapping"),
        (b"", "received text that is not"),
        (b"flavors: [", "received text that is not"),
        (b"flavors:\n  python_function: {}\n", "received text that is not"),
        (b"\xff\xfe", "received text that is not"),
        (PLAIN.decode().encode("utf-16"), "received text that is not|another spelling"),
        (b"\xef\xbb\xbf" + PLAIN, SPELLING),
        (PLAIN + b"{}\n", "received text that is not"),
        (PLAIN + b"---\nflavors: {}\n", "received text that is not"),
        (PLAIN + b"# a comment\n", "received text that is not"),
        (PLAIN.replace(b"{", b"{ # \xe2\x80\xa8 code: evil\n", 1), "received text that is not"),
        (PLAIN.replace(b'"prompts"', b'"flavors": {},\n "prompts"'), SPELLING),
        (PLAIN.replace(b'"prompts"', b'"prompts": null,\n "prompts"'), SPELLING),
        (PLAIN.replace(b"\n", b"\r\n"), SPELLING),
        (PLAIN.replace(b"\n ", b"\n\t"), SPELLING),
        (PLAIN.replace(b"\\u00f6", "ö".encode()), SPELLING),
        (PLAIN.replace(b"metadata", b"\\u006detadata"), SPELLING),
        (PLAIN.rstrip(), SPELLING),
        (PLAIN.replace(b"null", b"NaN"), "received text that is not"),
        (PLAIN.replace(b"null", b"1.5"), "received text that is not"),
        (PLAIN.replace(b"null", b"1e3"), "received text that is not"),
        (PLAIN.replace(b"null", b"9" * 5000), "received text that is not"),
        (PLAIN.replace(b"null", b"[" * 200_000 + b"]" * 200_000), r"text that is not \(RecursionError\)"),
        (PLAIN.replace(b"gr\\u00f6", b"\\ud83d\\ude00"), "received text that is not"),
        (PLAIN + b" " * (1 << 20), "1,048,576 bytes at most"),
    ],
)
def test_a_description_that_says_anything_else_is_refused(content, message):
    assert content != PLAIN
    with pytest.raises(Refusal, match=message):
        check_description(content)


def test_a_plain_description_is_fine():
    check_description(PLAIN)


LINES = ENVIRONMENT["requirements.txt"].decode()


@pytest.mark.parametrize(
    "more",
    [
        "--extra-index-url https://evil.example/simple",
        "-i https://evil.example/simple",
        "--find-links data",
        "-r more.txt",
        "-c data/estimator/constraints.json",
        "-e .",
        "git+https://evil.example/evil.git",
        "evil @ https://evil.example/evil.whl",
        "https://evil.example/evil.whl",
        "./data/estimator",
        "evil",
        "evil>=1",
        "evil==1.*",
        "evil===1",
        "evil==1,!=2",
        "evil[extra]==1",
        'evil==1; python_version > "3"',
        "evil==1 --global-option=x",
        "evil==1 --hash=sha256:00",
        "evil==1 # a comment",
        "# a comment",
        "",
        " evil==1",
        "evil==1 ",
        "evil==1\\",
        "evil==${VERSION}",
        "evil==1\revil2==1",
        "evil==1\x0cevil2==1",
        "evil==1\x85--pre",
        "evil==1\u2028--pre",
        "\u0435vil==1",
        "NUMPY==2.4.6",
        "num_py==1\nnum-py==1",
    ],
)
def test_a_requirement_that_asks_for_more_than_a_version_is_refused(package, more):
    text = f"{LINES}{more}\n".encode()
    (package / "requirements.txt").write_bytes(text)
    with pytest.raises(Refusal, match=r"`requirements.txt`: each .*; received line [45]"):
        inspect_package(package)


@pytest.mark.parametrize("name", ["conda.yaml", "python_env.yaml"])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"numpy==2.4.6", b"numpy==2.4.5") if b"numpy" in text else text + b"\n",
        lambda text: text.replace(b'"pip"', b'"evil"', 1),
        lambda text: text.replace(b"-r requirements.txt", b"--pre") if b"-r" in text else text.replace(b"forge", b"x"),
        lambda text: text + b"# a comment\n",
        lambda text: b"",
    ],
)
def test_the_files_from_which_tools_install_follow_from_the_requirements(package, name, change):
    before = (package / name).read_bytes()
    (package / name).write_bytes(change(before))
    with pytest.raises(Refusal, match=rf"`{name}`: it follows from `requirements.txt`"):
        inspect_package(package)


def test_requirements_end_with_a_newline(package):
    (package / "requirements.txt").write_bytes(LINES.encode().rstrip())
    with pytest.raises(Refusal, match="ends with a newline"):
        inspect_package(package)
