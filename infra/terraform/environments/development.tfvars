# For trying things out: nothing stays warm, no fixed address. The database is Supabase's Micro.
environment          = "development"
max_instances        = 3
keep_warm            = false
reminder_cpu         = "0.25"
sweep_cpu            = "0.25"
fixed_egress_address = false
database_clients     = 200
database_pooler_size = 2
database_connections = 60
monthly_budget       = 50000
