"""Where a release server listens, and who it believes to be at the other end."""

import os
from collections.abc import Iterator, Mapping

from theragate.mlflow_plugin.checks.findings import Finding, error, warning

__all__ = ["check_network"]

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
_NAMES = {
    "MLFLOW_SERVER_ALLOWED_HOSTS": "under which names browsers reach the server",
    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "whose pages may send requests to the server",
}


def check_network(host: str, workers: int, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check the address, the names and the number of processes."""
    if host not in _THIS_MACHINE:
        yield warning(
            f"the address `{host}`",
            rule="passwords travel under TLS, which a reverse proxy on this machine terminates",
            received="an address that others reach without it",
            remedy="Listen on 127.0.0.1 behind the proxy; in a container, publish the port to the proxy alone.",
        )
    for variable, meaning in _NAMES.items():
        value = environ.get(variable, "")
        if "*" in [name.strip() for name in value.split(",")]:
            yield error(
                variable,
                rule=f"it says {meaning}",
                received="`*`, which is every name",
                remedy="Name the server's public names.",
            )
        elif not value and host not in _THIS_MACHINE:
            yield warning(
                variable,
                rule=f"it says {meaning}",
                received="no name, so that only private addresses are accepted",
                remedy="Set it to the server's public name.",
            )
    if "*" in environ.get("FORWARDED_ALLOW_IPS", ""):
        yield error(
            "FORWARDED_ALLOW_IPS",
            rule="it names the proxy, which says where a request comes from",
            received="`*`: everybody says so, and who guesses passwords never waits",
            remedy="Name the address of the proxy.",
        )
    cores = os.cpu_count() or 1
    if workers > 4 * cores:
        yield warning(
            f"{workers} processes",
            rule="each keeps a core busy, and takes up to a gigabyte",
            received=f"a machine with {cores} cores",
            remedy=f"Start about {2 * cores}.",
        )
