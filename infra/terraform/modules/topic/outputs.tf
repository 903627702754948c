output "id" {
  description = "The topic's id, projects/<project>/topics/<name>."
  value       = google_pubsub_topic.this.id
}
