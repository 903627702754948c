# Production in small, so that what providers see of it is the same. The database is Supabase's Micro.
environment          = "staging"
max_instances        = 3
keep_warm            = false
reminder_cpu         = "0.5"
sweep_cpu            = "0.25"
fixed_egress_address = true
database_clients     = 200
database_pooler_size = 2
database_connections = 60
monthly_budget       = 150000
