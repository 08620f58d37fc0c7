"""The buckets of a release server: whether it reaches them, and what becomes of an object that somebody replaces."""

from collections.abc import Iterator, Mapping

from theragate.errors import TheragateError
from theragate.mlflow_plugin.buckets import Bucket, is_bucket
from theragate.mlflow_plugin.checks.findings import Finding, warning
from theragate.mlflow_plugin.sealed_location import SEALED
from theragate.settings import Settings

__all__ = ["check_buckets", "refuse_out_of_reach"]


def check_buckets(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check the buckets of the artifacts and of the sealed models, where they are in any."""
    sealed = _sealed(settings, environ)
    for uri in _uris(settings, environ):
        try:
            keeps = Bucket(uri).check(environ)
        except TheragateError as raised:
            yield Finding.of(raised)
            continue
        if uri == sealed and not keeps:
            yield warning(
                f"the bucket `{Bucket(uri).name}` of the sealed models",
                rule="it keeps what is overwritten or deleted as an older version",
                received="a bucket without versions, or keys that may not ask for them",
                remedy="Switch versions on, or object lock, which includes them.",
            )


def refuse_out_of_reach(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse to start a server whose buckets cannot be used.

    Raises
    ------
    StoreError, ConfigurationError
        For the first such bucket.
    """
    for uri in _uris(settings, environ):
        Bucket(uri).check(environ)


def _uris(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    named = (settings.artifacts, _sealed(settings, environ))
    return list(dict.fromkeys(uri.rstrip("/") for uri in named if is_bucket(uri)))


def _sealed(settings: Settings, environ: Mapping[str, str]) -> str:
    return (environ.get("THERAGATE_SEALED") or f"{settings.artifacts.rstrip('/')}/{SEALED}").rstrip("/")
