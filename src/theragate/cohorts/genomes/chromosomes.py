"""Chromosomes, whatever a file calls them, and their lengths in the builds of the human genome."""

from collections.abc import Iterable, Mapping

from theragate.study import Build

__all__ = ["builds_of_lengths", "builds_of_words", "chromosome_lengths", "plain_chromosome"]

# Genome Reference Consortium: GCA_000001405.14 (GRCh37.p13) and GCA_000001405.15 (GRCh38). The mitochondrion has one
# length in both, but for hg19 of UCSC, which had another sequence, and so tells nothing.
_NAMES = (*map(str, range(1, 23)), "X", "Y")
_LENGTHS: dict[Build, tuple[int, ...]] = {
    "GRCh37": (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431, 135534747,
        135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248, 59128983, 63025520,
        48129895, 51304566, 155270560, 59373566,
    ),
    "GRCh38": (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717, 133797422,
        135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616, 64444167,
        46709983, 50818468, 156040895, 57227415,
    ),
}  # fmt: skip
_BY_LENGTH = {build: dict(zip(_NAMES, lengths, strict=True)) for build, lengths in _LENGTHS.items()}
_WORDS: dict[Build, tuple[str, ...]] = {
    "GRCh37": ("grch37", "hg19", "b37", "hs37d5", "human_g1k_v37"),
    "GRCh38": ("grch38", "hg38", "hs38"),
}


def plain_chromosome(name: str) -> str:
    """Return what a chromosome is called without ``chr``: ``chr10`` is ``10``, ``chrM`` is ``MT``."""
    plain = name[3:] if name[:3].lower() == "chr" else name
    return "MT" if plain in ("M", "MT") else plain


def chromosome_lengths(build: Build) -> dict[str, int]:
    """Return the length of each chromosome of a build, in their order, by plain name."""
    return dict(_BY_LENGTH[build])


def builds_of_lengths(lengths: Mapping[str, int]) -> set[Build | None]:
    """Return the builds that have a file's chromosomes; None stands for one that is neither.

    Parameters
    ----------
    lengths
        By the plain name of a chromosome. Contigs that are no chromosomes tell nothing.
    """
    known = {name: length for name, length in lengths.items() if name in _NAMES}
    found: set[Build | None] = set()
    for name, length in known.items():
        found.add(next((build for build, own in _BY_LENGTH.items() if own[name] == length), None))
    return found


def builds_of_words(texts: Iterable[str]) -> set[Build]:
    """Return the builds that lines of a header name, such as ``##reference=file:///refs/GRCh38.fa``."""
    small = [text.lower() for text in texts]
    return {build for build, words in _WORDS.items() if any(word in text for word in words for text in small)}
