terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # The budget belongs to the billing account, but the calls that make it are counted against this project.
  user_project_override = true
  billing_project       = var.project

  default_labels = {
    app         = "allim"
    environment = var.environment
  }
}
