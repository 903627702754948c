-- Whoever records the last report of a dispatch closes it.
grant update (state, check_at, updated_at) on dispatches to allim_reports;
