"""The law as rules: pure, and each cites its article."""
