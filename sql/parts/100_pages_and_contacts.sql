-- Who we write for and to: pages, their sealed tokens, contacts and what was said.

create table if not exists public.facebook_pages (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
    facebook_page_id text not null,
    name text not null,
    status text not null default 'active',
    status_reason text,
    paused_until timestamptz,
    sends_per_minute integer not null default 60,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint facebook_pages_pkey primary key (id),
    constraint facebook_pages_owner_key unique (id, user_id),
    constraint facebook_pages_connected_once unique (user_id, facebook_page_id),
    constraint facebook_pages_status_is_known check (status in ('active', 'token_invalid', 'restricted')),
    constraint facebook_pages_rate_is_possible check (sends_per_minute between 1 and 2400),
    constraint facebook_pages_name_fits check (length(name) between 1 and 200),
    constraint facebook_pages_id_fits check (length(facebook_page_id) between 1 and 100)
);

comment on table public.facebook_pages is 'A connected Facebook page.';
comment on column public.facebook_pages.id is 'Ours; Facebook''s is facebook_page_id.';
comment on column public.facebook_pages.user_id is 'The owner; whoever connected the page.';
comment on column public.facebook_pages.facebook_page_id is 'The id that Facebook gives the page.';
comment on column public.facebook_pages.name is 'What the owner calls the page; the AI is told it.';
comment on column public.facebook_pages.status is 'active; token_invalid and restricted stop every send of the page until a person acts.';
comment on column public.facebook_pages.status_reason is 'Facebook''s last words about the page, when it was paused or stopped.';
comment on column public.facebook_pages.paused_until is 'Facebook asked us to wait; sending goes on by itself after this moment.';
comment on column public.facebook_pages.sends_per_minute is 'Most messages handed to Facebook in any 60 seconds, over all workers.';
comment on column public.facebook_pages.created_at is 'When the page was connected.';
comment on column public.facebook_pages.updated_at is 'When a token was saved or Facebook last changed the status or the pause.';

create table if not exists public.facebook_page_secrets (
    page_id uuid not null,
    user_id uuid not null,
    encrypted_token text not null,
    updated_at timestamptz not null default now(),
    constraint facebook_page_secrets_pkey primary key (page_id),
    constraint facebook_page_secrets_page_fkey foreign key (page_id, user_id)
    references public.facebook_pages (id, user_id) on delete cascade
);

-- Since version 2. Not asked of what is stored: a token that works goes on working.
alter table public.facebook_page_secrets
drop constraint if exists facebook_page_secrets_token_fits,
add constraint facebook_page_secrets_token_fits check (length(encrypted_token) between 1 and 10000) not valid;

-- Of version 1; nothing asks for tokens by their owner.
drop index if exists public.facebook_page_secrets_owner_idx;

drop policy if exists "nobody who signs in sees a token" on public.facebook_page_secrets;
create policy "nobody who signs in sees a token" on public.facebook_page_secrets
for select to authenticated using (false);

comment on table public.facebook_page_secrets is
'The page token, encrypted by the app with a key the database never sees. No signed-in user can read it.';
comment on column public.facebook_page_secrets.page_id is 'The page it opens.';
comment on column public.facebook_page_secrets.user_id is 'The owner of the page.';
comment on column public.facebook_page_secrets.encrypted_token is 'Ciphertext only; save_page_token writes it, a claim hands it to the worker.';
comment on column public.facebook_page_secrets.updated_at is 'When it was saved; an error of a try that began before says nothing about it.';

