# One address for all that leaves through the connector. A connector and not direct VPC egress, which with NAT can add
# half a minute to a cold start: https://cloud.google.com/run/docs/configuring/vpc-direct-vpc#limitations
resource "google_compute_network" "this" {
  #checkov:skip=CKV2_GCP_18:Without rules nothing enters; there is nothing in it but a connector that calls out.
  name                    = var.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "connector" {
  #checkov:skip=CKV_GCP_26:NAT logs its errors, and every call to a provider is a row in the database.
  name                     = "${var.name}-connector"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = "10.8.0.0/28" # a connector's subnet is a /28, no more and no less
  private_ip_google_access = true          # calls to Google need no NAT
}

resource "google_vpc_access_connector" "this" {
  name          = var.name
  region        = var.region
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3

  subnet {
    name = google_compute_subnetwork.connector.name
  }
}

resource "google_compute_address" "this" {
  name            = "${var.name}-egress"
  region          = var.region
  deletion_policy = "PREVENT" # providers know it
}

resource "google_compute_router" "this" {
  name    = var.name
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  name                               = var.name
  region                             = var.region
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "MANUAL_ONLY"
  nat_ips                            = [google_compute_address.this.self_link]
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.connector.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY" # says when ports run out
  }
}
