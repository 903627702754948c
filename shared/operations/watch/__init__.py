"""Who must be told when it is not well."""
