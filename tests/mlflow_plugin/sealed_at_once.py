"""Many who seal the same package at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from theragate.mlflow_plugin.sealing import Vault
from theragate.mlflow_plugin.sealing_s3 import BucketVault


def sealed_at_once(vault: Vault | BucketVault, package: Path, expected: str, many: int) -> list[str]:
    """Return the digests that each of them is given."""
    with ThreadPoolExecutor(many) as pool:
        return [sealed.sha256 for sealed in pool.map(lambda _: vault.seal(package, expected=expected), range(many))]
