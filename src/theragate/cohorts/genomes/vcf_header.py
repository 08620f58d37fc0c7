"""The header of a VCF or BCF file: its build, chromosomes and samples, looked at before anything is read by it."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from theragate.cohorts.genomes.chromosomes import builds_of_lengths, builds_of_words, plain_chromosome
from theragate.errors import DataError
from theragate.study import VcfSource

__all__ = ["VcfHeader", "check_build", "read_header"]

_GZIP = b"\x1f\x8b"
# The empty block with which every whole file of bgzip ends (SAMv1.pdf, section 4.1.2).
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BCF = b"BCF\x02"
_LONGEST = 2**26  # bytes of a header; real ones have some hundred thousand
_CONTIG = re.compile(r"^##contig=<(.*)>\s*$")
_FIELD = re.compile(r'(\w+)=("[^"]*"|[^,]*)')


@dataclass(frozen=True)
class VcfHeader:
    """What a header says.

    ``contigs`` are by the name that the file gives them, with their lengths where it says them; ``formats`` are the
    fields that samples may have; ``lines`` are all lines but those of the contigs.
    """

    contigs: dict[str, int | None]
    formats: frozenset[str]
    samples: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether it says, in a line ``##SIMULATED=…``, that its people do not exist."""
        return any(line.startswith("##SIMULATED") for line in self.lines)

    def called(self, chromosome: str) -> list[str]:
        """Return how the file calls a chromosome; nothing where it has none of the name."""
        return [name for name in self.contigs if plain_chromosome(name) == plain_chromosome(chromosome)]


def read_header(path: Path, *, subject: str) -> VcfHeader:
    """Read a header, and see that the file is whole as far as its end shows it.

    Raises
    ------
    DataError
        If the file is no VCF or BCF file, was cut off, is packed by another program than bgzip, names a sample twice
        or has none.
    """
    with path.open("rb") as file:
        first = file.read(18)
        packed = first.startswith(_GZIP)
        if packed and (len(first) < 18 or first[12:14] != b"BC"):
            raise _unlike(subject, "is packed by bgzip", "a file of another program", "Unpack it, then run `bgzip`.")
        file.seek(0, 2)
        size = file.tell()
        file.seek(max(size - len(_END), 0))
        end = file.read()
    if packed and end != _END:
        raise _cut_off(subject)
    if not packed and size and not end.endswith(b"\n"):
        raise _cut_off(subject)
    try:
        lines = list(_lines(path, packed=packed))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _cut_off(subject) from None
    except (UnicodeDecodeError, ValueError):
        lines = []
    if not lines or not lines[0].startswith("##fileformat=VCF") or not lines[-1].startswith("#CHROM\t"):
        raise _unlike(subject, "it is a VCF or BCF file with its header", "something else", "Export it again as VCF 4.")
    return _of(lines, subject)


def check_build(header: VcfHeader, spec: VcfSource, *, subject: str) -> None:
    """Refuse a file of another build than the declared one, or that does not say which it is of.

    Raises
    ------
    DataError
        With the build that it seems to be of.
    """
    found = builds_of_lengths({plain_chromosome(name): length for name, length in header.contigs.items() if length})
    if not found:
        told = [line for line in header.lines if line.lower().startswith(("##reference", "##assembly", "##contig"))]
        found = {*builds_of_words(told)}
    if found == {spec.build} or (not found and spec.build_known_by):
        return
    if found:
        names = " and ".join(sorted("another one" if build is None else build for build in found))
        received, remedy = f"one of {names}", "Lift it over, or declare the sites and the build of the file"
    else:
        received = "one that says neither the lengths of its chromosomes nor a reference"
        remedy = "Add them with `bcftools reheader --fai`, or say under `source.build_known_by` how the build is known"
    raise _unlike(subject, f"it is of the declared build, {spec.build}", received, f"{remedy}.")


def _of(lines: list[str], subject: str) -> VcfHeader:
    contigs: dict[str, int | None] = {}
    others = []
    for line in lines[:-1]:
        found = _CONTIG.match(line)
        if found is None:
            others.append(line)
            continue
        fields = {key: value.strip('"') for key, value in _FIELD.findall(found.group(1))}
        length = fields.get("length", "")
        contigs[fields.get("ID", "")] = int(length) if length.isdigit() else None
        if "assembly" in fields:
            others.append(f"##contig assembly {fields['assembly']}")
    formats = {match.group(1) for line in others if (match := re.match(r"##FORMAT=<ID=([^,>]+)", line))}
    samples = tuple(lines[-1].rstrip("\r\n").split("\t")[9:])
    twice = sum(times - 1 for times in Counter(samples).values())
    if twice:
        raise _unlike(subject, "each sample has a name of its own", f"{twice} that repeat one", "Rename them.")
    if not samples:
        raise _unlike(subject, "it has the genotypes of samples", "sites alone", "Export it with the samples.")
    return VcfHeader(contigs, frozenset(formats), samples, tuple(others))


def _lines(path: Path, *, packed: bool) -> Iterator[str]:
    """Yield the lines of a header up to that of the samples."""
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        start = file.read(5)
        if start.startswith(_BCF):
            size = int.from_bytes(file.read(4), "little")
            text = file.read(min(size, _LONGEST)).rstrip(b"\0").decode()
            yield from text.splitlines()
            return
        read = len(start)
        line = start + file.readline(_LONGEST)
        while line.startswith(b"#") and read < _LONGEST:
            text = line.decode().rstrip("\r\n")
            yield text
            if text.startswith("#CHROM"):
                return
            read += len(line)
            line = file.readline(_LONGEST)


def _cut_off(subject: str) -> DataError:
    return _unlike(subject, "the file is whole", "one that was cut off", "Copy or export it again.")


def _unlike(subject: str, rule: str, received: str, remedy: str) -> DataError:
    return DataError(subject, rule=rule, received=received, remedy=remedy)
