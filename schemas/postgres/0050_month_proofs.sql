-- What the messages and the entries of a month that is over come to is proven once. The audit adds up the proofs that are in
-- force, and recomputes only what none is in force of: its time does not grow with history. A month's rows may leave then,
-- for its proof stays.
set local lock_timeout = '10s';

-- `seen`: by partition, `changes` of all whose rows the proof was made from: its own, and those in which the messages lie
-- that its entries list. `final`: of those messages some have left, so it can't be made again. `gone`: its own rows have.
create table month_proofs (
  id uuid primary key,
  part text not null,
  seen jsonb not null,
  final boolean not null default false,
  gone boolean not null default false,
  proved_at timestamptz not null,
  check (gone or seen ? part)
);
create unique index month_proofs_by_part on month_proofs (part) where not gone;

-- What a proof says of a tenant (shared/credits/ledger/audit_store.py has what each figure means). Whoever is named: a proof
-- tells what was found, and what was found may be wrong.
create table month_figures (
  tenant text not null,
  proof uuid not null references month_proofs on delete cascade,
  messages bigint not null default 0,
  captured bigint not null default 0,
  charged numeric not null default 0,
  open_holds numeric not null default 0,
  pointers bigint not null default 0,
  entries bigint not null default 0,
  balance numeric not null default 0,
  held numeric not null default 0,
  spent numeric not null default 0,
  difference numeric not null default 0,
  missing bigint not null default 0,
  traced bigint not null default 0,
  primary key (tenant, proof)
);
create index month_figures_by_proof on month_figures (proof);

-- Whether a proof says what is there: nothing has changed of what it was made from.
create function in_force(proof month_proofs) returns boolean language sql stable
return proof.gone or not exists (
  select from jsonb_each_text(proof.seen) as s (part, changes)
  left join partitions p on p.name = s.part
  where p.changes is distinct from s.changes::bigint or (p.closed_at is null and not proof.final)
);

alter table month_proofs enable row level security;
alter table month_figures enable row level security;
do $$
declare
  made text;
begin
  foreach made in array array['month_proofs', 'month_figures'] loop
    execute format('create policy shown on %I for select to allim_backup, allim_operator, allim_reconcile using (true)', made);
    execute format('grant select on %I to allim_backup, allim_operator, allim_reconcile', made);
  end loop;
end $$;
-- A proof is added, and taken away when it is out of date; it is never changed.
create policy made on month_proofs for insert to allim_reconcile with check (in_force(month_proofs));
create policy replaced on month_proofs for delete to allim_reconcile using (not gone and not in_force(month_proofs));
create policy made on month_figures for insert to allim_reconcile with check (true);
grant insert (id, part, seen, proved_at), delete on month_proofs to allim_reconcile;
grant insert on month_figures to allim_reconcile;
create policy audited on partitions for select to allim_reconcile using (true);
grant select on partitions to allim_reconcile;

-- A closed month that leaves is proven for ever by the proof that is in force; one that is not vouches for nothing.
create function keep_proofs() returns trigger
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  delete from month_proofs m where (m.part = old.name or m.seen ? old.name) and not in_force(m);
  update month_proofs set gone = true, seen = '{}' where part = old.name and not gone;
  update month_proofs set final = true, seen = jsonb_build_object(part, seen -> part) where seen ? old.name;
  return old;
end $$;
revoke execute on function keep_proofs() from public;
create trigger keep_proofs before delete on partitions for each row
  when (old.closed_at is not null) execute function keep_proofs();

-- Whether a partition's money adds up without its rows. Messages are needed besides until the entries that list them are
-- proven.
create or replace function months.is_proven(part text) returns boolean language sql stable
return (
  select p.parent not in ('messages', 'ledger_entries')
    or exists (select from public.month_proofs m where m.part = p.name and not m.gone and public.in_force(m))
    and (p.parent <> 'messages' or not exists (
      select from public.partitions q
      where q.parent = 'ledger_entries'
        and not exists (select from public.month_proofs m where m.part = q.name and not m.gone and public.in_force(m))
        and exists (
          select from public.ledger_entries e cross join unnest(e.messages) as listed (message)
          where e.created_at >= coalesce(months.start_of(q.since), '-infinity')
            and e.created_at < coalesce(months.start_of(q.until), 'infinity')
            and (p.since is null or listed.message >= months.first_id(months.start_of(p.since)))
            and (p.until is null or listed.message < months.first_id(months.start_of(p.until)))
        )
    ))
  from public.partitions p where p.name = is_proven.part
);
revoke execute on function months.is_proven(text) from public;
