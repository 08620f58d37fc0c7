"""Locations of a version's files that lead out of the artifacts."""

import pytest

from theragate.mlflow_plugin import originals
from theragate.mlflow_plugin.originals import original
from theragate.release.refusals import Refusal


@pytest.mark.parametrize(
    "path", ["", "..", "1/../../private", "%2e%2e/private", "%252e%252e/private", "1/%25252e%25252e/x"]
)
def test_a_location_stays_within_the_artifacts_in_any_spelling(path, tmp_path):
    (tmp_path / "private").mkdir()
    environ = {
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"sealed+{(tmp_path / 'artifacts').as_uri()}",
    }
    with (
        pytest.raises(Refusal, match="a location outside the artifacts"),
        original(f"mlflow-artifacts:/{path}", environ),
    ):
        pass
    with original("mlflow-artifacts:/1/run/artifacts/model", environ) as folder:
        assert folder == tmp_path / "artifacts/1/run/artifacts/model"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://elsewhere/x",
        "s3://bucket/artifacts-of-others/x",
        "s3://bucket/artifacts",
        "gs://bucket/artifacts/x",
        "dbfs:/x",
    ],
)
@pytest.mark.parametrize("served", [True, False])
def test_nothing_is_fetched_from_another_bucket(uri, served, monkeypatch):
    """The server would read it with its own keys."""
    bucket = "s3://bucket/artifacts"
    environ = {"_MLFLOW_SERVER_SERVE_ARTIFACTS": "true", "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"sealed+{bucket}"}
    environ = environ if served else {"THERAGATE_ARTIFACTS": bucket}
    asked = []

    def repository(found):
        asked.append(found)
        raise OSError

    monkeypatch.setattr(originals, "get_artifact_repository", repository)
    with pytest.raises(Refusal, match="that is not among its artifacts"), original(uri, environ):
        pass
    assert asked == []
    with (
        pytest.raises(Refusal, match="files that cannot be read"),
        original(f"{bucket}/1/run/artifacts/model", environ),
    ):
        pass
    assert asked == [f"{bucket}/1/run/artifacts/model"]
