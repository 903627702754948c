# Google builds a container of each zip, as this account and into this repository.
resource "google_service_account" "builder" {
  account_id   = "function-builder"
  display_name = "Builds the functions' containers"

  depends_on = [google_project_service.apis]
}

resource "google_artifact_registry_repository" "functions" {
  #checkov:skip=CKV_GCP_84:The containers hold no secrets and no data, so a key of our own would guard nothing.
  repository_id = "functions"
  location      = var.region
  format        = "DOCKER"
  description   = "Containers of the functions"

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 2 # an older release comes back from its zips
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s" # 30 days
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  repository = google_artifact_registry_repository.functions.name
  location   = google_artifact_registry_repository.functions.location
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = google_storage_bucket.artifacts.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.builder.member
}

resource "google_project_iam_member" "builder_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.builder.member
}

# Google copies the zip into a bucket of its own, which does not exist before the first function does.
resource "google_project_iam_member" "builder_sources" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.builder.member

  condition {
    title      = "sources-of-functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}
