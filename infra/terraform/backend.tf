# Bucket and prefix come with `terraform init -backend-config=…`, so that each environment has a state of its own.
terraform {
  backend "gcs" {}
}
