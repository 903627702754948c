# The account that the function runs as. It may read its own secrets; what else it may do is granted where that is.
resource "google_service_account" "runtime" {
  account_id   = length(var.name) < 6 ? "${var.name}-function" : var.name # which has at least 6
  display_name = "Runs ${var.name}"
}

resource "google_secret_manager_secret_iam_member" "runtime" {
  for_each = var.secrets

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime.member
}

# Who may call it: everybody, or an account that can do nothing else and that nobody else uses.
resource "google_service_account" "invoker" {
  count = var.public ? 0 : 1

  account_id   = "${var.name}-invoker"
  display_name = "Calls ${var.name}"
}

# All who may: what somebody grants by hand is taken back by the next apply. The function is behind this check even where
# everybody passes it, for `invoker_iam_disabled` is a field of Cloud Run's services and not of functions.
resource "google_cloud_run_v2_service_iam_binding" "invoker" {
  name     = google_cloudfunctions2_function.this.name # the service beneath a function has its name
  location = var.region
  role     = "roles/run.invoker"
  members  = var.public ? ["allUsers"] : setunion([google_service_account.invoker[0].member], var.callers)
}

# Pub/Sub proves who it is with tokens of the invoker, and mints them itself:
# https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
resource "google_service_account_iam_member" "pubsub" {
  count = var.pushed_by == null ? 0 : 1

  service_account_id = google_service_account.invoker[0].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = var.pushed_by
}
