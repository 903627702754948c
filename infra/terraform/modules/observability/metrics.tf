# What only the logs tell. `logger` is where the code says it, `field` what it says beside its sentence.
locals {
  counted = {
    dead_letters = { does = "Messages that no retry can help", logger = "allim.dead_letters", label = "source" }
  }

  measured = {
    reminder_lateness = { does = "Seconds by which a reminder left late", logger = "allim.ticks", field = "latest_by_seconds" }
  }

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

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "s"
  }

  bucket_options {
    explicit_buckets {
      bounds = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600]
    }
  }
}
