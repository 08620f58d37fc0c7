"""Keys: read from files that only their owner can read, or from a setting; never shown."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from release.submission_by_hand import a_key

from theragate.digests import sha256_bytes
from theragate.errors import ConfigurationError
from theragate.release.keys import VerifyingKey, _is_open_to_others, development_key, read_key, write_key

KEY, OTHER = a_key(1), a_key(2)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_is_of_one_message_and_one_key(message, another):
    signature = KEY.sign(message)
    assert KEY.public.verifies(message, signature)
    assert KEY.public.verifies(another, signature) == (another == message)
    assert not OTHER.public.verifies(message, signature)
    assert not KEY.public.verifies(message, signature[:-1])
    assert not KEY.public.verifies(message, bytes([signature[0] ^ 1]) + signature[1:])


def test_a_key_is_named_by_its_public_half_and_never_shown():
    assert KEY.key_id == sha256_bytes(KEY.public.raw) == VerifyingKey.of(KEY.public.base64).key_id
    assert repr(KEY) == f"SigningKey({KEY.key_id[:12]}…)"


def test_a_written_key_is_its_owners_alone_and_is_read_back(tmp_path):
    path = tmp_path / "keys" / "ci.pem"
    write_key(path, KEY)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert read_key(str(path), named="THERAGATE_EVALUATOR_KEY").key_id == KEY.key_id
    assert read_key(KEY.pem().decode(), named="THERAGATE_EVALUATOR_KEY").key_id == KEY.key_id
    with pytest.raises(ConfigurationError, match=r"`ci\.pem`: a new key goes into a new file"):
        write_key(path, OTHER)
    assert read_key(str(path), named="a key").key_id == KEY.key_id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    path = tmp_path / "open.pem"
    write_key(path, KEY)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"only the owner .* a file with mode {mode:o}\. Run `chmod 600`"):
        read_key(str(path), named="THERAGATE_LEDGER_KEY")


def private(kind=None, encryption=None) -> str:
    key = kind or KEY._private
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (private(encryption=BestAvailableEncryption(b"secret")), "a key with a password"),
        (private(ec.generate_private_key(ec.SECP256R1())), "a key of the type ECPrivateKey"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "text that is not one"),
        ("no-such-file-hunter2", "a file that cannot be read"),
        ("", "a file that cannot be read"),
        ("hunter2\0", "a file that cannot be read"),
    ],
    ids=["password", "kind", "text", "absent", "empty", "no path"],
)
def test_what_is_no_key_is_refused_without_showing_it(value, received):
    with pytest.raises(ConfigurationError, match=f"THERAGATE_LEDGER_KEY.*{received}") as refused:
        read_key(value, named="THERAGATE_LEDGER_KEY")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "AAAA", "no base64!", "ü", KEY.public.base64[:-1], f" {KEY.public.base64}"])
def test_a_public_key_is_32_bytes_in_its_one_spelling(text):
    with pytest.raises(ValueError, match="public key"):
        VerifyingKey.of(text)


def test_a_public_key_has_one_spelling():
    last = KEY.public.base64[-2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(last) ^ 1]  # differs in bits that Base64 throws away
    with pytest.raises(ValueError, match="canonical"):
        VerifyingKey.of(f"{KEY.public.base64[:-2]}{other}=")


def test_the_development_key_is_made_once_even_by_many_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: development_key(tmp_path / "private"), range(8)))
    assert len({key.key_id for key, _ in found}) == 1
    assert sum(made for _, made in found) == 1
    assert not development_key(tmp_path / "private")[1]


SMALL = [  # the points of small order, as RFC 8032 and libsodium write them, with either first bit
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]


@pytest.mark.parametrize("text", SMALL)
@pytest.mark.parametrize("first_bit", [0, 128])
def test_a_key_for_which_anybody_can_sign_is_none(text, first_bit):
    raw = bytearray.fromhex(text)
    raw[31] |= first_bit
    with pytest.raises(ValueError, match="anybody can sign for it"):
        VerifyingKey(bytes(raw))


def test_for_the_key_of_zeros_anybody_can_sign():
    """Why it is refused: the library that verifies accepts a signature that was made without a private key."""
    nobody = Ed25519PublicKey.from_public_bytes(bytes(32))
    signature = bytes([1]) + bytes(63)

    def accepted(message):
        try:
            nobody.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    assert any(accepted(b"champion %d" % number) for number in range(64))


@pytest.mark.parametrize(
    ("mode", "owner", "group", "user", "is_open"),
    [
        (0o600, 1000, 1000, 1000, False),
        (0o400, 0, 0, 1000, False),
        (0o440, 0, 0, 1000, False),  # a credential of systemd
        (0o440, 0, 1000, 1000, True),
        (0o440, 1000, 0, 1000, True),
        (0o440, 0, 0, 0, True),
        (0o444, 0, 0, 1000, True),
        (0o460, 0, 0, 1000, True),
    ],
)
def test_who_else_can_read_a_key(mode, owner, group, user, is_open):
    status = os.stat_result((mode, 0, 0, 1, owner, group, 0, 0, 0, 0))
    assert _is_open_to_others(status, user=user) == is_open
