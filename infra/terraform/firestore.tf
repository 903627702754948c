# The in-app inbox, which an app watches live. Postgres stays the truth, so what has expired here is not missed.
resource "google_firestore_database" "inbox" {
  name                    = "(default)"
  location_id             = var.region
  type                    = "FIRESTORE_NATIVE"
  delete_protection_state = "DELETE_PROTECTION_ENABLED"

  depends_on = [google_project_service.apis]
}

resource "google_firestore_field" "inbox_expiry" {
  database   = google_firestore_database.inbox.name
  collection = "inbox"
  field      = "expires_at"

  ttl_config {}
  index_config {} # nobody looks for it, and an index on a time that only grows would slow writing down
}

# A customer's inbox, newest first.
resource "google_firestore_index" "inbox" {
  database   = google_firestore_database.inbox.name
  collection = "inbox"

  fields {
    field_path = "tenant"
    order      = "ASCENDING"
  }

  fields {
    field_path = "customer"
    order      = "ASCENDING"
  }

  fields {
    field_path = "created_at"
    order      = "DESCENDING"
  }
}
