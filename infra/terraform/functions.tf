# Each folder of functions/ is one entry here, named as the folder and as the function in its main.py.
#
#   topic            whose messages are pushed to it; a function without one is called: the webhooks by the internet, the
#                    others by a schedule or by whom it is granted
#   publishes        the topics that it may publish to
#   role             its database role; a DATABASE_URL of that role is its own secret
#   secrets          further environment variables that come from Secret Manager
#   sends            it hands messages to providers: they see the fixed address, and in production it stays warm
#   warm             false for one that sends and yet may be cold, in production too
#   timeout_seconds  longer than all that it may wait for: a provider is given 60 seconds to answer
#   connections      that an instance opens at most, where it needs no database_pool_size of them
#
# An instance that takes several requests at a time needs a whole CPU; so says Cloud Run.
locals {
  functions = {
    on_subscription_event = {
      does            = "A subscription event becomes messages and timers."
      topic           = "subscription-events"
      publishes       = ["send-requests", "bulk-send-requests"]
      role            = "allim_events"
      secrets         = []
      sends           = false
      memory          = "512Mi"
      cpu             = "1"
      concurrency     = 40
      timeout_seconds = 55
      max_instances   = var.max_instances
    }

    on_send_request = {
      does            = "A ticket's messages go to their provider."
      topic           = "send-requests"
      publishes       = ["send-requests", "bulk-send-requests"]
      role            = "allim_sender"
      secrets         = ["ALLIM_ENCRYPTION_KEY"]
      sends           = true
      memory          = "512Mi"
      cpu             = "1"
      concurrency     = 10
      timeout_seconds = 295 # some calls in a row
      max_instances   = var.max_instances
    }

    # Crowds wait behind a door of their own: they take none of the instances, of the connections or of the pushes at a time
    # that single messages need. Nobody waits for them, so none is kept warm.
    on_bulk_send_request = {
      does            = "The tickets of crowds, in turn: their messages go to their provider."
      topic           = "bulk-send-requests"
      publishes       = ["send-requests", "bulk-send-requests"]
      role            = "allim_bulk_sender"
      secrets         = ["ALLIM_ENCRYPTION_KEY"]
      sends           = true
      warm            = false
      memory          = "512Mi"
      cpu             = "1"
      concurrency     = 4
      timeout_seconds = 295 # some calls in a row
      max_instances   = max(1, floor(var.max_instances / 2))
      connections     = 2
    }

    on_delivery_callback = {
      does            = "What providers say of messages is recorded, and routes go on."
      topic           = "delivery-callbacks"
      publishes       = ["send-requests", "bulk-send-requests"]
      role            = "allim_reports"
      secrets         = []
      sends           = false
      memory          = "512Mi"
      cpu             = "1"
      concurrency     = 20
      timeout_seconds = 55
      max_instances   = var.max_instances
    }

    on_reminder_tick = {
      does            = "A minute of reminders: due steps speak, and tickets that nobody consumed are published again."
      topic           = "reminder-ticks"
      publishes       = ["send-requests", "bulk-send-requests"]
      role            = "allim_ticker"
      secrets         = []
      sends           = false
      memory          = "512Mi"
      cpu             = var.reminder_cpu
      concurrency     = 1
      timeout_seconds = 175 # 61 seconds of work, and what was begun in the last of them
      max_instances   = 3   # a tick stays until the next one has come, and may then have a batch to end
      connections     = 3   # two for batches of steps, one for tickets
    }

    on_sweep_tick = {
      does            = "A minute of sweeps: what has waited too long is taken up again, whoever has to be asked about it."
      topic           = "sweep-ticks"
      publishes       = ["send-requests"]
      role            = "allim_sweeper"
      secrets         = ["ALLIM_ENCRYPTION_KEY", "TOSS_SECRET_KEY"]
      sends           = true
      memory          = "512Mi"
      cpu             = var.sweep_cpu
      concurrency     = 1
      timeout_seconds = 175 # 58 seconds of work, and what was begun in the last of them
      max_instances   = 2   # ticks may overlap
      connections     = 3   # it waits for others far longer than for the database
    }

    on_dead_letter = {
      does            = "What Pub/Sub gave up on after twenty tries is kept as a dead letter."
      topic           = "dead-letters"
      publishes       = []
      role            = "allim_dead_letters"
      secrets         = []
      sends           = false
      memory          = "256Mi"
      cpu             = "0.167"
      concurrency     = 1
      timeout_seconds = 55
      max_instances   = 1
      connections     = 1
    }

    provider_webhook = {
      does            = "Providers report here: POST /<provider>/<tenant>/<account>."
      topic           = null
      publishes       = ["delivery-callbacks"]
      role            = "allim_webhook"
      secrets         = [] # it knows callers by digests, and opens nothing
      sends           = false
      memory          = "512Mi"
      cpu             = "1"
      concurrency     = 40
      timeout_seconds = 30
      max_instances   = var.max_instances
    }

    payment_webhook = {
      does            = "Toss Payments tells of payments here: POST /."
      topic           = null
      publishes       = []
      role            = "allim_payment_calls"
      secrets         = [] # it writes down which order to look at; a sweep asks Toss
      sends           = false
      memory          = "512Mi"
      cpu             = "1"
      concurrency     = 40 # one at a time, a single slow caller would hold up the others
      timeout_seconds = 30
      max_instances   = 2
    }

    health = {
      does            = "Is all well? GET / answers 200 or 503, and what was looked at."
      topic           = null
      publishes       = []
      role            = "allim_health"
      secrets         = []
      sends           = false
      memory          = "256Mi"
      cpu             = "0.167"
      concurrency     = 1
      timeout_seconds = 15
      max_instances   = 1
    }

    watch = {
      does            = "Each minute: is all well? What is not is told in Slack."
      topic           = "watch-ticks"
      publishes       = []
      role            = "allim_watch"
      secrets         = ["SLACK_WEBHOOK_URL"]
      sends           = false
      memory          = "256Mi"
      cpu             = "0.167"
      concurrency     = 1
      timeout_seconds = 170 # 20 messages, and Slack is given 5 seconds for each
      max_instances   = 1   # what it can't claim because the database is away, it remembers
    }

    backup = {
      does            = "Everything is backed up into a bucket, once a day."
      topic           = null
      publishes       = []
      role            = "allim_backup"
      secrets         = ["ALLIM_BACKUP_KEY"] # signs manifests: the bucket does not hold it
      sends           = false
      memory          = "512Mi"
      cpu             = "2" # rows are compressed on a thread for each connection
      concurrency     = 1
      timeout_seconds = 1795 # the scheduler waits for half an hour at most
      max_instances   = 1
      connections     = var.database_pooler_size > 2 ? 2 : 1 # each keeps one of the pooler's for as long as it takes
    }

    reconcile = {
      does            = "The ledger is audited, and the last days' bills are compared with the providers', once a day."
      topic           = null
      publishes       = []
      role            = "allim_reconcile"
      secrets         = ["ALLIM_ENCRYPTION_KEY"]
      sends           = true
      memory          = "256Mi"
      cpu             = "0.167"
      concurrency     = 1
      timeout_seconds = 295
      max_instances   = 1
      connections     = 1
    }

    retention = {
      does            = "What has lived its life leaves, and months are made ahead, once a day."
      topic           = null
      publishes       = []
      role            = "allim_keeper"
      secrets         = []
      sends           = false
      memory          = "256Mi"
      cpu             = "0.167"
      concurrency     = 1
      timeout_seconds = 595 # three minutes of rows, and a month that is dropped
      max_instances   = 1
      connections     = 1
    }
  }

  # The internet calls these alone, and what it says there carries its own proof.
  webhooks = ["provider_webhook", "payment_webhook"]

  # They take calls from outside, but only from accounts that are granted it one by one.
  called_by_few = ["health"]

  connections = { for name, function in local.functions : name => lookup(function, "connections", var.database_pool_size) }

  # Clients of the pooler, and what it opens for them: it keeps a pool for each login. During a rollout old and new instances
  # overlap, and when it changes the passwords, the old ones use the other login of their function's role.
  # https://supabase.com/docs/guides/database/connecting-to-postgres/pooling-and-limits
  clients = { for name, function in local.functions : name => 2 * function.max_instances * local.connections[name] }
  servers = { for name, clients in local.clients : name => 2 * min(clients / 2, var.database_pooler_size) }

  # Google's own accounts: Pub/Sub's, which pushes and moves dead letters, and Monitoring's, which asks `health`.
  pubsub_agent     = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  monitoring_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  # Before the first release there is nothing to run, but all that a release needs is made: secrets, buckets, topics.
  released = length(var.release) > 0
  deployed = { for name, function in local.functions : name => function if local.released }
}

