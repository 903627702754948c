# Some million messages a month. The database is Supabase's Small.
environment          = "production"
max_instances        = 9
keep_warm            = true
reminder_cpu         = "1"
sweep_cpu            = "0.5"
fixed_egress_address = true
database_clients     = 400
database_pooler_size = 3
database_connections = 90
monthly_budget       = 300000
