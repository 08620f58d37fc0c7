"""Safe Harbor's identifiers, by names in six languages and by values."""

import numpy as np
import pandas as pd
import pytest

from theragate.cohorts.identifiers import CODE, counts_patients, identifier, tells_apart

SURNAMES = ["Aber", "Brandt", "Core", "Díaz", "Ehlers", "Fontaine", "Güneş", "Haas", "Ivanov", "Jansen", "de Kok"]


def named(name: str, values: object = None) -> str | None:
    return identifier(pd.Series([1.5, 2.5, 2.5] if values is None else values, name=name))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("names", "Vorname Nachname Familienname prénom NOM apellidos nombre cognome Nome achternaam voornaam Names"),
        ("places", "PLZ Postleitzahl Ort Wohnort Straße Strasse Anschrift ville code_postal código-postal Dirección"),
        (
            "places",
            "ciudad indirizzo Città comune straat woonplaats Gemeente addresses parish Heimatadresse cod_postal",
        ),
        ("dates", "Aufnahmedatum fecha_ingreso data_ricovero opnamedatum visit_date"),
        ("dates of birth", "Geburtsdatum geb_dat geb_am fecha_nacimiento data_di_nascita dataNascita ddn"),
        ("dates of birth", "dob birthDate birth_year year_of_birth Geburtsjahr Jahrgang date_de_naissance"),
        ("dates of birth", "anneeNaissance geboortedatum geboortejaar"),
        ("telephone numbers", "Telefon Handynummer téléphone teléfono telefono telefoonnummer mobiel"),
        ("e-mail addresses", "E-Mail courriel correo Emailadresse"),
        ("social security numbers", "Sozialversicherungsnummer AHV numéro_sécurité_sociale codice_fiscale BSN"),
        ("health plan numbers", "Versichertennr KVNR tessera_sanitaria tarjeta.sanitaria polisnummer"),
        ("licence numbers", "Ausweisnummer passeport pasaporte rijbewijs"),
        ("vehicle identifiers", "matrícula immatriculation kenteken targa"),
        ("device identifiers", "Seriennummer Gerätenummer Geraetenummer"),
        ("photographs", "Foto Lichtbild fotografía"),
        (CODE, "PatientID patient_number Patientennummer Fallnummer"),
    ],
)
def test_a_name_in_any_of_six_languages_is_enough(kind, names):
    assert {name: named(name) for name in names.split()} == dict.fromkeys(names.split(), kind)


@pytest.mark.parametrize(
    "name",
    ["Fallnr", "PatNr", "Pat.-Nr.", "case_no", "lab id", "encounter_id", "ID", "N° patient", "paciente_id", "visit_no"],
)
def test_a_number_of_a_case_is_one_only_if_its_values_tell_patients_apart(name):
    assert named(name, range(300, 340)) == CODE
    assert named(name, [1, 2, 3, 4] * 10) is None


def test_what_else_is_called_so_is_kept():
    others = "mean radius|descent|zipper|platelets|birth_weight|poids_naissance|chest|cap_score|cell_count|hormone"
    assert {name: named(name) for name in others.split("|")} == dict.fromkeys(others.split("|"))
    assert named("record", ["paper", "digital"] * 20) is None
    assert named("cp", [0, 1, 2, 3] * 5) is None
    assert named("cp", [28013, 8001, 41004] * 5) == "places"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("telephone numbers", ["030/1234567", "0221 998877"]),
        ("telephone numbers", ["06 12 34 56 78", "0142345678"]),
        ("telephone numbers", ["+49 (0)30 123456", "none"]),
        ("account numbers", ["DE89 3704 0044 0532 0130 00", "NL91ABNA0417164300"]),
        ("social security numbers", ["65 170839 J 008", "12345678Z"]),
        ("social security numbers", ["RSSMRA85T10A562S", "X1234567L"]),
        ("social security numbers", ["1 84 12 76 451 089 46", "2 55 08 14 168 025 38"]),
        ("social security numbers", ["756.1234.5678.97", ""]),
        ("health plan numbers", ["A123456780", "T987654321"]),
        ("places", ["1012 AB", "3511LX"]),
        ("places", ["SW1A 1AA", "M1 1AE"]),
        ("dates", ["12 März 1950", "3. Oct. 61"]),
        ("web addresses", ["www.example.org", "x"]),
    ],
)
def test_values_say_what_a_column_is_whatever_its_name(kind, values):
    assert named("x7", values * 6) == kind


def test_names_of_persons_are_recognised_by_their_many_values():
    random = np.random.default_rng(0)
    people = random.choice([f"{surname} {letter}." for surname in SURNAMES for letter in "ABCDEF"], 300)
    assert named("x7", people) == "names"
    assert named("x7", random.choice(SURNAMES, 300)) is None  # as few as hospitals or drugs
    assert named("x7", random.choice([f"C{n}.{m}" for n in range(60) for m in range(2)], 300)) is None


def test_dates_without_signs_are_dates():
    assert named("x7", [20190613, 20201023, 19991231]) == "dates"
    assert named("x7", [20190613, 20201323]) is None
    assert named("x7", [20190613, 20190613]) is None


def test_numbers_that_were_given_out_are_told_from_those_that_were_measured():
    random = np.random.default_rng(1)

    def counted(values: object) -> bool:
        return counts_patients(pd.Series(values))

    assert counted(random.permutation(np.arange(1000, 1200)))
    assert counted(4_000_000_000 + 7 * random.permutation(150))
    assert counted(random.choice(np.arange(10_000_000, 99_999_999), 100, replace=False))
    assert not counted(random.normal(7000, 2000, 60).round())  # leukocytes, unique by chance
    assert not counted(random.choice(np.arange(100_000, 400_000), 200, replace=False))  # platelets
    assert not counted(np.arange(200) / 2)
    assert not counted([*range(199), 3])
    assert not counted([*range(199), None])
    assert not counted(range(15))


def test_a_patient_may_have_some_rows_but_not_hundreds():
    assert tells_apart(pd.Series(np.repeat(np.arange(50), 5)))
    assert not tells_apart(pd.Series(np.repeat(np.arange(50), 20)))
    assert not tells_apart(pd.Series(np.arange(50) / 3))
    assert tells_apart(pd.Series([0] * 40 + [*range(20)])), "where only the last rows differ"
    assert tells_apart(pd.Series([f"p{n}" for n in range(50)]))
