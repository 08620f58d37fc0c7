"""Views of resources: their rows, and what is no view. The official tests are run by their own module."""

from typing import Any

import pytest

from theragate.cohorts.fhir import Column, ViewError, compile_view

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "A", "given": ["B", "C"]}, {"family": "D"}],
    "telecom": [{"value": "1"}, {"value": "2"}],
}
ID = {"name": "id", "path": "getResourceKey()", "type": "id"}


def view(*select: Any, **more: Any) -> dict[str, Any]:
    return {"resource": "Patient", "select": [*select], **more}


def columns(**paths: str) -> list[dict[str, str]]:
    return [{"name": name, "path": path} for name, path in paths.items()]


def rows(*select: Any, **more: Any) -> list[tuple[Any, ...]]:
    return compile_view(view(*select, **more)).rows(PATIENT)


def test_a_view_says_its_columns():
    made = compile_view(view({"column": [ID, {"name": "given", "path": "name.given", "collection": True}]}))
    assert made.resource == "Patient"
    assert made.columns == (Column("id", "id", collection=False), Column("given", None, collection=True))
    assert made.rows(PATIENT) == [("p1", ["B", "C"])]
    assert made.rows({"resourceType": "Group", "id": "g"}) == []


def test_selections_beside_each_other_give_every_pair():
    found = rows(
        {"forEach": "name", "column": columns(family="family", at="%rowIndex")},
        {"forEach": "telecom", "column": columns(number="value")},
        {"column": columns(three="1 + 2")},
    )
    assert found == [("A", 0, "1", 3), ("A", 0, "2", 3), ("D", 1, "1", 3), ("D", 1, "2", 3)]


def test_an_empty_collection_gives_no_row_or_one_of_nothing():
    none = {"column": columns(city="city", at="%rowIndex")}
    assert rows({"column": [ID]}, {"forEach": "address", **none}) == []
    assert rows({"column": [ID]}, {"forEachOrNull": "address", **none}) == [("p1", None, 0)]


def test_unions_and_nested_selections():
    found = rows(
        {
            "column": [ID],
            "unionAll": [
                {"forEach": "name", "select": [{"forEach": "given", "column": columns(text="$this")}]},
                {"forEach": "telecom", "column": columns(text="value")},
            ],
        }
    )
    assert found == [("p1", "B"), ("p1", "C"), ("p1", "1"), ("p1", "2")]


def test_a_selection_is_repeated_down_to_the_last_item():
    leaf = {"linkId": "1.1.1"}
    questions = {
        "resourceType": "QuestionnaireResponse",
        "item": [{"linkId": "1", "item": [{"linkId": "1.1", "answer": [{"item": [leaf]}]}]}],
    }
    select = [{"repeat": ["item", "answer.item"], "column": columns(link="linkId")}]
    made = compile_view({"resource": "QuestionnaireResponse", "select": select})
    assert made.rows(questions) == [("1",), ("1.1",), ("1.1.1",)]


def test_conditions_keep_a_resource_or_not():
    constants = [{"name": "wanted", "valueString": "A"}]
    assert rows({"column": [ID]}, where=[{"path": "name.exists(family = %wanted)"}], constant=constants) == [("p1",)]
    assert rows({"column": [ID]}, where=[{"path": "name.exists()"}, {"path": "address.exists()"}]) == []
    assert rows({"column": [ID]}, where=[{"path": "active"}]) == []


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ([], "a view that is no object"),
        ({}, "no `resource`"),
        ({"resource": "Patient"}, "a view without columns"),
        (view(), "a view without columns"),
        (view({}), "a selection without columns"),
        (view(1), "a selection that is no object"),
        (view({"column": columns(a="id")}, {"column": columns(a="id")}), "the column `a` twice"),
        (view({"column": columns(a="id"), "froEach": "name"}), "the key `froEach` in a selection"),
        (view({"column": columns(a="id")}, groups=[]), "the key `groups` in a view"),
        (view({"column": [{"path": "id"}]}), "a column without a name"),
        (view({"column": [{"name": "a"}]}), "a path that is no text"),
        (view({"column": [{"name": "a", "path": "id", "type": 1}]}), "a type of the column `a` that is no text"),
        (view({"column": columns(a="id +")}), "in the path `id +`, an end where"),
        (view({"column": "a"}), "`column` that is no list"),
        (view({"forEach": "name", "repeat": ["name"], "column": columns(a="id")}), "`forEach` beside `repeat`"),
        (view({"unionAll": []}), "`unionAll` of nothing"),
        (view({"unionAll": [{"column": columns(a="id")}, {"column": columns(b="id")}]}), "differ in their columns"),
        (view({"column": columns(a="id")}, constant=[{"name": "x"}]), "a constant that has not a name and one value"),
    ],
)
def test_what_is_no_view_is_refused_before_any_resource_is_read(definition, said):
    with pytest.raises(ViewError) as caught:
        compile_view(definition)
    assert said in str(caught.value)


def test_what_a_resource_does_not_fit_is_refused_without_its_value():
    for select, more, said in (
        ({"column": columns(family="name.family")}, {}, "2 values for the column `family`, which is no `collection`"),
        ({"column": columns(sum="id + 1")}, {}, "`+` between values of two types"),
        ({"column": [ID]}, {"where": [{"path": "id"}]}, "the condition `id`, which is neither true nor false"),
    ):
        with pytest.raises(ViewError) as caught:
            rows(select, **more)
        assert said in str(caught.value)
        assert "p1" not in str(caught.value)
