"""Signed envelopes: DSSE version 1 (https://github.com/secure-systems-lab/dsse), with Ed25519.

A signature covers the payload's type and bytes, so that nothing signed for one purpose can serve another.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

from theragate.digests import canonical_json
from theragate.release.keys import SigningKey, VerifyingKey
from theragate.release.refusals import Refusal
from theragate.study import Spec, spec_of

__all__ = ["MOST_CHARACTERS", "Envelope", "Signature", "Verified", "pae", "read_envelope", "sign", "verify"]

MOST_CHARACTERS = 100_000  # what a tag of a model version holds

_SUBJECT = "the attestation"
_REMEDY = "Attest the version again: `theragate attest STUDY`."


class Signature(Spec):
    """One signature; ``keyid`` is a hint and proves nothing."""

    keyid: str
    sig: str


class Envelope(Spec):
    """A payload (Base64) with its type and its signatures."""

    model_config = ConfigDict(strict=True)

    payload_type: Annotated[str, Field(alias="payloadType", min_length=1)]
    payload: str
    signatures: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=10)]

    @property
    def text(self) -> str:
        """The envelope as JSON, as it is sent."""
        return canonical_json(self.model_dump(mode="json", by_alias=True)).decode()

    @property
    def content(self) -> bytes:
        """The bytes of the payload, unverified.

        Raises
        ------
        Refusal
            If they are not Base64.
        """
        return _decoded(self.payload)


@dataclass(frozen=True)
class Verified:
    """The payload of an envelope, and the key that has signed it."""

    payload: bytes
    key_id: str


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding of type and payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, key: SigningKey) -> Envelope:
    """Put `payload` into an envelope that `key` signs."""
    signature = base64.b64encode(key.sign(pae(payload_type, payload))).decode()
    return Envelope(
        payload_type=payload_type,
        payload=base64.b64encode(payload).decode(),
        signatures=(Signature(keyid=key.key_id, sig=signature),),
    )


def read_envelope(text: str) -> Envelope:
    """Read an envelope, which anybody may have written.

    Raises
    ------
    Refusal
        If it is too long or malformed.
    """
    if len(text) > MOST_CHARACTERS:
        raise _refused(f"{len(text):,} characters, of at most {MOST_CHARACTERS:,}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused("text that is not one") from error
    return spec_of(
        Envelope, value, subject=f"{_SUBJECT}, a signed envelope (DSSE)", remedy=_REMEDY, error=Refusal, private=True
    )


def verify(envelope: Envelope, keys: Iterable[VerifyingKey], *, payload_type: str) -> Verified:
    """Return the payload if one of `keys` has signed it as `payload_type`.

    Raises
    ------
    Refusal
        If the payload has another type, or none of the signatures is by one of `keys`.
    """
    if envelope.payload_type != payload_type:
        raise _refused(f"a payload of type `{ascii(envelope.payload_type)[1:-1][:60]}`")
    payload = envelope.content
    message = pae(payload_type, payload)
    signatures = [_decoded(signature.sig) for signature in envelope.signatures]
    for key in keys:
        if any(key.verifies(message, signature) for signature in signatures):
            return Verified(payload, key.key_id)
    hints = ", ".join(f"`{signature.keyid[:12]}`" for signature in envelope.signatures)
    raise Refusal(
        "the attestation's signature",
        rule="it is that of a key which counts here",
        received=f"one that claims to be by key {json.dumps(hints, ensure_ascii=True)[1:-1]}",
        remedy="Let the evaluator sign: `theragate attest STUDY`.",
    )


def _decoded(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise _refused("text that is not Base64") from error
    if base64.b64encode(content).decode() != text:  # the last letter may have bits that say nothing
        raise _refused("Base64 in another spelling than its canonical one")
    return content


def _refused(received: str) -> Refusal:
    rule = "it is a signed envelope (DSSE) as `theragate` writes it"
    return Refusal(_SUBJECT, rule=rule, received=received, remedy=_REMEDY)
