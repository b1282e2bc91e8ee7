-- What Facebook tells the receiver: stored first, worked on next, and forgotten but for its key.

create table if not exists public.facebook_events (
    id bigint generated always as identity,
    event_key text not null,
    facebook_page_id text not null,
    kind text not null,
    sender_id text,
    said_at timestamptz not null,
    told jsonb not null default '{}',
    received_at timestamptz not null default now(),
    due_at timestamptz default now(),
    tries integer not null default 0,
    problem text,
    done_at timestamptz,
    constraint facebook_events_pkey primary key (id),
    constraint facebook_events_once unique (event_key),
    constraint facebook_events_kind_is_known check (kind in ('message', 'echo', 'action', 'delivery', 'read', 'policy', 'deletion')),
    constraint facebook_events_done_is_not_due check ((done_at is null) = (due_at is not null))
);

alter table public.facebook_events add column if not exists heard_by uuid[] not null default '{}';
comment on column public.facebook_events.heard_by is 'While it waits for another owner''s row of the page: whose rows need not hear it again.';

create index if not exists facebook_events_due_idx on public.facebook_events (due_at) where done_at is null;
create index if not exists facebook_events_person_idx on public.facebook_events (facebook_page_id, sender_id) where done_at is null;
create index if not exists facebook_events_done_idx on public.facebook_events (done_at) where done_at is not null;

drop policy if exists "nobody who signs in sees an event" on public.facebook_events;
create policy "nobody who signs in sees an event" on public.facebook_events
for select to authenticated using (false);

comment on table public.facebook_events is
'One event of the webhook. What it said and of whom is removed when it has been worked on, but for the action of a policy event; the key stays for two days, so that the same event told again changes nothing.';
comment on column public.facebook_events.id is 'In the order of storing.';
comment on column public.facebook_events.event_key is 'The same for the same event however often Facebook sends it: the message''s id, or a hash.';
comment on column public.facebook_events.facebook_page_id is 'The page it is about, by Facebook''s id; two owners may have connected it.';
comment on column public.facebook_events.kind is 'message, echo, action (a button, a reaction: opens the window), delivery, read, policy, or deletion (of no page).';
comment on column public.facebook_events.sender_id is 'The person; removed with told.';
comment on column public.facebook_events.said_at is 'By Facebook''s clock.';
comment on column public.facebook_events.told is 'What the kind needs: mid, text, metadata; or watermark, mids; or action, reason; or code.';
comment on column public.facebook_events.received_at is 'When it was stored here; it may have waited in the receiver''s spool before.';
comment on column public.facebook_events.due_at is 'From when it is to be worked on; empty once it has been.';
comment on column public.facebook_events.tries is 'How often working on it went wrong; the next try is alone.';
comment on column public.facebook_events.problem is 'Why it was not worked on: a code, no words of it; unproven_page while it waits for a worker that proves a row of the page, unknown_page when nobody had it.';
comment on column public.facebook_events.done_at is 'When it was worked on, or given up.';
comment on index public.facebook_events_due_idx is 'Serves work_on_events: what is due, oldest first.';
comment on index public.facebook_events_person_idx is 'Serves work_on_events: what waits of one page; and forget_contacts: of one person.';
comment on index public.facebook_events_done_idx is 'Serves work_on_events: keys that are no longer needed.';

create table if not exists public.facebook_receivers (
    name text not null,
    version text not null default '',
    spool_bytes bigint not null default 0,
    started_at timestamptz not null default now(),
    beat_at timestamptz not null default now(),
    heard_at timestamptz,
    stopped_at timestamptz,
    constraint facebook_receivers_pkey primary key (name)
);

drop policy if exists "nobody who signs in sees a receiver" on public.facebook_receivers;
create policy "nobody who signs in sees a receiver" on public.facebook_receivers
for select to authenticated using (false);

comment on table public.facebook_receivers is 'A receiver process and when it was last heard of; without one, nobody''s STOP reaches us.';
comment on column public.facebook_receivers.name is 'Process and a random part; a restarted receiver is another one.';
comment on column public.facebook_receivers.version is 'What it runs.';
comment on column public.facebook_receivers.spool_bytes is 'What it holds on disk that is not stored here yet.';
comment on column public.facebook_receivers.started_at is 'When it was first heard of.';
comment on column public.facebook_receivers.beat_at is 'When it was last heard of; alive means within 60 s.';
comment on column public.facebook_receivers.heard_at is 'When it last accepted something from Facebook.';
comment on column public.facebook_receivers.stopped_at is 'When it said goodbye; empty for one that runs, or was killed.';

alter table public.ai_automation_attempts add column if not exists delivered_at timestamptz;
alter table public.ai_automation_attempts add column if not exists read_at timestamptz;
comment on column public.ai_automation_attempts.delivered_at is 'When Facebook delivered the message, as the webhook told; empty while it has not.';
comment on column public.ai_automation_attempts.read_at is 'When the contact had read it, as the webhook told; empty while they have not, or do not tell.';
