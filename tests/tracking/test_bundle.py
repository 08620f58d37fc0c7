import subprocess
import sys
from dataclasses import replace

import pytest

from theragate.errors import DataError, EvidenceError


def test_the_key_names_content_and_not_place_or_circumstance(make_bundle, tmp_path):
    bundle = make_bundle()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    artifacts = {name: moved / name.replace("/", "-") for name in bundle.artifacts}
    for name, path in bundle.artifacts.items():
        artifacts[name].write_bytes(path.read_bytes())
    assert replace(bundle, artifacts=artifacts, commit=None, dirty=True, experiment="calm-owl").key == bundle.key


def test_the_key_changes_with_each_file(make_bundle):
    bundle = make_bundle()
    keys = {bundle.key, make_bundle(decision="BLOCKED").key, make_bundle(trials=3).key, make_bundle(content="b").key}
    assert len(keys) == 4
    changed = make_bundle()
    changed.artifacts["card.md"].write_text("# Another card\n")
    assert changed.key != bundle.key


def test_a_missing_file_is_named(make_bundle):
    bundle = make_bundle()
    bundle.artifacts["card.md"].unlink()
    with pytest.raises(DataError, match=r"complete and belong together; received no file for card\.md"):
        replace(bundle)


@pytest.mark.parametrize("part", ["cohort", "predictions", "model"])
def test_a_verdict_about_something_else_is_refused(make_bundle, part):
    bundle = make_bundle()
    other = bundle.verdict.model_copy(update={f"{part}_sha256": "9" * 64})
    with pytest.raises(DataError, match=f"a verdict with {part} 999999999999, evidence with {part} [0-9a-f]{{12}}"):
        replace(bundle, verdict=other)


def test_an_estimator_that_was_changed_after_the_verdict_is_refused(make_bundle):
    bundle = make_bundle()
    (bundle.estimator / "model.json").write_text("changed")
    with pytest.raises(DataError, match=r"a verdict with model [0-9a-f]{12}, an estimator with"):
        replace(bundle)


def test_the_record_of_another_study_is_refused(make_bundle):
    bundle = make_bundle()
    with pytest.raises(DataError, match="a record of `diabetes_progression`"):
        replace(bundle, record=bundle.record.model_copy(update={"study": "diabetes_progression"}))


@pytest.mark.parametrize(("n", "events", "non_events"), [(10, None, None), (0, None, None), (40, 10, 30), (40, 40, 0)])
def test_evidence_with_small_cells_never_reaches_mlflow(make_bundle, n, events, non_events):
    bundle = make_bundle()
    small = bundle.evidence.groups[0].model_copy(update={"n": n, "events": events, "non_events": non_events})
    evidence = bundle.evidence.model_copy(update={"groups": (small,)})
    with pytest.raises(EvidenceError, match="received a group with a cell under 11 patients"):
        replace(bundle, evidence=evidence, artifacts={})


def test_an_artifact_with_other_evidence_never_reaches_mlflow(make_bundle):
    bundle = make_bundle()
    with pytest.raises(EvidenceError, match=r"an artifact `evidence\.json` that differs"):
        replace(bundle, evidence=bundle.evidence.model_copy(update={"groups": ()}))


def test_the_bundle_is_made_without_mlflow():
    code = "import theragate.tracking.bundle, sys; print('mlflow' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
