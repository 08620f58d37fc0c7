"""A ledger's state in one note that other software can read and sign: a checkpoint of a transparency log.

The form is that of C2SP: `tlog-checkpoint <https://c2sp.org/tlog-checkpoint>`_ in a `signed note
<https://c2sp.org/signed-note>`_, as logs of Go modules, of certificates and of Rekor v2 have it. The root is the
Merkle tree hash of :rfc:`6962`, section 2.1, over the hashes of the rows.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from theragate.errors import DataError, StoreError
from theragate.release.keys import SigningKey, VerifyingKey
from theragate.release.ledger import Row

__all__ = ["Checkpoint", "read_checkpoint", "root_hash", "signed_checkpoint"]

_ORIGIN = "theragate-ledger/"
_ED25519 = b"\x01"  # the type of signature in a signed note
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Checkpoint:
    """What a note states: which ledger, the number of its rows, and the hash over all of them."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Checkpoint":
        """Return that of a verified ledger, which is named by the hash of its first row."""
        return cls(f"{_ORIGIN}{rows[0].hash}", len(rows), root_hash(rows))

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def check(self, rows: Sequence[Row]) -> None:
        """Check that a verified ledger is that of the note, as it was or grown.

        Raises
        ------
        StoreError
            If it is not.
        """
        if not rows or f"{_ORIGIN}{rows[0].hash}" != self.origin:
            received = "another ledger"
        elif len(rows) < self.size:
            received = f"a ledger that ends at row {len(rows)}"
        elif root_hash(rows[: self.size]) != self.root:
            received = "other rows"
        else:
            return
        raise StoreError(
            "the registry's ledger",
            rule=f"its first {self.size} rows are those of the checkpoint",
            received=received,
            remedy="Release nothing and use no model from it; find out who restored or replaced it.",
        )


def root_hash(rows: Sequence[Row]) -> bytes:
    """Return the Merkle tree hash over the hashes of rows: SHA-256, with 0x00 before a leaf and 0x01 before a node."""
    level = [hashlib.sha256(b"\x00" + bytes.fromhex(row.hash)).digest() for row in rows]
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:  # by pairs from the left, a last one without a neighbour goes up: the tree of RFC 6962
        pairs = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def signed_checkpoint(rows: Sequence[Row], key: SigningKey) -> str:
    """Return the note about a verified ledger, signed by a key of one's own, which bears the name of the ledger."""
    checkpoint = Checkpoint.of(rows)
    signature = _key_hash(checkpoint.origin, key.public) + key.sign(checkpoint.text.encode())
    return f"{checkpoint.text}\n— {checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def read_checkpoint(note: str, key: VerifyingKey) -> Checkpoint:
    """Return what a note states, if the key has signed it; signatures of others, such as witnesses, may follow.

    Raises
    ------
    DataError
        If it is no checkpoint, or not signed by the key.
    """
    text, separator, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) < 3 or not lines[0].startswith(_ORIGIN) or not _SIZE.fullmatch(lines[1]):
        raise _unusable("it is a checkpoint: origin, size, root and signatures", "another text")
    origin, size, encoded = lines[:3]
    for line in signatures.splitlines():
        found = _SIGNATURE.fullmatch(line)
        raw = base64.b64decode(found[2]) if found is not None and found[1] == origin and len(found[2]) % 4 == 0 else b""
        if raw[:4] == _key_hash(origin, key) and key.verifies(f"{text}\n".encode(), raw[4:]):
            return Checkpoint(origin, int(size), base64.b64decode(encoded))
    raise _unusable("the key of --key has signed it", "no such signature")


def _key_hash(name: str, key: VerifyingKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()[:4]


def _unusable(rule: str, received: str) -> DataError:
    return DataError(
        "the checkpoint",
        rule=rule,
        received=received,
        remedy="Name the file that `--checkpoint` has written, and its key.",
    )
