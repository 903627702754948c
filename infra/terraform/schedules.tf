# Plans are renewed, cards charged and lost payments looked up by the sweeps: they wait for no hour of the day.
locals {
  # name → when (Korean time) → the topic that gets an empty JSON object
  schedules = {
    reminder-tick = { does = "Begins a minute of reminders.", cron = "*/${var.tick_every_minutes} * * * *", topic = "reminder-ticks" }
    sweep-tick    = { does = "Begins a minute of sweeps.", cron = "*/${var.tick_every_minutes} * * * *", topic = "sweep-ticks" }
    watch         = { does = "Has somebody look whether all is well.", cron = "* * * * *", topic = "watch-ticks" }
  }

  # name → when (Korean time) → the function that is called; a failed call is made again after 5 minutes, twice
  calls = {
    retention = { does = "Lets leave what has lived its life.", cron = "0 2 * * *", function = "retention" }
    backup    = { does = "Backs up the database.", cron = "0 3 * * *", function = "backup" }
    reconcile = { does = "Audits the ledger and compares the bills.", cron = "0 4 * * *", function = "reconcile" }
  }
}

module "schedule" {
  source   = "./modules/schedule"
  for_each = { for name, schedule in local.schedules : name => schedule if local.released }

  name        = each.key
  description = each.value.does
  region      = var.region
  cron        = each.value.cron
  topic       = module.topic[each.value.topic].id

  depends_on = [google_project_service.apis]
}

module "call" {
  source   = "./modules/schedule"
  for_each = { for name, schedule in local.calls : name => schedule if local.released }

  name        = each.key
  description = each.value.does
  region      = var.region
  cron        = each.value.cron

  call = {
    address         = module.function[each.value.function].address
    invoker         = module.function[each.value.function].invoker
    timeout_seconds = local.functions[each.value.function].timeout_seconds + 5 # or a second try would join the first
  }

  depends_on = [google_project_service.apis]
}
