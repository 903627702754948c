# Every topic has one push subscription, to the function that names it in functions.tf.
#
# Pub/Sub does not tell who published. So whoever may publish to subscription-events speaks in any tenant's name, and a
# publisher that shall speak for some has a topic of its own: its subscription pushes to an address that says for which
# tenants and as which sources, and the function refuses all else (shared/platform/pubsub/publishers.py).
#
# No topic has a Pub/Sub schema. An event's `data` is free, which Avro and Protocol Buffers can't say; and a schema would
# refuse a malformed event at its publisher, where it is lost, while the function keeps it as a dead letter with the
# reason. What crosses a topic is described in schemas/events/ as JSON Schema.
locals {
  subscribers  = { for name, function in local.functions : function.topic => name if function.topic != null }
  dead_letters = "dead-letters"
  ticks        = ["reminder-ticks", "sweep-ticks", "watch-ticks"]

  subscriptions = {
    for topic, function in local.subscribers : topic => {
      address              = module.function[function].address
      path                 = ""
      invoker              = module.function[function].invoker
      ack_deadline_seconds = local.functions[function].timeout_seconds + 5 # or a second attempt would join the first
    }
    if local.released
  }

  publishers = {
    for topic in keys(local.subscribers) : topic => {
      for name, function in local.deployed : name => "serviceAccount:${module.function[name].service_account}"
      if contains(function.publishes, topic)
    }
  }

  event_publishers = { for member in var.event_publishers : member => member }

  # Where each publisher's subscription pushes to, as shared/platform/pubsub/publishers.py reads it.
  publisher_addresses = {
    for name, publisher in var.publishers : name => "/publishers/${name}?${join("&", concat(
      [for tenant in publisher.tenants : "tenant=${tenant}"],
      [for source in publisher.sources : "source=${urlencode(source)}"],
    ))}"
  }
}

module "topic" {
  source   = "./modules/topic"
  for_each = setsubtract(keys(local.subscribers), [local.dead_letters])

  name         = each.key
  region       = var.region
  publishers   = merge(local.publishers[each.key], each.key == "subscription-events" ? local.event_publishers : {})
  subscription = lookup(local.subscriptions, each.key, null)

  # A tick that could not be held is soon followed by another. Kept for longer, those of an hour without a database would
  # all be held at once when it is back.
  retention_seconds = contains(local.ticks, each.key) ? 600 : 604800
  dead_letters      = contains(local.ticks, each.key) ? null : { topic = module.dead_letters.id, mover = local.pubsub_agent }

  depends_on = [google_project_service.apis]
}

module "publisher_topic" {
  source   = "./modules/topic"
  for_each = var.publishers

  name         = "subscription-events-${each.key}"
  region       = var.region
  publishers   = { for member in each.value.members : member => member }
  subscription = try(merge(local.subscriptions["subscription-events"], { path = local.publisher_addresses[each.key] }), null)
  dead_letters = { topic = module.dead_letters.id, mover = local.pubsub_agent }

  depends_on = [google_project_service.apis]
}

moved {
  from = module.tenant_topic
  to   = module.publisher_topic
}

# What the others gave up on. Its own messages are tried for as long as Pub/Sub keeps them.
module "dead_letters" {
  source = "./modules/topic"

  name         = local.dead_letters
  region       = var.region
  publishers   = { pubsub = local.pubsub_agent }
  subscription = lookup(local.subscriptions, local.dead_letters, null)
  dead_letters = null

  depends_on = [google_project_service.apis]
}
