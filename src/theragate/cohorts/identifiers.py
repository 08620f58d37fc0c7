"""What names a person: Safe Harbor's 18 identifiers, by the name of a column in six languages and by its values.

The languages are English, German, French, Spanish, Italian and Dutch. No message says more than the kind.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from theragate.cohorts.column_names import spellings, words_of

__all__ = ["BIRTH", "CODE", "counts_patients", "identifier", "names_birth", "tells_apart"]

CODE = "a code of each patient's own"
BIRTH = "dates of birth"  # even their years tell ages over 89
FEW = 20  # among fewer patients, all texts may differ by chance
DISTINCT = 1 / 8  # of the rows: a number of rows or visits has fewer values, a patient's number has more
CLOSE = 10.0  # repeated values expected by chance, of which none occurs only in numbers that were given out in a row

# A word of these is enough, whatever the values are.
_WORDS = {
    "names": """
        name surname forename firstname lastname fullname initials maidenname
        nachname vorname familienname geburtsname rufname zuname initialen
        nom prénom patronyme initiales
        nombre apellido apellidos iniciales
        nome cognome nominativo iniziali
        naam voornaam achternaam voorletters tussenvoegsel""",
    "places": """
        address street city town zip zipcode postcode postal county parish precinct latitude longitude geocode
        adresse anschrift straße strasse hausnummer hausnr plz postleitzahl ort wohnort stadt gemeinde landkreis
        geburtsort rue ville commune codepostal
        dirección domicilio calle ciudad municipio localidad codigopostal
        indirizzo città comune codicepostale
        adres straat huisnummer woonplaats geboorteplaats gemeente""",
    "dates": """
        date datetime timestamp
        datum fecha""",
    "telephone numbers": """
        phone telephone mobile cellphone telefon telefonnummer telefonnr handy handynummer mobilnummer rufnummer
        téléphone teléfono telefono telefoon telefoonnummer mobiel""",
    "fax numbers": "fax telefax faxnummer",
    "e-mail addresses": "email mail emailadresse mailadresse courriel correo",
    "social security numbers": """
        ssn nhs svnr sozialversicherungsnummer rentenversicherungsnummer steuernummer steueridentifikationsnummer ahv
        ahvnummer numérosécu nuss codicefiscale bsn burgerservicenummer sofinummer""",
    "medical record numbers": "mrn patientenakte krankenakte aktenzeichen nhc",
    "health plan numbers": """
        insurance beneficiary policy versichertennummer versichertennr versichertenid versicherungsnummer
        versicherungsnr krankenversichertennummer kvnr póliza polisnummer verzekeringsnummer""",
    "account numbers": "account iban kontonummer kontonr rekeningnummer",
    "licence numbers": """
        license licence certificate passport ausweisnummer ausweisnr personalausweis reisepass führerschein passeport
        pasaporte passaporto paspoort rijbewijs""",
    "vehicle identifiers": "plate vin fahrgestellnummer nummernschild immatriculation matrícula targa kenteken",
    "device identifiers": "serial imei seriennummer seriennr gerätenummer serienummer",
    "web addresses": "url website webseite internetseite",
    "IP addresses": "ip",
    "biometric identifiers": "fingerprint voiceprint fingerabdruck vingerafdruck",
    "photographs": "photo photograph lichtbild foto fotografie photographie fotografía fotografia",
}
_PHRASES = {
    ("social", "security"): "social security numbers",
    ("securite", "sociale"): "social security numbers",
    ("seguridad", "social"): "social security numbers",
    ("seguro", "social"): "social security numbers",
    ("codice", "fiscale"): "social security numbers",
    ("medical", "record"): "medical record numbers",
    ("historia", "clinica"): "medical record numbers",
    ("cartella", "clinica"): "medical record numbers",
    ("tarjeta", "sanitaria"): "health plan numbers",
    ("tessera", "sanitaria"): "health plan numbers",
    ("cod", "postal"): "places",
    ("data", "di"): "dates",
    ("data", "ricovero"): "dates",
    ("data", "visita"): "dates",
    ("data", "decesso"): "dates",
    ("data", "diagnosi"): "dates",
    ("patient", "id"): CODE,
    ("patient", "number"): CODE,
    ("hospital", "number"): CODE,
    ("case", "number"): CODE,
}
# Words that say it alone, and words that do beside one of a date or a year: `birth weight` is none.
_BORN = """
    dob yob birthdate birthday birthyear geburtsdatum geburtstag geburtsjahr gebdat gebdatum gebjahr gebtag jahrgang ddn
    geboortedatum geboortejaar"""
_OF_BIRTH = "birth born geb geburt naissance né née nacimiento nascita nato nata geboorte geboren"
_WHEN = """
    date dt day year yr yyyy datum dat tag jahr jg am le année an jour fecha año data anno dag jaar el il op"""
_SAYS_BORN, _BIRTHS, _WHENS = (
    {form for word in words.split() for form in spellings(word)} for words in (_BORN, _OF_BIRTH, _WHEN)
)
# Ends of German and Dutch compounds, such as Aufnahmedatum and Patientennummer.
_ENDS = {
    "datum": "dates",
    "telefon": "telephone numbers",
    "adresse": "places",
    "patientennummer": CODE,
    "patientnummer": CODE,
    "fallnummer": CODE,
    "dossiernummer": CODE,
}
# These mean something else, too, and count only of columns whose values nearly tell the patients apart.
_WHOSE = """
    patient patients patienten patiënt paciente paziente pat pt hospital case fall caso cas encounter episode episodio
    admission aufnahme chart medical record participant participante teilnehmer proband dossier sample specimen probe
    lab accession member person client subject subj study visit expediente histoire opname deelnemer clinical"""
_NUMBERS = "id ids n no nr num number numbers nummer numero número nbr key uid identifier kennung"
_ALONE = "pid mrn ipp nir dni nie nif cip nhc usubjid subjid patid patnr pnr record subject patient id case"
_NUMBERED = re.compile(
    "({})({})".format(
        "|".join(sorted({form for word in _WHOSE.split() for form in spellings(word)}, key=len, reverse=True)),
        "|".join(sorted({form for word in _NUMBERS.split() for form in spellings(word)}, key=len, reverse=True)),
    )
)
_CITED = {form for word in _ALONE.split() for form in spellings(word)}
_KIND = {form: kind for kind, words in _WORDS.items() for word in words.split() for form in spellings(word)}
_POSTCODES = {"cp", "cap"}  # also the pain of a chest, and an infection of lungs

_MONTH = (
    "jan|feb|m[aä]r|mrz|apr|avr|abr|ma[iy]|mei|mag|jun|giu|jul|lug|aug|ago|sep|set|o[ck]t|ott|nov|de[cz]|dic|gen|ene"
)
_YEAR, _MONTH_NUMBER = r"(?:19|20)\d{2}", r"(?:0?[1-9]|1[0-2])"
# One such value is enough.
_FORMS = {
    "e-mail addresses": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "web addresses": r"(?i:https?://|www\.)\S+",
    "social security numbers": r"\d{3}-\d{2}-\d{4}|756\.\d{4}\.\d{4}\.\d{2}",
    "IP addresses": r"(?<!\d\.)(?:\d{1,3}\.){3}\d{1,3}(?!\.\d)",
    "telephone numbers": r"\+?\d{0,3}[ .-]?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}|\+\d{2}[ ./()-]*\d(?:[ ./()-]*\d){6,}",
    "dates": r"\d{4}-\d{2}-\d{2}(?:[T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    rf"|\d{{1,2}}[ .-]{{1,2}}(?i:{_MONTH})[a-zäé]{{0,7}}[ .-]{{1,2}}\d{{2,4}}"
    rf"|(?i:{_MONTH})[a-zäéû]{{0,7}}[ .-]{{1,2}}{_YEAR}",
}
# Half of the values have to look like this: a code of a sample or of a drug may do so once.
_USUAL_FORMS = {
    "telephone numbers": r"0\d{1,5} ?[ /-] ?\d[\d -]{4,}|0\d(?:[ .]?\d\d){4}",
    "account numbers": r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?",
    "social security numbers": r"\d{2} ?\d{6} ?[A-Z] ?\d{3}|[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3}(?: ?\d{2})?"
    r"|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]|\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z]|[A-Z]{2} ?(?:\d\d ?){3}[A-D]",
    "health plan numbers": r"[A-Z]\d{9}",
    # Months, quarters and weeks of a year: a date may be no finer than the year.
    "dates": rf"{_YEAR}[./-]{_MONTH_NUMBER}|{_MONTH_NUMBER}[./-]{_YEAR}|(?i:{_MONTH})[a-zäéû]{{0,7}}[ .-]{{1,2}}\d{{2}}"
    rf"|{_YEAR}[ ./-]?(?i:[qt][1-4]|k?w ?\d{{1,2}}|s\d{{2}})|(?i:[qt][1-4]|kw ?\d{{1,2}})[ ./-]{{1,2}}{_YEAR}",
    "places": r"\d{4} ?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d",
}
_PERSON = r"[^\W\d_][^\W\d_'’.-]+(?:(?:,? |[-'’])[^\W\d_][^\W\d_'’.-]*\.?){0,4}"
_MANY_NAMES = 100
_PIECE = 2**17  # texts that are objects of Python at once


def identifier(column: pd.Series) -> str | None:
    """Return which of Safe Harbor's identifiers a column looks like, by its name or its values; None if it does not."""
    return next(filter(None, _by_name(column)), None) or _by_form(column)


