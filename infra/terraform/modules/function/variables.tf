variable "name" {
  description = "Name of the function, of its service and of the account that it runs as."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{3,20}[a-z0-9]$", var.name))
    error_message = "From 5 to 22 lowercase letters, digits and hyphens: with -invoker it names an account, which has at most 30."
  }
}

variable "description" {
  description = "What it does, in a sentence."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "entry_point" {
  description = "Name of the Python function in main.py."
  type        = string
}

variable "archive" {
  description = "The zip of its source. An object named by its content's hash is what makes Google build anew."
  type        = object({ bucket = string, object = string })
}

variable "builder" {
  description = "Who builds its container (id of a service account) and where that is kept (id of a repository)."
  type        = object({ service_account = string, repository = string })
}

variable "size" {
  description = "What an instance has, how many requests it takes at a time, and how many instances there may be."
  type = object({
    memory          = string
    cpu             = string
    concurrency     = number
    timeout_seconds = number
    min_instances   = number
    max_instances   = number
  })

  validation {
    condition     = var.size.concurrency == 1 || tonumber(var.size.cpu) >= 1
    error_message = "An instance with less than one CPU takes one request at a time."
  }

  validation {
    condition     = var.size.min_instances <= var.size.max_instances
    error_message = "min_instances is more than max_instances."
  }
}

variable "public" {
  description = "Whether the internet may call it. What it is told must then carry its own proof."
  type        = bool
}

variable "reachable" {
  description = "Whether calls from outside of the project get as far as Google's check of who calls."
  type        = bool
  default     = false
}

variable "callers" {
  description = "Who else than its own invoker may call it: members."
  type        = set(string)
  default     = []
}

variable "pushed_by" {
  description = "Pub/Sub's own account, where Pub/Sub pushes to it as its invoker; else null."
  type        = string
  default     = null

  validation {
    condition     = var.pushed_by == null || !var.public
    error_message = "A public function has no invoker to push as."
  }
}

variable "connector" {
  description = "Id of the VPC connector through which all its calls leave, or null."
  type        = string
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "secrets" {
  description = "Environment variables whose values are secrets: the secret's id, and the number of a version."
  type        = map(object({ id = string, version = string }))
}
