"""What names of columns and values say, in six languages, and numbers as a person would write them."""

import math

from theragate.cohorts.column_names import spellings
from theragate.cohorts.column_names import words_of as all_words_of

__all__ = [
    "ATTRIBUTES",
    "A_SEX",
    "CLUSTERS",
    "EVENTS",
    "FOLLOW_UP",
    "NO",
    "SMALL_EFFECT",
    "STATUS",
    "YES",
    "cluster_rank",
    "is_one_of",
    "joined",
    "outward",
    "rounded",
    "words_of",
]

SMALL_EFFECT = 0.2  # in standard deviations of a quantity, in Cohen's sense


def _spelt(text: str) -> frozenset[str]:
    return frozenset(form for word in text.split() for form in spellings(word))


YES = _spelt("""
    1 yes y true + pos positive positiv positif positivo positiva positief present ja j oui sí si sì vero wahr vrai
    malignant bösartig malin maligno maligna dead died death deceased exitus tot verstorben gestorben décédé décédée
    mort fallecido fallecida muerto muerta deceduto deceduta morto morta overleden event case relapse recurrence""")
NO = _spelt("""
    0 no n false - neg negative negativ négatif negativo negativa negatief absent nein non nee falsch faux falso
    benign gutartig bénin benigno benigna alive living lebend lebt vivant vivante vivo viva levend censored zensiert
    censuré censurado censurato gecensureerd control healthy gesund sain sano gezond none""")
# Whole names of columns, joined, which say when follow-up ended, or whether it ended with the event.
FOLLOW_UP = _spelt("""
    time times futime ftime fuptime stime ttime rtime dtime ptime survtime survivaltime timetoevent timetodeath timeto
    followup followuptime followupdays followupmonths followupyears fudays fumonths fuyears lastfollowup
    daystolastfollowup daystodeath daystoevent daystorelapse osdays osmonths osyears ostime pfstime
    pfsmonths pfsdays dfstime dfsmonths
    rfstime rfsmonths ttd tte survivaldays survivalmonths survivalyears survival overallsurvival
    überlebenszeit überlebenstage überlebensmonate nachbeobachtung nachbeobachtungszeit beobachtungszeit verlaufszeit
    suivi duréesuivi duréedesuivi délaisuivi survie seguimiento tiempo tiemposeguimiento tiempodeseguimiento
    supervivencia tempo followupmesi sopravvivenza tempodisopravvivenza opvolging overleving overlevingsduur""")
STATUS = _spelt("""
    status event events censor censored cens vitalstatus vstatus vital fustat fustatus lastcontact death dead died
    deceased mortality exitus tod tot verstorben gestorben todesfall décès décédé muerte fallecido fallecimiento decesso
    deceduto morte overleden sterfte osstatus osevent pfsstatus pfsevent dfsevent rfsevent eventtype etype causeofdeath
    todesursache causedecès""")
EVENTS = _spelt("""
    death dead died status event mortality exitus tod verstorben gestorben décès décédé muerte fallecido decesso
    deceduto overleden vital survival censor cens relapse recurrence""")
# Whole names of columns, joined and without what says that it is a number or a name, of clusters of patients. Those
# who are treated in one place come first: families live in one region, and not the other way round.
CLUSTERS = tuple(
    _spelt(words)
    for words in (
        """
    site hospital centre center clinic clinical practice institution institute inst facility cluster surgery gp
    klinik krankenhaus klinikum spital zentrum standort praxis arztpraxis einrichtung prüfzentrum hausarztpraxis
    hôpital clinique cabinet établissement site
    sitio clínica consultorio consulta centro institución
    ospedale clinica ambulatorio sede struttura istituto
    locatie ziekenhuis centrum kliniek praktijk huisartspraktijk instelling""",
        """
    family fam household pedigree ped sibship kindred litter
    familie haushalt sippe stammbaum famille foyer ménage fratrie familia hogar famiglia nucleo nucleofamiliare
    gezin huishouden stamboom""",
    )
)
_CLUSTER_BEFORE = "study trial treating recruiting enrolling investigational"
_CLUSTER_AFTER = "id ids no nr num number code name nummer numero numéro kennung cd index key nome nombre nom naam"
ATTRIBUTES = {
    form: title
    for title, words in {
        "Sex": "sex gender geschlecht sexe sexo sesso geslacht genre género genere",
        "Race": "race rasse raza razza",
        "Ethnicity": "ethnicity ethnic ethnie ethnizität etnia etnicidad etniciteit",
    }.items()
    for word in words.split()
    for form in spellings(word)
}


# Whole names of columns that say whether a patient is of one sex.
A_SEX = _spelt("""
    female male woman weiblich männlich frau mann femme homme féminin masculin mujer hombre femenino masculino donna
    uomo femmina maschio femminile maschile vrouw vrouwelijk mannelijk
    isfemale ismale sexfemale sexmale femalesex malesex""")


def cluster_rank(name: str) -> int | None:
    """Return 0 where a column is named like a place of treatment, 1 where like a family, None where like neither.

    The whole name has to say so: ``hospital_id`` and ``StudySite`` do, ``tumor_site`` and ``family_history`` do not.
    """
    words = all_words_of(name)
    if len(words) > 1 and words[0] in _spelt(_CLUSTER_BEFORE):
        words = words[1:]
    text = "".join(words)
    bare = {text, *(text.removesuffix(end) for end in _spelt(_CLUSTER_AFTER))}
    return next((rank for rank, known in enumerate(CLUSTERS) if bare & known), None)


def words_of(name: str) -> set[str]:
    """Return the words of a column's name in small letters: ``ageAtEntry`` has age, at, entry."""
    return set(all_words_of(name))


def joined(name: str) -> str:
    """Return the words of a column's name in one: ``fu_time`` and ``FU-Time`` are futime."""
    return "".join(all_words_of(name))


def is_one_of(value: str, known: frozenset[str]) -> bool:
    """Whether a value is one of the words of `known`, whatever its case, blanks and accents."""
    return not known.isdisjoint(spellings(value.strip()))


def rounded(value: float, digits: int = 2) -> float:
    """Return `value` with so many significant digits."""
    return float(f"{value:.{digits}g}")


def outward(low: float, high: float, *, spans: float = 1.0) -> tuple[float, float]:
    """Return round bounds that lie outside `low` and `high` by about so many times the distance between them.

    They are of the form of the many and hold no single patient's value.
    """
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span))
    return (
        rounded(math.floor((low - spans * span) / step) * step, 6),
        rounded(math.ceil((high + spans * span) / step) * step, 6),
    )
