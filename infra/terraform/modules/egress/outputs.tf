output "connector" {
  description = "Id of the connector through which functions call out."
  value       = google_vpc_access_connector.this.id
}

output "address" {
  description = "The IP address that their calls come from."
  value       = google_compute_address.this.address
}
