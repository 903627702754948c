locals {
  messages = "logging_googleapis_com:user_messages_sum{${local.any_function}"

  # One sample a minute, so the mean of two minutes is the newest value, or two.
  gauge = "sum by (gauge) (increase(logging_googleapis_com:user_gauges_sum{${local.any_function},gauge=~\"%s\"}[2m])) / sum by (gauge) (increase(logging_googleapis_com:user_gauges_count{${local.any_function},gauge=~\"%s\"}[2m]))"

  # By title, which also is their order.
  charts = {
    "1 Messages a minute, by outcome"                      = "sum by (outcome) (60 * rate(${local.messages}}[5m]))"
    "1 Messages delivered a minute, by channel"            = "sum by (provider, channel) (60 * rate(${local.messages},outcome=~\"delivered|read\"}[5m]))"
    "1 Messages failed a minute, by provider and reason"   = "sum by (provider, channel, reason) (60 * rate(${local.messages},outcome=~\"failed|unknown\"}[5m]))"
    "1 Share of messages that failed"                      = "sum(rate(${local.messages},outcome=~\"failed|unknown\"}[15m])) / sum(rate(${local.messages},outcome=~\"failed|unknown|delivered|read\"}[15m]))"
    "2 Seconds that something waits: outbox, queue, steps" = format(local.gauge, local.waits, local.waits)
    "2 Seconds since the last tick, sweeps and callback"   = format(local.gauge, local.since, local.since)
    "2 Open: undecided dispatches, dead letters, payments" = format(local.gauge, local.open, local.open)
    "2 Connections to the database"                        = format(local.gauge, "connections", "connections")
    "2 Alerts that began to fire, by kind"                 = "sum by (kind) (increase(logging_googleapis_com:user_alerts_opened{${local.any_function}}[5m]))"
    "2 Payments that failed, by code"                      = "sum by (code) (increase(logging_googleapis_com:user_payment_failures{${local.any_function}}[5m]))"
    "3 Calls a second, by function"                        = "sum by (service_name) (rate(${local.requests}{${local.any_function}}[5m]))"
    "3 Calls that failed a second, by function"            = "sum by (service_name) (rate(${local.requests}{${local.any_function},response_code_class=\"5xx\"}[5m]))"
    "3 Milliseconds, 95th percentile, by function"         = "histogram_quantile(0.95, sum by (le, service_name) (rate(${local.latencies}{${local.any_function}}[5m])))"
    "3 Messages that wait in Pub/Sub, by subscription"     = "max by (subscription_id) (${local.undelivered}{monitored_resource=\"pubsub_subscription\"})"
    "3 Seconds that the oldest waits, by subscription"     = "max by (subscription_id) (${local.oldest}{monitored_resource=\"pubsub_subscription\"})"
    "3 Seconds that reminders left late"                   = "histogram_quantile(0.99, sum by (le) (rate(logging_googleapis_com:user_reminder_lateness_bucket{${local.any_function}}[5m])))"
    "3 Dead letters, by function"                          = "sum by (source) (increase(logging_googleapis_com:user_dead_letters{${local.any_function}}[5m]))"
    "3 Instances, by function"                             = "sum by (service_name) (run_googleapis_com:container_instance_count{${local.any_function}})"
    "3 Cost driver: CPU seconds a second, by function"     = "sum by (service_name) (rate(run_googleapis_com:container_billable_instance_time{${local.any_function}}[5m]))"
  }

  waits = "outbox_seconds|oldest_queued_seconds|reminder_seconds"
  since = "last_tick_seconds|last_sweeps_seconds|callbacks_seconds"
  open  = "undecided_dispatches|open_dead_letters|payment_failures_of_an_hour"
}

resource "google_monitoring_dashboard" "overview" {
  dashboard_json = jsonencode({
    displayName = "Allim ${var.environment}"
    gridLayout = {
      columns = "2"
      widgets = [
        for title, query in local.charts : {
          title   = trimprefix(trimprefix(trimprefix(title, "1 "), "2 "), "3 ")
          xyChart = { dataSets = [{ timeSeriesQuery = { prometheusQuery = query } }] }
        }
      ]
    }
  })
}
