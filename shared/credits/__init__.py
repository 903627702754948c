"""Credits: an append-only ledger, prices, payments, top-ups, plans."""
