variable "name" {
  description = "Name of the topic and of its subscription."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,254}$", var.name))
    error_message = "At least 3 lowercase letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where its messages are kept."
  type        = string
}

variable "publishers" {
  description = "Who may publish: members, under any keys that are known before anything is made."
  type        = map(string)
}

variable "subscription" {
  description = "Where messages are pushed, as which service account, and how many seconds an answer may take; null while nobody is there to take them. The path is no part of whom the push proves itself to."
  type = object({
    address              = string
    path                 = optional(string, "")
    invoker              = string
    ack_deadline_seconds = number
  })

  validation {
    condition     = try(var.subscription.ack_deadline_seconds >= 10 && var.subscription.ack_deadline_seconds <= 600, var.subscription == null)
    error_message = "Pub/Sub waits from 10 to 600 seconds."
  }
}

variable "dead_letters" {
  description = "The topic that gets a message after twenty tries in vain, and who moves it there; null for a topic whose messages are tried until they expire."
  type        = object({ topic = string, mover = string })
}

variable "retention_seconds" {
  description = "How long a message that nobody takes is kept."
  type        = number
  default     = 604800 # 7 days

  validation {
    condition     = var.retention_seconds >= 600 && var.retention_seconds <= 2678400
    error_message = "Pub/Sub keeps messages from 10 minutes to 31 days."
  }
}
