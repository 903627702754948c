-- The inbox of a business' own app: what each customer is shown there, once a message, and whether it was read. An app
-- watches a copy at Firestore; `inbox_documents` says of which messages that copy is to be made, changed or taken away.
set local lock_timeout = '5s';

create table inbox (
  tenant text not null,
  message uuid not null,
  attempt smallint not null,
  customer text not null,
  title text,
  text text not null,
  link text,
  created_at timestamptz not null,
  read_at timestamptz,
  primary key (tenant, message),
  foreign key (tenant, customer) references customers on delete cascade
);
create index inbox_by_customer on inbox (tenant, customer, created_at desc);
create index inbox_by_age on inbox (created_at);

-- Nobody's data: it outlives the message by as long as it takes to tell Firestore.
create table inbox_documents (
  tenant text not null references tenants,
  message uuid not null,
  customer text not null,
  takes int not null default 0,
  due_at timestamptz not null,
  primary key (tenant, message)
);
create index inbox_documents_due on inbox_documents (due_at);

-- Whoever takes a message away, its document goes too: an erased customer, a message that is old.
create function inbox_document_goes() returns trigger
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into inbox_documents as d (tenant, message, customer, due_at)
  select g.tenant, g.message, g.customer, '-infinity' from gone g order by g.tenant, g.message
  on conflict (tenant, message) do update set takes = d.takes + 1, due_at = excluded.due_at;
  return null;
end $$;
revoke execute on function inbox_document_goes() from public;
create trigger document_goes after delete on inbox
  referencing old table as gone for each statement execute function inbox_document_goes();

do $$
declare
  made text;
begin
  foreach made in array array['inbox', 'inbox_documents'] loop
    execute format('alter table %I enable row level security', made);
    execute format('create policy shown on %I for select to allim_backup, allim_operator using (true)', made);
    execute format('create policy keeps on %I to allim_sender using (true) with check (true)', made);
    execute format('create policy projects on %I to allim_sweeper using (true) with check (true)', made);
    execute format('grant select on %I to allim_backup, allim_operator, allim_sweeper', made);
    execute format('grant delete on %I to allim_sweeper', made);
  end loop;
end $$;
grant select (tenant, message, attempt),
  insert (tenant, message, attempt, customer, title, text, link, created_at), update (attempt) on inbox to allim_sender;
grant select (tenant, message), insert (tenant, message, customer, due_at) on inbox_documents to allim_sender;
grant update (read_at) on inbox to allim_sweeper;
grant update (takes, due_at) on inbox_documents to allim_sweeper;

-- Whoever sends is told there that an account is set up wrong: an app of another Firebase project.
alter policy senders_alerts on alerts with check (kind in ('credit_shortage', 'words_refused', 'account_amiss'));
