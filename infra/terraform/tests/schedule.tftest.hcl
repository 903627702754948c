mock_provider "google" {}

variables {
  name        = "backup"
  description = "Backs up the database."
  region      = "asia-northeast3"
  cron        = "0 3 * * *"
}

run "a_call_proves_who_it_is_from_and_is_made_three_times_five_minutes_apart" {
  module {
    source = "./modules/schedule"
  }

  variables {
    call = { address = "https://backup.example.run.app", invoker = "backup-invoker@example.com", timeout_seconds = 1800 }
  }

  assert {
    condition     = google_cloud_scheduler_job.this.http_target[0].oidc_token[0].service_account_email == "backup-invoker@example.com" && google_cloud_scheduler_job.this.http_target[0].oidc_token[0].audience == google_cloud_scheduler_job.this.http_target[0].uri
    error_message = "The function would not let it in."
  }

  assert {
    condition     = google_cloud_scheduler_job.this.retry_config[0].retry_count == 2
    error_message = "It is not tried three times in all."
  }

  assert {
    condition     = google_cloud_scheduler_job.this.retry_config[0].min_backoff_duration == "300s" && google_cloud_scheduler_job.this.retry_config[0].max_backoff_duration == "300s"
    error_message = "Tries are not five minutes apart."
  }

  assert {
    condition     = google_cloud_scheduler_job.this.attempt_deadline == "1800s" && google_cloud_scheduler_job.this.time_zone == "Asia/Seoul"
    error_message = "It gives up before the function does, or comes at another hour."
  }

  assert {
    condition     = length(google_cloud_scheduler_job.this.pubsub_target) == 0
    error_message = "It also publishes."
  }
}

run "a_tick_is_published_and_not_tried_again" {
  module {
    source = "./modules/schedule"
  }

  variables {
    topic = "projects/example/topics/reminder-ticks"
  }

  assert {
    condition     = length(google_cloud_scheduler_job.this.http_target) + length(google_cloud_scheduler_job.this.retry_config) == 0
    error_message = "It calls something."
  }
}

run "a_schedule_with_nothing_to_do_is_refused" {
  command = plan

  module {
    source = "./modules/schedule"
  }

  expect_failures = [var.call]
}

run "nobody_waits_longer_than_the_scheduler_does" {
  command = plan

  module {
    source = "./modules/schedule"
  }

  variables {
    call = { address = "https://backup.example.run.app", invoker = "backup-invoker@example.com", timeout_seconds = 1801 }
  }

  expect_failures = [var.call]
}
