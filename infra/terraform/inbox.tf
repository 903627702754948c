# Where apps watch their customers' inboxes, and mark what was read. Postgres is the truth: what is here is a copy of it.
resource "google_firestore_database" "inbox" {
  name        = "allim-inbox"
  location_id = var.region
  type        = "FIRESTORE_NATIVE"

  depends_on = [google_project_service.apis]
}

# What was read and is not known to be: on_sweep_tick asks for it every ten seconds.
resource "google_firestore_index" "read" {
  database    = google_firestore_database.inbox.name
  collection  = "inbox"
  query_scope = "COLLECTION_GROUP"

  fields {
    field_path = "told"
    order      = "ASCENDING"
  }

  fields {
    field_path = "read_at"
    order      = "ASCENDING"
  }
}

# What apps may do there.
resource "google_firebaserules_ruleset" "inbox" {
  source {
    files {
      name    = "firestore.rules"
      content = file("${path.module}/firestore/firestore.rules")
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_firebaserules_release" "inbox" {
  name         = "cloud.firestore/${google_firestore_database.inbox.name}"
  ruleset_name = google_firebaserules_ruleset.inbox.name
}

# The function that copies reads and writes documents of this database, and nothing else of Firestore.
resource "google_project_iam_member" "inbox" {
  count = local.released ? 1 : 0

  project = var.project
  role    = "roles/datastore.user"
  member  = "serviceAccount:${module.function["on_sweep_tick"].service_account}"

  condition {
    title      = "the inbox alone"
    expression = "resource.name == \"${google_firestore_database.inbox.id}\""
  }
}
