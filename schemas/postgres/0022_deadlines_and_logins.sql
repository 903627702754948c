-- No statement lasts for ever, no lock is waited for without end, and no transaction idles: each role says for how long.
-- A session can't, behind a transaction pooler. What a function does in a call must end before the call does; the client
-- waits a little longer than `statement_timeout`, which it asks for when it connects.
--
-- And each function's role has two logins that may what it may. One is in use while the other is given its next password:
-- an old password works until the last instance that knows it is gone. They are made without the right to log in.
do $$
declare
  about record;
  login text;
begin
  for about in select * from (values
    ('allim_events',       '20s',   true),
    ('allim_sender',       '20s',   true),
    ('allim_reports',      '20s',   true),
    ('allim_ticker',       '30s',   true),
    ('allim_webhook',      '10s',   true),
    ('allim_payments',     '20s',   true),
    ('allim_dead_letters', '20s',   true),
    ('allim_health',       '8s',    true),
    ('allim_watch',        '20s',   true),
    ('allim_backup',       '2min',  true),
    ('allim_reconcile',    '4min',  true),
    ('allim_api',          '20s',   false),
    ('allim_operator',     '2min',  false),
    ('allim_replayer',     '2min',  false)
  ) as roles (name, longest, of_a_function)
  loop
    foreach login in array case when about.of_a_function
      then array[about.name, about.name || '_a', about.name || '_b'] else array[about.name] end
    loop
      if login <> about.name then
        begin
          execute format('create role %I nologin', login);
        exception when duplicate_object or unique_violation then
          null;
        end;
        execute format('grant %I to %I', about.name, login);
      end if;
      execute format('alter role %I set statement_timeout = %L', login, about.longest);
      execute format('alter role %I set lock_timeout = ''10s''', login);
      execute format('alter role %I set idle_in_transaction_session_timeout = ''60s''', login);
    end loop;
  end loop;
end $$;
