"""The daily audit of the ledger."""
