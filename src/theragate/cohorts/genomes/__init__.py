"""From files of genotypes and of expression to columns of patients; what is not known is missing, never wild type."""
