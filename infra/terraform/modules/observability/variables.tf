variable "project" {
  description = "Id of the project that is watched."
  type        = string
}

variable "environment" {
  description = "What it is for; every alert says so."
  type        = string
}

variable "alert_email" {
  description = "Address that alerts and the budget's warnings go to."
  type        = string
}

variable "notification_channels" {
  description = "Ids of further channels for alerts."
  type        = set(string)
}

variable "webhook_hosts" {
  description = "Hosts that are called from outside, by the names of their functions."
  type        = object({ provider_webhook = string, payment_webhook = string })
}

variable "health_host" {
  description = "Host of the function that says whether all is well. Monitoring's account may call it."
  type        = string
}

variable "budget" {
  description = "Who pays, for which project (its number), and what a month may cost in whole units of the account's currency."
  type = object({
    billing_account = string
    project_number  = string
    monthly         = number
  })
}
