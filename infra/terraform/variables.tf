# Who and where

variable "project" {
  description = "Id of the Google Cloud project. Each environment has one of its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lowercase letters, digits and hyphens, and begins with a letter."
  }
}

variable "environment" {
  description = "What this environment is for; alerts and labels say so."
  type        = string

  validation {
    condition     = contains(["development", "staging", "production"], var.environment)
    error_message = "One of development, staging, production."
  }
}

variable "region" {
  description = "Region of everything. Outside of Seoul only where `allow_outside_korea` says so."
  type        = string
  default     = "asia-northeast3"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as asia-northeast3 (not a zone such as asia-northeast3-a)."
  }

  validation {
    condition     = var.region == "asia-northeast3" || var.allow_outside_korea
    error_message = "This region is outside of Korea: customers' data may go abroad only on a legal basis, published (PIPA, article 28-8). If there is one, say allow_outside_korea = true."
  }
}

variable "allow_outside_korea" {
  description = "Whether customers' data may be kept abroad: that there is a legal basis for it, and that it is published (PIPA, article 28-8)."
  type        = bool
  default     = false
}

variable "event_publishers" {
  description = "Who may publish to subscription-events, in any tenant's name: members such as serviceAccount:saas@other-project.iam.gserviceaccount.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.event_publishers : can(regex("^(serviceAccount|group|user):[^@]+@[^@]+$", member))])
    error_message = "Each member is serviceAccount:…, group:… or user:… with an address; never allUsers."
  }
}

variable "publishers" {
  description = "Who may publish for some tenants alone, by a name of your choice: members, the ids of tenants, and what an event's source may be (whole, or its beginning with a * behind it; any, where none is given). Each has a topic of its own, subscription-events-<name>."
  type = map(object({
    members = set(string)
    tenants = set(string)
    sources = optional(set(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.publishers) : can(regex("^[a-z][a-z0-9-]{1,39}$", name))])
    error_message = "A publisher's name has 2 to 40 lowercase letters, digits and hyphens, and begins with a letter."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : length(publisher.tenants) > 0])
    error_message = "A publisher without tenants could say nothing."
  }

  validation {
    condition     = alltrue([for tenant in flatten([for publisher in values(var.publishers) : tolist(publisher.tenants)]) : can(regex("^[a-z][a-z0-9-]{1,39}$", tenant))])
    error_message = "A tenant's id has 2 to 40 lowercase letters, digits and hyphens, and begins with a letter."
  }

  validation {
    condition     = alltrue([for source in flatten([for publisher in values(var.publishers) : tolist(publisher.sources)]) : can(regex("^[^*]{1,200}$|^[^*]{1,199}[*]$", source))])
    error_message = "A source has 1 to 200 characters; a * stands at its end alone, behind a beginning."
  }

  validation {
    condition     = alltrue([for member in flatten([for publisher in values(var.publishers) : tolist(publisher.members)]) : can(regex("^(serviceAccount|group|user):[^@]+@[^@]+$", member))])
    error_message = "Each member is serviceAccount:…, group:… or user:… with an address; never allUsers."
  }

  validation {
    condition     = length(setintersection(var.event_publishers, flatten([for publisher in values(var.publishers) : tolist(publisher.members)]))) == 0
    error_message = "Who is in event_publishers speaks in any tenant's name already."
  }
}

# What runs

variable "release" {
  description = "The zip of each function in the artifacts bucket: a file of `allim package`. Before the first release {}, and then all but the functions is made. No default, or whoever forgets it would remove them."
  type        = map(string)

  validation {
    condition     = length(var.release) == 0 || sort(keys(var.release)) == sort(keys(local.functions))
    error_message = "A release names each function of functions.tf exactly once: ${join(", ", keys(local.functions))}."
  }

  validation {
    condition     = alltrue([for name, object in var.release : can(regex("^${name}-[0-9a-f]{64}\\.zip$", object))])
    error_message = "A zip is named <function>-<sha256 of its content>.zip."
  }
}

variable "secret_versions" {
  description = "Versions of secrets that are no longer at their first: after `gcloud secrets versions add`, the new number goes here."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "A version is a number: with `latest`, instances of one function would disagree."
  }

  validation {
    condition     = length(setsubtract(keys(var.secret_versions), local.secrets)) == 0
    error_message = "There are only these secrets: ${join(", ", local.secrets)}."
  }
}

