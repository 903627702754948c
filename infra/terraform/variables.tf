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
  description = "Region of everything; Seoul unless customers are elsewhere."
  type        = string
  default     = "asia-northeast3"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as asia-northeast3 (not a zone such as asia-northeast3-a)."
  }
}

variable "event_publishers" {
  description = "Who may publish to subscription-events: members such as serviceAccount:saas@other-project.iam.gserviceaccount.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.event_publishers : can(regex("^(serviceAccount|group|user):[^@]+@[^@]+$", member))])
    error_message = "Each member is serviceAccount:…, group:… or user:… with an address; never allUsers."
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

variable "tick_every_minutes" {
  description = "How often a minute of reminders begins. At 1 it is always such a minute; at 3 a reminder may leave 2 minutes late, for a third of the price."
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

  # The requests that an instance takes at a time share its pool. During a rollout, old and new instances overlap.
  validation {
    condition     = var.database_clients >= 2 * sum([for name, function in local.functions : function.max_instances * local.connections[name]])
    error_message = "Twice the connections of all instances (${sum([for name, function in local.functions : function.max_instances * local.connections[name]])}) must fit: fewer instances, smaller pools, or a larger database."
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
