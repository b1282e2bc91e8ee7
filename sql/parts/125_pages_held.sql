-- What a person decided about a page, apart from what Facebook decided (status, paused_until): paused, or disconnected.

alter table public.facebook_pages add column if not exists paused_at timestamptz;
alter table public.facebook_pages add column if not exists disconnected_at timestamptz;
alter table public.facebook_pages add column if not exists subscribed_at timestamptz;
alter table public.facebook_pages add column if not exists subscribe_error text;
alter table public.facebook_pages add column if not exists proven_at timestamptz;
alter table public.facebook_pages add column if not exists catches_up_until timestamptz;
alter table public.facebook_pages add column if not exists warning text;
alter table public.facebook_pages add column if not exists warned_at timestamptz;

comment on column public.facebook_pages.warning is 'What Facebook last warned about, in its own words; nothing is stopped by it.';
comment on column public.facebook_pages.warned_at is 'When Facebook said so; shown for a week.';
comment on column public.facebook_pages.paused_at is
'A person paused the page: nothing is written or sent for it until a person resumes it, whatever Facebook says. Contacts and replies still come in.';
comment on column public.facebook_pages.disconnected_at is
'A person disconnected the page: its token is gone and its automations stand still. Contacts and history stay; connecting the same page goes on with them.';
comment on column public.facebook_pages.catches_up_until is
'The page was disconnected and is connected again: until then, or until its conversations are read, it is paused, because a reply or a STOP may stand there.';
comment on column public.facebook_pages.subscribed_at is 'When Facebook agreed to tell us of the page''s messages; empty until it did.';
comment on column public.facebook_pages.subscribe_error is 'Why Facebook does not tell us of the page''s messages, when it was asked to and refused.';
comment on column public.facebook_pages.proven_at is
'When Facebook answered a worker that the stored token is this page''s. Anybody can name a page''s id: until then this owner hears of the page only who says STOP, and when somebody wrote.';

create table if not exists public.facebook_page_syncs (
    page_id uuid not null,
    user_id uuid not null,
    phase text not null default 'idle',
    is_full boolean not null default false,
    cursor text,
    page_size integer not null default 25,
    threads_seen integer not null default 0,
    threads_total integer not null default 0,
    seconds_a_thread double precision,
    newest_at timestamptz,
    high_water_at timestamptz,
    requested_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    lease_owner text,
    lease_token uuid,
    leased_at timestamptz,
    lease_expires_at timestamptz,
    next_call_at timestamptz,
    not_before_at timestamptz,
    failures integer not null default 0,
    error_code text,
    error_message text,
    error_hint text,
    error_at timestamptz,
    updated_at timestamptz not null default now(),
    constraint facebook_page_syncs_pkey primary key (page_id),
    constraint facebook_page_syncs_page_fkey foreign key (page_id, user_id)
    references public.facebook_pages (id, user_id) on delete cascade,
    constraint facebook_page_syncs_phase_is_known check (phase in ('idle', 'counting', 'reading')),
    constraint facebook_page_syncs_size_is_possible check (page_size between 1 and 100),
    constraint facebook_page_syncs_cursor_fits check (length(cursor) <= 4000)
);

create index if not exists facebook_page_syncs_owner_idx on public.facebook_page_syncs (user_id);

comment on table public.facebook_page_syncs is
'How far the conversations of a page have been read: in full the first time, then only what changed. A page without a row is not read.';
comment on column public.facebook_page_syncs.page_id is 'The page that is read.';
comment on column public.facebook_page_syncs.user_id is 'The owner of the page.';
comment on column public.facebook_page_syncs.phase is 'counting: how many conversations there are; reading: their people and newest messages; idle: this round is over.';
comment on column public.facebook_page_syncs.is_full is 'Whether this round, or the last one, reads every conversation.';
comment on column public.facebook_page_syncs.cursor is 'Where Facebook''s list of conversations is read on from; empty at its beginning. A worker that dies loses at most one step.';
comment on column public.facebook_page_syncs.page_size is 'How many conversations are asked for in one call; fewer after Facebook found it too much.';
comment on column public.facebook_page_syncs.threads_seen is 'Conversations counted or read in this phase of the round.';
comment on column public.facebook_page_syncs.threads_total is 'How many there are to read in a full round; 0 while that is unknown.';
comment on column public.facebook_page_syncs.seconds_a_thread is 'How long one conversation took lately, for the remaining time.';
comment on column public.facebook_page_syncs.newest_at is 'The newest change when this round began to read; becomes high_water_at when it is over.';
comment on column public.facebook_page_syncs.high_water_at is 'Every conversation that changed before this moment has been read; empty until the first full round is over.';
comment on column public.facebook_page_syncs.requested_at is 'When a person, or a new token, last asked for a round.';
comment on column public.facebook_page_syncs.started_at is 'When this round, or the last one, began.';
comment on column public.facebook_page_syncs.finished_at is 'When the last round came to its end.';
comment on column public.facebook_page_syncs.lease_owner is 'The worker that reads now.';
comment on column public.facebook_page_syncs.lease_token is 'Every step must show it; whoever lost the lease changes nothing.';
comment on column public.facebook_page_syncs.leased_at is 'When the lease began; an error of a call that began before the token was saved says nothing about the token.';
comment on column public.facebook_page_syncs.lease_expires_at is 'After this moment another worker reads on.';
comment on column public.facebook_page_syncs.next_call_at is 'The next call to Facebook about conversations of this page, over all workers: two a second at most.';
comment on column public.facebook_page_syncs.not_before_at is 'Nothing is read before this moment: something went wrong, or Facebook asked to wait.';
comment on column public.facebook_page_syncs.failures is 'How often in a row reading stopped with an error.';
comment on column public.facebook_page_syncs.error_code is 'What went wrong last; empty after a step that went well.';
comment on column public.facebook_page_syncs.error_message is 'The same as a sentence for a person.';
comment on column public.facebook_page_syncs.error_hint is 'What the person can do about it.';
comment on column public.facebook_page_syncs.error_at is 'When it went wrong.';
comment on column public.facebook_page_syncs.updated_at is 'When the last step was written down.';
comment on index public.facebook_page_syncs_owner_idx is 'Serves row level security and the deletion of a person.';

-- Pages that were connected before this table existed; later ones get their row with their token.
insert into public.facebook_page_syncs (page_id, user_id)
select
    k.page_id,
    k.user_id
from public.facebook_page_secrets as k
on conflict do nothing;
