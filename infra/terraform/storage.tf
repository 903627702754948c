# The zips of functions, each named by the hash of its content, and the releases that say which zips belong together.
# Nothing is overwritten and nothing deleted, so every release can come back; a zip has a few hundred kilobytes.
resource "google_storage_bucket" "artifacts" {
  #checkov:skip=CKV_GCP_62:Who reads and writes it is in the audit logs.
  #checkov:skip=CKV_GCP_78:A name is the hash of its content, so nothing is overwritten; Google keeps what is deleted for 7 days.
  name                        = "${var.project}-artifacts"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    condition {
      age            = 30
      matches_prefix = ["plans/"]
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [google_project_service.apis]
}

# Nightly backups. The bucket deletes what is older than 30 days, so that the function needs no right to delete or to
# overwrite; what somebody deletes all the same comes back for a week. The folder of a day begins with its year; a closed
# month's file (`months/`) serves the backups of 30 nights at most (shared/operations/backups/manifest.py), of which the
# last is kept for 30 days, too.
resource "google_storage_bucket" "backups" {
  #checkov:skip=CKV_GCP_62:Who reads and writes it is in the audit logs.
  #checkov:skip=CKV_GCP_78:Nothing in it is ever overwritten; what is deleted is kept for 7 days.
  name                        = "${var.project}-backups"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = 604800 # 7 days
  }

  lifecycle_rule {
    condition {
      age            = 30
      matches_prefix = ["20"]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 60
    }
    action {
      type = "Delete"
    }
  }

  depends_on = [google_project_service.apis]
}

# All of its policy. Google gives each new bucket to the project's editors and viewers, too, and who may look at a project
# is not therefore to read its customers' data: https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable
locals {
  backup_function = local.released ? ["serviceAccount:${module.function["backup"].service_account}"] : []

  backup_grants = {
    "roles/storage.legacyBucketOwner" = ["projectOwner:${var.project}"]
    "roles/storage.objectCreator"     = local.backup_function
    "roles/storage.objectViewer"      = concat(local.backup_function, ["projectOwner:${var.project}"]) # to restore
  }
}

resource "google_storage_bucket_iam_policy" "backups" {
  bucket = google_storage_bucket.backups.name

  policy_data = jsonencode({
    bindings = [for role, members in local.backup_grants : { role = role, members = members } if length(members) > 0]
  })
}
