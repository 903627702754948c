mock_provider "google" {}

variables {
  name       = "send-requests"
  region     = "asia-northeast3"
  publishers = { on_reminder_tick = "serviceAccount:on-reminder-tick@example.iam.gserviceaccount.com" }
}

run "a_subscription_pushes_retries_gives_up_and_never_expires" {
  module {
    source = "./modules/topic"
  }

  variables {
    subscription = {
      address              = "https://on-send-request.example.run.app"
      invoker              = "on-send-request-invoker@example.iam.gserviceaccount.com"
      ack_deadline_seconds = 300
    }
    dead_letters = {
      topic = "projects/example/topics/dead-letters"
      mover = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
    }
  }

  assert {
    condition     = google_pubsub_subscription.this[0].push_config[0].push_endpoint == "https://on-send-request.example.run.app"
    error_message = "It pushes elsewhere."
  }

  assert {
    condition = google_pubsub_subscription.this[0].push_config[0].oidc_token[0] == {
      service_account_email = "on-send-request-invoker@example.iam.gserviceaccount.com"
      audience              = "https://on-send-request.example.run.app"
    }
    error_message = "A push does not prove who it is from."
  }

  assert {
    condition     = google_pubsub_topic.this.message_storage_policy[0].allowed_persistence_regions == toset(["asia-northeast3"])
    error_message = "Messages may be kept elsewhere."
  }

  assert {
    condition     = google_pubsub_subscription.this[0].retry_policy[0] == { minimum_backoff = "10s", maximum_backoff = "600s" }
    error_message = "It does not wait from 10 seconds to 10 minutes before it tries again."
  }

  assert {
    condition = google_pubsub_subscription.this[0].dead_letter_policy[0] == {
      dead_letter_topic     = "projects/example/topics/dead-letters"
      max_delivery_attempts = 20
    }
    error_message = "It does not give up after twenty tries."
  }

  assert {
    condition     = google_pubsub_subscription.this[0].expiration_policy[0].ttl == ""
    error_message = "It expires when nothing happens for a month."
  }

  assert {
    condition     = google_pubsub_subscription_iam_member.pubsub[0].role == "roles/pubsub.subscriber"
    error_message = "Pub/Sub may not take dead letters out of it."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.publishers["on_reminder_tick"].role == "roles/pubsub.publisher"
    error_message = "Who should publish may not."
  }
}

run "a_push_to_a_path_proves_itself_to_the_function_as_such" {
  module {
    source = "./modules/topic"
  }

  variables {
    subscription = {
      address              = "https://on-subscription-event.example.run.app"
      path                 = "/publishers/saas?tenant=saas"
      invoker              = "on-subscription-event-invoker@example.iam.gserviceaccount.com"
      ack_deadline_seconds = 60
    }
    dead_letters = null
  }

  assert {
    condition     = google_pubsub_subscription.this[0].push_config[0].push_endpoint == "https://on-subscription-event.example.run.app/publishers/saas?tenant=saas"
    error_message = "The function does not learn whose publisher it was."
  }

  assert {
    condition     = google_pubsub_subscription.this[0].push_config[0].oidc_token[0].audience == "https://on-subscription-event.example.run.app"
    error_message = "Cloud Run would not take the token."
  }
}

run "a_topic_of_last_resort_tries_until_messages_expire" {
  module {
    source = "./modules/topic"
  }

  variables {
    subscription = {
      address              = "https://on-dead-letter.example.run.app"
      invoker              = "on-dead-letter-invoker@example.iam.gserviceaccount.com"
      ack_deadline_seconds = 60
    }
    dead_letters = null
  }

  assert {
    condition     = length(google_pubsub_subscription.this[0].dead_letter_policy) == 0
    error_message = "There is nowhere to give up to."
  }

  assert {
    condition     = google_pubsub_subscription.this[0].message_retention_duration == "604800s"
    error_message = "Messages do not wait for a week."
  }
}

run "a_topic_that_nobody_reads_yet_has_no_subscription" {
  module {
    source = "./modules/topic"
  }

  variables {
    subscription = null
    dead_letters = { topic = "projects/example/topics/dead-letters", mover = "serviceAccount:mover@example.iam.gserviceaccount.com" }
  }

  assert {
    condition     = length(google_pubsub_subscription.this) + length(google_pubsub_subscription_iam_member.pubsub) == 0
    error_message = "There is a subscription with nowhere to push to."
  }
}

run "pubsub_waits_ten_minutes_at_most" {
  command = plan

  module {
    source = "./modules/topic"
  }

  variables {
    subscription = { address = "https://a.example", invoker = "a@example.com", ack_deadline_seconds = 601 }
    dead_letters = null
  }

  expect_failures = [var.subscription]
}
