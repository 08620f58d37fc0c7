"""A cohort from genotypes: a row per sample of a VCF or BCF file, or per file of a folder, by declared variants."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from theragate.cohorts.genomes.genotypes import Genotypes, Why, joined
from theragate.cohorts.genomes.star_alleles import GeneTable, read_gene_tables, star_columns
from theragate.cohorts.genomes.variant_columns import counts, letters
from theragate.cohorts.genomes.vcf_files import read_genotypes
from theragate.cohorts.genomes.vcf_header import check_build, read_header
from theragate.cohorts.scratch import Scratch
from theragate.cohorts.sources._context import SourceContext
from theragate.cohorts.sources._raw_table import RawTable, check_names_differ
from theragate.cohorts.sources._steady import edition, steady
from theragate.errors import DataError
from theragate.evidence.published import SMALLEST_CELL
from theragate.files import read_bytes
from theragate.settings import for_experiments
from theragate.study import VcfSource

__all__ = ["read_vcf"]

_SAMPLE = "sample"  # the column of the source's own ids

_BESIDE = (".tbi", ".csi", ".md")  # what lies in a folder beside the files of people
_WORDS = {
    Why.NOT_IN_FILE: "absent from the file",
    Why.FILTERED: "left out by FILTER",
    Why.LOW_QUALITY: "of too low a quality",
    Why.NOT_CALLED: "not called",
    Why.PARTLY_CALLED: "called in part",
    Why.OTHER_ALLELE: "of another allele than those declared",
    Why.CONTRADICTORY: "contradictory",
}


def read_vcf(spec: VcfSource, context: SourceContext, scratch: Scratch) -> RawTable:  # noqa: ARG001 - one form for all
    """Read the declared sites of ``source.path``.

    Returns
    -------
    A row per sample in the order of the file, or of the files' names: the sample, a column for each declared variant,
    and those of the genes that have star alleles.

    Raises
    ------
    DataError
        If there is no file; if one is broken, of another build, or does not fit what is declared (see `read_header`,
        `check_build`, `read_genotypes`, `read_gene_tables`); if a sample is there twice, or nobody's genotype at a site
        is known. No message names a sample.
    """
    subject = f"source `{context.named(spec.path)}`"
    files = _files(context.records(spec.path), context, subject)
    stars, phenotypes, people = _companions(spec, context)
    named = {"star alleles": stars, "phenotypes": phenotypes, "people": people}
    read = [*files, *(path for path in named.values() if path is not None and path.is_file())]
    with steady(read, subject):
        tables = read_gene_tables(stars, phenotypes, spec.variants, subject=subject) if stars else []
        people_read = _people_of(files, spec, subject)
        version = edition(files, named)
        links = None if people is None else _links(people, f"{subject}, people `{people.name}`")
    found = people_read.genotypes
    if context.elsewhere is None:
        _check_somebody(found, spec, subject)
    frame = _frame(len(people_read.samples), found, spec, tables)
    check_names_differ([_SAMPLE, *frame.columns], subject=subject)
    frame.insert(0, _SAMPLE, pd.Series(people_read.samples, dtype="str"))
    notes = _notes(found)
    if links is not None:
        everyone, frame = len(frame), _linked(frame, links, subject)
        notes += _left_out(everyone - len(frame))
    version = f"SIMULATED people, {version}" if people_read.simulated else version
    return RawTable(frame, version, id_column=_SAMPLE, simulated=people_read.simulated, notes=notes)


def _companions(spec: VcfSource, context: SourceContext) -> tuple[Path | None, Path | None, Path | None]:
    stars = spec.star_alleles
    later = context.elsewhere is not None  # of whose samples the table of people says nothing
    return (
        context.companion(stars.table) if stars else None,
        context.companion(stars.phenotypes) if stars and stars.phenotypes else None,
        context.companion(spec.people) if spec.people and not later else None,
    )


def _files(path: Path, context: SourceContext, subject: str) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir() and path.is_symlink() and context.elsewhere is None:
        raise DataError(
            subject,
            rule="a folder of genotypes is no symbolic link, which DVC does not follow: it would notice no change",
            received="a link to a folder",
            remedy="Make a folder there, and link the files into it; a link to a file is followed.",
        )
    brought = "" if context.elsewhere else for_experiments(context.folder, context.folder.name)
    found = sorted(part for part in path.iterdir() if not part.name.startswith(".")) if path.is_dir() else []
    found = [part for part in found if not part.name.lower().endswith(_BESIDE)]
    others = sum(not (part.is_file() and part.name.lower().endswith(VcfSource.endings)) for part in found)
    if found and not others:
        return found
    raise DataError(
        subject,
        rule=f"it is a file, or a folder of files, whose names end in {', '.join(VcfSource.endings)}",
        received=f"a folder with {others} others" if others else "no such file",
        remedy=f"{brought}Put the genotypes there, or correct `source.path`.",
    )


@dataclass(frozen=True)
class _People:
    """The samples of all files, their genotypes by site, and whether they do not exist."""

    samples: list[str]
    genotypes: dict[str, Genotypes]
    simulated: bool


def _people_of(files: Sequence[Path], spec: VcfSource, subject: str) -> _People:
    """Read all files, one after the other; a folder has files of one person each."""
    samples: list[str] = []
    parts, simulated = [], []
    for number, path in enumerate(files, start=1):
        told = subject if len(files) == 1 else f"{subject}, file {number} of {len(files)}"
        header = read_header(path, subject=told)
        check_build(header, spec, subject=told)
        if len(files) > 1 and len(header.samples) > 1:
            raise DataError(
                told,
                rule="a file of a folder has the genotypes of one person",
                received=f"{len(header.samples)} samples",
                remedy="Put all people into one file with `bcftools merge`, or each into a file of their own.",
            )
        parts.append(read_genotypes(path, header, spec, subject=told))
        simulated.append(header.simulated)
        samples += [_name_of(path)] if spec.named_by == "file" and len(header.samples) == 1 else header.samples
    twice = sum(times > 1 for times in Counter(samples).values())
    if twice:
        raise DataError(
            subject,
            rule="a sample is in one file",
            received=f"{twice} that are in several",
            remedy="Remove the copies; or, if the name says nothing, set `source.named_by: file`.",
        )
    return _People(samples, joined(parts), simulated=any(simulated))


def _name_of(path: Path) -> str:
    name = path.name
    ending = max((end for end in VcfSource.endings if name.lower().endswith(end)), key=len, default="")
    return name.removesuffix(name[len(name) - len(ending) :])


def _check_somebody(genotypes: dict[str, Genotypes], spec: VcfSource, subject: str) -> None:
    for name, found in genotypes.items():
        if found.known.any():
            continue
        why = Counter(found.why.tolist()).most_common(1)[0][0]
        site = spec.variants[name]
        raise DataError(
            f"{subject}, variant `{name}`",
            rule="somebody's genotype is known at every declared site: what is absent is not wild type",
            received=f"none at {site.chrom}:{site.pos}; most were {_WORDS[Why(why)]}",
            remedy="See whether the site, its build and its letters are right, and whether it was called at all; files "
            "of variants alone may say so under `source.absent`. An insertion or deletion may be written elsewhere: "
            "run `bcftools norm`.",
        )


def _frame(people: int, genotypes: dict[str, Genotypes], spec: VcfSource, tables: Sequence[GeneTable]) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name, site in spec.variants.items():
        if site.coding == "count":
            columns[name] = counts(genotypes[name])
        elif site.coding == "letters":
            columns[name] = letters(genotypes[name], site)
    for table in tables:
        several = spec.star_alleles.several if spec.star_alleles else "missing"
        columns |= star_columns(table, genotypes, several=several)
    return pd.DataFrame(columns, index=pd.RangeIndex(people))


def _notes(genotypes: dict[str, Genotypes]) -> tuple[str, ...]:
    """Say at each site how many genotypes are missing, and why, without small numbers."""
    notes = []
    for name, found in genotypes.items():
        times = Counter(Why(why) for why in found.why.tolist() if why != Why.CALLED)
        told = [f"{_count(times[why])} {_WORDS[why]}" for why in _WORDS if times[why]]
        if told:
            notes.append(f"`{name}`: of {len(found.why):,} genotypes {', '.join(told)}: missing.")
    return tuple(notes)


def _left_out(samples: int) -> tuple[str, ...]:
    return (f"{_count(samples)} samples that `source.people` does not name were left out.",) if samples else ()


def _count(number: int) -> str:
    return f"{number:,}" if number >= SMALLEST_CELL else f"fewer than {SMALLEST_CELL}"


def _links(path: Path, subject: str) -> pd.DataFrame:
    """Read which sample is which patient's."""
    try:
        links = pd.read_csv(io.BytesIO(read_bytes(path)), dtype="str", keep_default_na=False)
    except (OSError, ValueError):
        links = pd.DataFrame()
    received = ""
    if not {_SAMPLE, "patient"} <= {*links.columns} or links.empty:
        received = "another file"
    elif (links[[_SAMPLE, "patient"]] == "").any(axis=None):
        received = "rows that lack one of them"
    elif links[_SAMPLE].duplicated().any() or links["patient"].duplicated().any():
        received = "a sample or a patient twice"
    if received:
        raise DataError(
            subject,
            rule="it is a CSV file with the columns `sample` and `patient`, each of them once",
            received=received,
            remedy="Correct it; where a patient has several samples, name the one that counts.",
        )
    return links


def _linked(frame: pd.DataFrame, links: pd.DataFrame, subject: str) -> pd.DataFrame:
    """Return the rows of samples that have a patient, by the patient's own id."""
    patient = frame[_SAMPLE].map(dict(zip(links[_SAMPLE], links["patient"], strict=True)))
    unmatched = int((~links[_SAMPLE].isin(frame[_SAMPLE])).sum())
    if unmatched:
        raise DataError(
            subject,
            rule="every sample under `source.people` is in the file",
            received=f"{unmatched} that are not",
            remedy="Correct the table, or remove them from it.",
        )
    kept = frame.assign(**{_SAMPLE: patient})[patient.notna().to_numpy(dtype=bool)]
    return kept.reset_index(drop=True)
