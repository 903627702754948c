module "egress" {
  source = "./modules/egress"
  count  = var.fixed_egress_address ? 1 : 0

  name   = "allim"
  region = var.region

  depends_on = [google_project_service.apis]
}
