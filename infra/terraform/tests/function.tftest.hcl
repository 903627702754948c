mock_provider "google" {}

variables {
  name        = "on-send-request"
  description = "A ticket's messages go to their provider."
  region      = "asia-northeast3"
  entry_point = "on_send_request"
  public      = false
  connector   = null
  archive     = { bucket = "example-artifacts", object = "on_send_request-0123.zip" }
  builder     = { service_account = "projects/example/serviceAccounts/builder", repository = "projects/example/locations/asia-northeast3/repositories/functions" }
  environment = { GOOGLE_CLOUD_PROJECT = "example" }
  secrets     = { DATABASE_URL = { id = "database-url-on-send-request", version = "3" } }

  size = {
    memory          = "512Mi"
    cpu             = "1"
    concurrency     = 10
    timeout_seconds = 295
    min_instances   = 0
    max_instances   = 10
  }
}

run "a_private_function_is_called_by_its_own_invoker_alone" {
  module {
    source = "./modules/function"
  }

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "The internet reaches it."
  }

  assert {
    condition     = google_service_account.invoker[0].account_id == "on-send-request-invoker"
    error_message = "It has no invoker of its own."
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invoker.members == toset([google_service_account.invoker[0].member])
    error_message = "Somebody else may call it."
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invoker.name == google_cloudfunctions2_function.this.name
    error_message = "The grant is not confined to this service."
  }

  assert {
    condition     = length(google_service_account_iam_member.pubsub) == 0
    error_message = "Pub/Sub may speak as an account that it has no need of."
  }
}

run "pubsub_mints_the_tokens_of_the_invoker_as_which_it_pushes" {
  module {
    source = "./modules/function"
  }

  variables {
    pushed_by = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
  }

  assert {
    condition     = google_service_account_iam_member.pubsub[0].service_account_id == google_service_account.invoker[0].name
    error_message = "It may speak as somebody else."
  }

  assert {
    condition     = google_service_account_iam_member.pubsub[0].role == "roles/iam.serviceAccountTokenCreator"
    error_message = "Its pushes would not be let in."
  }
}

run "further_callers_stand_beside_the_invoker" {
  module {
    source = "./modules/function"
  }

  variables {
    callers = ["serviceAccount:monitoring@example.iam.gserviceaccount.com"]
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invoker.members == toset([google_service_account.invoker[0].member, "serviceAccount:monitoring@example.iam.gserviceaccount.com"])
    error_message = "Not just these two may call it."
  }
}

run "nobody_pushes_to_the_public" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    public    = true
    pushed_by = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
  }

  expect_failures = [var.pushed_by]
}

run "a_public_function_has_no_invoker_account" {
  module {
    source = "./modules/function"
  }

  variables {
    public = true
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invoker.members == toset(["allUsers"]) && length(google_service_account.invoker) == 0
    error_message = "Providers cannot call it."
  }
}

run "a_secret_is_a_reference_with_a_pinned_version_that_only_its_function_reads" {
  module {
    source = "./modules/function"
  }

  assert {
    condition = one(google_cloudfunctions2_function.this.service_config[0].secret_environment_variables) == {
      key        = "DATABASE_URL"
      project_id = google_service_account.runtime.project
      secret     = "database-url-on-send-request"
      version    = "3"
    }
    error_message = "The secret is not given by reference."
  }

  assert {
    condition     = google_secret_manager_secret_iam_member.runtime["DATABASE_URL"].member == google_service_account.runtime.member
    error_message = "The function's account may not read it."
  }
}

run "all_calls_leave_through_a_connector_that_is_asked_for" {
  module {
    source = "./modules/function"
  }

  variables {
    connector = "projects/example/locations/asia-northeast3/connectors/allim"
  }

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].vpc_connector_egress_settings == "ALL_TRAFFIC"
    error_message = "Calls to providers do not come from the fixed address."
  }
}

run "less_than_a_cpu_takes_one_request_at_a_time" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    size = {
      memory          = "256Mi"
      cpu             = "0.5"
      concurrency     = 2
      timeout_seconds = 55
      min_instances   = 0
      max_instances   = 1
    }
  }

  expect_failures = [var.size]
}
