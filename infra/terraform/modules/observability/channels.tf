resource "google_monitoring_notification_channel" "email" {
  display_name = "Allim alerts"
  type         = "email"
  labels       = { email_address = var.alert_email }
}

locals {
  channels = concat([google_monitoring_notification_channel.email.id], tolist(var.notification_channels))
}

resource "google_billing_budget" "monthly" {
  billing_account = var.budget.billing_account
  display_name    = "Allim ${var.environment}"

  budget_filter {
    projects = ["projects/${var.budget.project_number}"]
  }

  amount {
    specified_amount {
      units = var.budget.monthly
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    iterator = share
    content {
      threshold_percent = share.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.email.id]
  }
}
