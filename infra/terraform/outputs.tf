output "project" {
  description = "The project that all of this is in."
  value       = var.project
}

output "provider_webhook_address" {
  description = "Where providers report. A tenant's account at a provider gets <address>/<provider>/<tenant>/<account>."
  value       = local.released ? module.function["provider_webhook"].address : null
}

output "payment_webhook_address" {
  description = "Where Toss Payments reports: register it as the webhook of the merchant's account."
  value       = local.released ? module.function["payment_webhook"].address : null
}

output "health_address" {
  description = "Says whether all is well, to whoever may act as `health_invoker`."
  value       = local.released ? module.function["health"].address : null
}

output "health_invoker" {
  description = "The account that may call `health`. Who may mint its tokens (roles/iam.serviceAccountOpenIdTokenCreator on it) may ask."
  value       = local.released ? module.function["health"].invoker : null
}

output "egress_address" {
  description = "The address that calls to providers come from: register it where a provider allow-lists addresses."
  value       = var.fixed_egress_address ? module.egress[0].address : null
}

output "artifacts_bucket" {
  description = "Where zips and releases are uploaded to."
  value       = google_storage_bucket.artifacts.name
}

output "backups_bucket" {
  description = "Where backups are: BACKUP_BUCKET for `allim restore`."
  value       = google_storage_bucket.backups.name
}

output "secrets" {
  description = "Secrets that need a value before the first release, with the version that is in use."
  value       = local.secret_versions
}

output "database_roles" {
  description = "The database role of each secret that holds a function's DATABASE_URL."
  value       = { for name, function in local.functions : local.function_secrets[name].DATABASE_URL => function.role }
}

output "events_topic" {
  description = "Where a SaaS publishes what happened to its customers."
  value       = module.topic["subscription-events"].id
}

output "publisher_topics" {
  description = "Of each publisher that is bound: the topic that it publishes to, and what it may say there."
  value = {
    for name, publisher in var.publishers : name => {
      topic   = module.publisher_topic[name].id
      tenants = publisher.tenants
      sources = publisher.sources
    }
  }
}

output "database_pooler_size" {
  description = "What Supabase's \"Pool size\" must say, under Database → Settings."
  value       = var.database_pooler_size
}

output "dashboard" {
  description = "Where to look first."
  value       = local.released ? module.observability[0].dashboard : null
}
