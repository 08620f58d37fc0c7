"""``python -m benchmarks [--pairs N] [NAME …]``: print a table and write ``benchmarks/results.json``."""

import argparse
import json
import statistics
from pathlib import Path

from benchmarks import deployments
from benchmarks.auroc import auroc_over_sort
from benchmarks.cluster import cluster_speedup
from benchmarks.fairness import fairness_rows_scaling, fairness_speedup
from benchmarks.fhir import fhir_export
from benchmarks.genomes import vcf_sites
from benchmarks.hashing import sha256_ratio
from benchmarks.images import images
from benchmarks.million import million_followed, million_rows
from benchmarks.pipeline import all_studies, equal_locks, noop_overhead, repro
from benchmarks.registry import guarded_alias
from benchmarks.road import (
    fill,
    hundred_thousand_road,
    million_road,
    million_survival_road,
    ten_million_road,
    wide_road,
)
from benchmarks.sync import sync_over_http
from benchmarks.tracking import trial_logging

RESULTS = Path(__file__).parent / "results.json"
BENCHMARKS = {
    "all_studies": all_studies,
    "equal_locks": equal_locks,
    "repro": repro,
    "noop": noop_overhead,
    "trial_logging": trial_logging,
    "auroc": auroc_over_sort,
    "fairness": fairness_speedup,
    "fairness_rows": fairness_rows_scaling,
    "million_rows": million_rows,
    "million_followed": million_followed,
    "hundred_thousand_road": hundred_thousand_road,
    "million_road": million_road,
    "ten_million_road": ten_million_road,
    "million_survival_road": million_survival_road,
    "wide_road": wide_road,
    "cluster": cluster_speedup,
    "fhir": fhir_export,
    "images": images,
    "vcf": vcf_sites,
    "sha256": sha256_ratio,
    "guarded_alias": guarded_alias,
    "sync": sync_over_http,
    "deployments": deployments.deployments,
}


def main() -> None:
    """Run the benchmarks that are named, or all, and merge their results into the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--pairs", type=int, default=3, help="how often each pair of runs is repeated")
    chosen = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in chosen.names or BENCHMARKS:
        pairs: dict[str, list[float]] = {}
        for _ in range(chosen.pairs):
            for key, value in BENCHMARKS[name]().items():
                pairs.setdefault(key, []).append(value)
        for key, values in pairs.items():
            results[key] = {
                "median": round(statistics.median(values), 3),
                "min": round(min(values), 3),
                "max": round(max(values), 3),
                "pairs": len(values),
            }
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    docs = RESULTS.parents[1] / "docs"
    fill(docs / "performance.md", results)
    deployments.fill(docs / "deployment.md", results)
    print(f"{'measure':<20}{'median':>10}{'min':>10}{'max':>10}{'pairs':>8}")
    for key, row in sorted(results.items()):
        print(f"{key:<20}{row['median']:>10.3f}{row['min']:>10.3f}{row['max']:>10.3f}{row['pairs']:>8}")


if __name__ == "__main__":
    main()
