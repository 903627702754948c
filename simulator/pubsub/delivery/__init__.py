"""From a subscription's backlog to whoever pulls or is pushed to."""
