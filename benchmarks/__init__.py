"""What a user waits for, measured: ratios of paired runs in temporary clones."""
