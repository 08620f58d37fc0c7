"""From a value and how it varies to an estimate with limits."""