module "function" {
  source   = "./modules/function"
  for_each = local.deployed

  name        = replace(each.key, "_", "-") # services on Cloud Run have no underscores in their names
  description = each.value.does
  region      = var.region
  public      = contains(local.webhooks, each.key)
  reachable   = contains(concat(local.webhooks, local.called_by_few), each.key)
  entry_point = each.key

  archive = {
    bucket = google_storage_bucket.artifacts.name
    object = var.release[each.key]
  }

  builder = {
    service_account = google_service_account.builder.id
    repository      = google_artifact_registry_repository.functions.id
  }

  size = {
    memory          = each.value.memory
    cpu             = each.value.cpu
    concurrency     = each.value.concurrency
    timeout_seconds = each.value.timeout_seconds
    min_instances   = lookup(each.value, "warm", each.value.sends) && var.keep_warm ? 1 : 0
    max_instances   = each.value.max_instances
  }

  callers   = each.key == "health" ? [local.monitoring_agent] : []
  pushed_by = each.value.topic == null ? null : local.pubsub_agent

  connector = each.value.sends && var.fixed_egress_address ? module.egress[0].connector : null

  environment = merge(
    { GOOGLE_CLOUD_PROJECT = var.project, DATABASE_POOL_SIZE = local.connections[each.key] },
    each.key == "watch" && var.runbook_url != null ? { RUNBOOK_URL = var.runbook_url } : {},
    each.key == "on_sweep_tick" ? { FIRESTORE_DATABASE = google_firestore_database.inbox.name } : {},
    contains(["backup", "retention"], each.key) ? { BACKUP_BUCKET = google_storage_bucket.backups.name } : {},
  )

  secrets = {
    for variable, secret in local.function_secrets[each.key] : variable => {
      id      = google_secret_manager_secret.secrets[secret].secret_id
      version = local.secret_versions[secret]
    }
  }

  depends_on = [
    google_project_service.apis,
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder_logs,
    google_project_iam_member.builder_sources,
    google_storage_bucket_iam_member.builder,
  ]
}
