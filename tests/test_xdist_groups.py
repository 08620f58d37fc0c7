"""The tests themselves: those that share a clone or a server run in one process."""

import os

import pytest


@pytest.mark.xdist_group("grouped")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_a_group_of_tests_is_known_to_the_workers(request):
    assert request.node.nodeid.endswith("@grouped")
