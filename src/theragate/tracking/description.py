"""The description of a run or a version in MLflow: the verdict and how to reproduce it, cut to what MLflow keeps."""

__all__ = ["LONGEST_TEXT", "cut", "described", "design_words"]

LONGEST_TEXT = 5000  # the size of MLflow's smallest description column
_HEAD = 1000  # left free for what a registry puts above it: who has signed, or that nobody has
_NOT_COMMITTED = "No commit holds all that this was made from, so no command reproduces it yet."


def described(verdict: str, *, simulated: bool, assigned: str | None, reproduce: str, head: str = "") -> str:
    """Return a description: `head`, what has to be known about the data, the verdict, and the command at its end.

    Parameters
    ----------
    verdict
        The verdict as Markdown, which is cut between two of its lines where it is too long.
    simulated
        Whether the patients are.
    assigned
        How treatment was assigned; None where there is none.
    reproduce
        The command that makes all of it again; empty where none does.
    head
        What comes first, in one or more paragraphs.
    """
    labels = "SIMULATED COHORT: can never be released.\n\n" if simulated else ""
    labels += f"{design_words(assigned)}\n\n" if design_words(assigned) else ""
    above = f"{head}\n\n" if head else ""
    end = f"\n\nReproduce: `{reproduce}`" if reproduce else f"\n\n{_NOT_COMMITTED}"
    more = "\n\n(The rest is in the artifact `card.md`.)"
    room = LONGEST_TEXT - max(_HEAD, len(above)) - len(labels) - len(end) - len(more)
    table = verdict.strip()
    if len(table) > room:
        table = table[:room].rsplit("\n", 1)[0] + more
    return above + labels + table + end


def design_words(assigned: str | None) -> str:
    """Label evidence about treatment that was not assigned at random; empty for any other."""
    return "OBSERVATIONAL TREATMENT. " if assigned == "in_practice" else ""


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return `text`, or its beginning where it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
