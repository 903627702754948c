# The whole, in the size that `-var-file=environments/<name>.tfvars` gives it.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

override_resource {
  target = module.observability[0].google_monitoring_dashboard.overview
  values = { id = "projects/123456789012/dashboards/overview" }
}

variables {
  project         = "allim-example"
  alert_email     = "operators@example.com"
  billing_account = "012345-6789AB-CDEF01"

  release = {
    on_subscription_event = "on_subscription_event-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_bulk_send_request  = "on_bulk_send_request-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_send_request       = "on_send_request-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_delivery_callback  = "on_delivery_callback-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_reminder_tick      = "on_reminder_tick-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_sweep_tick         = "on_sweep_tick-0000000000000000000000000000000000000000000000000000000000000000.zip"
    on_dead_letter        = "on_dead_letter-0000000000000000000000000000000000000000000000000000000000000000.zip"
    health                = "health-0000000000000000000000000000000000000000000000000000000000000000.zip"
    payment_webhook       = "payment_webhook-0000000000000000000000000000000000000000000000000000000000000000.zip"
    provider_webhook      = "provider_webhook-0000000000000000000000000000000000000000000000000000000000000000.zip"
    watch                 = "watch-0000000000000000000000000000000000000000000000000000000000000000.zip"
    backup                = "backup-0000000000000000000000000000000000000000000000000000000000000000.zip"
    reconcile             = "reconcile-0000000000000000000000000000000000000000000000000000000000000000.zip"
    retention             = "retention-0000000000000000000000000000000000000000000000000000000000000000.zip"
  }
}

run "before_the_first_release_all_but_the_functions_is_made" {
  command = plan

  variables {
    release = {}
  }

  assert {
    condition     = length(module.function) + length(module.schedule) + length(module.call) + length(module.observability) == 0
    error_message = "Something needs functions that are not there."
  }

  assert {
    condition     = length(google_secret_manager_secret.secrets) == length(local.functions) + 5
    error_message = "Not every function has a DATABASE_URL of its own, beside the migrations', the encryption key, the key that signs backups, the key at Toss and Slack's address."
  }
}

run "a_release_deploys_every_function" {
  assert {
    condition     = sort(keys(module.function)) == sort(keys(local.functions))
    error_message = "A function is missing."
  }

  assert {
    condition     = length(module.topic) + 1 == length(local.subscribers)
    error_message = "A topic is missing."
  }

  assert {
    condition     = (output.egress_address != null) == var.fixed_egress_address
    error_message = "The operator does not learn what to register at providers."
  }

  assert {
    condition     = toset(values(output.secrets)) == toset(["1"])
    error_message = "A secret begins with its first version."
  }
}

run "a_secret_moves_to_the_version_that_is_given" {
  command = plan

  variables {
    secret_versions = { allim-encryption-key = "2" }
  }

  assert {
    condition     = output.secrets["allim-encryption-key"] == "2" && output.secrets["database-url-on-send-request"] == "1"
    error_message = "The version is not the one that was given."
  }
}

run "a_secret_is_never_at_latest" {
  command = plan

  variables {
    secret_versions = { allim-encryption-key = "latest" }
  }

  expect_failures = [var.secret_versions]
}

run "a_version_of_an_unknown_secret_is_refused" {
  command = plan

  variables {
    secret_versions = { encryption-key = "2" }
  }

  expect_failures = [var.secret_versions]
}

run "a_release_without_a_function_is_refused" {
  command = plan

  variables {
    release = { on_send_request = "on_send_request-0000000000000000000000000000000000000000000000000000000000000000.zip" }
  }

  expect_failures = [var.release]
}

run "more_connections_than_the_database_takes_are_refused" {
  command = plan

  variables {
    max_instances = 60
  }

  expect_failures = [var.database_clients]
}

run "more_connections_than_the_pooler_may_open_are_refused" {
  command = plan

  variables {
    database_pooler_size = 15 # Supabase's own choice, for each of the roles
  }

  expect_failures = [var.database_connections]
}

run "a_role_of_few_clients_is_not_counted_for_a_whole_pool" {
  command = plan

  assert {
    condition     = local.servers["backup"] == 4 && local.servers["reconcile"] == 2 && local.servers["on_send_request"] == 2 * var.database_pooler_size
    error_message = "The budget counts what the pooler never opens, or less than it may."
  }
}

run "a_region_outside_of_korea_is_refused" {
  command = plan

  variables {
    region = "asia-northeast1"
  }

  expect_failures = [var.region]
}

run "a_region_outside_of_korea_is_taken_when_that_is_said" {
  command = plan

  variables {
    region              = "asia-northeast1"
    allow_outside_korea = true
  }

  assert {
    condition     = google_storage_bucket.backups.location == "asia-northeast1"
    error_message = "It is not where it was asked to be."
  }
}

run "a_publisher_that_is_bound_has_a_topic_of_its_own" {
  variables {
    publishers = {
      saas = {
        members = ["serviceAccount:saas@example.iam.gserviceaccount.com"]
        tenants = ["cafe", "shop"]
        sources = ["//saas.example/a b", "//saas.example/events/*"]
      }
    }
  }

  assert {
    condition     = keys(module.publisher_topic) == ["saas"] && output.publisher_topics["saas"].tenants == toset(["cafe", "shop"])
    error_message = "There is no topic for it."
  }

  assert {
    condition     = length(output.events_topic) > 0 && !contains(values(module.topic)[*].id, output.publisher_topics["saas"].topic)
    error_message = "It is one that others publish to, too."
  }

  assert {
    condition     = local.publisher_addresses["saas"] == "/publishers/saas?tenant=cafe&tenant=shop&source=%2F%2Fsaas.example%2Fa+b&source=%2F%2Fsaas.example%2Fevents%2F%2A"
    error_message = "The function does not learn what the publisher is bound to."
  }
}

run "before_the_first_release_a_publishers_topic_has_nobody_to_push_to" {
  command = plan

  variables {
    release    = {}
    publishers = { saas = { members = ["serviceAccount:saas@example.iam.gserviceaccount.com"], tenants = ["saas"] } }
  }

  assert {
    condition     = length(module.publisher_topic) == 1
    error_message = "It is missing."
  }
}

run "who_is_bound_does_not_speak_for_all" {
  command = plan

  variables {
    event_publishers = ["serviceAccount:saas@example.iam.gserviceaccount.com"]
    publishers       = { saas = { members = ["serviceAccount:saas@example.iam.gserviceaccount.com"], tenants = ["saas"] } }
  }

  expect_failures = [var.publishers]
}

run "a_publisher_is_bound_to_somebody" {
  command = plan

  variables {
    publishers = { saas = { members = ["serviceAccount:saas@example.iam.gserviceaccount.com"], tenants = [] } }
  }

  expect_failures = [var.publishers]
}

run "a_star_within_a_source_is_refused" {
  command = plan

  variables {
    publishers = {
      saas = { members = ["serviceAccount:saas@example.iam.gserviceaccount.com"], tenants = ["saas"], sources = ["//*.example"] }
    }
  }

  expect_failures = [var.publishers]
}

run "nobody_but_named_accounts_publishes_events" {
  command = plan

  variables {
    event_publishers = ["allUsers"]
  }

  expect_failures = [var.event_publishers]
}
