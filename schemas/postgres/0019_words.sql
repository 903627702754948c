-- What is absent says nothing, also of attributes: each is a word of its own. `attributes_told_at` says when each was told
-- alone, in microseconds since 1970, also of those that were cleared since. One that is not in there is as old as the word
-- on all of them, the last of `told_at`.
alter table customers add column attributes_told_at jsonb not null default '{}';

-- What a business's file said of a customer when it was last read. What it says again is as old as it was then.
alter table customers add column filed jsonb;

-- Which event anchored a run, to tell between two of one moment: a move beats a start, then the greater source and id.
alter table runs add column anchored_by text not null default '';
