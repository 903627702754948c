# What only the logs tell. `logger` is where the code says it, `field` what it says beside its sentence.
locals {
  counted = {
    dead_letters     = { does = "Messages that no retry can help", logger = "allim.dead_letters", label = "source" }
    payment_failures = { does = "Orders that failed", logger = "allim.payment_failures", label = "code" }
    alerts_opened    = { does = "Alerts that began to fire", logger = "allim.notices", label = "kind" }
  }

  # A counter counts lines, and one line tells of many messages. A distribution keeps the sum of what its lines say: the
  # number of messages is `_sum`, exactly, and `_count` is the number of batches.
  measured = {
    reminder_lateness = { does = "Seconds by which a reminder left late", logger = "allim.ticks", field = "latest_by_seconds", unit = "s", labels = [], bounds = local.seconds }
    messages          = { does = "Messages that came to an outcome; a value is a batch", logger = "allim.metrics", field = "count", unit = "1", labels = ["outcome", "provider", "channel", "reason"], bounds = [1, 10, 100, 1000] }
    gauges            = { does = "What watch found, once a minute", logger = "allim.gauges", field = "value", unit = "1", labels = ["gauge"], bounds = local.seconds }
  }

  seconds = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600]

  from = "resource.type=\"cloud_run_revision\" AND jsonPayload.logger"
}

resource "google_logging_metric" "counted" {
  for_each = local.counted

  name        = each.key
  description = each.value.does
  filter      = "${local.from}=\"${each.value.logger}\""

  label_extractors = { (each.value.label) = "EXTRACT(jsonPayload.${each.value.label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key = each.value.label
    }
  }
}

resource "google_logging_metric" "measured" {
  for_each = local.measured

  name            = each.key
  description     = each.value.does
  filter          = "${local.from}=\"${each.value.logger}\" AND jsonPayload.${each.value.field}>=0"
  value_extractor = "EXTRACT(jsonPayload.${each.value.field})"

  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key = labels.value
      }
    }
  }

  bucket_options {
    explicit_buckets {
      bounds = each.value.bounds
    }
  }
}
