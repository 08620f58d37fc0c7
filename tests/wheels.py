"""The wheel, and environments in which it is installed: what a user has, and nothing of the source tree."""

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import ROOT, environment


def built_wheel(source: Path, target: Path) -> Path:
    """Build a wheel of a source tree, offline; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return next(target.glob("*.whl"))


@dataclass(frozen=True)
class Installed:
    """An environment with Theragate installed from a wheel, and all else as in the environment of the tests."""

    folder: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def environment(self, **more: str) -> dict[str, str]:
        """The environment variables of a user in whose shell it is activated."""
        environ = environment(**{"THERAGATE_JOBS": "1"} | more)
        outside = [path for path in environ["PATH"].split(os.pathsep) if path != str(Path(sys.executable).parent)]
        return environ | {"PATH": os.pathsep.join([str(self.bin), *outside])}

    def run(self, here: Path, *command: str, code: int = 0, user: int | None = None, **more: str) -> str:
        """Run a command as such a user, or as another; return what it prints."""
        done = subprocess.run(
            command, cwd=here, env=self.environment(**more), capture_output=True, text=True, check=False, user=user
        )
        assert done.returncode == code, f"{command} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


def installed(wheel: Path, folder: Path) -> Installed:
    """Install a wheel into a new environment, which borrows all other packages, in a second and offline."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index",
         "--no-compile", "--disable-pip-version-check", str(wheel)],
        check=True,
        env=environment(),
    )  # fmt: skip
    # The borrowed packages come behind its own. What .pth files there say, as that of the source tree, is not read.
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    for program in ("dvc", "mlflow"):
        script = folder / "bin" / program
        script.write_text(f'#!/bin/sh\nexec "{python}" -m {program} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return Installed(folder)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the source tree as it is."""
    return built_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def user(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A user who has installed the wheel."""
    return installed(wheel, tmp_path_factory.mktemp("user") / "environment")
