output "address" {
  description = "Its HTTPS address."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}

output "service_account" {
  description = "Email of the account that it runs as."
  value       = google_service_account.runtime.email
}

output "invoker" {
  description = "Email of the account that may call it; null where everybody may."
  value       = one(google_service_account.invoker[*].email)

  depends_on = [google_cloud_run_v2_service_iam_binding.invoker, google_service_account_iam_member.pubsub]
}
