"""Google Cloud Storage as its JSON API answers, for google-cloud-storage with STORAGE_EMULATOR_HOST."""
