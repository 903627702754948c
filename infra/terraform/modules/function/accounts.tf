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

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  name     = google_cloudfunctions2_function.this.name # the service beneath a function has its name
  location = var.region
  role     = "roles/run.invoker"
  member   = var.public ? "allUsers" : google_service_account.invoker[0].member
}
