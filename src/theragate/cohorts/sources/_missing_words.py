"""What people write where nothing is known. It decides which cells a message may show, and what a draft declares."""

__all__ = ["MISSING_WORDS", "is_missing_word"]

# In any column: no category is called so.
_NEVER_A_CATEGORY = "na, n/a, nan, null, (null), <na>, ., .., ..., ?, ??, \\n"
_OF_SPREADSHEETS = "#n/a, #na, #nv, #div/0!, #ref!, #value!, #wert!, #name?, #num!, #zahl!, #null!, #bezug!"
# Among numbers: a category may be called so.
_AMONG_NUMBERS = (
    "-, --, ---, –, —, *, **, x, xx, xxx, none, nil, void, blank, empty, missing, miss, unknown, unk, unkn, n.a., n.a,"
    "na., n. a., nd, n.d., n.d, n. d., nr, n.r., not done, not available, not known, not applicable, not recorded,"
    "not measured, not tested, not reported, no data, undefined, undetermined",
    "k.a., k.a, k. a., ka, keine angabe, keine angaben, fehlt, fehlend, unbekannt, unbek., unbek, nicht bekannt,"
    "nicht erhoben, nicht gemessen, nicht bestimmt, nicht durchgeführt, n.b., n. b., n.e., entf., entfällt, leer,"
    "ausstehend, offen",
    "manquant, manquante, inconnu, inconnue, non fait, non disponible, non renseigné, nc, n.c., donnée manquante",
    "desconocido, desconocida, faltante, sin dato, sin datos, s/d, no disponible, no consta, perdido",
    "mancante, ignoto, ignota, sconosciuto, sconosciuta, non disponibile, non noto, non eseguito",
    "onbekend, ontbreekt, niet bekend, niet gemeten, geen gegevens, n.v.t., nvt",
)


def _words(*lists: str) -> frozenset[str]:
    return frozenset(word.strip() for words in lists for word in words.split(",") if word.strip())


MISSING_WORDS = _words(_NEVER_A_CATEGORY, _OF_SPREADSHEETS)
_ALL = MISSING_WORDS | _words(*_AMONG_NUMBERS)


def is_missing_word(text: str, *, among_numbers: bool = True) -> bool:
    """Whether a cell says that nothing is known; in a column of texts, fewer words surely say that."""
    return " ".join(text.lower().split()) in (_ALL if among_numbers else MISSING_WORDS)
