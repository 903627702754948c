"""How well accounts at providers work: measured by their calls, and what follows for what is sent by them."""
