"""FHIRPath: what is read, what it gives, and what is refused."""

import pytest

from theragate.cohorts.fhir.grammar import PathError
from theragate.cohorts.fhir.paths import compile_path, reference_parts

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [{"use": "official", "family": "A", "given": ["B", "C"]}, {"family": "D", "given": [None, "E"]}],
    "deceasedDateTime": "2020-01-02",
    "multipleBirthInteger": 2,
    "generalPractitioner": [{"reference": "Practitioner/x"}, {"display": "Somebody"}],
    "link": [{"other": {"reference": "https://a.server/fhir/Patient/p1/_history/3"}}],
    "extension": [{"url": "u", "valueDecimal": 1.5}, {"url": "v", "valueCode": "c"}],
}


def value(path: str, **constants: object) -> list[object]:
    return compile_path(path, constants)(PATIENT, 7)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Patient.id", ["p1"]),
        ("Observation.id", []),
        ("name.given", ["B", "C", "E"]),
        ("name.given.count()", [3]),
        ("name.given[1]", ["C"]),
        ("name.given[%at]", ["E"]),
        ("name.given[9]", []),
        ("name.last().family", ["D"]),
        ("name.where(given = 'E').family", ["D"]),
        ("name.where($this.use.exists()).family", ["A"]),
        ("name.exists(use = 'official')", [True]),
        ("name.where(use = 'old').empty()", [True]),
        ("deceased", ["2020-01-02"]),
        ("deceased.ofType(dateTime)", ["2020-01-02"]),
        ("deceased.ofType(boolean)", []),
        ("multipleBirth.ofType(FHIR.integer)", [2]),
        ("ofType(Patient).id", ["p1"]),
        ("name.ofType(Patient)", []),
        ("extension('u').value.ofType(decimal) * 2 + 1", [4.0]),
        ("extension.value", [1.5, "c"]),
        ("1 + 2 * 3 - 4 / 2", [5.0]),
        ("-(1 + 2)", [-3]),
        ("1 / 0", []),
        ("1 + {}", []),
        ("{}", []),
        ("'it\\'s \\u0041'", ["it's A"]),
        ("`name`.`family`.join('-')", ["A-D"]),
        ("(name.use | name.family | 'A').count()", [3]),
        ("active and {}", []),
        ("active.not() and {}", [False]),
        ("active or {}", [True]),
        ("active xor true", [False]),
        ("active.not() implies {}", [True]),
        ("active = true and 2 > 1", [True]),
        ("'a' < 'b'", [True]),
        ("id != 'p2'", [True]),
        ("name.family = 'A'", [False]),
        ("birthDate = '2000'", []),
        ("%rowIndex", [7]),
        ("name.where(%rowIndex = 1).family", ["D"]),
        ("getResourceKey()", ["p1"]),
        ("generalPractitioner.getReferenceKey()", ["x"]),
        ("generalPractitioner.getReferenceKey(Patient)", []),
        ("link.other.getReferenceKey(Patient) = getResourceKey()", [True]),
    ],
)
def test_a_path_gives_its_values(path, expected):
    assert value(path, at=2) == expected


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "an end where a value should stand"),
        ("@@", "`@@`, which begins nothing that is read"),
        ("name.", "an end where a name should stand"),
        ("name.1", "`1` where a name should stand"),
        ("(name", "no `)`"),
        ("name[0", "no `]`"),
        ("name name", "`name` where it should end"),
        ("{1}", "no `}`"),
        ("name.iif(true)", "`iif()`, which is not among count"),
        ("name.where()", "`where()` with 0 arguments"),
        ("name.first(1)", "`first()` with 1 arguments"),
        ("name.ofType(1)", "no name where that of a type should stand"),
        ("%none", "`%none`, which is no constant"),
        ("name.$this", "`$this` after a point"),
    ],
)
def test_what_is_no_path_is_refused_before_any_resource_is_read(path, said):
    with pytest.raises(PathError) as caught:
        compile_path(path, {})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("name.family + 'x'", "2 values where one is asked for"),
        ("id + 1", "`+` between values of two types"),
        ("name['a']", "an index that is no whole number"),
        ("extension(id.first() = 'p1')", "`extension()` with an argument that is no text"),
    ],
)
def test_what_a_resource_does_not_fit_is_refused(path, said):
    with pytest.raises(PathError) as caught:
        value(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("Patient/p1", ("Patient", "p1", False)),
        ("Patient/p1/_history/3", ("Patient", "p1", True)),
        ("https://a.server/fhir/Patient/p1", ("Patient", "p1", False)),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", None),
        ("#contained", None),
        ("p1", None),
        ("XPatient/p1/more", None),
        (None, None),
    ],
)
def test_a_reference_names_a_type_and_an_id(reference, parts):
    assert reference_parts(reference) == parts
