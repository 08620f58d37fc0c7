"""The page about deployment shows the samples as they are, and names every limit."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import fields

import pytest
import yaml
from support import BIN, ROOT

from theragate.commands.table import COMMANDS
from theragate.mlflow_plugin.limits import Limits

FOLDER = ROOT / "src" / "theragate" / "deployment"
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SIZES = {"m": 1 << 20, "g": 1 << 30}


def sample(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def test_every_sample_is_linked():
    for path in FOLDER.iterdir():
        assert f"](../src/theragate/deployment/{path.name})" in PAGE, path.name


@pytest.mark.parametrize(("language", "name"), [("ini", "sign-in.ini"), ("nginx", "nginx.conf")])
def test_what_the_page_shows_is_the_sample(language, name):
    shown = re.findall(rf"```{language}\n(.*?)\n```", PAGE, re.DOTALL)
    assert shown == [sample(name).rstrip()]


def test_every_limit_is_in_the_table():
    table = PAGE.partition("| limit |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z_]+)`", "\n".join(row.split("|")[1] for row in table.splitlines()[2:]))
    assert sorted(named) == sorted(field.name for field in fields(Limits))


def test_the_proxy_lets_through_what_the_server_takes():
    sizes = [
        int(number) * SIZES[unit]
        for number, unit in re.findall(r"client_max_body_size (\d+)([mg]);", sample("nginx.conf"))
    ]
    assert sizes == [Limits().request_bytes, Limits().file_bytes]


@pytest.mark.parametrize("name", ["theragate@.service", "Containerfile"])
def test_the_samples_start_the_server_with_options_that_it_has(name):
    server = next(command for command in COMMANDS if command.name == "server")
    known = {flag for argument in server.arguments for flag in argument.names}
    lines = [line for line in sample(name).splitlines() if line.startswith(("ExecStart", "CMD"))]
    assert lines
    for line in lines:
        assert set(re.findall(r"--[a-z-]+", line)) <= known, line


def test_mlflow_reads_the_sample_of_its_sign_in():
    read = "from mlflow.server.auth.config import read_auth_config as r; print(*r()[:3], r().auth_cache_ttl_seconds)"
    environ = {**os.environ, "MLFLOW_AUTH_CONFIG_PATH": str(FOLDER / "sign-in.ini")}
    said = subprocess.run([sys.executable, "-c", read], env=environ, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["READ", "sqlite:////var/lib/theragate/users.db", "admin", "60"]


def test_the_container_file_passes_its_linter():
    done = subprocess.run([str(BIN / "hadolint"), str(FOLDER / "Containerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_has_the_form_of_one():
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_names_what_exists():
    compose = yaml.safe_load(sample("compose.yaml"))
    services, kept = compose["services"], set(compose["secrets"])
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= kept, name
        assert set(service.get("networks", {})) <= set(compose["networks"]), name
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in compose["volumes"], volume
    for name in ("first", "second"):
        server = services[name]
        assert server["read_only"]
        assert server["cap_drop"] == ["ALL"]
        proxy = services["nginx"]["networks"]["inside"]["ipv4_address"]
        assert server["environment"]["FORWARDED_ALLOW_IPS"] == proxy


@pytest.mark.parametrize("name", ["Containerfile", "compose.yaml", "theragate@.service", "nginx.conf", "sign-in.ini"])
def test_no_sample_holds_a_secret(name):
    for line in sample(name).splitlines():
        written = re.sub(r"\$\{[^}]*\}", "$", line.partition("#")[0])  # what comes from the environment is not in it
        assert not re.search(r"(?i)(password|secret|access_key)\w*\s*[=:]\s*[^\s$/[{]", written), line
        assert not re.search(r"://[^/\s]*:[^/\s]*@", line), line


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path):
    unit = sample("theragate@.service").replace("/opt/theragate/bin/theragate", sys.executable)
    (tmp_path / "theragate@5000.service").write_text(unit, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "theragate@5000.service")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_container_is_of_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"ARG THERAGATE={version}\n" in sample("Containerfile")
