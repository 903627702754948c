"""Where the CPU time of a function goes, without servers and clients around it."""
