# Within what Google gives away, at the price of slow starts and of reminders that leave up to 2 minutes late: see
# docs/costs.md. The database is Supabase's Free.
environment          = "development"
max_instances        = 2
keep_warm            = false
reminder_cpu         = "0.08"
sweep_cpu            = "0.08"
tick_every_minutes   = 3
fixed_egress_address = false
database_clients     = 200
database_pooler_size = 2
database_connections = 60
monthly_budget       = 10000