create table if not exists public.contacts (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
    page_id uuid not null,
    sender_id text not null,
    sender_name text not null default '',
    tags text[] not null default '{}',
    time_zone text,
    last_inbound_at timestamptz,
    last_outbound_at timestamptz,
    opted_out_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint contacts_pkey primary key (id),
    constraint contacts_owner_key unique (id, user_id),
    constraint contacts_page_key unique (id, user_id, page_id),
    constraint contacts_once_per_page unique (page_id, sender_id),
    constraint contacts_page_fkey foreign key (page_id, user_id)
    references public.facebook_pages (id, user_id) on delete cascade,
    constraint contacts_sender_id_fits check (length(sender_id) between 1 and 200),
    constraint contacts_sender_name_fits check (length(sender_name) <= 300),
    constraint contacts_moments_are_possible check (
        last_inbound_at >= timestamptz '2004-01-01 00:00:00+00' and last_inbound_at < 'infinity'
    ),
    constraint contacts_tags_are_few check (cardinality(tags) <= 100),
    constraint contacts_time_zone_exists check (timezone(time_zone, timestamptz '2026-01-01 00:00:00+00') is not null or time_zone is null)
);

create index if not exists contacts_owner_idx on public.contacts (user_id);
create index if not exists contacts_tags_idx on public.contacts using gin (tags);

comment on table public.contacts is 'A person who wrote to a page.';
comment on column public.contacts.id is 'Ours; Facebook''s is sender_id.';
comment on column public.contacts.user_id is 'The owner of the page.';
comment on column public.contacts.page_id is 'The page the person wrote to; the same person on another page is another contact.';
comment on column public.contacts.sender_id is 'The page-scoped id (PSID) that Facebook gives.';
comment on column public.contacts.sender_name is 'As Facebook or the imported file gave it; empty where unknown. Data, never instructions, to the AI.';
comment on column public.contacts.tags is 'Trimmed, in lower case, each once, in order; a trigger keeps them so.';
comment on column public.contacts.time_zone is 'IANA name where known; active hours are the contact''s own then.';
comment on column public.contacts.last_inbound_at is 'The contact''s last action; the 24 h messaging window counts from here. Never moves back by an import.';
comment on column public.contacts.last_outbound_at is 'When the page last wrote to the contact.';
comment on column public.contacts.opted_out_at is 'Set when the contact says stop; no automation writes to them until they say start.';
comment on column public.contacts.created_at is 'When the contact became known.';
comment on column public.contacts.updated_at is 'When something last changed that the rules look at; skipped contacts are checked again after it.';
comment on index public.contacts_owner_idx is 'Serves row level security and the deletion of a person.';
comment on index public.contacts_tags_idx is 'Serves the search for contacts by tag.';

create table if not exists public.contact_messages (
    id bigint generated always as identity,
    user_id uuid not null,
    contact_id uuid not null,
    direction text not null,
    body text not null,
    facebook_message_id text,
    said_at timestamptz not null default now(),
    constraint contact_messages_pkey primary key (id),
    constraint contact_messages_contact_fkey foreign key (contact_id, user_id)
    references public.contacts (id, user_id) on delete cascade,
    constraint contact_messages_once unique (contact_id, facebook_message_id),
    constraint contact_messages_direction_is_known check (direction in ('in', 'out')),
    constraint contact_messages_body_fits check (length(body) <= 20000)
);

create index if not exists contact_messages_conversation_idx on public.contact_messages (contact_id, said_at desc);
create index if not exists contact_messages_owner_idx on public.contact_messages (user_id);
create index if not exists contact_messages_age_idx on public.contact_messages (said_at);

comment on table public.contact_messages is 'One message in or out: what the AI may refer to, and how a reply is noticed.';
comment on column public.contact_messages.id is 'In the order of writing down; said_at is the order of talking.';
comment on column public.contact_messages.user_id is 'The owner of the page.';
comment on column public.contact_messages.contact_id is 'With whom.';
comment on column public.contact_messages.direction is 'in: the contact wrote; out: the page did.';
comment on column public.contact_messages.body is 'The words, at most 20,000 characters.';
comment on column public.contact_messages.facebook_message_id is 'Facebook''s id; a message that is told twice is stored once.';
comment on column public.contact_messages.said_at is 'When it was said, not when we heard of it.';
comment on index public.contact_messages_conversation_idx is 'Serves claim_contacts: the last messages of one contact.';
comment on index public.contact_messages_owner_idx is 'Serves row level security and the deletion of a person.';
comment on index public.contact_messages_age_idx is 'Serves maintain: messages that are older than they may become.';
