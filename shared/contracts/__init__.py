"""What crosses a boundary. These models import nothing of ours; `schemas/events/` holds them as JSON Schema.

This module imports none of them: who needs one is spared making all the others.
"""
