"""Twenty declared variants of a thousand people from a file of 100,000 sites: by its index, and line by line."""

import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cyvcf2
import numpy as np

from theragate.cohorts.sources import read_source
from theragate.study import VariantSite, VcfSource
from theragate.testing.variant_files import packed, vcf_header

ROOT = Path(__file__).resolve().parents[1]
PEOPLE, SITES, DECLARED, STEP = 1_000, 100_000, 20, 1_000
WORDS = {"citation": "Drawn.", "licence": "None needed."}


def vcf_sites() -> dict[str, float]:
    """Read the file with and without an index, each in a process of its own; seconds are those of the processor.

    Beside them stands how often htslib alone could have read all lines meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sources" / "s" / "g.vcf.gz"
        path.parent.mkdir(parents=True)
        write_sites(path)
        streamed = _measured(folder)
        library = ctypes.CDLL(cyvcf2.cyvcf2.__file__)
        if library.bcf_index_build(os.fspath(path).encode(), 14) != 0:
            raise RuntimeError("htslib made no index")
        indexed = _measured(folder)
    return {
        "vcf_indexed_cpu_seconds": indexed["cpu_seconds"],
        "vcf_streamed_cpu_seconds": streamed["cpu_seconds"],
        "vcf_streamed_over_htslib": streamed["cpu_seconds"] / streamed["htslib_cpu_seconds"],
        "vcf_mib": max(indexed["mib"], streamed["mib"]),
    }


def write_sites(path: Path, *, seed: int = 0) -> None:
    """Write people's genotypes at sites of one chromosome, a thousand bases from one another."""
    random = np.random.default_rng(seed)
    words = np.array(["0/0:99", "0/1:60", "1/1:99", "./.:."])
    usual = ["\t".join(words[random.choice(4, PEOPLE, p=(0.7, 0.2, 0.08, 0.02))]) for _ in range(200)]

    def lines() -> Iterator[str]:
        yield vcf_header([f"person-{number:05d}" for number in range(PEOPLE)], build="GRCh38", simulated=True)
        for at in range(SITES):
            yield f"chr1\t{(at + 1) * STEP}\t.\tC\tT\t50\tPASS\t.\tGT:GQ\t{usual[at % len(usual)]}\n"

    with path.open("wb") as file:
        file.writelines(packed(lines(), level=1))


def recipe() -> VcfSource:
    """Return twenty variants, spread over the file."""
    places = [(at * SITES // DECLARED + 7) * STEP for at in range(DECLARED)]
    sites = {f"site_{place}": VariantSite(chrom="1", pos=place, ref="C", alt=("T",)) for place in places}
    return VcfSource(kind="vcf", path="g.vcf.gz", build="GRCh38", variants=sites, **WORDS)


def _measured(folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.genomes", folder]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main(root: Path) -> None:
    """Read the genotypes below a folder; print what it took, and what htslib alone takes for all lines."""
    start = time.process_time()
    frame = read_source(recipe(), root, study="s").frame
    seconds = time.process_time() - start
    if frame.shape != (PEOPLE, DECLARED + 1) or not 0.2 < np.nanmean(frame.iloc[:, 1:].to_numpy(dtype=float)) < 0.6:
        raise RuntimeError("the genotypes were not read whole")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    lines = sum(1 for _ in cyvcf2.VCF(os.fspath(root / "sources" / "s" / "g.vcf.gz")))
    alone = time.process_time() - start
    if lines != SITES:
        raise RuntimeError("htslib read other lines")
    print(json.dumps({"cpu_seconds": seconds, "htslib_cpu_seconds": alone, "mib": mib}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
