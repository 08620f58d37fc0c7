"""What a grown deployment is made of, set up by the commands and samples of docs/deployment.md."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
import sqlalchemy
from mlflow_plugin.ruled import PROGRAMS
from mlflow_plugin.servers import Server
from mlflow_plugin.test_from_nothing import section
from support import BIN, free_port

from theragate.project.templates import pages

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
NAME = "localhost"  # stands for models.hospital.example


@dataclass
class GrownServer(Server):
    """One of several servers that have the same database, sign-in and buckets, and a memory of their own."""

    more: dict[str, str] | None = None

    def environ(self) -> dict[str, str]:
        environ = super().environ()
        sign_in = self.folder / "sign-in.ini"
        users = self.database.replace("/mlflow", "/sign_in")
        sign_in.write_text(re.sub(r"(?m)^database_uri = .*$", f"database_uri = {users}", sign_in.read_text()))
        return environ | (self.more or {})


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of our own for this machine, and its key."""
    made, key = folder / "models.crt", folder / "models.key"
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={NAME}".split()
    names = ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(made)]
    subprocess.run(["openssl", *words, *names], check=True, capture_output=True)
    return made, key


@contextlib.contextmanager
def nginx(folder: Path, *ports: int) -> Iterator[tuple[str, Path]]:
    """Run nginx with the sample, in which only the names and places of this machine are filled in."""
    folder.mkdir()
    (made, key), port = certificate(folder), free_port()
    sample = pages()["nginx.conf"].read_text(encoding="utf-8")
    filled = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "models.hospital.example": NAME,
        "/etc/ssl/models.crt": str(made),
        "/etc/ssl/models.key": str(key),
        "127.0.0.1:5000": f"127.0.0.1:{ports[0]}",
    }
    if ports[1:]:
        filled["# server 127.0.0.1:5001"] = f"server 127.0.0.1:{ports[1]}"
    for before, after in filled.items():
        assert before in sample, before
        sample = sample.replace(before, after)
    (folder / "theragate.conf").write_text(sample, encoding="utf-8")
    places = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = f"{user}pid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{places}\n"
    (folder / "nginx.conf").write_text(f"{main}include {folder}/theragate.conf;\n}}\n", encoding="utf-8")
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        address, deadline = f"https://{NAME}:{port}", time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{address}/health", verify=str(made), timeout=5)
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
        yield address, made
    finally:
        process.terminate()
        process.wait(timeout=20)


def database(superuser: str, trust_file: Path, folder: Path) -> str:
    """Make the databases by the commands of the page; return the address for the server's role."""
    place = sqlalchemy.make_url(superuser).query["host"]

    def here(text: str) -> str:
        """Put our socket where the page names a machine."""
        return re.sub(r"@db\.hospital\.example/(\w+)", rf"@/\1?host={place}", text)

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "THERAGATE_"))}
    environ = kept | {"PATH": f"{BIN}:{PROGRAMS}:{os.environ['PATH']}", "THERAGATE_TRUST": str(trust_file)}
    script = "set -euo pipefail\n" + here(section("The database, from nothing"))
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return here("postgresql://theragate_server@db.hospital.example/mlflow")
