locals {
  charts = {
    "Calls a second, by function"                    = "sum by (service_name) (rate(${local.requests}{${local.any_function}}[5m]))"
    "Calls that failed a second, by function"        = "sum by (service_name) (rate(${local.requests}{${local.any_function},response_code_class=\"5xx\"}[5m]))"
    "Milliseconds, 95th percentile, by function"     = "histogram_quantile(0.95, sum by (le, service_name) (rate(${local.latencies}{${local.any_function}}[5m])))"
    "Messages that wait in Pub/Sub, by subscription" = "max by (subscription_id) (${local.undelivered}{monitored_resource=\"pubsub_subscription\"})"
    "Seconds that reminders left late"               = "histogram_quantile(0.99, sum by (le) (rate(logging_googleapis_com:user_reminder_lateness_bucket{${local.any_function}}[5m])))"
    "Dead letters, by function"                      = "sum by (source) (increase(logging_googleapis_com:user_dead_letters{${local.any_function}}[5m]))"
    "Instances, by function"                         = "sum by (service_name) (run_googleapis_com:container_instance_count{${local.any_function}})"
    "Cost driver: CPU seconds a second, by function" = "sum by (service_name) (rate(run_googleapis_com:container_billable_instance_time{${local.any_function}}[5m]))"
  }
}

resource "google_monitoring_dashboard" "overview" {
  dashboard_json = jsonencode({
    displayName = "Allim ${var.environment}"
    gridLayout = {
      columns = "2"
      widgets = [
        for title, query in local.charts : {
          title   = title
          xyChart = { dataSets = [{ timeSeriesQuery = { prometheusQuery = query } }] }
        }
      ]
    }
  })
}
