"""What form a file has: found here, once, when a study is drafted, and declared in its ``source``.

Reading itself never guesses; see `theragate.cohorts.sources`.
"""
