"""Cloud Scheduler: jobs at their times."""
