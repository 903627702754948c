"""Operations: is it well, who must be told, and what is kept in case."""
