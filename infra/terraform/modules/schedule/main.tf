resource "google_cloud_scheduler_job" "this" {
  name             = var.name
  description      = var.description
  region           = var.region
  schedule         = var.cron
  time_zone        = "Asia/Seoul"
  attempt_deadline = var.call == null ? null : "${var.call.timeout_seconds}s"

  dynamic "pubsub_target" {
    for_each = var.topic[*]
    content {
      topic_name = pubsub_target.value
      data       = base64encode("{}")
    }
  }

  dynamic "http_target" {
    for_each = var.call[*]
    content {
      uri         = http_target.value.address
      http_method = "POST"

      oidc_token {
        service_account_email = http_target.value.invoker
        audience              = http_target.value.address
      }
    }
  }

  dynamic "retry_config" {
    for_each = var.call[*]
    content {
      retry_count          = 2 # three tries in all
      min_backoff_duration = "300s"
      max_backoff_duration = "300s"
      max_doublings        = 0
    }
  }
}
