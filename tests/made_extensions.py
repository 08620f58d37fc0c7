"""Small distributions as an installer leaves them, made in a folder on the path of imports."""

import base64
import hashlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest
from documentation.pages import ROOT, Page

from theragate import extensions
from theragate.evidence import added_metrics, catalogue
from theragate.testing import metrics


def of_page(path: str) -> str:
    """The text of one file of the example in the docs, without the line that names it."""
    page = Page(ROOT / "docs" / "extensions.md")
    (text,) = (block.text for block in page.blocks if block.text.startswith(f"# {path}\n"))
    return text.partition("\n")[2]


GATE, SOURCE, FAMILY = (of_page(f"acme_theragate/{name}.py") for name in ("gates", "sources", "families"))

METRIC = of_page("acme_theragate/metrics.py") + dedent(
    """
    from theragate.evidence.definitions.metric import of_effects, of_quantities

    SPREAD = Metric(
        name="spread",
        title="Mean square of what is predicted",
        tasks=("regression", "treatment_effect"),
        description="How far predictions are from each other.",
        source="none: it is arithmetic",
        direction="none",
        decimals=None,
        bounds=(0.0, None),
        report_only=True,
        formulas=(
            of_quantities(lambda means: means["squared_prediction"]),
            of_effects(lambda means: means["squared_centred"]),
        ),
    )
    """
)


@dataclass
class MadeExtensions:
    """Distributions below one folder, which is on the path; what they have put into this process is taken back."""

    folder: Path
    packages: set[str] = field(default_factory=set)

    def add(
        self,
        name: str,
        files: Mapping[str, str],
        entry_points: Mapping[str, Mapping[str, str]],
        *,
        version: str = "1.0",
        record: bool = True,
    ) -> Path:
        """Install a distribution: `files` by their paths, `entry_points` by group and name; return its metadata."""
        lines = []
        for path, content in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
            self.packages.add(Path(path).parts[0].removesuffix(".py"))
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{path},sha256={digest},{len(content)}")
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        points = [
            line
            for group, entries in entry_points.items()
            for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(points) + "\n", encoding="utf-8")
        if record:
            lines += [f"{info.name}/{each}" + ",," for each in ("METADATA", "RECORD", "entry_points.txt")]
            (info / "RECORD").write_text("\n".join(lines) + "\n", encoding="utf-8")
        importlib.invalidate_caches()
        return info

    def gate(self, name: str = "acme-theragate", package: str = "acme_gates", source: str = GATE) -> None:
        """Install a package with one gate."""
        self.add(name, {f"{package}/__init__.py": source}, {extensions.GATES: {"follow_up": f"{package}:FollowUp"}})

    def metrics(self, name: str = "acme-metrics", package: str = "acme_metrics", source: str = METRIC) -> None:
        """Install a module with two metrics, which between them are measured for every task."""
        points = {"root_brier": f"{package}:ROOT_BRIER", "spread": f"{package}:SPREAD"}
        self.add(name, {f"{package}.py": source}, {extensions.METRICS: points})

    def source(self, name: str = "acme-source", package: str = "acme_source", source: str = SOURCE) -> None:
        """Install a module with a kind of source."""
        self.add(name, {f"{package}.py": source}, {extensions.SOURCES: {"acme": f"{package}:AcmeSource"}})

    def family(self, name: str = "acme-families", package: str = "acme_families", source: str = FAMILY) -> None:
        """Install a module with a family of regressions."""
        self.add(name, {f"{package}.py": source}, {extensions.FAMILIES: {"normal_ridge": f"{package}:NORMAL_RIDGE"}})

    def imported(self, package: str) -> bool:
        return package in sys.modules

    def forget(self) -> None:
        """Make this process what it was: a new one has neither imported nor looked at anything."""
        for module in [each for each in sys.modules if each.partition(".")[0] in self.packages]:
            del sys.modules[module]
        extensions._USED.clear()
        extensions._ADDED.clear()
        added_metrics._READ.clear()
        for metric in catalogue._ADDED:
            del catalogue.METRICS[metric]
        catalogue._ADDED.clear()
        metrics.overall.cache_clear()
        metrics._reordered.cache_clear()
        importlib.invalidate_caches()


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeExtensions]:
    monkeypatch.syspath_prepend(tmp_path / "installed")
    found = MadeExtensions(tmp_path / "installed")
    yield found
    found.forget()
