# Each alert is a query that answers something when there is something to do, and one series, so that one alert is one
# mail. `increase` extrapolates, so a single event may count as a little less than one. Names of metrics:
# https://cloud.google.com/monitoring/promql/promql-mapping
#
# Figures come up to four minutes late (https://cloud.google.com/monitoring/api/v3/latency-n-retention), and a metric without
# events has no points at all. So silence is told after ten minutes, of which six may be seen, and only where there was
# something within the week before: a new project is silent, too. It is told for that week, also to who comes back after
# a weekend (a query may look back for two years: https://docs.cloud.google.com/monitoring/alerts/using-promql). Where a
# share or a quantile is judged there must be enough to judge by, or the one call of a night that fails would be all of them.
locals {
  requests    = "run_googleapis_com:request_count"
  latencies   = "run_googleapis_com:request_latencies_bucket"
  undelivered = "pubsub_googleapis_com:subscription_num_undelivered_messages"
  oldest      = "pubsub_googleapis_com:subscription_oldest_unacked_message_age"
  published   = "pubsub_googleapis_com:topic_send_request_count"

  any_function = "monitored_resource=\"cloud_run_revision\""
  served       = "${local.any_function},response_code_class=\"2xx\""

  silent = { for service in ["on-reminder-tick", "on-sweep-tick", "watch"] : service => join(" and ", [
    "(sum(increase(${local.requests}{${local.served},service_name=\"${service}\"}[10m])) or vector(0)) < 0.5",
    "sum(increase(${local.requests}{${local.served},service_name=\"${service}\"}[1w] offset 10m)) > 0.5",
  ]) }

  # What is called once a day. Who began less than a day ago, by the ticks, has had no such call yet.
  missing = { for service in ["backup", "reconcile", "retention"] : service => join(" and ", [
    "(sum(increase(${local.requests}{${local.served},service_name=\"${service}\"}[25h])) or vector(0)) < 0.5",
    "sum(increase(${local.requests}{${local.served},service_name=\"on-reminder-tick\"}[1w] offset 25h)) > 0.5",
  ]) }

  waiting = "monitored_resource=\"pubsub_subscription\",subscription_id"

  # A ticket is up to 500 messages, and whoever sends to a million waits for a while.
  crowds = "bulk-send-requests"

  alerts = {
    errors = {
      title = "More than 5 % of calls to functions fail, and at least 5 in 10 minutes"
      query = "sum(increase(${local.requests}{${local.any_function},response_code_class=\"5xx\"}[10m])) > 4.5 and sum(rate(${local.requests}{${local.any_function},response_code_class=\"5xx\"}[10m])) / sum(rate(${local.requests}{${local.any_function}}[10m])) > 0.05"
    }
    slow = {
      title = "A function takes more than 2 seconds (95th percentile of at least 20 calls)"
      # A tick is held for a minute, a ticket waits for its provider, and what runs once a day takes its time.
      query = "max(histogram_quantile(0.95, sum by (le, service_name) (rate(${local.latencies}{${local.any_function},service_name!~\"on-reminder-tick|on-sweep-tick|on-send-request|on-bulk-send-request|backup|reconcile|retention\"}[10m]))) > 2000 and on (service_name) sum by (service_name) (increase(${local.requests}{${local.any_function}}[10m])) > 19.5)"
    }
    slow-provider = {
      title = "Tickets take more than 30 seconds (95th percentile of at least 10): the provider is slow"
      query = "histogram_quantile(0.95, sum by (le) (rate(${local.latencies}{${local.any_function},service_name=~\"on-send-request|on-bulk-send-request\"}[10m]))) > 30000 and sum(increase(${local.requests}{${local.any_function},service_name=~\"on-send-request|on-bulk-send-request\"}[10m])) > 9.5"
    }
    backlog = {
      title = "More than 100 messages, or 2,000 tickets of crowds, have waited in Pub/Sub for 5 minutes"
      query = "max(min_over_time(${local.undelivered}{${local.waiting}!=\"${local.crowds}\"}[5m])) > 100 or max(min_over_time(${local.undelivered}{${local.waiting}=\"${local.crowds}\"}[5m])) > 2000"
    }
    stuck = {
      title = "A message has waited in Pub/Sub for 15 minutes, a dead letter for 10, or a crowd's ticket for an hour"
      query = "max(${local.oldest}{${local.waiting}=\"${local.crowds}\"}) > 3600 or max(${local.oldest}{${local.waiting}!~\"dead-letters|${local.crowds}\"}) > 900 or max(${local.oldest}{${local.waiting}=\"dead-letters\"}) > 600"
    }
    ticks-stopped = {
      title = "No tick for 10 minutes: reminders do not leave"
      query = local.silent["on-reminder-tick"]
    }
    sweeps-stopped = {
      title = "No sweeps for 10 minutes: what was left behind is not taken up"
      query = local.silent["on-sweep-tick"]
    }
    reminders-late = {
      title = "Reminders leave more than 30 seconds late (one batch in a hundred of at least 5)"
      query = "histogram_quantile(0.99, sum by (le) (rate(logging_googleapis_com:user_reminder_lateness_bucket{${local.any_function}}[10m]))) > 30 and sum(increase(logging_googleapis_com:user_reminder_lateness_count{${local.any_function}}[10m])) > 4.5"
    }
    callbacks-stopped = {
      title = "At least 5 messages left within the hour, and no provider has reported on any"
      # Calls of the webhook would not do: the uptime check's own are well served, too. Only a report is handed on.
      query = "(sum(increase(${local.published}{monitored_resource=\"pubsub_topic\",topic_id=\"delivery-callbacks\",response_class=\"success\"}[1h])) or vector(0)) < 0.5 and sum(increase(logging_googleapis_com:user_messages_sum{${local.any_function},outcome=\"sent\"}[50m] offset 10m)) > 4.5"
    }
    payment-failures = {
      title = "More than 10 payments failed within an hour"
      query = "sum(increase(logging_googleapis_com:user_payment_failures{${local.any_function}}[1h])) > 10"
    }
    low-balance = {
      title = "A tenant's credit runs low, or is too short to send"
      query = "sum(increase(logging_googleapis_com:user_alerts_opened{${local.any_function},kind=~\"low-balance|credit-shortage\"}[10m])) > 0.5"
    }
    watch-stopped = {
      title = "Nobody watches: alerts are not told in Slack"
      query = local.silent["watch"]
    }
    backup-missing = {
      title = "No backup for 25 hours"
      query = local.missing["backup"]
    }
    reconcile-missing = {
      title = "The ledger was not audited for 25 hours"
      query = local.missing["reconcile"]
    }
    retention-missing = {
      title = "Nothing has left for 25 hours of what has lived its life, and no month was made ahead"
      query = local.missing["retention"]
    }
    dead-letters = {
      title = "Something could not be understood or done: dead letters"
      query = "sum(increase(logging_googleapis_com:user_dead_letters{${local.any_function}}[10m])) > 0.5"
    }
  }
}

resource "google_monitoring_alert_policy" "alerts" {
  for_each = local.alerts

  display_name          = "Allim ${var.environment}: ${each.value.title}"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = local.channels

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      # It lasts for ten minutes after what it speaks of, so two openings, and two mails, are at least ten minutes apart.
      query                     = "count_over_time((${each.value.query})[10m:1m]) > 0"
      evaluation_interval       = "60s"
      disable_metric_validation = true # in a new project there are no requests yet, and so no such metrics
    }
  }

  alert_strategy {
    notification_prompts = ["OPENED"]
  }

  documentation {
    subject = "Allim ${var.environment}: ${each.value.title}"
    content = file("${path.module}/runbook/${each.key}.md")
  }

  depends_on = [google_logging_metric.counted, google_logging_metric.measured]
}
