"""The registry as release managers see it: what others have put there does not stand in their way."""

from theragate.tracking.registry import connected


def test_models_of_odd_names_do_not_stop_a_list_and_many_do_not_end_it(stores, monkeypatch):
    with connected(stores) as registry:
        client = registry._client
        for name in ("it's", "x' or '1' = '1", "Some Model", "some_study", "zeta_study"):
            client.create_registered_model(name)
        search = client.search_registered_models
        monkeypatch.setattr(
            client, "search_registered_models", lambda **more: search(**more | {"max_results": 1})
        )  # pages of one
        names = registry.studies()
        assert names == ["some_study", "zeta_study"]
        assert [registry.versions(name) for name in names] == [[], []]