# How large

variable "max_instances" {
  description = "Instances at most, of each function that follows the traffic."
  type        = number

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100 && floor(var.max_instances) == var.max_instances
    error_message = "A whole number from 1 to 100."
  }
}

variable "keep_warm" {
  description = "Whether the functions that call providers always have an instance, so that no message waits for a cold start."
  type        = bool
}

variable "reminder_cpu" {
  description = "CPUs of on_reminder_tick. It is busy every second of the day, so this decides the bill more than any other size."
  type        = string

  validation {
    condition     = try(tonumber(var.reminder_cpu) >= 0.08 && tonumber(var.reminder_cpu) <= 2, false)
    error_message = "From 0.08 to 2."
  }
}

variable "sweep_cpu" {
  description = "CPUs of on_sweep_tick, which mostly waits for providers and is there every second of the day, too."
  type        = string

  validation {
    condition     = try(tonumber(var.sweep_cpu) >= 0.08 && tonumber(var.sweep_cpu) <= 2, false)
    error_message = "From 0.08 to 2."
  }
}

variable "tick_every_minutes" {
  description = "How often a minute of reminders, and one of sweeps, begins. At 1 it is always such a minute; at 3 a reminder may leave 2 minutes late, for a third of the price."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 3], var.tick_every_minutes)
    error_message = "1, 2 or 3: five minutes without a tick are an alert."
  }
}

variable "fixed_egress_address" {
  description = "Whether calls to providers leave from one address, which providers that allow-list addresses need."
  type        = bool
}

variable "database_pool_size" {
  description = "Connections that one instance opens at most."
  type        = number
  default     = 4

  validation {
    condition     = var.database_pool_size >= 1 && var.database_pool_size <= 50 && floor(var.database_pool_size) == var.database_pool_size
    error_message = "A whole number from 1 to 50."
  }
}

variable "database_clients" {
  description = "Clients that the database's pooler takes. Supabase: Free and Micro 200, Small 400, Medium 600."
  type        = number

  validation {
    condition     = var.database_clients >= sum(values(local.clients))
    error_message = "Old and new instances have ${sum(values(local.clients))} connections to the pooler during a rollout: fewer instances, smaller pools, or a larger database."
  }
}

variable "database_pooler_size" {
  description = "Connections that the pooler opens to the database at most, for each login: Supabase's \"Pool size\", under Database → Settings, which must say the same."
  type        = number

  validation {
    condition     = var.database_pooler_size >= 1 && floor(var.database_pooler_size) == var.database_pooler_size
    error_message = "A whole number, at least 1."
  }
}

variable "database_connections" {
  description = "Connections that the database itself takes. Supabase: Free and Micro 60, Small 90, Medium 120."
  type        = number

  # Supabase's own services, migrations and people need the rest.
  validation {
    condition     = 0.8 * var.database_connections >= sum(values(local.servers))
    error_message = "The pooler may open ${sum(values(local.servers))} connections, for each of ${length(local.functions)} roles up to ${var.database_pooler_size} by either of its two logins; at most 80 % of database_connections are its own: a smaller database_pooler_size, or a larger database."
  }
}

# Who hears of it

variable "alert_email" {
  description = "Address that alerts go to."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alert_email))
    error_message = "An email address."
  }
}

variable "notification_channels" {
  description = "Further channels for alerts, such as Slack's: ids as `gcloud beta monitoring channels list` shows them. Slack's are made in the console, for they need a person's consent."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "An id such as projects/my-project/notificationChannels/1234567890."
  }
}

variable "runbook_url" {
  description = "Address of the folder that holds the runbook's pages, which messages in Slack link to; null: they name the file."
  type        = string
  default     = null

  validation {
    condition     = try(can(regex("^https://[^ |<>]+$", var.runbook_url)), false) || var.runbook_url == null
    error_message = "An address that begins with https://."
  }
}

variable "billing_account" {
  description = "Billing account that pays for the project, for the budget's sake."
  type        = string

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "An id such as 012345-6789AB-CDEF01."
  }
}

variable "monthly_budget" {
  description = "What a month may cost, in whole units of the billing account's currency; mails go out at 50, 90 and 100 %."
  type        = number

  validation {
    condition     = var.monthly_budget >= 1 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "A whole number, at least 1."
  }
}
