"""Everything ages: how long the rows of each table live, and how they leave."""
