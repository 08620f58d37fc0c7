"""How tests are shared among workers: what is made once for several tests is made in one worker, the longest first."""

import pytest

# What takes a worker longest begins first; so that none waits at the end for the other, and none for another's clone.
LONGEST = ("pipeline", "own-project", "release-sqlite", "release-postgresql", "deployment", "release", "new-study")
# Servers and studies that several files share, and every worker would start or run again.
SHARED = {
    "checked": "validated",
    "server": "tracking-server",
    "trained": "trained",
    "trained_project": "trained-project",
}


def group_of(item: pytest.Item) -> str | None:
    """Return the group of a test: the one that it names, or what it shares with other tests."""
    marked = item.get_closest_marker("xdist_group")
    if marked is not None:
        return str(marked.args[0])
    fixtures = getattr(item, "_fixtureinfo", None)
    if fixtures is None:
        return None
    for name, definitions in fixtures.name2fixturedefs.items():
        if definitions[-1].scope == "session" and name in SHARED:
            return SHARED[name]
        if definitions[-1].scope == "module":
            return str(item.path.relative_to(item.config.rootpath))
    return None


@pytest.hookimpl(tryfirst=True)  # before xdist reads the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that share something run in one worker, and sort: the longest groups, other groups, the rest."""
    groups = {item: group_of(item) for item in items}
    for item, group in groups.items():
        if group is not None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
    order = {group: number for number, group in enumerate(LONGEST)}
    last = len(LONGEST) + 1
    items.sort(key=lambda item: last if groups[item] is None else order.get(groups[item], last - 1))