def names_birth(name: str) -> bool:
    """Whether a column is called a date or a year of birth, in one of six languages."""
    words = set(words_of(name))
    return not _SAYS_BORN.isdisjoint(words) or not (_BIRTHS.isdisjoint(words) or _WHENS.isdisjoint(words))


def counts_patients(column: pd.Series) -> bool:
    """Whether whole numbers were given out one by one: as no measurement does, they repeat none and lie close together.

    If values were drawn from the range that they span, the expected number of pairs that are equal would be at least
    n (n - 1) / 2 / range. Where that is ten and no pair occurs, nobody drew them.
    """
    if not _whole(column) or column.isna().any() or len(column) <= FEW or not column.is_unique:
        return False
    numbers = column.to_numpy(dtype=np.float64)
    spread = float(np.ptp(numbers)) + 1
    long = numbers.min() >= 1e6 and len(str(int(numbers.min()))) == len(str(int(numbers.max())))
    return long or len(numbers) * (len(numbers) - 1) / 2 / spread >= CLOSE


def tells_apart(column: pd.Series) -> bool:
    """Whether a column has so many whole numbers or texts that each could be one patient's, who may have some rows."""
    known = column.dropna()
    if not _whole(known) and pd.api.types.is_numeric_dtype(known):
        return False
    enough = max(3, DISTINCT * len(known))
    beginning = known.iloc[: int(2 * enough) + 1]  # where all differ, half of it is enough of them
    return beginning.nunique() >= enough or (len(beginning) < len(known) and known.nunique() >= enough)


