"""Where AlimTalk templates are registered and inspected. `base.py` is the contract; a new provider is one module."""
