"""Events come in: kept, matched, told of."""
