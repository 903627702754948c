# Terraform makes the secrets, people give them their values (`gcloud secrets versions add`): no value is ever in state.
locals {
  # For each function: environment variable → secret.
  function_secrets = {
    for name, function in local.functions : name => merge(
      { DATABASE_URL = "database-url-${replace(name, "_", "-")}" },
      { for variable in function.secrets : variable => replace(lower(variable), "_", "-") },
    )
  }

  secrets = toset(concat(
    flatten([for secrets in local.function_secrets : values(secrets)]),
    ["database-url-migrations"], # the owner's, for the pipeline alone
  ))

  # A function reads a secret when an instance starts, so all instances agree only on a pinned version.
  secret_versions = { for secret in local.secrets : secret => lookup(var.secret_versions, secret, "1") }
}

resource "google_secret_manager_secret" "secrets" {
  for_each = local.secrets

  secret_id           = each.key
  deletion_protection = true

  replication {
    auto {}
  }

  depends_on = [google_project_service.apis]
}
