-- Whoever looks for calls that are undecided finds them by the index that has no others: it is ordered by their leases.
set local lock_timeout = '5s';

grant select (lease_until) on dispatches to allim_health, allim_watch;
