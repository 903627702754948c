resource "google_pubsub_topic" "this" {
  #checkov:skip=CKV_GCP_83:Messages are ids for the most part, encrypted by Google, and gone within a week.
  name = var.name

  # Where messages may lie. Without `enforce_in_transit`: a publisher elsewhere, whom Google leads to the region that is
  # nearest to it, would be refused, though its messages are kept here.
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = var.publishers

  topic  = google_pubsub_topic.this.id
  role   = "roles/pubsub.publisher"
  member = each.value
}

resource "google_pubsub_subscription" "this" {
  count = var.subscription == null ? 0 : 1

  name                       = var.name
  topic                      = google_pubsub_topic.this.id
  ack_deadline_seconds       = var.subscription.ack_deadline_seconds
  message_retention_duration = "${var.retention_seconds}s"

  expiration_policy {
    ttl = "" # never, or a month without messages would end it
  }

  push_config {
    push_endpoint = "${var.subscription.address}${var.subscription.path}"

    oidc_token {
      service_account_email = var.subscription.invoker
      audience              = var.subscription.address
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dynamic "dead_letter_policy" {
    for_each = var.dead_letters[*]
    content {
      dead_letter_topic     = dead_letter_policy.value.topic
      max_delivery_attempts = 20 # more than two hours: a database may be away for one without a person
    }
  }
}

# Pub/Sub itself moves dead letters: it acknowledges them here and publishes them there.
resource "google_pubsub_subscription_iam_member" "pubsub" {
  count = var.subscription != null && var.dead_letters != null ? 1 : 0

  subscription = google_pubsub_subscription.this[0].id
  role         = "roles/pubsub.subscriber"
  member       = var.dead_letters.mover
}
