"""What the commands of `theragate` do; `theragate.cli` only reads the command line."""