def _by_name(column: pd.Series) -> Iterator[str | None]:
    name = str(column.name)
    words = words_of(name)
    if names_birth(name):
        yield BIRTH
    singular = [form for word in words for form in (word, word.removesuffix("s"), word.removesuffix("es"))]
    yield from (kind for phrase, kind in _PHRASES.items() if phrase in pairwise(words))
    yield from (_KIND[word] for word in singular if word in _KIND)
    yield from (kind for word in words for end, kind in _ENDS.items() if word.endswith(end))
    if _POSTCODES & set(words) and _five_digits(column):
        yield "places"
    if _names_a_code(words) and tells_apart(column):
        yield CODE


def _names_a_code(words: list[str]) -> bool:
    """Whether the words are ``PatNr``, ``case no``, ``Numéro patient``, or one that stands for them."""
    pairs = [joined for one, two in pairwise(words) for joined in (one + two, two + one)]
    return any(_NUMBERED.fullmatch(text) for text in (*words, *pairs)) or (len(words) == 1 and words[0] in _CITED)


def _whole(column: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    numbers = _known_numbers(column)
    return bool(len(numbers)) and bool(np.all(np.isfinite(numbers))) and bool(np.all(numbers == np.floor(numbers)))


def _known_numbers(column: pd.Series) -> NDArray[np.float64]:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    unknown = np.isnan(numbers)
    return numbers[~unknown] if unknown.any() else numbers


def _five_digits(column: pd.Series) -> bool:
    known = column.dropna()
    return len(known) > 0 and bool(known.astype(str).str.fullmatch(r"\d{4,5}(?:\.0)?").mean() > 0.9)


def _by_form(column: pd.Series) -> str | None:
    if pd.api.types.is_datetime64_any_dtype(column):
        return "dates"
    if pd.api.types.is_bool_dtype(column):
        return None
    if pd.api.types.is_numeric_dtype(column):
        return "dates" if _written_without_signs(column) else None
    counts = column.dropna().astype("str").str.strip().value_counts(sort=False)
    known, distinct = int(counts.sum()), len(counts)
    for kind, form in _FORMS.items():
        if any(piece.str.contains(rf"(?<!\w)(?:{form})(?!\w)").any() for piece, _ in _in_pieces(counts)):
            return kind
    for kind, form in _USUAL_FORMS.items():
        if known and _share_of(counts, form) > 0.5:
            return kind
    if known < FEW:
        return None
    if distinct > known / 2:
        return CODE
    many = distinct >= min(max(FEW, known / 10), _MANY_NAMES)
    return "names" if many and _share_of(counts, _PERSON) > 0.9 else None


def _share_of(counts: pd.Series, form: str) -> float:
    """Return the share of texts that have a form, from how often each occurs."""
    fitting = sum(int(often[piece.str.fullmatch(form)].sum()) for piece, often in _in_pieces(counts))
    return fitting / int(counts.sum())


def _in_pieces(counts: pd.Series) -> Iterator[tuple[pd.Series, NDArray[np.int64]]]:
    """Yield texts, so many that they fit into memory as objects of Python, and how often each occurs."""
    for first in range(0, len(counts), _PIECE):
        piece = counts.iloc[first : first + _PIECE]
        yield pd.Series(piece.index, dtype="str"), piece.to_numpy(dtype=np.int64)


def _written_without_signs(column: pd.Series) -> bool:
    """Whether the numbers are dates such as 20190613, or months such as 201906."""
    known = _known_numbers(column)
    lowest, highest = known.min(initial=np.inf), known.max(initial=-np.inf)
    if not 190_001 <= lowest < highest <= 22_001_231 or not _whole(column):
        return False
    numbers = known.astype(np.int64)
    if lowest >= 190_001 and highest <= 210_012:
        return bool(np.all((numbers % 100 >= 1) & (numbers % 100 <= 12)))
    return bool(
        lowest >= 18_000_101
        and highest <= 22_001_231
        and np.all((numbers // 100 % 100 >= 1) & (numbers // 100 % 100 <= 12))
        and np.all((numbers % 100 >= 1) & (numbers % 100 <= 31))
    )
