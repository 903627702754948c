resource "google_cloud_scheduler_job" "this" {
  name        = var.name
  description = var.description
  region      = var.region
  schedule    = var.cron
  time_zone   = "Asia/Seoul"

  pubsub_target {
    topic_name = var.topic
    data       = base64encode("{}")
  }
}
