"""The ledger: every won is held, captured or given back, and it can be proven."""
