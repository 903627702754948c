"""Operations: is it well, and who must be told when it is not; dead letters, backups, the audit of the ledger."""
