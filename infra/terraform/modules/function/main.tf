resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:Providers call the webhooks, and uptime checks call health behind IAM; all others take calls of this project alone.
  name        = var.name
  description = var.description
  location    = var.region

  build_config {
    runtime           = "python311"
    entry_point       = var.entry_point
    service_account   = var.builder.service_account
    docker_repository = var.builder.repository

    source {
      storage_source {
        bucket = var.archive.bucket
        object = var.archive.object
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.runtime.email
    ingress_settings                 = var.public || var.reachable ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    available_memory                 = var.size.memory
    available_cpu                    = var.size.cpu
    max_instance_request_concurrency = var.size.concurrency
    timeout_seconds                  = var.size.timeout_seconds
    min_instance_count               = var.size.min_instances
    max_instance_count               = var.size.max_instances
    vpc_connector                    = var.connector
    vpc_connector_egress_settings    = var.connector == null ? null : "ALL_TRAFFIC"
    environment_variables            = var.environment

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      iterator = secret
      content {
        key        = secret.key
        project_id = google_service_account.runtime.project
        secret     = secret.value.id
        version    = secret.value.version
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.runtime]
}
