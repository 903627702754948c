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
  description = "Id of the topic that gets an empty JSON object."
  type        = string
}
