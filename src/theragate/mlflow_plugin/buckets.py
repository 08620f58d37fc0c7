"""Buckets of S3, or of a store that speaks its protocol, as MLflow's settings say; their errors are sentences."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from theragate.errors import ConfigurationError, StoreError

__all__ = ["Bucket", "BucketOutageError", "is_bucket", "no_such_object", "reaching", "refused_condition"]

_SCHEME = "s3"
_MISSING = {"404", "NoSuchKey"}
_NO_BUCKET = {"NoSuchBucket"}
_KEYS = {
    "401",
    "403",
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_CONDITION = {"409", "412", "ConditionalRequestConflict", "PreconditionFailed"}
_LATER = {"500", "502", "503", "504", "InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
_CONNECT = 5  # seconds for which a check waits for a connection


class BucketOutageError(StoreError):
    """A bucket does not answer for now: whoever asks again later may be served."""


@dataclass(frozen=True)
class Bucket:
    """A place in a bucket, ``s3://NAME/PREFIX``.

    Raises
    ------
    ConfigurationError
        If the URI names no bucket, or is in a spelling of which another would be the same place.
    """

    uri: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.uri)
        steps = self.prefix.split("/") if self.prefix else []
        plain = not (parts.query or parts.fragment or {"", ".", ".."} & {*steps} or "%" in self.uri)
        if parts.scheme != _SCHEME or not parts.netloc or "@" in parts.netloc or not plain:
            raise ConfigurationError(
                "a place in a bucket",
                rule="it is written as `s3://BUCKET/FOLDER`",
                received=f"`{self.uri.partition('?')[0].rpartition('@')[2][:100]}`",
                remedy="Correct THERAGATE_ARTIFACTS or THERAGATE_SEALED.",
            )

    @property
    def name(self) -> str:
        """The bucket's name."""
        return urlsplit(self.uri).netloc

    @property
    def prefix(self) -> str:
        """The folder in the bucket; empty for all of it."""
        return urlsplit(self.uri).path.removeprefix("/")

    def is_below(self, other: "Bucket") -> bool:
        """Return whether this place is inside `other`, or is it."""
        return self.name == other.name and f"{self.prefix}/".startswith(f"{other.prefix}/" if other.prefix else "")

    def key(self, path: str) -> str:
        """Return the key of the object at `path` below this place."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def check(self, environ: Mapping[str, str]) -> bool:
        """Return whether the bucket keeps older versions of its objects, once its folder was listed.

        Raises
        ------
        StoreError
            If it cannot be reached, does not exist, or does not accept the keys.
        """
        with reaching(self.uri, environ):
            client = _impatient_client(environ)
            client.list_objects_v2(Bucket=self.name, Prefix=self.key(""), MaxKeys=1)
            try:
                return bool(client.get_bucket_versioning(Bucket=self.name).get("Status") == "Enabled")
            except client.exceptions.ClientError:  # the right to ask for it is not one that the server needs
                return False


def is_bucket(uri: str | None) -> bool:
    """Return whether a URI is in a bucket."""
    return bool(uri) and str(uri).startswith(f"{_SCHEME}:")


@contextmanager
def reaching(uri: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Turn errors of the bucket at `uri` into ours.

    Raises
    ------
    BucketOutageError
        If it does not answer for now.
    StoreError
        If it refuses.
    ConfigurationError
        If its client is not installed.
    """
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as raised:
        raise ConfigurationError(
            "a bucket",
            rule="its client is installed",
            received=f"none (`{raised.name}`)",
            remedy="Install it: `pip install 'theragate[s3]'`.",
        ) from raised
    try:
        yield
    except ClientError as raised:
        raise _refused(uri, _code(raised)) from raised
    except (BotoCoreError, Boto3Error) as raised:
        raise _unreached(uri, type(raised).__name__, str(raised), environ) from raised


def no_such_object(raised: BaseException) -> bool:
    """Return whether an error of the client says that an object, though not its bucket, does not exist."""
    return _code(raised) in _MISSING


def refused_condition(raised: BaseException) -> bool:
    """Return whether an error of the client says that an object is there, or is being written, already."""
    return _code(raised) in _CONDITION


def _code(raised: BaseException) -> str:
    response: Any = getattr(raised, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _impatient_client(environ: Mapping[str, str]) -> Any:
    """Return a client that gives up soon; otherwise it is like MLflow's."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT,
        read_timeout=4 * _CONNECT,
        retries={"mode": "standard", "total_max_attempts": 2},
        s3={"addressing_style": environ.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE") or "auto"},
    )
    lax = environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1")
    endpoint = environ.get("MLFLOW_S3_ENDPOINT_URL") or None
    return boto3.Session().client("s3", endpoint_url=endpoint, config=config, verify=False if lax else None)


def _refused(uri: str, code: str) -> StoreError:
    subject = f"the bucket `{urlsplit(uri).netloc}`"
    if code in _LATER:
        return BucketOutageError(
            subject, rule="it answers", received=f"`{code}`", remedy="Try again; if it lasts, ask its operator."
        )
    if code in _NO_BUCKET:
        return StoreError(
            subject,
            rule="it exists",
            received="no bucket of that name",
            remedy="Make it, or correct THERAGATE_ARTIFACTS or THERAGATE_SEALED.",
        )
    if code in _KEYS:
        return StoreError(
            subject,
            rule="the server's keys can list, read and write in it",
            received=f"keys that may not (`{code}`)",
            remedy="Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what the bucket grants them.",
        )
    return StoreError(
        subject,
        rule="it does as it is asked",
        received=f"the error `{code[:80]}`",
        remedy="Look it up in the manual of the bucket's operator.",
    )


def _unreached(uri: str, kind: str, text: str, environ: Mapping[str, str]) -> StoreError:
    subject = f"the bucket `{urlsplit(uri).netloc}`"
    if "Credentials" in kind:
        return StoreError(
            subject,
            rule="the server has keys to it",
            received="none",
            remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile in AWS_PROFILE.",
        )
    for code in ("NoSuchBucket", *_KEYS):  # an upload wraps the error in words of its own
        if f"({code})" in text:
            return _refused(uri, code)
    endpoint = urlsplit(environ.get("MLFLOW_S3_ENDPOINT_URL") or "")
    where = f" at `{endpoint.scheme}://{endpoint.netloc.rpartition('@')[2]}`" if endpoint.netloc else ""
    return BucketOutageError(
        subject,
        rule=f"its store answers{where}",
        received=f"no answer (`{kind}`)",
        remedy="Look whether it runs and is reached from here; MLFLOW_S3_ENDPOINT_URL says where it is.",
    )
