"""Rows of a ledger pinned outside: one line of JSON each, in a file that is kept where the server cannot write."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from theragate.errors import DataError, StoreError
from theragate.files import read_bytes, write_text
from theragate.numbers import plural
from theragate.registry.checkpoint import read_checkpoint, signed_checkpoint
from theragate.release.attestation import Moment
from theragate.release.keys import SigningKey, VerifyingKey
from theragate.release.ledger import Row
from theragate.release.waivers import Digest
from theragate.study import Spec

__all__ = ["add_pin", "check_pins", "write_checkpoint"]

_MOST_BYTES = 64 << 20  # 300,000 lines


class _Pin(Spec):
    """The last row of a ledger at a moment; ``first`` is the hash of its first row, which names the ledger."""

    at: Moment
    first: Digest
    seq: Annotated[int, Field(ge=1)]
    hash: Digest


def add_pin(path: Path, rows: Sequence[Row], now: datetime) -> str:
    """Append the last row of a verified ledger to a file; return one line for the user.

    Raises
    ------
    StoreError
        If the ledger is empty, or the file cannot be written.
    """
    if not rows:
        raise _empty()
    last = rows[-1]
    pin = _Pin(at=now.replace(microsecond=0), first=rows[0].hash, seq=last.seq, hash=last.hash)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", newline="\n", opener=_unless_it_waits) as stream:
            stream.write(f"{pin.model_dump_json()}\n")  # one short write: whole, or not at all
    except OSError as error:
        received = error.strerror or type(error).__name__
        remedy = "Name a file in a folder that can be written, with space on its disk."
        raise StoreError(str(path), rule="a pin is added to it", received=received, remedy=remedy) from error
    return f"row {last.seq} is pinned in {path}: {last.hash}"


def _unless_it_waits(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody reads is an error, for which nobody waits."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def write_checkpoint(path: Path, rows: Sequence[Row], key: SigningKey) -> str:
    """Write the state of a verified ledger as a signed checkpoint; return one line for the user.

    Raises
    ------
    StoreError
        If the ledger is empty, or the file cannot be written.
    """
    if not rows:
        raise _empty()
    write_text(path, signed_checkpoint(rows, key))
    return f"{plural(len(rows), 'row')} signed in {path}"


def _empty() -> StoreError:
    return StoreError(
        "the registry's ledger",
        rule="its last row is pinned",
        received="a ledger without a row",
        remedy="Pin it after the first approval.",
    )


def check_pins(path: Path, rows: Sequence[Row], key: VerifyingKey | None = None) -> str:
    """Check that a verified ledger has every row that is pinned in a file; return one line for the user.

    Parameters
    ----------
    key
        The key that has signed a checkpoint; None for a file of pinned rows.

    Raises
    ------
    DataError
        If the file cannot be read, or a line of it is no pin.
    StoreError
        If a pinned row is missing, is another one, or belongs to another ledger.
    """
    if key is not None:
        checkpoint = read_checkpoint("\n".join(_lines(path)) + "\n", key)
        checkpoint.check(rows)
        return f"{plural(checkpoint.size, 'row')} of the checkpoint {path} found in the ledger"
    pins = _read(path)
    for number, pin in enumerate(pins, start=1):
        if not rows or rows[0].hash != pin.first:
            received = f"another ledger, {f'whose first row is {rows[0].hash[:12]}' if rows else 'without a row'}"
        elif len(rows) < pin.seq:
            received = f"a ledger that ends at row {len(rows)}"
        elif rows[pin.seq - 1].hash != pin.hash:
            received = f"another row {pin.seq}, {rows[pin.seq - 1].hash[:12]}"
        else:
            continue
        raise StoreError(
            "the registry's ledger",
            rule=f"it has row {pin.seq}, {pin.hash[:12]}, which was pinned on {pin.at:%Y-%m-%d} "
            f"(line {number} of {path.name})",
            received=received,
            remedy="Release nothing and use no model from it; find out who restored or replaced it.",
        )
    return f"{plural(len(pins), 'pinned row')} of {path} found in the ledger"


_REMEDY = "Name a file that `theragate release audit --pin` has written, or a checkpoint and its --key."


def _lines(path: Path) -> list[str]:
    remedy = _REMEDY
    try:
        lines = read_bytes(path, most=_MOST_BYTES).decode("utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        received = getattr(error, "strerror", None) or "bytes that are no text"
        raise DataError(str(path), rule="it can be read", received=received, remedy=remedy) from error
    if not lines:
        raise DataError(str(path), rule="it holds pinned rows", received="an empty file", remedy=remedy)
    return lines


def _read(path: Path) -> tuple[_Pin, ...]:
    pins, lines, remedy = [], _lines(path), _REMEDY
    for number, line in enumerate(lines, start=1):
        try:
            pins.append(_Pin.model_validate_json(line))
        except ValidationError as error:
            raise DataError(
                f"{path}, line {number}", rule="it is a pinned row", received="something else", remedy=remedy
            ) from error
    return tuple(pins)
