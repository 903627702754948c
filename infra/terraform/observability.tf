module "observability" {
  source = "./modules/observability"
  count  = local.released ? 1 : 0

  project               = var.project
  environment           = var.environment
  alert_email           = var.alert_email
  notification_channels = var.notification_channels

  webhook_hosts = {
    for name in local.webhooks : name => trimprefix(module.function[name].address, "https://")
  }

  health_host = trimprefix(module.function["health"].address, "https://")

  budget = {
    billing_account = var.billing_account
    project_number  = data.google_project.this.number
    monthly         = var.monthly_budget
  }

  depends_on = [google_project_service.apis]
}
