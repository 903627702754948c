"""What is kept for people to see: alerts, dead letters, heartbeats."""
