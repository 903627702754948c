variable "name" {
  description = "Name of the job."
  type        = string
}

variable "description" {
  description = "What it begins, in a sentence."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "cron" {
  description = "When, in Korean time: minute, hour, day of the month, month, day of the week."
  type        = string

  validation {
    condition     = length(split(" ", var.cron)) == 5
    error_message = "Five fields, with one space between them."
  }
}

variable "topic" {
  description = "Id of the topic that gets an empty JSON object; null where a function is called."
  type        = string
  default     = null
}

variable "call" {
  description = "The function that is called: its address, the account that may call it, and how long its answer is waited for."
  type        = object({ address = string, invoker = string, timeout_seconds = number })
  default     = null

  validation {
    condition     = (var.call == null) != (var.topic == null)
    error_message = "A schedule has a topic or a call."
  }

  validation {
    condition     = try(var.call.timeout_seconds >= 15 && var.call.timeout_seconds <= 1800, var.call == null)
    error_message = "Cloud Scheduler waits from 15 seconds to half an hour."
  }
}
