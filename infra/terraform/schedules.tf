locals {
  # name → when (Korean time) → the topic that gets an empty JSON object
  schedules = {
    reminder-tick = { does = "Begins a minute of reminders.", cron = "*/${var.tick_every_minutes} * * * *", topic = "reminder-ticks" }
    watch         = { does = "Has somebody look whether all is well.", cron = "* * * * *", topic = "watch-ticks" }
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
