-- Every message that there is has such a number or none. This reads the table while everybody works: it takes no lock that
-- a claim or a report would wait for.
alter table messages validate constraint recipient_is_a_mobile;
