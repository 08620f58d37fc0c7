"""Ed25519 keys, kept in files that only their owner can read and named by the digest of their public half."""

import base64
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from filelock import FileLock

from theragate.digests import sha256_bytes
from theragate.errors import ConfigurationError
from theragate.files import whole_file

__all__ = ["DEVELOPMENT_KEY", "SigningKey", "VerifyingKey", "development_key", "read_key", "write_key"]

DEVELOPMENT_KEY = Path("keys", "development.pem")  # below the private folder
_OTHERS = 0o077  # the permissions of everybody except the owner
_MOST_BYTES = 10_000  # a PEM file of an Ed25519 key has about 120
_LENGTH = 32  # bytes of a raw public key
_PRIME = 2**255 - 19  # of the field of Ed25519
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME  # of its curve


def _is_degenerate(raw: bytes) -> bool:
    """Return whether a key is one of the few points of small order, for which anybody can make signatures.

    On the curve ``y² - x² = 1 + d x² y²`` the order of a point divides 8 exactly if ``x = 0``, ``y = 0`` or
    ``x² + y² = 0``; ``x²`` follows from ``y``, which is the key without its first bit (RFC 8032, section 5.1.3).
    """
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    return x_squared == 0 or y % _PRIME == 0 or (x_squared + y * y) % _PRIME == 0


@dataclass(frozen=True)
class VerifyingKey:
    """A public key: 32 raw bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != _LENGTH:
            raise ValueError("an Ed25519 public key has 32 bytes")
        if _is_degenerate(self.raw):
            raise ValueError("a public key of all zeros or the like is nobody's: anybody can sign for it")

    @classmethod
    def of(cls, text: str) -> "VerifyingKey":
        """Read the Base64 of the raw key.

        Raises
        ------
        ValueError
            If it is not Base64 of 32 bytes, in its one canonical form.
        """
        try:
            raw = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise ValueError("a public key is written in Base64") from error
        key = cls(raw)
        if key.base64 != text:
            raise ValueError("a public key is written in canonical Base64")
        return key

    @cached_property
    def key_id(self) -> str:
        """The SHA-256 of the raw key, by which it is named."""
        return sha256_bytes(self.raw)

    @property
    def base64(self) -> str:
        """The raw key in Base64."""
        return base64.b64encode(self.raw).decode()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether `signature` is this key's signature of `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, repr=False)
class SigningKey:
    """A private key; its text never appears in a message or representation."""

    _private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """Generate a key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_pem(cls, pem: bytes, *, named: str) -> "SigningKey":
        """Read PEM text (PKCS #8, without a password); `named` is what messages call it.

        Raises
        ------
        ConfigurationError
            If it is not the text of an Ed25519 private key.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            received = "a key with a password" if isinstance(error, TypeError) else "text that is not one"
            raise _wrong(named, received) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise _wrong(named, f"a key of the type {type(key).__name__}")
        return cls(key)

    @cached_property
    def public(self) -> VerifyingKey:
        """The public half."""
        return VerifyingKey(self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @property
    def key_id(self) -> str:
        """The name of the key: that of its public half."""
        return self.public.key_id

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`: 64 bytes, always the same."""
        return self._private.sign(message)

    def pem(self) -> bytes:
        """Return the private key as PEM text (PKCS #8)."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id[:12]}…)"


def read_key(value: str, *, named: str) -> SigningKey:
    """Read a private key from what a setting holds: the path of a PEM file, or the PEM text itself.

    Raises
    ------
    ConfigurationError
        If it is neither, or anybody except the owner can read the file. No message shows the value.
    """
    if value.lstrip().startswith("-----BEGIN"):
        return SigningKey.of_pem(value.encode(), named=named)
    path = Path(value)
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            pem = stream.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise _wrong(named, f"a file that cannot be read ({reason or type(error).__name__})") from error
    if os.name == "posix" and _is_open_to_others(status, user=os.geteuid()):
        raise ConfigurationError(
            f"{named}, `{path.name}`",
            rule="only the owner can read a private key",
            received=f"a file with mode {status.st_mode & 0o777:o}",
            remedy="Run `chmod 600` on it; if others may have read it, replace the key with `theragate keys rotate`.",
        )
    return SigningKey.of_pem(pem, named=f"{named}, `{path.name}`")


def _is_open_to_others(status: os.stat_result, *, user: int) -> bool:
    """Return whether somebody else than `user` and root can read a file.

    systemd hands a service its credentials as files of root, with a list of who else may read them; their mode then
    shows 440, and their group is root's.
    """
    of_root = status.st_uid == status.st_gid == 0 != user
    return bool(status.st_mode & (_OTHERS & ~0o040 if of_root else _OTHERS))


def write_key(path: Path, key: SigningKey) -> None:
    """Write a private key to a new file with mode 600.

    Raises
    ------
    ConfigurationError
        If the file exists: the key in it would be lost, and nothing could be signed with it again.
    StoreError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if path.exists():
            raise ConfigurationError(
                f"key file `{path.name}`",
                rule="a new key goes into a new file",
                received="a file that exists already",
                remedy="Choose another file, or move this one away.",
            )
        with whole_file(path, mode=0o600) as temporary:
            temporary.write_bytes(key.pem())


def development_key(private: Path) -> tuple[SigningKey, bool]:
    """Return the development key below the folder `private`, and whether it was made just now.

    It signs where there is no trust file, so that everything can be tried on a laptop. It proves nothing to anybody
    else, and every use of it must say so.

    Raises
    ------
    ConfigurationError
        If anybody except the owner can read it, or it is not a key.
    StoreError
        If it cannot be written.
    """
    path = private / DEVELOPMENT_KEY
    made = False
    if not path.exists():
        try:
            write_key(path, SigningKey.generate())
            made = True
        except ConfigurationError:
            made = False  # another process was faster; its key serves as well
    return read_key(str(path), named="the development key"), made


def _wrong(named: str, received: str) -> ConfigurationError:
    return ConfigurationError(
        named,
        rule="it is an Ed25519 private key, as PEM text or the path of a PEM file",
        received=received,
        remedy="Make one with `theragate keys make`.",
    )
