# The plan of a first release, which each environment must bear: tests/infra reads it as JSON.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project         = "allim-example"
  alert_email     = "operators@example.com"
  billing_account = "012345-6789AB-CDEF01"

  release = {
    on_subscription_event = "on_subscription_event-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_send_request       = "on_send_request-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_delivery_callback  = "on_delivery_callback-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_reminder_tick      = "on_reminder_tick-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_dead_letter        = "on_dead_letter-0000000000000000000000000000000000000000000000000000000000000000.zip"
    health                = "health-0000000000000000000000000000000000000000000000000000000000000000.zip"
    payment_webhook       = "payment_webhook-0000000000000000000000000000000000000000000000000000000000000000.zip"
    provider_webhook      = "provider_webhook-0000000000000000000000000000000000000000000000000000000000000000.zip"
    watch                 = "watch-0000000000000000000000000000000000000000000000000000000000000000.zip"
    backup                = "backup-0000000000000000000000000000000000000000000000000000000000000000.zip"
    reconcile             = "reconcile-0000000000000000000000000000000000000000000000000000000000000000.zip"
  }
}

run "release" {
  command = plan
}
