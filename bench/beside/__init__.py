"""One tenant beside what another one does."""
