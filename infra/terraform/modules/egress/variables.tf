variable "name" {
  description = "Name of the network and what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,23}[a-z0-9]$", var.name))
    error_message = "From 2 to 25 lowercase letters, digits and hyphens: it names a connector."
  }
}

variable "region" {
  description = "Where the functions run."
  type        = string
}
