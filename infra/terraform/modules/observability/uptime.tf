# Each webhook says at /health whether its database answers: without it, nothing that is said there would be kept.
resource "google_monitoring_uptime_check_config" "webhooks" {
  for_each = var.webhook_hosts

  display_name     = "Allim ${var.environment}: ${each.key}"
  period           = "300s"
  timeout          = "10s"
  selected_regions = ["ASIA_PACIFIC", "EUROPE", "USA"] # at least three

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = each.value }
  }

  http_check {
    path         = "/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    accepted_response_status_codes {
      status_value = 200
    }
  }

  content_matchers {
    content = "answers"
  }
}

resource "google_monitoring_alert_policy" "webhook_down" {
  for_each = var.webhook_hosts

  display_name          = "Allim ${var.environment}: ${each.key} cannot be reached"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "Seen from two regions or more"

    condition_threshold {
      filter          = "resource.type=\"uptime_url\" AND metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.label.check_id=\"${google_monitoring_uptime_check_config.webhooks[each.key].uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "600s"

      # Nothing opens before the check has been made, and nothing closes because it was not made for a while.
      evaluation_missing_data = "EVALUATION_MISSING_DATA_NO_OP"

      aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  alert_strategy {
    notification_prompts = ["OPENED"]
  }

  documentation {
    subject = "Allim ${var.environment}: ${each.key} cannot be reached"
    content = file("${path.module}/runbook/webhook-down.md")
  }
}

# From outside, by somebody who may: Monitoring proves who it is with an OIDC token.
resource "google_monitoring_uptime_check_config" "health" {
  display_name     = "Allim ${var.environment}: health"
  period           = "300s"
  timeout          = "15s"
  selected_regions = ["ASIA_PACIFIC", "EUROPE", "USA"] # at least three

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = var.health_host }
  }

  http_check {
    path         = "/"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    service_agent_authentication {
      type = "OIDC_TOKEN"
    }

    accepted_response_status_codes {
      status_value = 200
    }
  }
}

resource "google_monitoring_alert_policy" "unhealthy" {
  display_name          = "Allim ${var.environment}: health says that something fails"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = "Seen from two regions or more"

    condition_threshold {
      filter          = "resource.type=\"uptime_url\" AND metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.label.check_id=\"${google_monitoring_uptime_check_config.health.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "600s"

      # Nothing opens before the check has been made, and nothing closes because it was not made for a while.
      evaluation_missing_data = "EVALUATION_MISSING_DATA_NO_OP"

      aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  alert_strategy {
    notification_prompts = ["OPENED"]
  }

  documentation {
    subject = "Allim ${var.environment}: health says that something fails"
    content = file("${path.module}/runbook/unhealthy.md")
  }
}
