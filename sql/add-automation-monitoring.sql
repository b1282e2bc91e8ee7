-- Stagelight's whole database. Paste it into the Supabase SQL editor and run it; running it again changes nothing.
-- Built by `make sql` from sql/parts/; edit the parts, not this file. Needs no extension and no superuser.

-- Workers and readers wait until this file is through. It takes all tables or none: taken one by one, as the statements
-- below need them, they would be met by a worker that goes through them in another order, and one of the two would die.
do $$
declare
    v_started_at timestamptz := clock_timestamp();
    v_lock_timeout text := current_setting('lock_timeout');
    v_table regclass;
begin
    loop
        begin
            perform set_config('lock_timeout', '50ms', true);
            for v_table in
                select c.oid
                from pg_catalog.pg_class as c
                where
                    c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and c.relowner = current_user::regrole
                    and (c.relname ~ 'automation' or c.relname ~ '^(facebook_|contact|opt_)')
                order by c.relname <> 'ai_automation_contact_states', c.oid
            loop
                execute format('lock table %s in access exclusive mode', v_table);
            end loop;
            exit;
        exception
            when lock_not_available then
                if clock_timestamp() > v_started_at + interval '30 seconds' then
                    raise exception 'The tables are in use all the time.' using hint = 'Stop the workers, then run this file again.';
                end if;
                perform pg_sleep(0.01 + 0.04 * random());
        end;
    end loop;
    perform set_config('lock_timeout', v_lock_timeout, true);
end;
$$;

-- Functions are executable by everybody unless this is said before they are made. The per-schema form has no effect,
-- so it is said for the role as a whole.
alter default privileges revoke execute on functions from public;

-- Days of history live here, out of the API's reach; they are read through their tables in public.
create schema if not exists automation_history;
revoke all on schema automation_history from public;
comment on schema automation_history is 'The daily partitions of ai_automation_stage_events and ai_automation_attempts.';

do $$
begin
    if to_regtype('public.automation_stage') is null then
        create type public.automation_stage as enum (
            'queued', 'checking', 'eligible', 'generating', 'ready_to_send', 'sending', 'sent', 'failed', 'skipped', 'completed'
        );
    end if;
end;
$$;

comment on type public.automation_stage is
'Where one contact of one automation is. The first six are in flight; the same names as Stage in pipeline/stages.py.';

create table if not exists public.ai_automation_stage_moves (
    from_stage public.automation_stage not null,
    to_stage public.automation_stage not null,
    constraint ai_automation_stage_moves_pkey primary key (from_stage, to_stage)
);

comment on table public.ai_automation_stage_moves is
'The stage graph: a move that is not a row here is refused by a trigger, whoever tries it.';
comment on column public.ai_automation_stage_moves.from_stage is 'Where a contact is.';
comment on column public.ai_automation_stage_moves.to_stage is 'Where it may go from there in one step.';

insert into public.ai_automation_stage_moves (from_stage, to_stage)
values
('queued', 'checking'),
('queued', 'skipped'),
('queued', 'sent'),
('checking', 'eligible'),
('checking', 'skipped'),
('checking', 'queued'),
('eligible', 'generating'),
('eligible', 'skipped'),
('eligible', 'sent'),
('generating', 'ready_to_send'),
('generating', 'eligible'),
('generating', 'failed'),
('ready_to_send', 'sending'),
('ready_to_send', 'skipped'),
('ready_to_send', 'eligible'),
('ready_to_send', 'sent'),
('sending', 'sent'),
('sending', 'ready_to_send'),
('sending', 'failed'),
('sending', 'skipped'),
('sent', 'queued'),
('sent', 'completed'),
('failed', 'queued'),
('failed', 'sent'),
('skipped', 'queued'),
('skipped', 'completed'),
('skipped', 'sent'),
('completed', 'queued')
on conflict do nothing;

create or replace function public.schema_version()
returns text
language sql
immutable
set search_path = ''
as $$
    select '2';
$$;

comment on function public.schema_version() is
'The version of this file; the dashboard compares it with the one it was written for.';
-- A database of version 1 is brought to this version: what can be changed in place is, and history that was one table is
-- put aside, for 380 to take over. An empty database, or one of this version, is left alone.

do $$
begin
    if to_regclass('public.ai_automation_contact_states') is null or to_regclass('public.ai_automation_stage_counts') is not null then
        return;
    end if;

    alter table public.contacts add constraint contacts_page_key unique (id, user_id, page_id);
    alter table public.ai_automation_rules add constraint ai_automation_rules_page_key unique (id, user_id, page_id);

    alter table public.ai_automation_stage_events drop constraint ai_automation_stage_events_state_fkey;
    alter table public.ai_automation_attempts drop constraint ai_automation_attempts_state_fkey;
    alter table public.ai_automation_contact_states
        disable trigger user,
        drop constraint ai_automation_contact_states_owner_key,
        drop constraint ai_automation_contact_states_pkey,
        add constraint ai_automation_contact_states_pkey primary key (id, user_id),
        drop constraint ai_automation_contact_states_run_fkey,
        drop constraint ai_automation_contact_states_rule_fkey,
        drop constraint ai_automation_contact_states_contact_fkey,
        drop constraint ai_automation_contact_states_once,
        add constraint ai_automation_contact_states_once unique (contact_id, rule_id),
        add column page_id uuid,
        add column attempt_id uuid,
        add column attempt_started_at timestamptz,
        add column stage_rank smallint generated always as (
            case current_stage
                when 'failed' then 0 when 'sending' then 1 when 'ready_to_send' then 2 when 'generating' then 3
                when 'eligible' then 4 when 'checking' then 5 when 'queued' then 6 when 'sent' then 7
                when 'skipped' then 8 else 9
            end
        ) stored,
        add column end_reason text generated always as (
            case
                when current_stage = 'failed' then coalesce(error_code, '')
                when current_stage in ('skipped', 'completed') then coalesce(reason_code, '')
                else ''
            end
        ) stored,
        add column slot timestamptz generated always as (
            case
                when current_stage <= 'sending' then timestamptz '9999-01-01 00:00:00+00'
                else date_bin('1 hour', stage_entered_at, timestamptz '2000-01-01 00:00:00+00')
            end
        ) stored;
    update public.ai_automation_contact_states as s
    set
        page_id = r.page_id,
        attempt_id = a.id,
        attempt_started_at = a.started_at
    from public.ai_automation_rules as r, public.ai_automation_contact_states as t
    left join lateral (
        select b.id, b.started_at
        from public.ai_automation_attempts as b
        where b.state_id = t.id
        order by b.started_at desc
        limit 1
    ) as a on true
    where r.id = s.rule_id and t.id = s.id;
    alter table public.ai_automation_contact_states
        alter column page_id set not null,
        add constraint ai_automation_contact_states_rule_fkey foreign key (rule_id, user_id, page_id)
        references public.ai_automation_rules (id, user_id, page_id) on delete cascade,
        add constraint ai_automation_contact_states_contact_fkey foreign key (contact_id, user_id, page_id)
        references public.contacts (id, user_id, page_id) on delete cascade,
        enable trigger user;
    drop index
    public.idx_automation_states_rule, public.idx_automation_states_updated,
    public.ai_automation_contact_states_owner_idx, public.ai_automation_contact_states_contact_idx, public.ai_automation_contact_states_claim_idx,
    public.ai_automation_contact_states_recheck_idx, public.ai_automation_contact_states_run_idx;

    alter table public.ai_automation_stage_events set schema automation_history;
    alter table automation_history.ai_automation_stage_events rename to stage_events_of_version_1;
    alter table public.ai_automation_attempts set schema automation_history;
    alter table automation_history.ai_automation_attempts rename to attempts_of_version_1;

    alter table public.ai_automation_daily_usage
        add column sent integer not null default 0,
        drop constraint ai_automation_daily_usage_is_not_negative,
        add constraint ai_automation_daily_usage_is_not_negative check (reserved >= 0 and sent >= 0);
    alter table public.ai_automation_stage_minutes
        add column bucket smallint not null default 0,
        add column shard smallint not null default 0;
    -- What was kept is a sum, so that a minute's passes count as equally long.
    update public.ai_automation_stage_minutes as m
    set bucket = least(greatest(ceil(ln(greatest(m.passed_seconds / m.passed, 0.01) / 0.01) / ln(1.2)), 0), 110)
    where m.passed > 0;
    alter table public.ai_automation_stage_minutes
        drop constraint ai_automation_stage_minutes_rule_fkey,
        drop constraint ai_automation_stage_minutes_pkey,
        add constraint ai_automation_stage_minutes_pkey primary key (rule_id, minute, stage, bucket, shard);
    drop index
    public.ai_automation_stage_minutes_owner_idx, public.ai_automation_stage_minutes_recent_idx,
    public.ai_automation_daily_usage_owner_idx;
    update public.ai_automation_daily_usage as u
    set sent = n.sent
    from (
        select m.rule_id, timezone(r.time_zone, m.minute)::date as day, sum(m.entered) as sent
        from public.ai_automation_stage_minutes as m
        inner join public.ai_automation_rules as r on r.id = m.rule_id
        where m.stage = 'sent'
        group by m.rule_id, timezone(r.time_zone, m.minute)::date
    ) as n
    where u.rule_id = n.rule_id and u.day = n.day;

    drop view if exists public.active_automation_contacts, public.automation_stage_summary, public.automation_live_stats;
    drop trigger tally_stage_minutes on public.ai_automation_contact_states;
    drop trigger tally_runs on public.ai_automation_contact_states;
    drop trigger tally_daily_usage on public.ai_automation_contact_states;
    drop function
    public.tally_stage_minutes(), public.tally_runs(), public.tally_daily_usage(), public.is_page_paused(uuid);
end;
$$;
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
-- Who must not be written to: what opting out leaves on a contact, and what a deleted person leaves behind.

alter table public.contacts add column if not exists opted_out_by text;
alter table public.contacts add column if not exists opt_word_at timestamptz;
alter table public.contacts add column if not exists owner_opted_out_at timestamptz;
alter table public.contacts
drop constraint if exists contacts_opted_out_by_is_known,
add constraint contacts_opted_out_by_is_known check (opted_out_by in ('contact', 'owner'));

comment on column public.contacts.opted_out_by is
'contact: they said stop, and only their START lifts it; owner: the owner marked them, and may lift it. Empty together with opted_out_at; beside one, empty means contact.';
comment on column public.contacts.opt_word_at is 'When the newest STOP or START that we know of was said; an older one that comes late changes nothing.';
comment on column public.contacts.owner_opted_out_at is
'When the owner had marked them, of one who said stop afterwards: their START leaves them marked by the owner. Otherwise empty.';

-- The key is made here once and never leaves the database, so that a list of tombstones alone tells nobody's id.
create table if not exists public.contact_tombstone_keys (
    id boolean not null default true,
    secret_key bytea not null,
    constraint contact_tombstone_keys_pkey primary key (id),
    constraint contact_tombstone_keys_is_one check (id)
);

comment on table public.contact_tombstone_keys is 'One row: the key of the hashes in contact_tombstones. Nobody signed in, and no worker, can read it.';
comment on column public.contact_tombstone_keys.id is 'True; there is one row.';
comment on column public.contact_tombstone_keys.secret_key is 'Thirty-two bytes, made when this file was first run. Without it the tombstones recognise nobody.';

insert into public.contact_tombstone_keys (secret_key)
select sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
on conflict do nothing;

create table if not exists public.contact_tombstones (
    user_id uuid not null references auth.users (id) on delete cascade,
    person_hash text not null,
    said_stop boolean not null default false,
    deleted_at timestamptz not null default now(),
    constraint contact_tombstones_pkey primary key (user_id, person_hash)
);

comment on table public.contact_tombstones is
'A person who was deleted: no import and no sync brings them back, and a STOP of theirs is remembered. They come back by writing to the page.';
comment on column public.contact_tombstones.user_id is 'The owner who no longer holds anything about them.';
comment on column public.contact_tombstones.person_hash is 'Keyed hash of the page''s Facebook id and the person''s; nothing else is left.';
comment on column public.contact_tombstones.said_stop is 'They had opted out; if they write again, they still have.';
comment on column public.contact_tombstones.deleted_at is 'What was said before this moment stays unknown for good.';

drop policy if exists "nobody who signs in sees a tombstone" on public.contact_tombstones;
create policy "nobody who signs in sees a tombstone" on public.contact_tombstones
for select to authenticated using (false);
drop policy if exists "nobody who signs in sees the key" on public.contact_tombstone_keys;
create policy "nobody who signs in sees the key" on public.contact_tombstone_keys
for select to authenticated using (false);

create or replace function public.person_hash(p_facebook_page_id text, p_sender_id text)
returns text
language sql
stable
security definer
set search_path = ''
as $$
    select encode(
        sha256(k.secret_key || sha256(k.secret_key || convert_to(jsonb_build_array(p_facebook_page_id, p_sender_id)::text, 'UTF8'))),
        'hex'
    )
    from public.contact_tombstone_keys as k;
$$;

comment on function public.person_hash(text, text) is 'What contact_tombstones keeps of a person on a page.';

-- How a word is compared: "Arrêt !", "S.T.O.P", "İPTAL" and "إيقاف" are in the list, as arret, stop, iptal and ايقاف. Only the marks
-- of letters go that are the same word without them: vowels of Thai and Hindi, and the voicing of Japanese, stay.
create or replace function public.bare_word(p_text text)
returns text
language sql
immutable
set search_path = ''
as $$
    select normalize(
        translate(
            lower(regexp_replace(
                normalize(p_text, nfkd),
                '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc]', '', 'g'
            )),
            -- Dotless i, barred d and l, o with a stroke, alef with wasla, alef that looks like yeh; the last one, tatweel, goes.
            E'\u0131\u0111\u0142\u00f8\u0671\u0649\u0640', E'idlo\u0627\u064a'
        ),
        nfc
    );
$$;

comment on function public.bare_word(text) is 'The text in small letters without accents, vowel signs of Arabic and Hebrew, hamza and tatweel.';

-- Every word here is a bare one. Those of which the accents make another word (đúng is "right") stand apart, as they are written.
create or replace function public.opt_word(p_text text)
returns text
language sql
immutable
set search_path = ''
as $$
    select case
        when public.bare_word(w.word) in ('start', 'unstop', 'optin', 'subscribe', 'resubscribe', 'старт', 'подписаться', 'підписатися') then 'start'
        when
            w.word in ('dừng', 'dừnglại', 'ngừng')
            or public.bare_word(w.word) in (
                'stop', 'stopall', 'unsubscribe', 'cancel', 'end', 'quit', 'optout', 'revoke', 'remove', 'td', 'stopp', 'abmelden',
                'stoppen', 'unsub', 'removeme', 'abbestellen', 'arret', 'arrete', 'arretez', 'arreter', 'desabonner', 'desinscrire', 'baja', 'alto', 'parar', 'cancelar', 'desuscribir', 'sair',
                'descadastrar', 'ferma', 'fermare', 'disiscrivimi', 'stopmessages', 'berhenti', 'hentikan', 'tigil', 'itigil', 'hinto',
                'ngung', 'huy', 'huydangky', 'iptal', 'durdur', 'wypisz', 'afmelden', 'uitschrijven', 'avsluta', 'avslutt', 'avregistrera', 'afmeld',
                'lopeta', 'dezabonare', 'leiratkozas', 'стоп', 'отписаться', 'відписатися', 'στοπ', 'διακοπη', 'توقف', 'ايقاف', 'اوقف', 'قف',
                'الغاء', 'الغاءالاشتراك', 'لغو', '停止', 'ストップ', '退订', '退訂', '取消订阅', '取消訂閱', '取消訂閲', '配信停止', '수신거부', '중지', '중단',
                'रोकें', 'बंदकरें', 'หยุด', 'ยกเลิก', 'בטל', 'הסר'
            )
            then 'stop'
    end
    from (
        -- What is no letter does not matter.
        select regexp_replace(
            lower(normalize(p_text, nfkc)),
            '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u2190-\u2bff\u3000-\u303f\ufe00-\ufe0f\U0001f000-\U0001faff]',
            '', 'g'
        ) as word
        where length(p_text) <= 100
    ) as w;
$$;

comment on function public.opt_word(text) is
'stop or start when the whole message is such a word, in any case, with or without accents and with any punctuation; otherwise null. A sentence that contains one is not.';
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
-- What is automated: rules and their runs.

create table if not exists public.ai_automation_rules (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
    page_id uuid not null,
    name text not null,
    enabled boolean not null default false,
    include_tags text[] not null default '{}',
    include_mode text not null default 'any',
    exclude_tags text[] not null default '{}',
    wait_minutes integer not null default 1200,
    max_follow_ups integer not null default 3,
    daily_limit integer not null default 200,
    active_days smallint[] not null default '{1,2,3,4,5,6,7}',
    active_from time not null default '09:00',
    active_until time not null default '20:00',
    time_zone text not null default 'UTC',
    run_24_7 boolean not null default false,
    prompt text not null default '',
    language text not null default '',
    model text not null default '',
    review_before_send boolean not null default false,
    stop_on_reply boolean not null default true,
    run_every_minutes integer not null default 60,
    next_run_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint ai_automation_rules_pkey primary key (id),
    constraint ai_automation_rules_owner_key unique (id, user_id),
    constraint ai_automation_rules_page_key unique (id, user_id, page_id),
    constraint ai_automation_rules_page_fkey foreign key (page_id, user_id)
    references public.facebook_pages (id, user_id) on delete cascade,
    constraint ai_automation_rules_name_fits check (length(name) between 1 and 120),
    constraint ai_automation_rules_include_mode_is_known check (include_mode in ('any', 'all')),
    constraint ai_automation_rules_tags_are_few check (cardinality(include_tags) <= 50 and cardinality(exclude_tags) <= 50),
    constraint ai_automation_rules_wait_is_possible check (wait_minutes between 0 and 43200),
    constraint ai_automation_rules_follow_ups_are_few check (max_follow_ups between 1 and 10),
    constraint ai_automation_rules_daily_limit_is_possible check (daily_limit between 0 and 100000),
    constraint ai_automation_rules_days_are_iso check (active_days <@ '{1,2,3,4,5,6,7}'::smallint[]),
    constraint ai_automation_rules_hours_are_a_span check (active_from <> active_until),
    constraint ai_automation_rules_time_zone_exists check (timezone(time_zone, timestamptz '2026-01-01 00:00:00+00') is not null),
    constraint ai_automation_rules_prompt_fits check (length(prompt) <= 8000),
    constraint ai_automation_rules_schedule_is_possible check (run_every_minutes between 1 and 10080)
);

-- Since version 2: version 1 took texts of any length here.
update public.ai_automation_rules
set language = left(language, 100), model = left(model, 100)
where length(language) > 100 or length(model) > 100;
alter table public.ai_automation_rules
drop constraint if exists ai_automation_rules_language_fits,
add constraint ai_automation_rules_language_fits check (length(language) <= 100),
drop constraint if exists ai_automation_rules_model_fits,
add constraint ai_automation_rules_model_fits check (length(model) <= 100);

create index if not exists ai_automation_rules_owner_idx on public.ai_automation_rules (user_id);
create index if not exists ai_automation_rules_page_idx on public.ai_automation_rules (page_id);
create index if not exists ai_automation_rules_due_idx on public.ai_automation_rules (next_run_at) where enabled;

comment on table public.ai_automation_rules is 'An automation: whom it writes to, when, how often and with which words.';
comment on column public.ai_automation_rules.id is 'Stands in the address of the automation''s monitor.';
comment on column public.ai_automation_rules.user_id is 'The owner.';
comment on column public.ai_automation_rules.page_id is 'The page it writes from; never another one.';
comment on column public.ai_automation_rules.name is 'What the owner calls it.';
comment on column public.ai_automation_rules.enabled is 'Off stops contacts in flight at their next step; set_rule_enabled switches it.';
comment on column public.ai_automation_rules.include_tags is 'A contact needs any (or all, by include_mode) of these; empty means every contact of the page.';
comment on column public.ai_automation_rules.include_mode is 'any or all, of include_tags.';
comment on column public.ai_automation_rules.exclude_tags is 'A contact with one of these is not written to.';
comment on column public.ai_automation_rules.wait_minutes is 'How long after the last message in either direction a follow-up may go out.';
comment on column public.ai_automation_rules.max_follow_ups is 'Messages a contact gets at most before the sequence is completed.';
comment on column public.ai_automation_rules.daily_limit is 'Most messages per local day of time_zone.';
comment on column public.ai_automation_rules.active_days is 'ISO weekdays, 1 is Monday; a span over midnight belongs to the day it starts.';
comment on column public.ai_automation_rules.active_from is 'Local time from which messages go out; after active_until means over midnight.';
comment on column public.ai_automation_rules.active_until is 'Local time before which messages go out.';
comment on column public.ai_automation_rules.time_zone is 'IANA name: the zone of daily_limit, and of the hours where a contact''s own is unknown.';
comment on column public.ai_automation_rules.run_24_7 is 'Days and hours are ignored.';
comment on column public.ai_automation_rules.prompt is 'What the AI is asked to write.';
comment on column public.ai_automation_rules.language is 'The language to write in; empty leaves it to the AI.';
comment on column public.ai_automation_rules.model is 'The AI model; empty means the worker''s default.';
comment on column public.ai_automation_rules.review_before_send is 'Each message waits at ready_to_send until a person approves or rejects it.';
comment on column public.ai_automation_rules.stop_on_reply is 'A reply ends the contact''s sequence.';
comment on column public.ai_automation_rules.run_every_minutes is 'How often the scheduler looks for due contacts, where run_at names no times.';
comment on column public.ai_automation_rules.next_run_at is 'When the scheduler looks for due contacts next; empty while the automation is off.';
comment on column public.ai_automation_rules.created_at is 'When it was made.';
comment on column public.ai_automation_rules.updated_at is 'When it last changed, other than by its schedule; skipped contacts are checked again after it.';
comment on index public.ai_automation_rules_owner_idx is 'Serves row level security: the automations of one person.';
comment on index public.ai_automation_rules_page_idx is 'Serves the deletion of a page, and the rate of a page over its automations.';
comment on index public.ai_automation_rules_due_idx is 'Serves enqueue_due_contacts: the automations whose time has come.';

create table if not exists public.ai_automation_runs (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    rule_id uuid not null,
    source text not null,
    requested_by uuid,
    requested_at timestamptz not null default now(),
    finished_at timestamptz,
    total integer not null default 0,
    sent integer not null default 0,
    skipped integer not null default 0,
    failed integer not null default 0,
    constraint ai_automation_runs_pkey primary key (id),
    constraint ai_automation_runs_owner_key unique (id, user_id),
    constraint ai_automation_runs_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_runs_source_is_known check (source in ('manual', 'schedule')),
    constraint ai_automation_runs_counts_add_up check (
        sent >= 0 and skipped >= 0 and failed >= 0 and sent + skipped + failed <= total
    )
);

create index if not exists ai_automation_runs_newest_idx on public.ai_automation_runs (rule_id, requested_at desc);
create index if not exists ai_automation_runs_owner_idx on public.ai_automation_runs (user_id);

comment on table public.ai_automation_runs is
'One trigger of an automation. total = sent + skipped + failed + still in flight, at every moment.';
comment on column public.ai_automation_runs.id is 'request_run returns it.';
comment on column public.ai_automation_runs.user_id is 'The owner of the automation.';
comment on column public.ai_automation_runs.rule_id is 'The automation.';
comment on column public.ai_automation_runs.source is 'manual: a person pressed the button; schedule: its time had come.';
comment on column public.ai_automation_runs.requested_by is 'The person; empty for the schedule.';
comment on column public.ai_automation_runs.requested_at is 'When its contacts were queued.';
comment on column public.ai_automation_runs.finished_at is 'When the last contact of the run left the flight; empty while any is in it.';
comment on column public.ai_automation_runs.total is 'Contacts queued, less those deleted while in flight.';
comment on column public.ai_automation_runs.sent is 'Those whose message Facebook accepted.';
comment on column public.ai_automation_runs.skipped is 'Those that were not written to, with a reason.';
comment on column public.ai_automation_runs.failed is 'Those that need a person.';
comment on index public.ai_automation_runs_newest_idx is 'Serves the monitor: the last run of one automation.';
comment on index public.ai_automation_runs_owner_idx is 'Serves row level security and the deletion of a person.';
-- Where every contact is.

create table if not exists public.ai_automation_contact_states (
    id bigint generated always as identity,
    user_id uuid not null,
    rule_id uuid not null,
    page_id uuid not null,
    contact_id uuid not null,
    run_id uuid,
    current_stage public.automation_stage not null default 'queued',
    stage_rank smallint generated always as (
        case current_stage
            when 'failed' then 0 when 'sending' then 1 when 'ready_to_send' then 2 when 'generating' then 3
            when 'eligible' then 4 when 'checking' then 5 when 'queued' then 6 when 'sent' then 7
            when 'skipped' then 8 else 9
        end
    ) stored,
    stage_entered_at timestamptz not null default now(),
    slot timestamptz generated always as (
        case
            when current_stage <= 'sending' then timestamptz '9999-01-01 00:00:00+00'
            else date_bin('1 hour', stage_entered_at, timestamptz '2000-01-01 00:00:00+00')
        end
    ) stored,
    queued_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    next_send_at timestamptz,
    next_check_at timestamptz,
    status_message text not null default '',
    reason_code text,
    error_code text,
    error_message text,
    error_hint text,
    end_reason text generated always as (
        case
            when current_stage = 'failed' then coalesce(error_code, '')
            when current_stage in ('skipped', 'completed') then coalesce(reason_code, '')
            else ''
        end
    ) stored,
    generated_message text,
    generation_time_ms integer,
    ai_model text,
    tokens_in integer,
    tokens_out integer,
    follow_up_count integer not null default 0,
    max_follow_ups integer not null default 1,
    attempt integer not null default 0,
    times_lost integer not null default 0,
    last_sent_at timestamptz,
    stopped_at timestamptz,
    approved_at timestamptz,
    quota_day date,
    attempt_id uuid,
    attempt_started_at timestamptz,
    lease_owner text,
    lease_token uuid,
    lease_expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- One index for both: every move writes every index anew. That ids do not repeat is the identity's doing.
    constraint ai_automation_contact_states_pkey primary key (id, user_id),
    constraint ai_automation_contact_states_once unique (contact_id, rule_id),
    constraint ai_automation_contact_states_rule_fkey foreign key (rule_id, user_id, page_id)
    references public.ai_automation_rules (id, user_id, page_id) on delete cascade,
    constraint ai_automation_contact_states_contact_fkey foreign key (contact_id, user_id, page_id)
    references public.contacts (id, user_id, page_id) on delete cascade,
    constraint contact_states_finished_is_not_leased check (
        current_stage in ('checking', 'generating', 'sending') or lease_token is null
    ),
    constraint contact_states_ready_has_message check (
        current_stage not in ('ready_to_send', 'sending') or generated_message is not null
    )
)
with (fillfactor = 70);

alter table public.ai_automation_contact_states add column if not exists sequence_began_at timestamptz;
alter table public.ai_automation_contact_states alter column sequence_began_at set default now();

create index if not exists idx_automation_states_rule
on public.ai_automation_contact_states (rule_id, stage_rank, stage_entered_at desc, id);
create index if not exists idx_automation_states_updated on public.ai_automation_contact_states (user_id, updated_at desc);
create index if not exists ai_automation_contact_states_claim_idx
on public.ai_automation_contact_states (current_stage, user_id, page_id, due_at, id)
where current_stage in ('queued', 'eligible', 'ready_to_send');
create index if not exists ai_automation_contact_states_lease_idx on public.ai_automation_contact_states (lease_expires_at)
where lease_expires_at is not null;
create index if not exists ai_automation_contact_states_recheck_idx
on public.ai_automation_contact_states (rule_id, end_reason, next_check_at)
where next_check_at is not null;
create index if not exists ai_automation_contact_states_going_out_idx on public.ai_automation_contact_states (rule_id, next_send_at)
where next_send_at is not null;
create index if not exists ai_automation_contact_states_texts_idx on public.ai_automation_contact_states (stage_entered_at)
where (generated_message is not null or error_message is not null) and current_stage >= 'sent';
create index if not exists ai_automation_contact_states_over_idx on public.ai_automation_contact_states (id)
where current_stage = 'skipped' and reason_code in ('replied', 'opted_out', 'stopped', 'max_follow_ups_reached');
create index if not exists ai_automation_contact_states_last_idx on public.ai_automation_contact_states (last_sent_at)
where current_stage = 'sent' and follow_up_count >= max_follow_ups;

comment on table public.ai_automation_contact_states is 'Where one contact of one automation is now.';
comment on column public.ai_automation_contact_states.due_at is 'From when a worker may take the contact up in a waiting stage.';
comment on column public.ai_automation_contact_states.next_send_at is 'When the written message goes out.';
comment on column public.ai_automation_contact_states.next_check_at is 'When a sent or skipped contact is looked at again by itself.';
comment on column public.ai_automation_contact_states.reason_code is 'Why the contact was skipped or completed.';
comment on column public.ai_automation_contact_states.sequence_began_at is
'When the first follow-up of the sequence was queued. What the contact says later is a reply, however late it is heard of.';
comment on column public.ai_automation_contact_states.follow_up_count is 'Messages of this sequence that Facebook accepted; a failed try does not count.';
comment on column public.ai_automation_contact_states.attempt is 'Tries of the present follow-up that had to be repeated.';
comment on column public.ai_automation_contact_states.times_lost is 'How many workers in a row stopped while the contact was in their hands, in the step that it is in.';
comment on column public.ai_automation_contact_states.quota_day is 'The rule''s local day on which this contact holds a place in the daily limit.';
comment on column public.ai_automation_contact_states.lease_token is 'Fencing token: only its holder may move the contact.';
comment on column public.ai_automation_contact_states.page_id is 'The page of the rule and of the contact; filled in when it is not given.';
comment on column public.ai_automation_contact_states.stage_rank is
'The place of the stage in the monitor''s list, failed first. A number, because row level security lets no index compare enums.';
comment on column public.ai_automation_contact_states.slot is
'The hour (UTC) in which a finished contact came to its stage, the year 9999 while it is in flight: shown on the monitor while not before monitor_since().';
comment on column public.ai_automation_contact_states.end_reason is
'Why the contact is failed (error_code), skipped or completed (reason_code); empty in the other stages.';
comment on column public.ai_automation_contact_states.attempt_id is 'The latest try to send; with attempt_started_at it finds the row in one day of ai_automation_attempts.';
comment on index public.idx_automation_states_rule is 'Serves the monitor: its list in order, and the oldest contact of a stage.';
comment on index public.ai_automation_contact_states_claim_idx is
'Serves claim_contacts: the oldest due contacts of one waiting stage, page by page.';
comment on index public.ai_automation_contact_states_recheck_idx is 'Serves the monitor: when contacts that are held back are looked at again.';
comment on index public.ai_automation_contact_states_going_out_idx is 'Serves the monitor: what goes out next.';
comment on index public.ai_automation_contact_states_over_idx is 'Serves complete_finished_sequences: contacts that want no more.';
comment on index public.ai_automation_contact_states_last_idx is 'Serves complete_finished_sequences: those who got every follow-up.';
comment on index public.ai_automation_contact_states_texts_idx is 'Serves maintain: texts of sequences that are over.';
comment on index public.ai_automation_contact_states_lease_idx is 'Serves reclaim_expired_leases and the settling of sends.';
comment on column public.ai_automation_contact_states.id is 'What the API calls state_id.';
comment on column public.ai_automation_contact_states.user_id is 'The owner of the automation.';
comment on column public.ai_automation_contact_states.rule_id is 'The automation.';
comment on column public.ai_automation_contact_states.contact_id is 'The contact; once per automation.';
comment on column public.ai_automation_contact_states.run_id is 'The run that queued it last; it counts there until it leaves the flight. No foreign key (docs/decisions/0024).';
comment on column public.ai_automation_contact_states.current_stage is 'Changed along ai_automation_stage_moves only, whoever tries.';
comment on column public.ai_automation_contact_states.stage_entered_at is 'When it came to its stage; set by trigger.';
comment on column public.ai_automation_contact_states.queued_at is
'When it was last queued; a reply after this moment stops a first follow-up.';
comment on column public.ai_automation_contact_states.status_message is
'What a reader is told beside the stage: words only, nothing parses them.';
comment on column public.ai_automation_contact_states.error_code is
'Why the last try failed, as in pipeline/steps/verdicts.py; empty once a try succeeds.';
comment on column public.ai_automation_contact_states.error_message is 'The same in words, without secrets; removed by maintain.';
comment on column public.ai_automation_contact_states.error_hint is 'What a person can do about it.';
comment on column public.ai_automation_contact_states.generated_message is
'What the AI wrote, or a person in its place; removed by maintain after the sequence has ended.';
comment on column public.ai_automation_contact_states.generation_time_ms is
'How long the AI took, in milliseconds, all its drafts together.';
comment on column public.ai_automation_contact_states.ai_model is 'The model that wrote the message.';
comment on column public.ai_automation_contact_states.tokens_in is 'Tokens of the prompt, all drafts together.';
comment on column public.ai_automation_contact_states.tokens_out is 'Tokens of the answer, all drafts together.';
comment on column public.ai_automation_contact_states.max_follow_ups is 'As the automation had it when the contact was last queued.';
comment on column public.ai_automation_contact_states.last_sent_at is 'When the latest accepted message was handed to Facebook.';
comment on column public.ai_automation_contact_states.stopped_at is 'When a person cancelled it; empty again after a retry.';
comment on column public.ai_automation_contact_states.approved_at is
'When a person let the message go out; it waits without, where the automation asks for review.';
comment on column public.ai_automation_contact_states.attempt_started_at is 'When that try began.';
comment on column public.ai_automation_contact_states.lease_owner is 'The worker that holds it.';
comment on column public.ai_automation_contact_states.lease_expires_at is
'Until when; later it may be taken back, or settled where a send may be under way.';
comment on column public.ai_automation_contact_states.created_at is 'When it first came into the automation.';
comment on column public.ai_automation_contact_states.updated_at is 'When anything here last changed; set by trigger.';
comment on index public.idx_automation_states_updated is 'Serves readers that ask what of theirs changed lately, and row level security.';
-- How every contact got where it is, and every try to send: two tables of daily partitions (UTC), made ahead and dropped
-- by maintain, and the ledger that outlives them. None has a foreign key (docs/decisions/0024): their rows are copied from
-- the contact's state as it is written, and go with it by trigger (52).

create table if not exists public.ai_automation_stage_events (
    id bigint generated always as identity,
    user_id uuid not null,
    rule_id uuid not null,
    contact_id uuid not null,
    state_id bigint not null,
    run_id uuid,
    from_stage public.automation_stage,
    to_stage public.automation_stage not null,
    occurred_at timestamptz not null default now(),
    seconds_in_stage double precision,
    actor text not null,
    reason_code text,
    constraint ai_automation_stage_events_pkey primary key (state_id, id, occurred_at)
)
partition by range (occurred_at);

comment on table public.ai_automation_stage_events is
'One change of stage; written by trigger only, never changed, dropped by the day.';
comment on column public.ai_automation_stage_events.actor is 'The worker, or the id of the signed-in person, or system.';
comment on column public.ai_automation_stage_events.id is 'In the order of writing down.';
comment on column public.ai_automation_stage_events.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_events.rule_id is 'The automation.';
comment on column public.ai_automation_stage_events.contact_id is 'The contact.';
comment on column public.ai_automation_stage_events.state_id is 'Whose stage changed.';
comment on column public.ai_automation_stage_events.run_id is 'The run it was in.';
comment on column public.ai_automation_stage_events.from_stage is 'Empty for the first event of a contact.';
comment on column public.ai_automation_stage_events.to_stage is 'Where it came to.';
comment on column public.ai_automation_stage_events.occurred_at is 'When; the day decides the partition.';
comment on column public.ai_automation_stage_events.reason_code is 'Why it was skipped or completed.';
comment on column public.ai_automation_stage_events.seconds_in_stage is 'How long the contact had been in from_stage.';

create table if not exists public.ai_automation_attempts (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    state_id bigint not null,
    rule_id uuid not null,
    contact_id uuid not null,
    page_id uuid not null,
    run_id uuid,
    follow_up integer not null,
    outcome text not null default 'sending',
    message text,
    ai_model text,
    tokens_in integer,
    tokens_out integer,
    generation_time_ms integer,
    facebook_message_id text,
    error_code text,
    error_message text,
    worker text not null,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint ai_automation_attempts_pkey primary key (id, started_at),
    constraint ai_automation_attempts_outcome_is_known check (
        outcome in ('sending', 'sent', 'failed', 'retry', 'unknown', 'abandoned')
    )
)
partition by range (started_at);

create index if not exists ai_automation_attempts_state_idx on public.ai_automation_attempts (state_id);
create index if not exists ai_automation_attempts_page_rate_idx on public.ai_automation_attempts (page_id, started_at desc);
create index if not exists ai_automation_attempts_owner_idx on public.ai_automation_attempts (user_id, started_at desc);
create index if not exists ai_automation_attempts_texts_idx on public.ai_automation_attempts (started_at) where message is not null;

comment on table public.ai_automation_attempts is
'One try to send, written before Facebook is called; its id travels with the message as metadata.';
comment on column public.ai_automation_attempts.outcome is
'unknown: the message may have arrived, so it is never sent again by itself; abandoned: a person decided to send again.';
comment on index public.ai_automation_attempts_page_rate_idx is 'Serves the sending rate of a page: its tries of the last minute.';
comment on index public.ai_automation_attempts_state_idx is 'Serves the timeline and the settling of one contact.';
comment on column public.ai_automation_attempts.id is 'Travels with the message as metadata, so that Facebook''s echo can be told apart.';
comment on column public.ai_automation_attempts.user_id is 'The owner of the automation.';
comment on column public.ai_automation_attempts.state_id is 'Who is written to, in which automation.';
comment on column public.ai_automation_attempts.rule_id is 'The automation.';
comment on column public.ai_automation_attempts.contact_id is 'The contact.';
comment on column public.ai_automation_attempts.page_id is 'The page it is sent from; its rate counts these.';
comment on column public.ai_automation_attempts.run_id is 'The run it belongs to.';
comment on column public.ai_automation_attempts.follow_up is 'Which message of the sequence, from 1.';
comment on column public.ai_automation_attempts.message is 'The words; removed by maintain.';
comment on column public.ai_automation_attempts.ai_model is 'The model that wrote them.';
comment on column public.ai_automation_attempts.tokens_in is 'Tokens of the prompt, all drafts together.';
comment on column public.ai_automation_attempts.tokens_out is 'Tokens of the answer, all drafts together.';
comment on column public.ai_automation_attempts.generation_time_ms is 'How long the AI took, in milliseconds.';
comment on column public.ai_automation_attempts.facebook_message_id is 'Facebook''s id once it is known.';
comment on column public.ai_automation_attempts.error_code is 'Why it failed, as in pipeline/steps/verdicts.py.';
comment on column public.ai_automation_attempts.error_message is 'The same in words, without secrets; removed by maintain.';
comment on column public.ai_automation_attempts.worker is 'Who tried.';
comment on column public.ai_automation_attempts.started_at is 'Before Facebook is called; the day decides the partition.';
comment on column public.ai_automation_attempts.finished_at is 'When the outcome was known; empty while it is not.';
comment on index public.ai_automation_attempts_owner_idx is 'Serves the history page: a person''s tries, newest first.';
comment on index public.ai_automation_attempts_texts_idx is 'Serves maintain: texts that are older than they may become.';

-- A unique index of a partitioned table cannot reach over days, so this table is the one that says never twice.
create table if not exists public.ai_automation_follow_ups (
    state_id bigint not null,
    follow_up integer not null,
    user_id uuid not null,
    attempt_id uuid not null,
    accepted boolean not null default false,
    constraint ai_automation_follow_ups_never_twice primary key (state_id, follow_up)
);

comment on table public.ai_automation_follow_ups is
'A follow-up that Facebook accepted or may have accepted: at most one try per contact and number, however long ago. Kept by trigger from ai_automation_attempts, and not forgotten when their days are dropped.';
comment on column public.ai_automation_follow_ups.attempt_id is 'The try that is, or may be, the message.';
comment on column public.ai_automation_follow_ups.state_id is 'Who was written to, in which automation.';
comment on column public.ai_automation_follow_ups.follow_up is 'Which message of the sequence, from 1.';
comment on column public.ai_automation_follow_ups.user_id is 'The owner of the automation.';
comment on column public.ai_automation_follow_ups.accepted is 'Facebook said that it took the message; false while it is under way, or nobody knows.';

-- By arrays, not by joins: a transition table has no statistics, and before its own first ones the ledger has none either,
-- so that a planner would compare every try of a batch with every row.
create or replace function public.keep_follow_ups()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_over bigint[];
    v_over_tries uuid[];
    v_sent bigint[];
    v_sent_tries uuid[];
begin
    if tg_op = 'UPDATE' then
        select
            array_agg(n.state_id) filter (where n.outcome in ('failed', 'retry', 'abandoned')),
            array_agg(n.id) filter (where n.outcome in ('failed', 'retry', 'abandoned')),
            array_agg(n.state_id) filter (where n.outcome = 'sent'),
            array_agg(n.id) filter (where n.outcome = 'sent')
        into v_over, v_over_tries, v_sent, v_sent_tries
        from new_attempts as n;
        delete from public.ai_automation_follow_ups as f
        where f.state_id = any(v_over) and f.attempt_id = any(v_over_tries);
        update public.ai_automation_follow_ups as f
        set accepted = true
        where f.state_id = any(v_sent) and f.attempt_id = any(v_sent_tries) and not f.accepted;
        -- Rare, and dear where it is not needed: a try that was over and is not.
        if exists (select from old_attempts as o where o.outcome in ('failed', 'retry', 'abandoned')) then
            insert into public.ai_automation_follow_ups (state_id, follow_up, user_id, attempt_id, accepted)
            select n.state_id, n.follow_up, n.user_id, n.id, n.outcome = 'sent'
            from new_attempts as n
            where
                n.outcome in ('sending', 'sent', 'unknown')
                and n.id in (select o.id from old_attempts as o where o.outcome in ('failed', 'retry', 'abandoned'))
            on conflict do nothing;
        end if;
    else
        insert into public.ai_automation_follow_ups (state_id, follow_up, user_id, attempt_id, accepted)
        select n.state_id, n.follow_up, n.user_id, n.id, n.outcome = 'sent'
        from new_attempts as n
        where n.outcome in ('sending', 'sent', 'unknown');
    end if;
    return null;
end;
$$;

comment on function public.keep_follow_ups() is
'Keeps ai_automation_follow_ups; a second try for a follow-up that is or may be out is refused here, whoever makes it.';

create or replace trigger keep_follow_ups_of_new
after insert on public.ai_automation_attempts
referencing new table as new_attempts
for each statement execute function public.keep_follow_ups();

create or replace trigger keep_follow_ups_of_changed
after update on public.ai_automation_attempts
referencing old table as old_attempts new table as new_attempts
for each statement execute function public.keep_follow_ups();

-- The one place with dynamic SQL: names and bounds are made of dates, never of what somebody sent.
create or replace function public.make_history_days(p_from date, p_until date)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_table text;
    v_day date;
    v_name text;
    v_made integer := 0;
begin
    for v_table, v_day in
        select t.name, d.day::date
        from unnest(array['ai_automation_stage_events', 'ai_automation_attempts']) as t (name)
        cross join generate_series(p_from::timestamp, p_until::timestamp, interval '1 day') as d (day)
    loop
        v_name := format('automation_history.%I', v_table || '_' || to_char(v_day, 'YYYYMMDD'));
        continue when to_regclass(v_name) is not null;
        begin
            execute format(
                'create table %s partition of public.%I for values from (%L) to (%L)',
                v_name, v_table, v_day || ' 00:00:00+00', (v_day + 1) || ' 00:00:00+00'
            );
            v_made := v_made + 1;
        exception
            -- Rows of that day came before the day was made; they stay in the default partition.
            when check_violation then null;
        end;
    end loop;
    return v_made;
end;
$$;

comment on function public.make_history_days(date, date) is
'Makes the daily partitions of events and attempts from one day to another, where they are missing; returns how many.';

create table if not exists automation_history.ai_automation_stage_events_default
partition of public.ai_automation_stage_events default;
create table if not exists automation_history.ai_automation_attempts_default
partition of public.ai_automation_attempts default;

do $$
begin
    perform public.make_history_days((now() at time zone 'UTC')::date - 1, (now() at time zone 'UTC')::date + 3);
end;
$$;
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
-- History that version 1 kept in one table goes into the days.

do $$
declare
    v_first date;
begin
    if to_regclass('automation_history.stage_events_of_version_1') is null then
        return;
    end if;
    select least(
        (select min(e.occurred_at) from automation_history.stage_events_of_version_1 as e),
        (select min(a.started_at) from automation_history.attempts_of_version_1 as a)
    ) at time zone 'UTC' into v_first;
    perform public.make_history_days(v_first, (now() at time zone 'UTC')::date);

    insert into public.ai_automation_stage_events (
        id, user_id, rule_id, contact_id, state_id, run_id, from_stage, to_stage, occurred_at, seconds_in_stage, actor, reason_code
    )
    overriding system value
    select
        e.id, e.user_id, e.rule_id, e.contact_id, e.state_id, e.run_id, e.from_stage, e.to_stage, e.occurred_at,
        e.seconds_in_stage, e.actor, e.reason_code
    from automation_history.stage_events_of_version_1 as e;
    perform setval(
        pg_get_serial_sequence('public.ai_automation_stage_events', 'id'),
        greatest((select max(e.id) from public.ai_automation_stage_events as e), 1)
    );
    insert into public.ai_automation_attempts (
        id, user_id, state_id, rule_id, contact_id, page_id, run_id, follow_up, outcome, message, ai_model, tokens_in, tokens_out,
        generation_time_ms, facebook_message_id, error_code, error_message, worker, started_at, finished_at
    )
    select
        a.id, a.user_id, a.state_id, a.rule_id, a.contact_id, a.page_id, a.run_id, a.follow_up, a.outcome, a.message, a.ai_model,
        a.tokens_in, a.tokens_out, a.generation_time_ms, a.facebook_message_id, a.error_code, a.error_message, a.worker,
        a.started_at, a.finished_at
    from automation_history.attempts_of_version_1 as a;
    drop table automation_history.stage_events_of_version_1, automation_history.attempts_of_version_1;
end;
$$;
-- Counts, quotas, workers and who did what. Counts and minutes are written by trigger at every move, so they have no
-- foreign keys (docs/decisions/0024); they go with their automation by trigger (51).

create table if not exists public.ai_automation_stage_counts (
    user_id uuid not null,
    rule_id uuid not null,
    slot timestamptz not null,
    stage public.automation_stage not null,
    reason text not null,
    shard smallint not null,
    contacts integer not null default 0,
    entered_ms bigint not null default 0,
    constraint ai_automation_stage_counts_pkey primary key (rule_id, slot, stage, reason, shard)
)
with (fillfactor = 50);

comment on table public.ai_automation_stage_counts is
'How many contacts are where, so that nobody counts them: kept by trigger, summed over shards by the views. Equal to a recount for every slot since monitor_since().';
comment on column public.ai_automation_stage_counts.slot is
'The hour (UTC) in which a finished contact came to its stage, so that it can leave the monitor after 24 hours; the year 9999 for contacts in flight.';
comment on column public.ai_automation_stage_counts.reason is 'Why the contacts are there, as in end_reason.';
comment on column public.ai_automation_stage_counts.shard is
'Transactions that write at the same time use different shards, so that they do not wait for each other; one shard alone may be negative.';
comment on column public.ai_automation_stage_counts.entered_ms is
'Sum of the moments they came (milliseconds since 1970): now minus the mean of these is how long they have been there on average.';

create table if not exists public.ai_automation_stage_minutes (
    user_id uuid not null,
    rule_id uuid not null,
    stage public.automation_stage not null,
    minute timestamptz not null,
    bucket smallint not null default 0,
    shard smallint not null default 0,
    entered integer not null default 0,
    passed integer not null default 0,
    passed_seconds double precision not null default 0,
    constraint ai_automation_stage_minutes_pkey primary key (rule_id, minute, stage, bucket, shard)
)
with (fillfactor = 70);

comment on table public.ai_automation_stage_minutes is
'Per rule, stage and minute: how many came in, how many left, and how long those had stayed. Averages, percentiles and rates read this. Kept for 7 days, then summed up in ai_automation_stage_periods.';
comment on column public.ai_automation_stage_minutes.bucket is
'How long those that left had stayed: bucket b is up to 0.01 s * 1.2^b, so that any sum of rows still gives percentiles within 10 %; those that came in are in bucket 0.';

create table if not exists public.ai_automation_stage_periods (
    user_id uuid not null,
    rule_id uuid not null,
    stage public.automation_stage not null,
    span text not null,
    starts_at timestamptz not null,
    bucket smallint not null,
    entered bigint not null default 0,
    passed bigint not null default 0,
    passed_seconds double precision not null default 0,
    constraint ai_automation_stage_periods_pkey primary key (rule_id, span, starts_at, stage, bucket),
    constraint ai_automation_stage_periods_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_stage_periods_span_is_known check (span in ('hour', 'day'))
);

comment on table public.ai_automation_stage_periods is
'Older minutes summed up: hours for 90 days, then days for good, so that totals never change when details go.';
comment on column public.ai_automation_stage_periods.starts_at is 'Start of the hour or day (UTC).';

create table if not exists public.ai_automation_daily_usage (
    user_id uuid not null,
    rule_id uuid not null,
    day date not null,
    reserved integer not null default 0,
    sent integer not null default 0,
    constraint ai_automation_daily_usage_pkey primary key (rule_id, day),
    constraint ai_automation_daily_usage_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_daily_usage_is_not_negative check (reserved >= 0 and sent >= 0)
);

comment on table public.ai_automation_daily_usage is
'Places of the daily limit taken on a rule''s local day; taken when a contact passes the check, given back when it fails or is skipped.';
comment on column public.ai_automation_daily_usage.sent is 'Messages that Facebook accepted on that day.';

create table if not exists public.ai_automation_workers (
    name text not null,
    version text not null default '',
    doing text not null default '',
    started_at timestamptz not null default now(),
    beat_at timestamptz not null default now(),
    stopped_at timestamptz,
    constraint ai_automation_workers_pkey primary key (name)
);

alter table public.ai_automation_workers add column if not exists turns jsonb not null default '{}';
drop policy if exists "nobody who signs in sees a worker" on public.ai_automation_workers;
create policy "nobody who signs in sees a worker" on public.ai_automation_workers
for select to authenticated using (false);

comment on table public.ai_automation_workers is 'A worker process and when it was last heard of.';
comment on column public.ai_automation_workers.turns is 'Each turn of its scheduler: how many seconds before beat_at it last ended, and how many after it it comes next.';

create table if not exists public.ai_automation_audit (
    id bigint generated always as identity,
    user_id uuid not null references auth.users (id) on delete cascade,
    rule_id uuid,
    action text not null,
    affected integer not null default 0,
    occurred_at timestamptz not null default now(),
    constraint ai_automation_audit_pkey primary key (id)
);

create index if not exists ai_automation_audit_owner_idx on public.ai_automation_audit (user_id, occurred_at desc);

comment on table public.ai_automation_audit is 'One action of a signed-in person: who, what, when, how many contacts.';
comment on column public.ai_automation_stage_counts.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_counts.rule_id is 'The automation.';
comment on column public.ai_automation_stage_counts.stage is 'The stage they are in.';
comment on column public.ai_automation_stage_counts.contacts is 'How many, in this shard.';
comment on column public.ai_automation_stage_minutes.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_minutes.rule_id is 'The automation.';
comment on column public.ai_automation_stage_minutes.stage is 'The stage they came to or left.';
comment on column public.ai_automation_stage_minutes.minute is 'The minute (UTC) in which they did.';
comment on column public.ai_automation_stage_minutes.shard is 'As in ai_automation_stage_counts.';
comment on column public.ai_automation_stage_minutes.entered is 'How many came.';
comment on column public.ai_automation_stage_minutes.passed is 'How many left.';
comment on column public.ai_automation_stage_minutes.passed_seconds is 'How long those that left had stayed, together.';
comment on column public.ai_automation_stage_periods.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_periods.rule_id is 'The automation.';
comment on column public.ai_automation_stage_periods.stage is 'The stage they came to or left.';
comment on column public.ai_automation_stage_periods.span is 'hour or day.';
comment on column public.ai_automation_stage_periods.bucket is 'As in ai_automation_stage_minutes.';
comment on column public.ai_automation_stage_periods.entered is 'How many came.';
comment on column public.ai_automation_stage_periods.passed is 'How many left.';
comment on column public.ai_automation_stage_periods.passed_seconds is 'How long those that left had stayed, together.';
comment on column public.ai_automation_daily_usage.user_id is 'The owner of the automation.';
comment on column public.ai_automation_daily_usage.rule_id is 'The automation.';
comment on column public.ai_automation_daily_usage.day is 'A day of the automation''s time_zone.';
comment on column public.ai_automation_daily_usage.reserved is 'Places taken; never more than daily_limit was when they were taken.';
comment on column public.ai_automation_workers.name is 'Process and a random part; a restarted worker is another one.';
comment on column public.ai_automation_workers.version is 'What it runs.';
comment on column public.ai_automation_workers.doing is 'What it did at the last beat, in words.';
comment on column public.ai_automation_workers.started_at is 'When it was first heard of.';
comment on column public.ai_automation_workers.beat_at is 'When it was last heard of; alive means within 15 s.';
comment on column public.ai_automation_workers.stopped_at is 'When it said goodbye; empty for one that runs, or was killed.';
comment on column public.ai_automation_audit.id is 'In the order of doing.';
comment on column public.ai_automation_audit.user_id is 'Who did it.';
comment on column public.ai_automation_audit.rule_id is 'To which automation, where it was one.';
comment on column public.ai_automation_audit.action is 'What was done, such as request_run or switch_off.';
comment on column public.ai_automation_audit.affected is 'How many contacts it changed.';
comment on column public.ai_automation_audit.occurred_at is 'When.';
comment on index public.ai_automation_audit_owner_idx is 'Serves what one person did, newest first, and the deletion of a person.';
-- What a signed-in person did stays written down: nobody changes or removes a line, and what is changed through the grants of
-- a table leaves one too. Every function of 70 to 89 that changes something writes its own; a test walks them.

alter table public.ai_automation_audit add column if not exists detail jsonb not null default '{}';
comment on column public.ai_automation_audit.detail is
'More about it: changed (which settings), filter (what was searched for), of (how many were asked for), state (of which contact, while there is one), edited (the text was), tag or tags (of a bulk, of an import), why (Facebook''s reason for stopping or warning a page). Never a name, a text or an id of a person.';

create or replace function public.keep_audit()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- With its person everything goes: that is the foreign key at work, one trigger further out.
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
        return old;
    end if;
    raise exception 'What was done stays written down.' using errcode = '42501';
end;
$$;

comment on function public.keep_audit() is 'Refuses every change of a line of the audit, and its removal other than with its person.';

create or replace trigger keep_audit
before update or delete on public.ai_automation_audit
for each row execute function public.keep_audit();

create or replace function public.note_own_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_new constant jsonb := to_jsonb(new);
    v_changed jsonb := '[]';
begin
    if tg_op = 'UPDATE' then
        select coalesce(jsonb_agg(n.key order by n.key), '[]') into v_changed
        from jsonb_each(v_new) as n
        where
            n.value is distinct from to_jsonb(old) -> n.key
            -- What follows from a change by itself; run_at is a setting.
            and n.key not in ('updated_at', 'next_run_at', 'opt_word_at', 'last_inbound_at', 'last_outbound_at');
        if v_changed = '[]' then
            return null;
        end if;
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
    values (
        (v_new ->> 'user_id')::uuid,
        case tg_table_name when 'ai_automation_rules' then (v_new ->> 'id')::uuid end,
        case tg_table_name when 'facebook_pages' then (v_new ->> 'id')::uuid else (v_new ->> 'page_id')::uuid end,
        case tg_op when 'INSERT' then 'add_' else 'change_' end
        || case tg_table_name when 'ai_automation_rules' then 'rule' when 'facebook_pages' then 'page' else 'contact' end,
        case tg_table_name when 'contacts' then 1 else 0 end,
        case tg_op when 'UPDATE' then jsonb_build_object('changed', v_changed) else '{}' end
    );
    return null;
end;
$$;

comment on function public.note_own_change() is
'Writes into the audit what a signed-in person adds or changes through a table''s grants: which settings, not their values.';

-- Asked before anything is queued, so that a worker's write costs nothing more.
create or replace trigger note_own_change
after insert or update on public.ai_automation_rules
for each row when (current_user = 'authenticated') execute function public.note_own_change();
create or replace trigger note_own_change
after insert or update on public.facebook_pages
for each row when (current_user = 'authenticated') execute function public.note_own_change();
create or replace trigger note_own_change
after insert or update on public.contacts
for each row when (current_user = 'authenticated') execute function public.note_own_change();

-- The state and not the contact: a person who is deleted goes from everywhere, and a line of the audit stays.
create or replace function public.who_was_meant(p_state_ids bigint[])
returns table (rule_id uuid, detail jsonb)
language sql
stable
set search_path = ''
as $$
    select
        case when count(distinct s.rule_id) = 1 then (min(s.rule_id::text))::uuid end,
        case when count(*) = 1 then jsonb_build_object('state', min(s.id)) else '{}' end
    from public.ai_automation_contact_states as s
    where s.id = any(p_state_ids) and s.user_id = (select auth.uid());
$$;

comment on function public.who_was_meant(bigint[]) is
'For a line of the audit: the automation where it is one, and in detail the state where it is one; always one row.';

create or replace function public.note_export(p_what text, p_filter jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if coalesce(p_what not in ('history', 'contacts'), true) or jsonb_typeof(p_filter) is distinct from 'object' then
        raise exception 'There is no such list to export.' using errcode = '22023';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, detail)
    values (
        (select auth.uid()), public.id_or_null(p_filter ->> 'rule'), public.id_or_null(p_filter ->> 'page'), 'export_' || p_what,
        jsonb_build_object(
            'filter',
            (
                select coalesce(jsonb_object_agg(f.key, case when f.key = 'q' then 'true' else f.value end), '{}')
                from jsonb_each(p_filter) as f
                where f.key in ('q', 'tag', 'opted', 'window', 'outcome', 'error', 'from', 'until') and length(f.value::text) <= 300
            )
        )
    );
end;
$$;

comment on function public.note_export(text, jsonb) is
'Writes down that the caller takes a list (history or contacts) out as a file, before its first line is handed out: what it was filtered by, of searched words only that there were some.';

create or replace function public.id_or_null(p_text text)
returns uuid
language sql
immutable
set search_path = ''
as $$
    select case when p_text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid end;
$$;

comment on function public.id_or_null(text) is 'The id that the text is, or null.';

revoke execute on function
public.keep_audit(), public.note_own_change(), public.who_was_meant(bigint[]), public.note_export(text, jsonb), public.id_or_null(text)
from public, anon, authenticated, service_role;
grant execute on function public.note_export(text, jsonb) to authenticated;
-- What a person wants everywhere: zone, light or dark, and what a new automation begins with.

create table if not exists public.user_settings (
    user_id uuid not null references auth.users (id) on delete cascade,
    time_zone text,
    theme text not null default 'system',
    wait_minutes integer,
    max_follow_ups integer,
    daily_limit integer,
    run_24_7 boolean,
    active_from time,
    active_until time,
    updated_at timestamptz not null default now(),
    constraint user_settings_pkey primary key (user_id),
    constraint user_settings_time_zone_exists check (timezone(time_zone, timestamptz '2026-01-01 00:00:00+00') is not null or time_zone is null),
    constraint user_settings_theme_is_known check (theme in ('system', 'light', 'dark')),
    constraint user_settings_wait_is_possible check (wait_minutes between 0 and 43200),
    constraint user_settings_follow_ups_are_few check (max_follow_ups between 1 and 10),
    constraint user_settings_daily_limit_is_possible check (daily_limit between 0 and 100000),
    constraint user_settings_hours_are_a_span check (active_from <> active_until)
);

comment on table public.user_settings is 'What a person wants on every page and in every browser; without a row, and where a column is empty, the browser''s and ours.';
comment on column public.user_settings.user_id is 'Whose.';
comment on column public.user_settings.time_zone is 'IANA name of the zone in which times are told; empty: the browser''s.';
comment on column public.user_settings.theme is 'light, dark, or system: as the machine has it.';
comment on column public.user_settings.wait_minutes is 'With what wait a new automation begins.';
comment on column public.user_settings.max_follow_ups is 'With how many follow-ups.';
comment on column public.user_settings.daily_limit is 'With what limit a day.';
comment on column public.user_settings.run_24_7 is 'Whether around the clock.';
comment on column public.user_settings.active_from is 'From when.';
comment on column public.user_settings.active_until is 'Until when.';
comment on column public.user_settings.updated_at is 'When it was last saved.';

alter table public.user_settings enable row level security;
revoke all on public.user_settings from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.user_settings to service_role;
grant select on public.user_settings to authenticated;
drop policy if exists "owners see their settings" on public.user_settings;
create policy "owners see their settings" on public.user_settings
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.save_settings(p_settings jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_user_id constant uuid := (select auth.uid());
    v_before public.user_settings;
    v_now public.user_settings;
    v_changed jsonb;
begin
    if jsonb_typeof(p_settings) is distinct from 'object' then
        raise exception 'Settings are an object.' using errcode = '22023';
    end if;
    insert into public.user_settings (user_id) values (v_user_id) on conflict do nothing;
    select u.* into v_before from public.user_settings as u where u.user_id = v_user_id for no key update;
    v_now := jsonb_populate_record(v_before, p_settings - 'user_id' - 'updated_at');
    v_now.theme := coalesce(v_now.theme, 'system');
    update public.user_settings as u
    set
        time_zone = v_now.time_zone, theme = v_now.theme, wait_minutes = v_now.wait_minutes, max_follow_ups = v_now.max_follow_ups,
        daily_limit = v_now.daily_limit, run_24_7 = v_now.run_24_7, active_from = v_now.active_from,
        active_until = v_now.active_until, updated_at = now()
    where u.user_id = v_user_id;
    select jsonb_agg(n.key order by n.key) into v_changed
    from jsonb_each(to_jsonb(v_now)) as n
    where n.value is distinct from to_jsonb(v_before) -> n.key;
    if v_changed is not null then
        insert into public.ai_automation_audit (user_id, action, detail)
        values (v_user_id, 'save_settings', jsonb_build_object('changed', v_changed));
    end if;
    return to_jsonb(v_now) - 'user_id' - 'updated_at';
end;
$$;

comment on function public.save_settings(jsonb) is
'Changes the caller''s settings that p_settings names, and answers with all of them. A null gives one back to the browser or to us.';

revoke execute on function public.save_settings(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.save_settings(jsonb) to authenticated;
-- What is kept true of contacts and automations at every write: tags in one spelling, and when a change last mattered.

create or replace function public.normalize_tags(p_tags text[])
returns text[]
language sql
immutable
set search_path = ''
as $$
    select array(
        select distinct lower(btrim(t.tag))
        from unnest(p_tags) as t (tag)
        where btrim(t.tag) <> ''
        order by lower(btrim(t.tag))
    );
$$;

comment on function public.normalize_tags(text[]) is 'Tags trimmed, in lower case, each once: VIP and vip are one tag.';

create or replace function public.check_tags(p_tags text[])
returns text[]
language plpgsql
immutable
set search_path = ''
as $$
begin
    if exists (select 1 from unnest(p_tags) as t (tag) where length(t.tag) > 100) then
        raise exception 'A tag is longer than 100 characters.' using errcode = '22001';
    end if;
    return public.normalize_tags(p_tags);
end;
$$;

comment on function public.check_tags(text[]) is 'normalize_tags for what a person gives; refuses a tag of more than 100 characters.';

create or replace function public.stamp_contact()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- What has not changed is not looked at again: a worker's write must never fail for an old tag.
    if tg_op = 'INSERT' or new.tags is distinct from old.tags then
        new.tags := public.check_tags(new.tags);
    end if;
    if
        tg_op = 'UPDATE'
        and (new.tags, new.time_zone, new.opted_out_at, new.last_inbound_at)
        is distinct from (old.tags, old.time_zone, old.opted_out_at, old.last_inbound_at)
    then
        new.updated_at := now();
    end if;
    return new;
end;
$$;

comment on function public.stamp_contact() is 'Notes when a contact last changed in a way that the rules look at; skipped contacts are then checked again.';

-- Only where one of these is written: that a message went out (last_outbound_at) is nothing that the rules wait for.
create or replace trigger stamp_contact
before insert or update of tags, time_zone, opted_out_at, last_inbound_at on public.contacts
for each row execute function public.stamp_contact();

create or replace function public.stamp_rule()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if tg_op = 'INSERT' or (new.include_tags, new.exclude_tags) is distinct from (old.include_tags, old.exclude_tags) then
        new.include_tags := public.check_tags(new.include_tags);
        new.exclude_tags := public.check_tags(new.exclude_tags);
    end if;
    if tg_op = 'UPDATE' and new.next_run_at is not distinct from old.next_run_at then
        new.updated_at := now();
    end if;
    return new;
end;
$$;

comment on function public.stamp_rule() is 'Notes when an automation last changed, other than by its schedule; skipped contacts are then checked again.';

create or replace trigger stamp_rule
before insert or update on public.ai_automation_rules
for each row execute function public.stamp_rule();

revoke execute on function public.check_tags(text[]) from public, anon, authenticated, service_role;
grant execute on function public.check_tags(text[]) to authenticated, service_role;
-- What happens at every change of stage, whoever makes it: the graph is checked, an event is written, the books are kept.

create or replace function public.is_in_flight(p_stage public.automation_stage)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select p_stage <= 'sending'::public.automation_stage;
$$;

comment on function public.is_in_flight(public.automation_stage) is 'Whether a contact in this stage is still being worked on.';

create or replace function public.stamp_new_contact_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.page_id is null then
        select r.page_id into new.page_id from public.ai_automation_rules as r where r.id = new.rule_id;
    end if;
    return new;
end;
$$;

create or replace trigger stamp_new_contact_state
before insert on public.ai_automation_contact_states
for each row execute function public.stamp_new_contact_state();

create or replace function public.stamp_contact_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    if new.current_stage is distinct from old.current_stage then
        new.stage_entered_at := now();
        if new.current_stage not in ('checking', 'generating', 'sending') then
            new.lease_owner := null;
            new.lease_token := null;
            new.lease_expires_at := null;
        end if;
    end if;
    return new;
end;
$$;

create or replace trigger stamp_contact_state
before update on public.ai_automation_contact_states
for each row execute function public.stamp_contact_state();

-- The books below are kept by one statement per set of moves. Rows are written in key order, so that two workers never
-- wait for each other in a circle.
-- A transition table has no statistics: without the setting 500 rows are compared with 500, one by one.
create or replace function public.record_stage_moves()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
declare
    v_illegal record;
    -- Once, not per row: it reads the token's claims.
    v_person text := auth.uid()::text;
begin
    if not exists (select from new_states) then
        return null;
    end if;
    select o.id, o.current_stage as from_stage, n.current_stage as to_stage
    into v_illegal
    from old_states as o
    inner join new_states as n on n.id = o.id and n.current_stage <> o.current_stage
    left join public.ai_automation_stage_moves as m on m.from_stage = o.current_stage and m.to_stage = n.current_stage
    where m.from_stage is null
    limit 1;
    if found then
        raise exception 'A contact cannot move from % to %.', v_illegal.from_stage, v_illegal.to_stage
        using errcode = 'check_violation', detail = format('contact state %s', v_illegal.id);
    end if;

    insert into public.ai_automation_stage_events (
        user_id, rule_id, contact_id, state_id, run_id, from_stage, to_stage, seconds_in_stage, actor, reason_code
    )
    select
        n.user_id, n.rule_id, n.contact_id, n.id, n.run_id, o.current_stage, n.current_stage,
        extract(epoch from n.stage_entered_at - o.stage_entered_at),
        coalesce(v_person, n.lease_owner, o.lease_owner, 'system'), n.reason_code
    from new_states as n
    inner join old_states as o on o.id = n.id
    where n.current_stage <> o.current_stage
    order by n.id;
    return null;
end;
$$;

create or replace trigger record_stage_moves
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.record_stage_moves();

create or replace function public.record_first_stage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into public.ai_automation_stage_events (user_id, rule_id, contact_id, state_id, run_id, to_stage, actor)
    select n.user_id, n.rule_id, n.contact_id, n.id, n.run_id, n.current_stage, coalesce(auth.uid()::text, 'system')
    from new_states as n
    order by n.id;
    return null;
end;
$$;

create or replace trigger record_first_stage
after insert on public.ai_automation_contact_states
referencing new table as new_states
for each statement execute function public.record_first_stage();

comment on function public.stamp_new_contact_state() is 'Fills in the page of a contact''s state.';
comment on function public.stamp_contact_state() is 'Sets the entry time of a stage and drops the lease of a contact that no worker holds any more.';
comment on function public.record_stage_moves() is 'Refuses moves outside the stage graph and writes one event per move.';
comment on function public.record_first_stage() is 'Writes the first event of a contact in an automation.';
-- Counts without counting: what comes in and goes is added to and taken from a few rows, in one statement per set.
-- What moves is counted by keep_books (52).

create or replace function public.monitor_since()
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select date_bin('1 hour', now(), timestamptz '2000-01-01 00:00:00+00') - interval '24 hours';
$$;

comment on function public.monitor_since() is
'From when contacts that are sent, failed, skipped or completed are on the monitor: 24 hours ago, to the hour, so that counts and list share one border.';

-- A shard that no other transaction writes to now, until the end of this one: who holds it may take it again. With all taken,
-- rows are shared.
create or replace function public.own_shard()
returns smallint
language plpgsql
set search_path = ''
as $$
begin
    for v_try in 0..7 loop
        if pg_try_advisory_xact_lock(20261122, v_try) then
            return v_try;
        end if;
    end loop;
    return pg_backend_pid() % 8;
end;
$$;

comment on function public.own_shard() is
'The shard of ai_automation_stage_counts and _stage_minutes that this transaction writes to, so that workers do not wait for each other.';

create or replace function public.tally_arrivals()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
    v_shard smallint := public.own_shard();
begin
    -- Minutes before counts, as keep_books writes them: two transactions that share a shard must not wait in a circle.
    insert into public.ai_automation_stage_minutes as m (user_id, rule_id, minute, stage, bucket, shard, entered)
    select n.user_id, n.rule_id, date_trunc('minute', now()), n.current_stage, 0, v_shard, count(*)
    from new_states as n
    group by n.user_id, n.rule_id, n.current_stage
    order by n.rule_id, n.current_stage
    on conflict (rule_id, minute, stage, bucket, shard) do update set entered = m.entered + excluded.entered;

    insert into public.ai_automation_stage_counts as k (
        user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms
    )
    select n.user_id, n.rule_id, n.slot, n.current_stage, n.end_reason, v_shard, count(*), sum((date_part('epoch', n.stage_entered_at) * 1000)::bigint)
    from new_states as n
    where n.slot >= v_since
    group by n.user_id, n.rule_id, n.slot, n.current_stage, n.end_reason
    order by n.rule_id, n.slot, n.current_stage, n.end_reason
    on conflict (rule_id, slot, stage, reason, shard) do update
        set contacts = k.contacts + excluded.contacts, entered_ms = k.entered_ms + excluded.entered_ms;
    return null;
end;
$$;

comment on function public.tally_arrivals() is 'Keeps ai_automation_stage_counts and ai_automation_stage_minutes when contacts come into an automation.';

create or replace trigger tally_arrivals
after insert on public.ai_automation_contact_states
referencing new table as new_states
for each statement execute function public.tally_arrivals();

-- With the automation itself gone its counts are going too, and may not come back.
create or replace function public.tally_departures()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
    v_shard smallint := public.own_shard();
begin
    insert into public.ai_automation_stage_counts as k (
        user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms
    )
    select o.user_id, o.rule_id, o.slot, o.current_stage, o.end_reason, v_shard, -count(*), -sum((date_part('epoch', o.stage_entered_at) * 1000)::bigint)
    from old_states as o
    inner join public.ai_automation_rules as r on r.id = o.rule_id
    where o.slot >= v_since
    group by o.user_id, o.rule_id, o.slot, o.current_stage, o.end_reason
    order by o.rule_id, o.slot, o.current_stage, o.end_reason
    on conflict (rule_id, slot, stage, reason, shard) do update
        set contacts = k.contacts + excluded.contacts, entered_ms = k.entered_ms + excluded.entered_ms;
    return null;
end;
$$;

comment on function public.tally_departures() is 'Keeps ai_automation_stage_counts when contacts are deleted.';

create or replace trigger tally_departures
after delete on public.ai_automation_contact_states
referencing old table as old_states
for each statement execute function public.tally_departures();

create or replace function public.forget_deleted_rules()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids uuid[] := array(select o.id from old_rules as o);
begin
    delete from public.ai_automation_stage_counts as k where k.rule_id = any(v_ids);
    delete from public.ai_automation_stage_minutes as m where m.rule_id = any(v_ids);
    delete from public.ai_automation_figures as f using old_rules as o where f.user_id = o.user_id and f.scope_id = o.id;
    delete from public.ai_automation_days as d using old_rules as o where d.user_id = o.user_id and d.rule_id = o.id;
    return null;
end;
$$;

comment on function public.forget_deleted_rules() is
'Removes the counts, minutes and figures of automations that are deleted; among the figures of their owner they stay.';

create or replace trigger forget_deleted_rules
after delete on public.ai_automation_rules
referencing old table as old_rules
for each statement execute function public.forget_deleted_rules();

create or replace function public.recount_stages()
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_rows integer;
begin
    lock table public.ai_automation_contact_states in share row exclusive mode;
    delete from public.ai_automation_stage_counts;
    insert into public.ai_automation_stage_counts (user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms)
    select s.user_id, s.rule_id, s.slot, s.current_stage, s.end_reason, 0, count(*), sum((date_part('epoch', s.stage_entered_at) * 1000)::bigint)
    from public.ai_automation_contact_states as s
    where s.slot >= public.monitor_since()
    group by s.user_id, s.rule_id, s.slot, s.current_stage, s.end_reason;
    get diagnostics v_rows = row_count;
    return v_rows;
end;
$$;

comment on function public.recount_stages() is
'Counts every contact again, with the table locked for writers meanwhile; for a database that was changed with triggers off. Returns the rows written.';

do $$
begin
    if not exists (select from public.ai_automation_stage_counts) and exists (select from public.ai_automation_contact_states) then
        perform public.recount_stages();
    end if;
end;
$$;
-- The books that a set of moves changes: counts, minutes, runs and daily limits. One trigger, because each costs as much
-- for being called as for what it writes. Rows are written in key order, so that two workers never wait in a circle.

-- A run counts how its contacts left the flight; a contact queued by a later run no longer concerns the earlier one.
-- A place in the daily limit is taken when quota_day is set, and given back when it is cleared, unless the message went
-- out or may have: a failed contact that still holds its place is one whose outcome nobody knows.
-- A transition table has no statistics: without the setting 500 rows are compared with 500, one by one.
create or replace function public.keep_books()
returns trigger
language plpgsql
set search_path = ''
set enable_nestloop = off
as $$
declare
    v_places_taken boolean;
    v_places_given_back boolean;
    v_landed boolean;
    v_sent boolean;
begin
    -- A statement that changed nothing calls its triggers as well.
    if not exists (select from new_states) then
        return null;
    end if;
    -- Moves that are alike are put together first: a batch is one or two kinds of move.
    with alike as materialized (
        select
            n.user_id, n.rule_id, n.slot, n.current_stage as stage, n.end_reason as reason, n.stage_entered_at as entered_at,
            o.slot as old_slot, o.current_stage as old_stage, o.end_reason as old_reason, o.stage_entered_at as old_entered_at,
            count(*) as contacts,
            bool_or(n.quota_day is not null and o.quota_day is distinct from n.quota_day) as takes_places,
            bool_or(o.quota_day is not null and n.quota_day is distinct from o.quota_day) as gives_back_places
        from new_states as n
        inner join old_states as o on o.id = n.id
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    ),

    kind as materialized (
        select
            a.*,
            (a.stage, a.entered_at, a.reason) is distinct from (a.old_stage, a.old_entered_at, a.old_reason) as moved,
            a.contacts * (date_part('epoch', a.entered_at) * 1000)::bigint as entered_ms,
            a.contacts * (date_part('epoch', a.old_entered_at) * 1000)::bigint as old_entered_ms,
            a.contacts * stay.seconds as seconds,
            least(greatest(ceil(ln(greatest(stay.seconds, 0.01) / 0.01) / 0.1823215567939546), 0), 110)::smallint as bucket
        from alike as a
        cross join lateral (values (date_part('epoch', a.entered_at - a.old_entered_at))) as stay (seconds)
    ),

    change as materialized (
        select c.user_id, c.rule_id, c.slot, c.stage, c.reason, c.contacts, c.entered_ms, c.bucket, c.entered, c.passed, c.seconds
        from kind as k
        cross join lateral (values (case when k.stage <> k.old_stage then k.contacts else 0 end)) as m (moves)
        cross join lateral (
            values
            (
                k.user_id, k.rule_id, k.slot, k.stage, k.reason, k.contacts, k.entered_ms,
                0::smallint, m.moves, 0, 0
            ),
            (
                k.user_id, k.rule_id, k.old_slot, k.old_stage, k.old_reason, -k.contacts, -k.old_entered_ms,
                k.bucket, 0, m.moves, k.seconds
            )
        ) as c (user_id, rule_id, slot, stage, reason, contacts, entered_ms, bucket, entered, passed, seconds)
        where k.moved
    ),

    -- In a query of its own, so that it is asked for once, and only when something moved. The first is mostly free.
    own as materialized (
        select case when pg_try_advisory_xact_lock(20261122, 0) then 0::smallint else public.own_shard() end as shard
    ),

    counted as (
        insert into public.ai_automation_stage_counts as k (
            user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms
        )
        select c.user_id, c.rule_id, c.slot, c.stage, c.reason, (select o.shard from own as o), sum(c.contacts), sum(c.entered_ms)
        from change as c
        -- Who is in flight has the year 9999: then the border is not asked for.
        where c.slot >= timestamptz '9999-01-01 00:00:00+00' or c.slot >= (select public.monitor_since())
        group by c.user_id, c.rule_id, c.slot, c.stage, c.reason
        order by c.rule_id, c.slot, c.stage, c.reason
        on conflict (rule_id, slot, stage, reason, shard) do update
            set contacts = k.contacts + excluded.contacts, entered_ms = k.entered_ms + excluded.entered_ms
    ),

    paced as (
        insert into public.ai_automation_stage_minutes as m (
            user_id, rule_id, minute, stage, bucket, shard, entered, passed, passed_seconds
        )
        select
            c.user_id, c.rule_id, date_trunc('minute', now()), c.stage, c.bucket, (select o.shard from own as o),
            sum(c.entered), sum(c.passed), sum(c.seconds)
        from change as c
        where c.entered + c.passed > 0
        group by c.user_id, c.rule_id, c.stage, c.bucket
        order by c.rule_id, c.stage, c.bucket
        on conflict (rule_id, minute, stage, bucket, shard) do update
            set
                entered = m.entered + excluded.entered,
                passed = m.passed + excluded.passed,
                passed_seconds = m.passed_seconds + excluded.passed_seconds
    )

    select
        bool_or(k.takes_places), bool_or(k.gives_back_places),
        bool_or((k.stage <= 'sending') <> (k.old_stage <= 'sending') or (k.stage = 'sent' and k.old_stage in ('failed', 'skipped'))),
        bool_or(k.stage = 'sent' and k.old_stage <> 'sent')
    into v_places_taken, v_places_given_back, v_landed, v_sent
    from kind as k;

    -- Usage before runs, as claims and decisions lock them: who checks and who records must not wait in a circle.
    if v_places_taken then
        insert into public.ai_automation_daily_usage as u (user_id, rule_id, day, reserved)
        select n.user_id, n.rule_id, n.quota_day, count(*)
        from new_states as n
        inner join old_states as o on o.id = n.id
        where n.quota_day is not null and o.quota_day is distinct from n.quota_day
        group by n.user_id, n.rule_id, n.quota_day
        order by n.rule_id, n.quota_day
        on conflict (rule_id, day) do update set reserved = u.reserved + excluded.reserved;
    end if;

    if v_places_given_back then
        with given_back as (
            select o.rule_id, o.quota_day, count(*) as places
            from new_states as n
            inner join old_states as o on o.id = n.id
            where
                o.quota_day is not null and n.quota_day is distinct from o.quota_day
                and o.current_stage not in ('sent', 'failed')
            group by o.rule_id, o.quota_day
        ),

        held as (
            select u.rule_id, u.day
            from public.ai_automation_daily_usage as u
            inner join given_back as g on g.rule_id = u.rule_id and g.quota_day = u.day
            where u.rule_id = any(array(select k.rule_id from given_back as k))
            order by u.rule_id, u.day
            for update of u
        )

        update public.ai_automation_daily_usage as u
        set reserved = u.reserved - g.places
        from held as h
        inner join given_back as g on g.rule_id = h.rule_id and g.quota_day = h.day
        where u.rule_id = h.rule_id and u.day = h.day and u.rule_id = any(array(select k.rule_id from given_back as k));
    end if;

    if v_sent then
        insert into public.ai_automation_daily_usage as u (user_id, rule_id, day, sent)
        select n.user_id, n.rule_id, timezone(r.time_zone, now())::date as day, count(*)
        from new_states as n
        inner join old_states as o on o.id = n.id and o.current_stage <> 'sent'
        inner join public.ai_automation_rules as r on r.id = n.rule_id
        where n.current_stage = 'sent'
        group by n.user_id, n.rule_id, timezone(r.time_zone, now())::date
        order by n.rule_id, day
        on conflict (rule_id, day) do update set sent = u.sent + excluded.sent;
    end if;

    if v_landed then
        with changed as (
            select
                n.run_id,
                sum((n.current_stage = 'sent')::int - (o.current_stage = 'sent')::int) as sent,
                sum((n.current_stage = 'skipped')::int - (o.current_stage = 'skipped')::int) as skipped,
                sum((n.current_stage = 'failed')::int - (o.current_stage = 'failed')::int) as failed
            from new_states as n
            inner join old_states as o on o.id = n.id and o.run_id = n.run_id
            where (n.current_stage <= 'sending') <> (o.current_stage <= 'sending') or (n.current_stage = 'sent' and o.current_stage in ('failed', 'skipped'))
            group by n.run_id
        ),

        -- By an array, not by a join: a plan that may try no pairs would read every run there ever was.
        held as (
            select r.id
            from public.ai_automation_runs as r
            where r.id = any(array(select c.run_id from changed as c))
            order by r.id
            for update
        )

        update public.ai_automation_runs as r
        set
            sent = r.sent + c.sent,
            skipped = r.skipped + c.skipped,
            failed = r.failed + c.failed,
            finished_at = case when r.sent + c.sent + r.skipped + c.skipped + r.failed + c.failed = r.total then now() end
        from changed as c
        where r.id = c.run_id and r.id = any(array(select h.id from held as h));
    end if;
    return null;
end;
$$;

create or replace trigger keep_books
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.keep_books();

-- A person may delete a contact at any time. What it held goes with it: its history, its place in the run and, unless a
-- message is or may be out, in the daily limit.
create or replace function public.forget_deleted_contacts()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    update public.ai_automation_daily_usage as u
    set reserved = u.reserved - g.places
    from (
        select o.rule_id, o.quota_day, count(*) as places
        from old_states as o
        where o.quota_day is not null and o.current_stage < 'sending'
        group by o.rule_id, o.quota_day
    ) as g
    where u.rule_id = g.rule_id and u.day = g.quota_day;

    update public.ai_automation_runs as r
    set
        total = r.total - g.contacts,
        finished_at = case when r.sent + r.skipped + r.failed = r.total - g.contacts then now() end
    from (
        select o.run_id, count(*) as contacts from old_states as o where o.current_stage <= 'sending' group by o.run_id
    ) as g
    where r.id = g.run_id;

    select array_agg(o.id) into v_ids from old_states as o;
    delete from public.ai_automation_stage_events as e where e.state_id = any(v_ids);
    delete from public.ai_automation_attempts as a where a.state_id = any(v_ids);
    delete from public.ai_automation_follow_ups as f where f.state_id = any(v_ids);
    return null;
end;
$$;

create or replace trigger forget_deleted_contacts
after delete on public.ai_automation_contact_states
referencing old table as old_states
for each statement execute function public.forget_deleted_contacts();

comment on function public.keep_books() is
'Keeps ai_automation_stage_counts, ai_automation_stage_minutes, ai_automation_runs and ai_automation_daily_usage when contacts move, so that they add up at every moment.';
comment on function public.forget_deleted_contacts() is 'Keeps runs and daily usage right when contacts are deleted, and removes their history.';
-- What /analytics reads: figures of every quarter of an hour, rolled up from the books and the tries by the worker's turn
-- roll_up (54). Nothing here is written when a contact moves (docs/decisions/0032).

create table if not exists public.ai_automation_figures (
    user_id uuid not null references auth.users (id) on delete cascade,
    scope_id uuid not null,
    kind text not null,
    day date not null,
    key text not null,
    number integer not null,
    upto bigint[] not null,
    constraint ai_automation_figures_pkey primary key (user_id, scope_id, kind, day, key, number),
    constraint ai_automation_figures_kind_is_known check (
        kind in (
            'entered', 'left', 'stayed', 'sent', 'failed', 'retried', 'replied', 'messages', 'ai_time',
            'tokens_in', 'tokens_out', 'cost', 'unpriced', 'unpriced_in', 'unpriced_out'
        )
    ),
    constraint ai_automation_figures_spans_are_equal check (cardinality(upto) in (24, 96))
)
with (fillfactor = 70);

create index if not exists ai_automation_figures_age_idx on public.ai_automation_figures (day);

comment on table public.ai_automation_figures is
'How often something happened, per automation and UTC day, as running sums over the day, so that a day of any time zone is the difference of two elements. Kept for 190 days.';
comment on column public.ai_automation_figures.user_id is 'The owner of the automation.';
comment on column public.ai_automation_figures.scope_id is
'The automation; or the owner, for all of hers together, those included that were deleted since.';
comment on column public.ai_automation_figures.kind is
'What is counted: contacts that entered or left a stage, or stayed so long; tries that were sent, failed, were retried or replied to, at the moment of the try; messages written, their ai_time, tokens and cost (millionths of a dollar), and those of them without a price.';
comment on column public.ai_automation_figures.day is 'The day (UTC).';
comment on column public.ai_automation_figures.key is 'The stage, the error code or the model.';
comment on column public.ai_automation_figures.number is
'Of stayed and ai_time the duration bucket, as in ai_automation_stage_minutes; of sent, replied and failed the follow-up, where failed 0 is a message that could not be written; else 0.';
comment on column public.ai_automation_figures.upto is
'Element i: how many from midnight UTC to the end of the i-th part of the day. Quarters of an hour; of durations older than 8 days, hours.';
comment on index public.ai_automation_figures_age_idx is 'Serves maintain: days that are old enough to be made coarser or removed.';

create table if not exists public.ai_automation_days (
    user_id uuid not null references auth.users (id) on delete cascade,
    rule_id uuid not null,
    day date not null,
    kind text not null,
    key text not null,
    total bigint not null,
    constraint ai_automation_days_pkey primary key (user_id, day, rule_id, kind, key)
);

comment on table public.ai_automation_days is
'What the AI used on whole UTC days, which is listed per automation; kept for as long as the automation.';
comment on column public.ai_automation_days.user_id is 'The owner of the automation.';
comment on column public.ai_automation_days.rule_id is 'The automation.';
comment on column public.ai_automation_days.day is 'The day (UTC).';
comment on column public.ai_automation_days.kind is 'As in ai_automation_figures: messages, tokens, cost.';
comment on column public.ai_automation_days.key is 'The model.';
comment on column public.ai_automation_days.total is 'How many on that day.';

create table if not exists public.ai_automation_open_tries (
    attempt_id uuid not null,
    user_id uuid not null references auth.users (id) on delete cascade,
    started_at timestamptz not null,
    counted boolean not null,
    constraint ai_automation_open_tries_pkey primary key (attempt_id)
);

create index if not exists ai_automation_open_tries_owner_idx on public.ai_automation_open_tries (user_id);

comment on table public.ai_automation_open_tries is
'A try whose outcome may still change: roll_up looks at it again, and corrects the figures of the moment it was made.';
comment on index public.ai_automation_open_tries_owner_idx is 'Serves the deletion of a person.';
comment on column public.ai_automation_open_tries.attempt_id is 'The try.';
comment on column public.ai_automation_open_tries.user_id is 'The owner of the automation.';
comment on column public.ai_automation_open_tries.started_at is 'When it was made.';
comment on column public.ai_automation_open_tries.counted is 'Whether it is among the figures as failed, outcome_unknown, until it is known.';

create table if not exists public.ai_automation_roll_up_marks (
    only_one boolean not null default true,
    moves_until timestamptz not null,
    tries_until timestamptz not null,
    open_after uuid not null default '00000000-0000-0000-0000-000000000000',
    messages_until bigint not null default 0,
    messages_noted bigint not null default 0,
    noted_at timestamptz not null,
    coarse_until date not null,
    constraint ai_automation_roll_up_marks_pkey primary key (only_one),
    constraint ai_automation_roll_up_marks_are_one_row check (only_one)
);

comment on table public.ai_automation_roll_up_marks is 'How far roll_up has come. One row.';
comment on column public.ai_automation_roll_up_marks.only_one is 'Always true.';
comment on column public.ai_automation_roll_up_marks.moves_until is 'Minutes before this one are among the figures.';
comment on column public.ai_automation_roll_up_marks.tries_until is 'Tries that began before are.';
comment on column public.ai_automation_roll_up_marks.open_after is 'Open tries up to this one were looked at last.';
comment on column public.ai_automation_roll_up_marks.messages_until is 'Messages up to this one were looked at as replies.';
comment on column public.ai_automation_roll_up_marks.messages_noted is 'The newest message at noted_at; the ones up to it are all committed a little later.';
comment on column public.ai_automation_roll_up_marks.noted_at is 'When that was.';
comment on column public.ai_automation_roll_up_marks.coarse_until is 'Durations of days before this one are kept by the hour.';

-- Not written when a contact moves: only roll_up does, for a message that was replied to.
alter table public.ai_automation_follow_ups add column if not exists replied_at timestamptz;
comment on column public.ai_automation_follow_ups.replied_at is
'When the contact wrote back, if that was before the next follow-up and within 7 days; noted by roll_up, once.';

do $$
begin
    if to_regtype('public.automation_figure') is null then
        create type public.automation_figure as (
            user_id uuid, rule_id uuid, happened_at timestamptz, kind text, key text, number integer, amount bigint
        );
    end if;
end;
$$;

comment on type public.automation_figure is 'Something that happened so many times, for add_figures.';

create or replace function public.running_sums(p_quarters integer[], p_amounts bigint[])
returns bigint[]
language sql
immutable
set search_path = ''
as $$
    select array_agg(s.upto order by s.quarter)
    from (
        select q.quarter, sum(coalesce(a.amount, 0)) over (order by q.quarter)::bigint as upto
        from generate_series(0, 95) as q (quarter)
        left join (
            select u.quarter, sum(u.amount) as amount
            from unnest(p_quarters, p_amounts) as u (quarter, amount)
            group by u.quarter
        ) as a on a.quarter = q.quarter
    ) as s;
$$;

comment on function public.running_sums(integer[], bigint[]) is
'So much in each of these quarters of an hour, as the running sums of a day: 96 elements.';

create or replace function public.add_sums(p_sums bigint[], p_more bigint[])
returns bigint[]
language sql
immutable
set search_path = ''
as $$
    select array_agg(u.upto + p_more[u.part * (96 / cardinality(p_sums))] order by u.part)
    from unnest(p_sums) with ordinality as u (upto, part);
$$;

comment on function public.add_sums(bigint[], bigint[]) is 'Running sums of a day, quarters or hours, and more of 96 quarters.';

create or replace function public.add_figures(p_figures public.automation_figure[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    -- An automation that is being deleted takes its figures along; what it did stays among its owner's.
    v_rule_ids uuid[] := array(
        select r.id from public.ai_automation_rules as r
        where r.id in (select f.rule_id from unnest(p_figures) as f)
        for key share skip locked
    );
begin
    insert into public.ai_automation_figures as f (user_id, scope_id, kind, day, key, number, upto)
    select
        n.user_id, s.scope_id, n.kind, n.day, n.key, n.number,
        public.running_sums(array_agg(n.quarter), array_agg(n.amount))
    from (
        select
            t.user_id, t.rule_id, t.kind, t.key, t.number, (t.happened_at at time zone 'UTC')::date as day,
            (extract(hour from t.happened_at at time zone 'UTC') * 4 + div(extract(minute from t.happened_at at time zone 'UTC'), 15))::integer
                as quarter,
            sum(t.amount)::bigint as amount
        from unnest(p_figures) as t
        group by 1, 2, 3, 4, 5, 6, 7
    ) as n
    cross join lateral (
        select n.user_id as scope_id
        union all
        select n.rule_id where n.rule_id = any(v_rule_ids)
    ) as s
    where n.amount <> 0
    group by n.user_id, s.scope_id, n.kind, n.day, n.key, n.number
    order by 1, 2, 3, 4, 5, 6
    on conflict (user_id, scope_id, kind, day, key, number) do update
        set upto = public.add_sums(f.upto, excluded.upto);

    insert into public.ai_automation_days as d (user_id, rule_id, day, kind, key, total)
    select
        t.user_id, t.rule_id, (t.happened_at at time zone 'UTC')::date as day, t.kind,
        t.key, sum(t.amount)
    from unnest(p_figures) as t
    where
        t.rule_id = any(v_rule_ids)
        and t.kind in ('messages', 'tokens_in', 'tokens_out', 'cost', 'unpriced', 'unpriced_in', 'unpriced_out')
    group by t.user_id, t.rule_id, day, t.kind, t.key
    having sum(t.amount) <> 0
    order by t.user_id, day, t.rule_id, t.kind, t.key
    on conflict (user_id, day, rule_id, kind, key) do update set total = d.total + excluded.total;
end;
$$;

comment on function public.add_figures(public.automation_figure[]) is
'Adds to the figures of an automation and of its owner; amounts may be negative, where something was counted that turned out otherwise.';
-- How the figures come about: set-based, each row of the books and of the tries exactly once, in calls of bounded work.
-- What is read lies before a moment at which every transaction has ended (20 s; the API ends its own after 8 s), and the
-- marks move in the transaction that adds, so that a call that dies has done nothing.

create or replace function public.roll_up_moves(p_from timestamptz, p_now timestamptz, p_limit integer)
returns timestamptz
language plpgsql
set search_path = ''
as $$
declare
    v_until timestamptz := date_trunc('minute', p_now - interval '20 seconds');
    v_settled timestamptz := date_trunc('hour', p_now, 'UTC') - interval '6 days';
    v_figures public.automation_figure[];
begin
    -- Minutes that were summed up already are read as hours, so whole hours are taken where there may be some.
    if p_from < v_settled then
        v_until := v_settled;
    end if;
    if p_from >= v_until then
        return p_from;
    end if;
    select case
        when x.minute is null then v_until
        when p_from < v_settled then greatest(date_trunc('hour', x.minute, 'UTC'), p_from + interval '1 hour')
        else greatest(x.minute, p_from + interval '1 minute')
    end into v_until
    from (values (1)) as one (one)
    left join lateral (
        select k.minute
        from public.ai_automation_rules as r
        cross join lateral (
            (
                select m.minute from public.ai_automation_stage_minutes as m
                where m.rule_id = r.id and m.minute >= p_from and m.minute < v_until
                order by m.minute
                limit p_limit + 1
            )
            union all
            (
                select h.starts_at from public.ai_automation_stage_periods as h
                where h.rule_id = r.id and h.span = 'hour' and h.starts_at >= p_from and h.starts_at < v_until
                order by h.starts_at
                limit p_limit + 1
            )
        ) as k
        order by k.minute
        offset p_limit
        limit 1
    ) as x on true;

    with flow as materialized (
        select r.user_id, r.id as rule_id, k.minute, k.stage, k.bucket, sum(k.entered) as entered, sum(k.passed) as passed
        from public.ai_automation_rules as r
        cross join lateral (
            select m.minute, m.stage, m.bucket, m.entered::bigint, m.passed::bigint
            from public.ai_automation_stage_minutes as m
            where m.rule_id = r.id and m.minute >= p_from and m.minute < v_until
            union all
            select h.starts_at, h.stage, h.bucket, h.entered, h.passed
            from public.ai_automation_stage_periods as h
            where h.rule_id = r.id and h.span = 'hour' and h.starts_at >= p_from and h.starts_at < v_until
        ) as k
        group by r.user_id, r.id, k.minute, k.stage, k.bucket
    )

    select array_agg((f.user_id, f.rule_id, f.minute, f.kind, f.key, f.number, f.amount)::public.automation_figure) into v_figures
    from (
        select w.user_id, w.rule_id, w.minute, 'entered' as kind, w.stage::text as key, 0 as number, sum(w.entered)::bigint as amount
        from flow as w
        group by w.user_id, w.rule_id, w.minute, w.stage
        union all
        select w.user_id, w.rule_id, w.minute, 'left', w.stage::text, 0, sum(w.passed)::bigint
        from flow as w
        group by w.user_id, w.rule_id, w.minute, w.stage
        union all
        select w.user_id, w.rule_id, w.minute, 'stayed', w.stage::text, w.bucket, w.passed::bigint
        from flow as w
        where w.stage <= 'sending' and w.passed > 0
        union all
        -- Failed without a try: the message could not be written.
        select s.user_id, s.rule_id, s.stage_entered_at, 'failed', coalesce(s.error_code, ''), 0, 1
        from public.ai_automation_rules as r
        cross join lateral (
            select t.user_id, t.rule_id, t.stage_entered_at, t.error_code
            from public.ai_automation_contact_states as t
            where
                t.rule_id = r.id and t.stage_rank = 0 and t.stage_entered_at >= p_from and t.stage_entered_at < v_until
                and (t.attempt_started_at is null or t.attempt_started_at < t.queued_at)
        ) as s
    ) as f
    where f.amount > 0;
    perform public.add_figures(v_figures);
    return v_until;
end;
$$;

comment on function public.roll_up_moves(timestamptz, timestamptz, integer) is
'Adds the minutes from p_from on, at most p_limit of their rows, and what failed before it was written; says until when.';

-- Its arguments had other names.
drop function if exists public.roll_up_tries(timestamptz, timestamptz, uuid, integer);

create or replace function public.roll_up_tries(p_from timestamptz, p_until timestamptz, p_open_after uuid, p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_until timestamptz := greatest(p_until, p_from);
    v_open uuid[];
    v_figures public.automation_figure[];
    v_states bigint[];
    v_oldest timestamptz;
    v_newest timestamptz;
begin
    select case when x.started_at is null then v_until else greatest(x.started_at, p_from + interval '1 microsecond') end into v_until
    from (values (1)) as one (one)
    left join lateral (
        select k.started_at
        from public.facebook_pages as p
        cross join lateral (
            select a.started_at from public.ai_automation_attempts as a
            where a.page_id = p.id and a.started_at >= p_from and a.started_at < v_until
            order by a.started_at
            limit p_limit + 1
        ) as k
        order by k.started_at
        offset p_limit
        limit 1
    ) as x on true;
    v_open := array(
        select o.attempt_id from public.ai_automation_open_tries as o
        where o.attempt_id > p_open_after
        order by o.attempt_id
        limit p_limit
    );

    -- One statement, so that the figures and the list of what is open are of one moment.
    with seen as materialized (
        select
            a.id, a.user_id, a.rule_id, a.state_id, a.run_id, a.follow_up, a.started_at, a.outcome, a.error_code,
            coalesce(a.ai_model, '') as model, a.tokens_in, a.tokens_out, a.cost_usd, a.generation_time_ms,
            false as was_counted, true as is_new
        from public.facebook_pages as p
        cross join lateral (
            select b.* from public.ai_automation_attempts as b
            where b.page_id = p.id and b.started_at >= p_from and b.started_at < v_until
        ) as a
        union all
        select
            a.id, a.user_id, a.rule_id, a.state_id, a.run_id, a.follow_up, a.started_at, a.outcome, a.error_code,
            coalesce(a.ai_model, ''), a.tokens_in, a.tokens_out, a.cost_usd, a.generation_time_ms, o.counted, false
        from public.ai_automation_open_tries as o
        inner join public.ai_automation_attempts as a on a.id = o.attempt_id and a.started_at = o.started_at
        where o.attempt_id = any(v_open)
    ),

    opened as (
        insert into public.ai_automation_open_tries (attempt_id, user_id, started_at, counted)
        select s.id, s.user_id, s.started_at, s.outcome <> 'sending'
        from seen as s
        where s.is_new and s.outcome in ('sending', 'unknown', 'abandoned')
    ),

    counted as (
        update public.ai_automation_open_tries as o
        set counted = true
        from seen as s
        where s.id = o.attempt_id and not s.is_new and not s.was_counted and s.outcome in ('unknown', 'abandoned')
    ),

    -- What was deleted stays as it was counted. What a person decided can be known for a while yet.
    closed as (
        delete from public.ai_automation_open_tries as o
        where
            o.attempt_id = any(v_open)
            and not exists (
                select from seen as s
                where
                    s.id = o.attempt_id and s.outcome in ('sending', 'unknown', 'abandoned')
                    and (s.outcome <> 'abandoned' or s.started_at > p_until - interval '3 days' or not s.was_counted)
            )
    ),

    written as materialized (
        select s.*
        from seen as s
        -- A message that is tried again was written once.
        where
            s.is_new and s.generation_time_ms is not null
            and not exists (
                select from public.ai_automation_attempts as b
                where
                    b.state_id = s.state_id and b.started_at > s.started_at - interval '2 days' and b.started_at < s.started_at
                    and b.follow_up = s.follow_up and b.run_id is not distinct from s.run_id and b.outcome = 'retry'
            )
    )

    select
        array_agg((f.user_id, f.rule_id, f.quarter, f.kind, f.key, f.number, f.amount)::public.automation_figure),
        array(select s.state_id from seen as s where s.outcome not in ('sending', 'unknown') order by s.state_id),
        (select min(s.started_at) from seen as s where s.outcome not in ('sending', 'unknown')),
        (select max(s.started_at) from seen as s where s.outcome not in ('sending', 'unknown'))
    into v_figures, v_states, v_oldest, v_newest
    from (
        select s.user_id, s.rule_id, date_bin('15 minutes', s.started_at, '2000-01-01 00:00:00+00') as quarter, m.kind, m.key, m.number, sum(m.amount)::bigint as amount
        from seen as s
        cross join lateral (
            values
            ('sent', '', s.follow_up, (s.outcome = 'sent')::integer),
            ('failed', coalesce(s.error_code, ''), s.follow_up, (s.outcome = 'failed')::integer),
            ('retried', coalesce(s.error_code, ''), 0, (s.outcome = 'retry')::integer),
            ('failed', 'outcome_unknown', s.follow_up, (s.outcome in ('unknown', 'abandoned'))::integer - s.was_counted::integer)
        ) as m (kind, key, number, amount)
        where m.amount <> 0
        group by 1, 2, 3, 4, 5, 6
        union all
        select w.user_id, w.rule_id, date_bin('15 minutes', w.started_at, '2000-01-01 00:00:00+00') as quarter, m.kind, w.model, m.number, sum(m.amount)::bigint
        from written as w
        cross join lateral (
            values
            ('messages', 0, 1::bigint),
            ('ai_time', least(greatest(ceil(ln(greatest(w.generation_time_ms / 1000.0, 0.01) / 0.01) / 0.1823215567939546), 0), 110)::integer, 1),
            ('tokens_in', 0, coalesce(w.tokens_in, 0)),
            ('tokens_out', 0, coalesce(w.tokens_out, 0)),
            ('cost', 0, round(coalesce(w.cost_usd, 0) * 1000000)::bigint),
            ('unpriced', 0, (w.cost_usd is null)::integer),
            ('unpriced_in', 0, case when w.cost_usd is null then coalesce(w.tokens_in, 0) else 0 end),
            ('unpriced_out', 0, case when w.cost_usd is null then coalesce(w.tokens_out, 0) else 0 end)
        ) as m (kind, number, amount)
        where m.amount <> 0
        group by 1, 2, 3, 4, 5, 6
    ) as f;
    perform public.add_figures(v_figures);
    return jsonb_build_object(
        'until', v_until,
        'open_after', case
            when cardinality(v_open) = p_limit then v_open[p_limit] else '00000000-0000-0000-0000-000000000000'
        end,
        'states', to_jsonb(v_states),
        'oldest', v_oldest,
        'newest', v_newest
    );
end;
$$;

comment on function public.roll_up_tries(timestamptz, timestamptz, uuid, integer) is
'Adds the tries from p_from on that began before p_until, and what became of open ones since; at most p_limit of each. Says until when, and which contacts to look at for replies.';
-- judge_contacts had a default of a row type, because of which PostgreSQL from 15.20 on lets no column with a default be added to
-- the rules. A default is only taken away with its function.

do $$
begin
    if exists (
        select from pg_catalog.pg_proc as p
        where p.oid = to_regprocedure('public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules)') and p.pronargdefaults > 0
    ) then
        drop function public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules);
    end if;
end;
$$;
-- Who may be written to now, and if not, why: the one place that decides (docs/decisions/0003).

create or replace function public.is_active_now(p_days smallint[], p_from time, p_until time, p_zone text, p_now timestamptz)
returns boolean
language sql
stable
set search_path = ''
as $$
    select coalesce(bool_or(c.clock >= d.local_day + p_from and c.clock < d.local_day + (p_until <= p_from)::int + p_until), false)
    from (select timezone(p_zone, p_now) as clock) as c
    cross join lateral (values (c.clock::date), (c.clock::date - 1)) as d (local_day)
    where extract(isodow from d.local_day) = any(p_days);
$$;

comment on function public.is_active_now(smallint[], time, time, text, timestamptz) is
'open_now of active_hours, without the search for when they begin next: what is asked for every zone of every batch.';

create or replace function public.active_hours(
    p_days smallint[],
    p_from time,
    p_until time,
    p_zone text,
    p_now timestamptz
)
returns table (open_now boolean, next_open_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select
        public.is_active_now(p_days, p_from, p_until, p_zone, p_now),
        min(m.moment) filter (where m.moment > p_now and l.clock >= span.opens and l.clock < span.closes)
    from (select timezone(p_zone, p_now) as clock) as c
    -- The first four active days from yesterday on: one of them has an opening that is still to come.
    cross join lateral (
        select c.clock::date + ahead.days as local_day
        from generate_series(-1, 28) as ahead (days)
        where extract(isodow from c.clock::date + ahead.days) = any(p_days)
        order by ahead.days
        limit 4
    ) as d
    cross join lateral (
        select d.local_day + p_from as opens, d.local_day + (p_until <= p_from)::int + p_until as closes
    ) as span
    -- An hour that autumn repeats begins earlier than timezone() says, one that spring leaves out opens when it is over.
    cross join unnest('{0, 30 minutes, 1 hour, 2 hours}'::interval []) as back (shift)
    cross join lateral (select timezone(p_zone, span.opens) - back.shift as moment) as m
    cross join lateral (select timezone(p_zone, m.moment) as clock) as l;
$$;

comment on function public.active_hours(smallint[], time, time, text, timestamptz) is
'Whether a zone''s clock shows a time inside the active days and hours, and when they begin next; both DST changes are right.';

-- Two questions with two plans: pairs are looked up one by one, a page is read as a whole.
drop function if exists public.contacts_to_judge(uuid[], uuid[], uuid[]);
create or replace function public.contacts_to_judge(p_rule_ids uuid[], p_contact_ids uuid[], p_page_ids uuid[])
returns table (
    rule_id uuid, contact_id uuid, page_id uuid, tags text[], opted_out_at timestamptz, last_inbound_at timestamptz,
    last_outbound_at timestamptz, time_zone text, current_stage public.automation_stage, queued_at timestamptz, sequence_began_at timestamptz,
    last_sent_at timestamptz, stopped_at timestamptz, quota_day date, follow_up_count integer
)
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_contact_ids is not null then
        return query
        select
            q.rule_id, c.id, c.page_id, c.tags, c.opted_out_at, c.last_inbound_at, c.last_outbound_at, c.time_zone,
            s.current_stage, s.queued_at, s.sequence_began_at, s.last_sent_at, s.stopped_at, s.quota_day, s.follow_up_count
        from unnest(p_rule_ids, p_contact_ids) as q (rule_id, contact_id)
        inner join public.contacts as c on c.id = q.contact_id
        left join public.ai_automation_contact_states as s on s.contact_id = q.contact_id and s.rule_id = q.rule_id;
    else
        return query
        select
            q.rule_id, c.id, c.page_id, c.tags, c.opted_out_at, c.last_inbound_at, c.last_outbound_at, c.time_zone,
            s.current_stage, s.queued_at, s.sequence_began_at, s.last_sent_at, s.stopped_at, s.quota_day, s.follow_up_count
        from unnest(p_rule_ids, p_page_ids) as q (rule_id, page_id)
        inner join public.contacts as c on c.page_id = q.page_id
        left join public.ai_automation_contact_states as s on s.contact_id = c.id and s.rule_id = q.rule_id;
    end if;
end;
$$;

comment on function public.contacts_to_judge(uuid[], uuid[], uuid[]) is
'What judge_contacts must know of the pairs in the first two arrays or, without contacts, of everybody on the pages, each page for the rule beside it.';

create or replace function public.judge_contacts(
    p_rule_ids uuid[],
    p_contact_ids uuid[],
    p_now timestamptz,
    p_as_typed public.ai_automation_rules
)
returns table (rule_id uuid, contact_id uuid, reason_code text, next_check_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rule_ids uuid[] := p_rule_ids;
    v_page_ids uuid[];
begin
    if p_contact_ids is null then
        select array_agg(r.id), array_agg(r.page_id) into v_rule_ids, v_page_ids
        from (
            select k.id, k.page_id from public.ai_automation_rules as k where k.id = any(p_rule_ids) and p_as_typed.id is null
            union all
            select p_as_typed.id, p_as_typed.page_id where p_as_typed.id is not null
        ) as r;
    end if;

    return query
    with rule as materialized (
        select
            r.id, r.page_id, r.enabled, r.time_zone, r.run_24_7, r.active_days, r.active_from, r.active_until, r.exclude_tags,
            r.include_tags, r.include_mode, r.stop_on_reply, r.max_follow_ups, r.wait_minutes, r.daily_limit,
            p.status as page_status, p.paused_until, p.paused_at, p.disconnected_at,
            timezone(r.time_zone, p_now)::date as today,
            timezone(r.time_zone, timezone(r.time_zone, p_now)::date + 1 + time '00:00') as tomorrow_at
        from (
            select k.* from public.ai_automation_rules as k where k.id = any(p_rule_ids) and p_as_typed.id is null
            union all
            select p_as_typed.* where p_as_typed.id is not null
        ) as r
        inner join public.facebook_pages as p on p.id = r.page_id
    ),

    candidate as materialized (
        select
            k.rule_id, k.contact_id as id, k.tags, k.opted_out_at, k.last_inbound_at,
            greatest(k.last_inbound_at, k.last_outbound_at, k.last_sent_at) as last_said_at,
            coalesce(k.time_zone, r.time_zone) as zone,
            k.stopped_at, k.quota_day,
            coalesce(k.follow_up_count, 0) as follow_up_count,
            -- Of a reply to an earlier follow-up one may hear only after a later one went out.
            case
                when k.last_sent_at is not null then least(k.sequence_began_at, k.last_sent_at)
                when k.current_stage <= 'sending' then k.queued_at
            end as replies_count_from
        from public.contacts_to_judge(v_rule_ids, p_contact_ids, v_page_ids) as k
        inner join rule as r on r.id = k.rule_id and r.page_id = k.page_id
    ),

    -- Once per zone, not per contact, and only for rules that keep hours.
    clock as materialized (
        select z.rule_id, z.zone, h.next_open_at
        from (
            select distinct n.rule_id, n.zone
            from candidate as n
            inner join rule as g on g.id = n.rule_id and not g.run_24_7
        ) as z
        inner join rule as r on r.id = z.rule_id
        cross join lateral public.active_hours(r.active_days, r.active_from, r.active_until, z.zone, p_now) as h
        where not public.is_active_now(r.active_days, r.active_from, r.active_until, z.zone, p_now)
    ),

    judged as (
        select
            c.rule_id, c.id, c.quota_day, c.last_inbound_at,
            case
                when not r.enabled then 'rule_disabled'
                when r.disconnected_at is not null then 'page_disconnected'
                when r.paused_at is not null then 'page_paused'
                when r.paused_until > p_now or (r.page_status <> 'active' and r.paused_until is null) then 'page_unavailable'
                when c.opted_out_at is not null then 'opted_out'
                when c.stopped_at is not null then 'stopped'
                when c.tags && r.exclude_tags then 'excluded_tag'
                when
                    r.include_tags <> '{}'
                    and not case r.include_mode when 'all' then c.tags @> r.include_tags else c.tags && r.include_tags end
                    then 'missing_tag'
                when r.stop_on_reply and c.last_inbound_at > c.replies_count_from then 'replied'
                when c.follow_up_count >= r.max_follow_ups then 'max_follow_ups_reached'
                when c.last_said_at + make_interval(mins => r.wait_minutes) > p_now then 'waiting'
                when c.last_inbound_at is null or c.last_inbound_at + interval '24 hours' <= p_now then 'window_closed'
                when h.zone is not null then 'outside_active_hours'
                else 'ok'
            end as reason,
            c.last_said_at + make_interval(mins => r.wait_minutes) as wait_ends_at,
            h.next_open_at,
            coalesce(r.paused_until, p_now + interval '30 minutes') as page_probe_at,
            r.today,
            r.tomorrow_at,
            r.daily_limit
        from candidate as c
        inner join rule as r on r.id = c.rule_id
        left join clock as h on h.rule_id = c.rule_id and h.zone = c.zone
    ),

    -- Whose window closes first goes first; a contact that holds a place already needs no other.
    ranked as (
        select
            j.*,
            count(*) filter (where j.reason = 'ok' and j.quota_day is distinct from j.today) over (
                partition by j.rule_id order by j.last_inbound_at, j.id rows unbounded preceding
            ) as place
        from judged as j
    ),

    settled as (
        select
            k.*,
            case
                when
                    k.reason = 'ok' and k.quota_day is distinct from k.today
                    and k.place > k.daily_limit - coalesce(u.reserved, 0)
                    then 'daily_limit_reached'
                else k.reason
            end as final_reason
        from ranked as k
        left join public.ai_automation_daily_usage as u on u.rule_id = k.rule_id and u.day = k.today
    )

    select
        f.rule_id,
        f.id,
        f.final_reason,
        case f.final_reason
            when 'page_unavailable' then f.page_probe_at
            when 'page_paused' then p_now + interval '5 minutes'
            when 'page_disconnected' then p_now + interval '5 minutes'
            when 'waiting' then f.wait_ends_at
            when 'outside_active_hours' then f.next_open_at
            when 'daily_limit_reached' then f.tomorrow_at
        end
    from settled as f;
end;
$$;

comment on function public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules) is
'A reason per rule and contact: of the pairs in the two arrays, or, with p_contact_ids null, of every contact of the rules'' pages. The first that applies of rule_disabled, page_disconnected, page_paused, page_unavailable, opted_out, stopped, excluded_tag, missing_tag, replied, max_follow_ups_reached, waiting, window_closed, outside_active_hours, daily_limit_reached, ok. next_check_at is set where time alone can change the answer. p_as_typed stands in for the rule of its id, saved or not.';

create or replace function public.contact_eligibility(
    p_rule_id uuid, p_contact_ids uuid[] default null, p_now timestamptz default now()
)
returns table (contact_id uuid, reason_code text, next_check_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select j.contact_id, j.reason_code, j.next_check_at
    from public.judge_contacts(
        case when p_contact_ids is null then array[p_rule_id] else array_fill(p_rule_id, array[cardinality(p_contact_ids)]) end,
        p_contact_ids, p_now, null::public.ai_automation_rules
    ) as j;
$$;

comment on function public.contact_eligibility(uuid, uuid[], timestamptz) is
'Who of a rule''s page, or of p_contact_ids, may be written to at p_now, and if not, why: judge_contacts for one rule.';

create or replace function public.as_if_on(p_rule public.ai_automation_rules)
returns public.ai_automation_rules
language plpgsql
immutable
set search_path = ''
as $$
begin
    p_rule.id := coalesce(p_rule.id, '00000000-0000-0000-0000-000000000000');
    p_rule.enabled := true;
    p_rule.include_tags := public.normalize_tags(p_rule.include_tags);
    p_rule.exclude_tags := public.normalize_tags(p_rule.exclude_tags);
    return p_rule;
end;
$$;

comment on function public.as_if_on(public.ai_automation_rules) is
'The automation as it would be judged if it were saved and on, for judge_contacts.';

create or replace function public.reason_text(p_reason text)
returns text
language sql
immutable
set search_path = ''
as $$
    select case p_reason
        when 'rule_disabled' then 'The automation is switched off'
        when 'page_disconnected' then 'The page was disconnected'
        when 'page_paused' then 'The page is paused'
        when 'page_unavailable' then 'The page cannot send at the moment'
        when 'opted_out' then 'Asked not to be written to'
        when 'stopped' then 'Stopped by a person'
        when 'cancelled' then 'Cancelled by a person'
        when 'rejected' then 'The message was rejected in review'
        when 'excluded_tag' then 'Has an excluded tag'
        when 'missing_tag' then 'Lacks the tags of this automation'
        when 'replied' then 'Replied'
        when 'max_follow_ups_reached' then 'Got every follow-up'
        when 'waiting' then 'Too soon after the last message'
        when 'window_closed' then 'Facebook''s 24-hour window is closed'
        when 'outside_active_hours' then 'Outside the active hours'
        when 'daily_limit_reached' then 'The daily limit is reached'
        when 'already_sent' then 'This follow-up has been sent, or may have been'
        when 'ok' then 'Passed every check'
        else coalesce(p_reason, '')
    end;
$$;

comment on function public.reason_text(text) is 'The sentence a person reads for a reason code.';
-- Replies among the figures, and the turn that brings all of them up to date.

-- It did not know how far the tries are.
drop function if exists public.roll_up_replies(bigint[], timestamptz, timestamptz, bigint, bigint);

create or replace function public.roll_up_replies(
    p_states bigint[], p_oldest timestamptz, p_newest timestamptz, p_messages bigint, p_until bigint, p_tries_until timestamptz
)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_states bigint[];
    v_oldest timestamptz;
    v_newest timestamptz;
    v_figures public.automation_figure[];
begin
    select
        p_states || array_agg(s.id),
        least(min(m.said_at), p_oldest) - interval '7 days',
        greatest(max(m.said_at), p_newest) + interval '7 days'
    into v_states, v_oldest, v_newest
    from public.contact_messages as m
    inner join public.ai_automation_contact_states as s on s.contact_id = m.contact_id
    where m.id > p_messages and m.id <= p_until and m.direction = 'in';
    if coalesce(cardinality(v_states), 0) = 0 then
        return 0;
    end if;

    with tried as materialized (
        select
            a.id, a.user_id, a.rule_id, a.contact_id, a.state_id, a.follow_up, a.started_at, a.outcome,
            lead(a.started_at) over (partition by a.state_id order by a.started_at) as next_at
        from public.ai_automation_attempts as a
        where a.state_id = any(v_states) and a.started_at >= v_oldest and a.started_at <= v_newest
            and a.outcome in ('sent', 'sending', 'unknown')
    ),

    replied as (
        update public.ai_automation_follow_ups as f
        set replied_at = m.said_at
        from tried as t
        cross join lateral (
            select n.said_at from public.contact_messages as n
            where
                n.contact_id = t.contact_id and n.direction = 'in' and n.said_at > t.started_at
                and n.said_at < coalesce(t.next_at, 'infinity') and n.said_at <= t.started_at + interval '7 days'
            order by n.said_at
            limit 1
        ) as m
        where
            t.outcome = 'sent' and f.state_id = t.state_id and f.follow_up = t.follow_up and f.attempt_id = t.id
            and f.replied_at is null
            -- What is not among the figures as sent yet brings its contact here once it is.
            and t.started_at < p_tries_until
            and not exists (select from public.ai_automation_open_tries as o where o.attempt_id = t.id)
        returning t.user_id, t.rule_id, t.started_at, t.follow_up
    )

    select array_agg((r.user_id, r.rule_id, r.started_at, 'replied', '', r.follow_up, 1)::public.automation_figure)
    into v_figures
    from replied as r;
    perform public.add_figures(v_figures);
    return coalesce(cardinality(v_figures), 0);
end;
$$;

comment on function public.roll_up_replies(bigint[], timestamptz, timestamptz, bigint, bigint, timestamptz) is
'Adds replies to messages that are counted as sent (tries before p_tries_until), of these contacts and of those who wrote the messages after p_messages: the first thing a contact says within 7 days, before the next follow-up. Each message is replied to once.';

create or replace function public.roll_up(p_limit integer default 5000, p_now timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_now timestamptz := coalesce(least(p_now, now()), now());
    v_mark public.ai_automation_roll_up_marks;
    v_moves_until timestamptz;
    v_tries jsonb;
    v_messages_until bigint;
    v_replies integer;
begin
    if not pg_try_advisory_xact_lock(20261122, 101) then
        return jsonb_build_object('busy', true);
    end if;
    insert into public.ai_automation_roll_up_marks (moves_until, tries_until, noted_at, coarse_until)
    values (
        date_trunc('hour', v_now, 'UTC') - interval '90 days', date_trunc('hour', v_now, 'UTC') - interval '90 days', v_now,
        (v_now at time zone 'UTC')::date - 100
    )
    on conflict do nothing;
    select m.* into v_mark from public.ai_automation_roll_up_marks as m;

    v_moves_until := public.roll_up_moves(v_mark.moves_until, v_now, p_limit);
    -- Tries up to where the moves are and no further: a message must not be sent among the figures before it was queued.
    v_tries := public.roll_up_tries(v_mark.tries_until, v_moves_until, v_mark.open_after, p_limit);
    v_messages_until := v_mark.messages_until;
    if v_mark.noted_at <= v_now - interval '20 seconds' then
        v_messages_until := coalesce(
            (
                select m.id from public.contact_messages as m
                where m.id > v_mark.messages_until and m.id <= v_mark.messages_noted
                order by m.id
                offset p_limit
                limit 1
            ), v_mark.messages_noted
        );
    end if;
    v_replies := public.roll_up_replies(
        array(select s.id::bigint from jsonb_array_elements_text(v_tries -> 'states') as s (id)), (v_tries ->> 'oldest')::timestamptz,
        (v_tries ->> 'newest')::timestamptz, v_mark.messages_until, v_messages_until,
        (v_tries ->> 'until')::timestamptz
    );

    update public.ai_automation_roll_up_marks as m
    set
        moves_until = v_moves_until,
        tries_until = (v_tries ->> 'until')::timestamptz,
        open_after = (v_tries ->> 'open_after')::uuid,
        messages_until = v_messages_until,
        messages_noted = case
            when v_messages_until = v_mark.messages_noted
                then greatest((select max(n.id) from public.contact_messages as n), v_mark.messages_noted)
            else v_mark.messages_noted
        end,
        noted_at = case when v_messages_until = v_mark.messages_noted then v_now else v_mark.noted_at end
    where m.only_one;
    return jsonb_build_object(
        'settled', jsonb_array_length(v_tries -> 'states'),
        'replies', v_replies,
        'more', v_moves_until < date_trunc('minute', v_now - interval '20 seconds')
        or (v_tries ->> 'until')::timestamptz < v_moves_until
        or v_messages_until < v_mark.messages_noted and v_mark.noted_at <= v_now - interval '20 seconds'
    );
end;
$$;

comment on function public.roll_up(integer, timestamptz) is
'Brings the figures up to date, 20 s behind now or an earlier p_now, with at most p_limit rows of each source in a call; more is true while there are others. Where another call is at it, it answers busy.';
-- When an automation runs by itself, and what keeps one moment of its schedule from starting two runs (docs/decisions/0033).

alter table public.ai_automation_rules add column if not exists run_at time[] not null default '{}';
alter table public.ai_automation_rules
drop constraint if exists ai_automation_rules_times_are_few,
add constraint ai_automation_rules_times_are_few check (
    cardinality(run_at) <= 24 and array_position(run_at, null) is null
);
alter table public.ai_automation_runs add column if not exists slot text;
create unique index if not exists ai_automation_runs_slot_idx on public.ai_automation_runs (rule_id, slot) where slot is not null;

comment on column public.ai_automation_rules.run_at is
'Times of day in time_zone at which the scheduler looks for due contacts, in place of run_every_minutes; empty leaves it to that.';
comment on column public.ai_automation_runs.slot is
'The moment of the schedule that started it: local date, time and zone for run_at, else UTC; empty for a run by hand. Once per automation.';
comment on index public.ai_automation_runs_slot_idx is
'Serves enqueue_contacts: two schedulers never start one slot twice, whatever locks do; a clock that goes back does not repeat a local time.';

-- An hour that spring leaves out is over at its first valid minute; of one that autumn repeats the first counts.
create or replace function public.first_moment(p_local timestamp, p_zone text)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select case
        when timezone(p_zone, l.moment) = p_local and timezone(p_zone, l.moment - interval '3 hours') = p_local - interval '3 hours'
            then l.moment
        else (
            select min(m.moment)
            from generate_series(l.moment - interval '3 hours', l.moment, interval '1 minute') as m (moment)
            where timezone(p_zone, m.moment) >= p_local
        )
    end
    from (select timezone(p_zone, p_local) as moment) as l;
$$;

comment on function public.first_moment(timestamp, text) is 'When a zone''s clock first shows this time, or one after it.';

create or replace function public.next_slot(p_run_at time[], p_zone text, p_after timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select min(m.moment)
    from generate_series(-1, 2) as d (days)
    cross join unnest(p_run_at) as u (clock)
    cross join lateral (
        select public.first_moment(timezone(p_zone, p_after)::date + d.days + u.clock, p_zone) as moment
    ) as m
    where m.moment > p_after;
$$;

comment on function public.next_slot(time[], text, timestamptz) is
'The first moment after p_after at which one of these local times comes; null without times. Each comes once a local day, also when the clock is changed.';

create or replace function public.slot_of(p_run_at time[], p_zone text, p_moment timestamptz)
returns text
language sql
stable
set search_path = ''
as $$
    select coalesce(
        (select to_char(l.clock, 'YYYY-MM-DD HH24:MI:SS ') || p_zone where l.clock::time = any(p_run_at)),
        (
            select min(to_char(s.clock, 'YYYY-MM-DD HH24:MI:SS ') || p_zone)
            from generate_series(-1, 0) as d (days)
            cross join unnest(p_run_at) as u (time_of_day)
            cross join lateral (select l.clock::date + d.days + u.time_of_day as clock) as s
            where public.first_moment(s.clock, p_zone) = p_moment
        ),
        to_char(timezone('UTC', p_moment), 'YYYY-MM-DD HH24:MI:SS.US UTC')
    )
    from (select timezone(p_zone, p_moment) as clock) as l;
$$;

comment on function public.slot_of(time[], text, timestamptz) is
'The name of the slot that is due at this moment: local, so that a repeated hour has no second one, or the moment itself where it is none of these times.';

create or replace function public.next_run_of(p_rule public.ai_automation_rules, p_after timestamptz)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select coalesce(
        public.next_slot(p_rule.run_at, p_rule.time_zone, p_after),
        p_after + make_interval(mins => p_rule.run_every_minutes)
    );
$$;

comment on function public.next_run_of(public.ai_automation_rules, timestamptz) is 'When the scheduler looks at this automation next, after p_after.';

create or replace function public.next_look(p_run_at time[], p_zone text, p_check_at timestamptz)
returns timestamptz
language sql
stable
security definer
set search_path = ''
as $$
    select case
        when p_check_at is null or p_run_at = '{}' then p_check_at
        else public.next_slot(p_run_at, p_zone, greatest(p_check_at, now()) - interval '1 microsecond')
    end;
$$;

comment on function public.next_look(time[], text, timestamptz) is
'When a contact whose next check is due at p_check_at is looked at: then, or, where the automation runs at times of day only, at the first of them from then on.';

-- Whoever changes the schedule of an automation that is on means the next run, not the one after it.
create or replace function public.follow_schedule()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if
        new.enabled and new.next_run_at is not distinct from old.next_run_at
        and (new.run_at, new.run_every_minutes, new.time_zone) is distinct from (old.run_at, old.run_every_minutes, old.time_zone)
    then
        new.next_run_at := case
            when new.run_at = '{}' and old.run_at = '{}' then least(old.next_run_at, public.next_run_of(new, now()))
            else public.next_run_of(new, now())
        end;
    end if;
    return new;
end;
$$;

comment on function public.follow_schedule() is 'Moves next_run_at when the schedule of an automation is changed.';

create or replace trigger follow_schedule
before update of run_at, run_every_minutes, time_zone on public.ai_automation_rules
for each row execute function public.follow_schedule();

revoke execute on function
public.first_moment(timestamp, text), public.next_slot(time[], text, timestamptz), public.slot_of(time[], text, timestamptz),
public.next_run_of(public.ai_automation_rules, timestamptz), public.next_look(time[], text, timestamptz), public.follow_schedule()
from public, anon, authenticated, service_role;
grant execute on function
public.first_moment(timestamp, text), public.next_slot(time[], text, timestamptz), public.slot_of(time[], text, timestamptz),
public.next_run_of(public.ai_automation_rules, timestamptz)
to service_role;
-- Who looks at a contact is told when it is looked at next.
grant execute on function public.next_look(time[], text, timestamptz) to authenticated, service_role;
-- How contacts get into a run: by the schedule, or because a person pressed the button.

-- p_due_only takes those whose time has come; otherwise all that are not in flight, not waiting for their next follow-up
-- and not over are checked again.
create or replace function public.contacts_to_queue(p_rule_id uuid, p_due_only boolean)
returns table (contact_id uuid, last_inbound_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select c.id, c.last_inbound_at
    from public.ai_automation_rules as r
    inner join public.contacts as c on c.page_id = r.page_id
    left join public.ai_automation_contact_states as s on s.rule_id = r.id and s.contact_id = c.id
    where
        r.id = p_rule_id
        and (
            r.include_tags = '{}'
            or case r.include_mode when 'all' then c.tags @> r.include_tags else c.tags && r.include_tags end
        )
        and (
            s.id is null
            or (s.current_stage in ('sent', 'skipped') and s.next_check_at <= now())
            or (
                s.current_stage = 'skipped'
                and (not p_due_only or greatest(c.updated_at, r.updated_at) > s.stage_entered_at)
            )
        );
$$;

comment on function public.contacts_to_queue(uuid, boolean) is
'Whom a run of this automation would queue now: the one place that decides, for the schedule, for Run now and for the number in its question.';

create or replace function public.queue_contacts(p_rule public.ai_automation_rules, p_run_id uuid, p_contact_ids uuid[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_queued integer;
    v_again integer := 0;
begin
    -- Whom this run has had already it counts once: keep_books takes back what became of them.
    if exists (select 1 from public.ai_automation_runs as r where r.id = p_run_id and r.total > 0) then
        select count(*) into v_again
        from (
            select 1
            from public.ai_automation_contact_states as s
            where
                s.rule_id = p_rule.id and s.contact_id = any(p_contact_ids) and s.run_id = p_run_id
                and s.current_stage in ('sent', 'skipped')
            order by s.id
            for no key update
        ) as k;
    end if;

    insert into public.ai_automation_contact_states as s (
        user_id, rule_id, contact_id, run_id, max_follow_ups, status_message
    )
    select p_rule.user_id, p_rule.id, m.contact_id, p_run_id, p_rule.max_follow_ups, 'In queue'
    from unnest(p_contact_ids) as m (contact_id)
    on conflict (rule_id, contact_id) do update
        set
            run_id = excluded.run_id,
            current_stage = 'queued',
            queued_at = now(),
            sequence_began_at = case when s.last_sent_at is null then now() else s.sequence_began_at end,
            due_at = now(),
            next_send_at = null,
            next_check_at = null,
            status_message = excluded.status_message,
            reason_code = null,
            error_code = null,
            error_message = null,
            error_hint = null,
            generated_message = null,
            generation_time_ms = null,
            ai_model = null,
            tokens_in = null,
            tokens_out = null,
            cost_usd = null,
            max_follow_ups = excluded.max_follow_ups,
            attempt = 0,
            times_lost = 0,
            approved_at = null,
            quota_day = null
        where s.current_stage in ('sent', 'skipped');
    get diagnostics v_queued = row_count;
    -- The contacts first, then their run: in this order whatever moves contacts takes them.
    update public.ai_automation_runs as r
    set total = r.total + v_queued - v_again, finished_at = null
    where r.id = p_run_id and v_queued > 0;
    delete from public.ai_automation_runs as r where r.id = p_run_id and v_queued = 0 and r.total = 0;
    return v_queued;
end;
$$;

comment on function public.queue_contacts(public.ai_automation_rules, uuid, uuid[]) is
'Queues those of these contacts that are new, sent or skipped as part of a run, and says how many; with nobody to queue there is no run.';

drop function if exists public.enqueue_contacts(uuid, text, uuid, boolean);
create or replace function public.enqueue_contacts(
    p_rule_id uuid, p_source text, p_requested_by uuid, p_due_only boolean, p_slot text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_run_id uuid;
    v_queued integer;
begin
    select r.* into v_rule from public.ai_automation_rules as r where r.id = p_rule_id for no key update;
    insert into public.ai_automation_runs (user_id, rule_id, source, requested_by, slot)
    values (v_rule.user_id, v_rule.id, p_source, p_requested_by, p_slot)
    on conflict (rule_id, slot) where slot is not null do nothing
    returning id into v_run_id;
    if v_run_id is null then
        return jsonb_build_object('run_id', null, 'queued', 0);
    end if;

    v_queued := public.queue_contacts(v_rule, v_run_id, array(
        select m.contact_id
        from public.contacts_to_queue(v_rule.id, p_due_only) as m
        order by m.last_inbound_at, m.contact_id
        limit case when p_due_only then 20000 end
    ));
    return jsonb_build_object('run_id', case when v_queued > 0 then v_run_id end, 'queued', v_queued);
end;
$$;

comment on function public.enqueue_contacts(uuid, text, uuid, boolean, text) is
'Starts a run of one rule, unless its slot has one, and says how many contacts were queued; with nobody to queue there is no run. Not callable from outside; request_run and enqueue_due_contacts are.';

-- The reasons that time cures, and none of those who were sent to: each is one look into an index.
create or replace function public.has_due_again(p_rule_id uuid)
returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select 1
        from unnest('{"", waiting, outside_active_hours, daily_limit_reached, page_unavailable, page_paused, page_disconnected}'::text[]) as k (reason)
        where exists (
            select 1
            from public.ai_automation_contact_states as s
            where
                s.rule_id = p_rule_id and s.end_reason = k.reason and s.next_check_at <= now()
                and s.current_stage in ('sent', 'skipped')
        )
    );
$$;

comment on function public.has_due_again(uuid) is 'Whether the next check of a contact of this automation is due.';

create or replace function public.enqueue_due_again(p_rule public.ai_automation_rules)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_slot text := to_char(timezone('UTC', now()), '"follow-ups" YYYY-MM-DD HH24 "UTC"');
begin
    -- They come one by one; a run of its own for each look would fill the table.
    insert into public.ai_automation_runs (user_id, rule_id, source, slot)
    values (p_rule.user_id, p_rule.id, 'schedule', v_slot)
    on conflict (rule_id, slot) where slot is not null do nothing;

    return public.queue_contacts(
        p_rule,
        (select u.id from public.ai_automation_runs as u where u.rule_id = p_rule.id and u.slot = v_slot),
        array(
            select c.id
            from public.ai_automation_contact_states as s
            inner join public.contacts as c on c.id = s.contact_id
            where s.rule_id = p_rule.id and s.next_check_at <= now() and s.current_stage in ('sent', 'skipped')
            order by c.last_inbound_at, c.id
            limit 20000
        )
    );
end;
$$;

comment on function public.enqueue_due_again(public.ai_automation_rules) is
'Queues the contacts of an automation whose next check is due, all of one hour in one run.';

create or replace function public.request_run(p_rule_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- A page of a million contacts takes longer than the eight seconds a signed-in person has.
set statement_timeout = '2min'
as $$
declare
    v_rule public.ai_automation_rules;
    v_result jsonb;
    v_in_flight integer;
    v_contacts integer;
begin
    select r.* into v_rule
    from public.ai_automation_rules as r
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null;
    if not found then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    if not v_rule.enabled then
        raise exception 'This automation is switched off.' using errcode = 'P0001', hint = 'Switch it on first.';
    end if;
    perform public.refuse_held_page(v_rule.page_id);
    select count(*) into v_in_flight
    from public.ai_automation_contact_states as s
    where s.rule_id = p_rule_id and s.current_stage <= 'sending';
    select count(*) into v_contacts from public.contacts as c where c.page_id = v_rule.page_id;
    v_result := public.enqueue_contacts(p_rule_id, 'manual', v_rule.user_id, false);
    insert into public.ai_automation_audit (user_id, rule_id, action, affected)
    values (v_rule.user_id, p_rule_id, 'request_run', (v_result ->> 'queued')::int);
    return v_result || jsonb_build_object(
        'already_in_flight', v_in_flight,
        'not_queued', v_contacts - v_in_flight - (v_result ->> 'queued')::int
    );
end;
$$;

comment on function public.request_run(uuid) is
'Run now: queues every contact of the caller''s automation that is not in flight, not over and not waiting for its next follow-up.';

create or replace function public.enqueue_due_contacts(p_limit integer default 50)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_new integer;
    v_queued integer := 0;
    v_rules integer := 0;
begin
    for v_rule in
        select r.*
        from public.ai_automation_rules as r
        inner join public.facebook_pages as p on p.id = r.page_id and p.paused_at is null and p.disconnected_at is null
        where
            r.enabled
            -- Who chose times of day wants nothing in between.
            and (r.next_run_at <= now() or (r.run_at = '{}' and public.has_due_again(r.id)))
        -- Whose contacts come one by one takes turns with the others of that kind.
        order by least(r.next_run_at, now()), random()
        limit p_limit
        for no key update of r skip locked
    loop
        if v_rule.next_run_at > now() then
            v_new := public.enqueue_due_again(v_rule);
            v_queued := v_queued + v_new;
            v_rules := v_rules + (v_new > 0)::int;
            continue;
        end if;
        v_rules := v_rules + 1;
        v_new := (
            public.enqueue_contacts(
                v_rule.id, 'schedule', null, true, public.slot_of(v_rule.run_at, v_rule.time_zone, v_rule.next_run_at)
            ) ->> 'queued'
        )::int;
        v_queued := v_queued + v_new;
        update public.ai_automation_rules as r
        -- With more than one call queues, the rest is due at once.
        set next_run_at = case when v_new < 20000 then public.next_run_of(v_rule, now()) else now() end
        where r.id = v_rule.id;
    end loop;
    return jsonb_build_object('rules', v_rules, 'queued', v_queued);
end;
$$;

comment on function public.enqueue_due_contacts(integer) is
'The plan turn: queues what is due of every enabled automation whose time has come, and, unless it runs at times of day only, whose contacts'' next check has; those of a page that a person paused or disconnected wait for it. Two schedulers never start one slot twice.';
-- What a worker has in hand when it claims, and how many more it wants of a page or of a model (decision 0056).

create index if not exists ai_automation_rules_model_idx on public.ai_automation_rules (model) where enabled;
comment on index public.ai_automation_rules_model_idx is 'Serves rooms_apart: whether automations that are on want more than one model.';

-- Where there is one page or one model, nobody can come whom it would hold up, and keeping places free would help nobody:
-- then only what a provider in trouble may be given counts.
create or replace function public.rooms_apart(p_stage public.automation_stage, p_in_hand jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_least text;
    v_most text;
begin
    if p_in_hand -> 'rooms' is null then
        return null;
    end if;
    if p_stage = 'eligible' then
        select min(r.model), max(r.model) into v_least, v_most from public.ai_automation_rules as r where r.enabled;
    else
        select min(p.facebook_page_id), max(p.facebook_page_id) into v_least, v_most
        from public.facebook_pages as p
        where p.disconnected_at is null;
    end if;
    return case
        when v_least <> v_most then p_in_hand
        when p_in_hand -> 'alone' <> '{}' then jsonb_build_object('rooms', p_in_hand -> 'alone')
    end;
end;
$$;

comment on function public.rooms_apart(public.automation_stage, jsonb) is
'What a worker said of its rooms ({rooms, room}), where there is more than one model (eligible) or page (ready_to_send); else what it said of a provider in trouble, or null.';

create or replace function public.hands_by_page(p_in_hand jsonb)
returns table (page_id uuid, user_id uuid, contacts bigint)
language sql
stable
set search_path = ''
as $$
    select r.page_id, r.user_id, sum(h.value::integer)
    from jsonb_each_text(p_in_hand -> 'rules') as h
    inner join public.ai_automation_rules as r on r.id = h.key::uuid
    group by r.page_id, r.user_id;
$$;

comment on function public.hands_by_page(jsonb) is 'How many contacts of each page a worker has in hand, by what it said of its automations.';

-- What an owner holds with pages where nobody waits counts with those where somebody does.
create or replace function public.hands_of_pages(p_in_hand jsonb, p_pages uuid[], p_weights double precision[])
returns double precision[]
language sql
stable
set search_path = ''
as $$
    with hand as materialized (select h.page_id, h.user_id, h.contacts from public.hands_by_page(p_in_hand) as h)

    select array_agg(coalesce(h.contacts, 0) + u.weight * coalesce(e.contacts, 0) order by u.place)
    from unnest(p_pages, p_weights) with ordinality as u (page_id, weight, place)
    inner join public.facebook_pages as p on p.id = u.page_id
    left join hand as h on h.page_id = u.page_id
    left join (
        select o.user_id, sum(o.contacts) as contacts from hand as o where o.page_id <> all(p_pages) group by o.user_id
    ) as e on e.user_id = p.user_id;
$$;

comment on function public.hands_of_pages(jsonb, uuid[], double precision[]) is
'What a worker has in hand of each of the pages, in their order; p_weights is one divided by how many of the pages are of the same owner.';

create or replace function public.rules_without_room(p_rooms jsonb, p_pages uuid[])
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array_agg(r.id)
    from public.ai_automation_rules as r
    where
        r.page_id = any(p_pages)
        and r.model = any(array(select k.key from jsonb_each_text(p_rooms -> 'rooms') as k where k.value::integer <= 0));
$$;

comment on function public.rules_without_room(jsonb, uuid[]) is 'Automations of these pages whose model gets no more contacts now; null when there are none.';

-- By rule, or a page would be read through whose many contacts all want a model that gets none.
create or replace function public.due_with_other_rules(p_page_id uuid, p_rules uuid[], p_but bigint[], p_limit bigint)
returns setof bigint
language sql
set search_path = ''
as $$
    select d.id
    from public.ai_automation_rules as r
    cross join lateral (
        select s.id, s.due_at
        from public.ai_automation_contact_states as s
        where
            s.rule_id = r.id and s.stage_rank = 4 and s.current_stage = 'eligible' and s.due_at <= now() and s.times_lost = 0
            and s.id <> all(p_but)
        order by s.stage_entered_at
        limit p_limit
        for no key update skip locked
    ) as d
    where r.page_id = p_page_id and r.id <> all(p_rules)
    order by d.due_at, d.id
    limit p_limit;
$$;

comment on function public.due_with_other_rules(uuid, uuid[], bigint[], bigint) is
'Locks contacts of a page to be written to, of other automations than p_rules and not among p_but, about the oldest first.';

create or replace function public.keep_to_rooms(p_ids bigint[], p_rooms jsonb)
returns table (ids bigint[], rooms jsonb)
language sql
stable
set search_path = ''
as $$
    with picked as materialized (
        select
            s.id, r.model, coalesce((p_rooms -> 'rooms' ->> r.model)::integer, (p_rooms ->> 'room')::integer) as room,
            row_number() over (partition by r.model order by s.due_at, s.id) as place
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where s.id = any(p_ids)
    )

    select
        (select array_agg(k.id) from picked as k where k.place <= coalesce(k.room, k.place)),
        jsonb_set(p_rooms, '{rooms}', (p_rooms -> 'rooms') || coalesce((
            select jsonb_object_agg(m.model, greatest(m.room - m.contacts, 0))
            from (select k.model, k.room, count(*) as contacts from picked as k group by k.model, k.room) as m
            where m.room is not null
        ), '{}'));
$$;

comment on function public.keep_to_rooms(bigint[], jsonb) is
'Of contacts to be written to, as many as there is room for with their models, the oldest first, and what room is left.';

revoke execute on function
public.rooms_apart(public.automation_stage, jsonb),
public.hands_by_page(jsonb),
public.hands_of_pages(jsonb, uuid[], double precision[]),
public.rules_without_room(jsonb, uuid[]),
public.due_with_other_rules(uuid, uuid[], bigint[], bigint),
public.keep_to_rooms(bigint[], jsonb)
from public, anon, authenticated, service_role;
grant execute on function
public.rooms_apart(public.automation_stage, jsonb),
public.hands_by_page(jsonb),
public.hands_of_pages(jsonb, uuid[], double precision[]),
public.rules_without_room(jsonb, uuid[]),
public.due_with_other_rules(uuid, uuid[], bigint[], bigint),
public.keep_to_rooms(bigint[], jsonb)
to service_role;
-- Whose contacts are taken up when there are more than a claim has places.

create or replace function public.has_one_to_try(p_user_id uuid, p_page_id uuid)
returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select 1
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where
            s.current_stage = 'ready_to_send' and s.user_id = p_user_id and s.page_id = p_page_id
            and (not r.review_before_send or s.approved_at is not null)
    );
$$;

comment on function public.has_one_to_try(uuid, uuid) is
'Whether a message is written with which a stopped page can be tried again: then no other is written for it.';

-- Owner by owner, and page by page within each, so that ten contacts of one do not wait behind a hundred thousand of
-- another; who wants less than its share leaves the rest to the others. Shared is what the worker has in hand as well, or
-- its places would go, one by one, to whoever keeps them longest. Who has one page comes before who has many, so that
-- rounding up takes nothing from the small. Planned each time: a generic plan cannot know the partial index.
drop function if exists public.pick_fairly(public.automation_stage, integer);
create or replace function public.pick_fairly(p_stage public.automation_stage, p_limit integer, p_in_hand jsonb default null)
returns setof bigint
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_pages uuid[];
    v_weights double precision[];
    v_hands double precision[];
    v_total double precision;
    v_places double precision;
    v_left integer := p_limit;
    v_picked bigint[] := '{}';
    v_new bigint[];
    v_rooms jsonb := case when p_stage = 'eligible' then public.rooms_apart(p_stage, p_in_hand) end;
    v_barred uuid[];
begin
    with recursive place as (
        (
            select s.user_id, s.page_id from public.ai_automation_contact_states as s
            where s.current_stage = p_stage
            order by s.user_id, s.page_id
            limit 1
        )
        union all
        select n.user_id, n.page_id
        from place as b
        cross join lateral (
            select s.user_id, s.page_id from public.ai_automation_contact_states as s
            where s.current_stage = p_stage and (s.user_id, s.page_id) > (b.user_id, b.page_id)
            order by s.user_id, s.page_id
            limit 1
        ) as n
    ),

    page as (
        select p.id, 1.0 / count(*) over (partition by p.user_id) as weight, random() as turn
        from place
        inner join public.facebook_pages as p on p.id = place.page_id
        -- While Facebook has stopped or slowed a page its contacts stay where they are: none is given up for that.
        where
            (p.paused_until is null or p.paused_until <= now())
            and (
                p_stage <> 'eligible'
                or (
                    p.paused_at is null
                    -- A stopped page is tried again with one message; no others are written meanwhile.
                    and (p.status = 'active' or not public.has_one_to_try(p.user_id, p.id))
                )
            )
    )

    select array_agg(g.id order by g.weight desc, g.turn), array_agg(g.weight order by g.weight desc, g.turn)
    into v_pages, v_weights from page as g;

    if p_in_hand -> 'rules' <> '{}' then
        v_hands := public.hands_of_pages(p_in_hand, v_pages, v_weights);
    end if;

    while cardinality(v_pages) > 0 and v_left > 0 loop
        if v_rooms is not null then
            v_barred := public.rules_without_room(v_rooms, v_pages);
        end if;
        select sum(w.weight), v_left + coalesce(sum(w.hand), 0) into v_total, v_places
        from unnest(v_weights, v_hands) as w (weight, hand);
        with asking as materialized (
            select
                u.page_id, u.weight, coalesce(u.hand, 0) as hand, u.turn,
                greatest(ceil(v_places * u.weight / v_total - coalesce(u.hand, 0) - 1e-9), 0)::bigint as share
            from unnest(v_pages, v_weights, v_hands) with ordinality as u (page_id, weight, hand, turn)
        ),

        taken as materialized (
            select d.id, g.page_id
            from asking as g
            inner join public.facebook_pages as p on p.id = g.page_id
            cross join lateral (
                select o.id
                from (
                    select s.id
                    from public.ai_automation_contact_states as s
                    where
                        s.current_stage = p_stage and s.user_id = p.user_id and s.page_id = g.page_id and s.due_at <= now()
                        and s.id <> all(v_picked)
                        -- Those are not written to beside others: pick_to_write.
                        and (p_stage <> 'eligible' or s.times_lost = 0)
                        and v_barred is null
                    order by s.due_at, s.id
                    limit g.share
                    for no key update skip locked
                ) as o
                union all
                select b.state_id
                from public.due_with_other_rules(g.page_id, v_barred, v_picked, g.share) as b (state_id)
                where v_barred is not null
            ) as d
            order by g.turn
            limit v_left
        ),

        -- Who holds more than its share takes nothing yet, and is asked again for what the others leave.
        filled as (
            select g.page_id, g.weight, g.hand + count(k.id) as hand, g.turn
            from asking as g
            left join taken as k on k.page_id = g.page_id
            group by g.page_id, g.weight, g.hand, g.turn, g.share
            having count(k.id) = g.share
        )

        select
            (select array_agg(k.id) from taken as k),
            (select array_agg(f.page_id order by f.turn) from filled as f),
            (select array_agg(f.weight order by f.turn) from filled as f),
            (select array_agg(f.hand order by f.turn) from filled as f)
        into v_new, v_pages, v_weights, v_hands;
        if v_rooms is not null then
            select k.ids, k.rooms into v_new, v_rooms from public.keep_to_rooms(v_new, v_rooms) as k;
        end if;
        v_picked := v_picked || v_new;
        v_left := p_limit - cardinality(v_picked);
    end loop;
    return query select unnest(v_picked);
end;
$$;

comment on function public.pick_fairly(public.automation_stage, integer, jsonb) is
'Locks due contacts of a stage: so that every owner who has so many comes to the same number in the worker''s hands, shared between their pages, the oldest of each first.';

revoke execute on function public.has_one_to_try(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function public.has_one_to_try(uuid, uuid) to service_role;
-- Whose written messages are handed to Facebook next.

-- As many per page as its rate allows; pages with few come first, so that what they leave goes to the others. As in
-- pick_fairly, what the worker has in hand counts. The page row is the lock that several workers share; of a page that
-- several owners have connected, the first row.
drop function if exists public.pick_ready_to_send(integer);
create or replace function public.pick_ready_to_send(p_limit integer, p_in_hand jsonb default null)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_page record;
    v_room integer;
    v_left integer := p_limit;
    v_places bigint;
    v_share bigint;
    v_picked bigint[];
    v_served uuid[] := '{}';
    v_rooms jsonb := public.rooms_apart('ready_to_send', p_in_hand);
    v_answers boolean := exists (select 1 from public.opt_confirmations as k where k.status = 'due' and k.due_at <= now());
begin
    for v_page in
        select
            p.id, p.user_id, row_number() over (order by d.contacts + coalesce(h.contacts, 0), random()) as place, count(*) over () as pages,
            (public.rows_of_page(p.id))[1] as first_id,
            coalesce(h.contacts, 0) as in_hand, p_limit + coalesce(sum(h.contacts) over (), 0) as places,
            w.contacts as wanted
        from public.facebook_pages as p
        cross join lateral (
            select count(*) as contacts
            from (
                select s.id from public.ai_automation_contact_states as s
                where s.current_stage = 'ready_to_send' and s.user_id = p.user_id and s.page_id = p.id and s.due_at <= now()
                limit p_limit
            ) as s
        ) as d
        left join public.hands_by_page(p_in_hand) as h on h.page_id = p.id
        cross join lateral (
            select coalesce((v_rooms -> 'rooms' ->> p.facebook_page_id)::integer, (v_rooms ->> 'room')::integer) as contacts
        ) as w
        where
            (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null and d.contacts > 0
            and coalesce(w.contacts, 1) > 0
        order by place
    loop
        exit when v_left <= 0;
        v_places := coalesce(v_places, v_page.places);
        v_share := ceil(v_places::numeric / (v_page.pages - v_page.place + 1)) - v_page.in_hand;
        v_places := v_places - v_page.in_hand;
        -- What another owner's row of the page was given just now is in no book yet.
        continue when v_share <= 0 or v_page.first_id = any(v_served);
        perform 1
        from public.facebook_pages as p
        where p.id = v_page.id and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        for no key update skip locked;
        continue when not found;
        perform 1 from public.facebook_pages as p where p.id = v_page.first_id for no key update skip locked;
        continue when not found;
        v_room := public.page_room(v_page.id);
        -- Who said STOP is answered first.
        if v_answers then
            v_room := v_room - (select count(*) from public.due_confirmations() as d where d.page_id = v_page.id);
        end if;
        continue when v_room <= 0;
        select array_agg(picked.id) into v_picked
        from (
            select s.id
            from public.ai_automation_contact_states as s
            inner join public.ai_automation_rules as r on r.id = s.rule_id
            where
                s.current_stage = 'ready_to_send' and s.user_id = v_page.user_id and s.page_id = v_page.id and s.due_at <= now()
                and (not r.review_before_send or s.approved_at is not null)
            order by s.due_at, s.id
            limit least(v_room, v_left, v_share, v_page.wanted)
            for no key update of s skip locked
        ) as picked;
        v_left := v_left - coalesce(cardinality(v_picked), 0);
        v_places := v_places - coalesce(cardinality(v_picked), 0);
        if v_picked is not null then
            v_served := v_served || v_page.first_id;
        end if;
        return query select unnest(v_picked);
    end loop;
end;
$$;

comment on function public.pick_ready_to_send(integer, jsonb) is
'Locks due, written messages within each page''s rate, so that the pages come to the same number in the worker''s hands.';
-- Who was in a worker's hands when it died is written to apart from the others: of many in hand one may have ended the
-- worker, and only who ends three, the last alone in everything, is put aside. Least suspected first, and the last turn with a
-- worker that has lived for a while: a storm in which workers are killed by somebody else ends them sooner.

-- No row is in it but of contacts that a worker was lost with: an ordinary move does not write it.
create index if not exists ai_automation_contact_states_suspect_idx
on public.ai_automation_contact_states (current_stage, times_lost, due_at, id)
where times_lost > 0 and current_stage in ('eligible', 'generating');

comment on index public.ai_automation_contact_states_suspect_idx is
'Serves pick_to_write: contacts that were being written to when their worker stopped.';

create or replace function public.is_untouched(p_error_code text)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select coalesce(p_error_code in ('provider_away', 'many_retries', 'worker_stopped', 'lease_nearly_over'), false);
$$;

comment on function public.is_untouched(text) is
'Whether a contact came back from a worker that had done nothing with it: no call was made, and nothing is known of what it would do to a worker.';

create or replace function public.has_lived(p_worker text)
returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select 1 from public.ai_automation_workers as w
        where w.name = p_worker and w.stopped_at is null and w.started_at <= now() - interval '10 seconds'
    );
$$;

comment on function public.has_lived(text) is
'Whether a worker is old enough to be given a contact that ended two others: one more death then tells of the contact.';

drop function if exists public.pick_to_write(text, integer);
create or replace function public.pick_to_write(p_worker text, p_limit integer, p_in_hand jsonb default null)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_least integer;
begin
    if exists (
        select 1 from public.ai_automation_contact_states as s
        where s.current_stage = 'generating' and s.times_lost > 0 and s.lease_owner = p_worker and s.lease_expires_at > now()
    ) then
        return;
    end if;

    -- Of a page that pick_fairly would leave alone neither is taken.
    select s.times_lost into v_least
    from public.ai_automation_contact_states as s
    inner join public.facebook_pages as p on p.id = s.page_id
    where
        s.current_stage = 'eligible' and s.times_lost > 0 and s.due_at <= now()
        and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        and (p.status = 'active' or not public.has_one_to_try(p.user_id, p.id))
        and (s.times_lost < 2 or public.has_lived(p_worker))
    order by s.times_lost
    limit 1;
    if v_least is null then
        return query select f.state_id from public.pick_fairly('eligible', p_limit, p_in_hand) as f (state_id);
        return;
    end if;

    -- What else is in hand is finished first.
    if exists (
        select 1 from public.ai_automation_contact_states as s
        where s.current_stage = 'generating' and s.lease_owner = p_worker and s.lease_expires_at > now()
    ) then
        return;
    end if;
    return query
    select s.id
    from public.ai_automation_contact_states as s
    inner join public.facebook_pages as p on p.id = s.page_id
    where
        s.current_stage = 'eligible' and s.times_lost = v_least and s.due_at <= now()
        and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        and (p.status = 'active' or not public.has_one_to_try(p.user_id, p.id))
    order by s.due_at, s.id
    limit case when v_least = 1 then greatest(p_limit / 4, 1) else 1 end
    for no key update of s skip locked;
end;
$$;

comment on function public.pick_to_write(text, integer, jsonb) is
'Locks due contacts to be written to. Those that a worker was lost with come first and apart: a quarter as many at once after the first time, then one alone, with a worker of ten seconds or more; a worker that holds such takes no other.';

-- A look is a call about a page's conversations, of which Facebook takes two a second, and a reading of the whole page takes
-- them too: one of a page at a time, when its next place is near enough. Locked before the contacts, and nobody is waited for.
create or replace function public.pages_to_look_at(p_page_ids uuid[])
returns uuid[]
language sql
set search_path = ''
as $$
    select coalesce(array_agg(f.page_id), '{}')
    from (
        select y.page_id from public.facebook_page_syncs as y
        where
            y.page_id = any(p_page_ids)
            and (y.next_call_at is null or y.next_call_at <= clock_timestamp() + interval '0.5 seconds')
        for no key update skip locked
    ) as f;
$$;

comment on function public.pages_to_look_at(uuid[]) is
'Locks those of the pages whose conversations may be called about now, at two calls a second and page over all workers.';

-- Who was in hand of a worker that is gone, and has ended three in a row, is over.
create or replace function public.end_who_ends_workers(p_state_ids bigint[])
returns void
language sql
set search_path = ''
as $$
    update public.ai_automation_contact_states as s
    set
        lease_token = null,
        lease_owner = null,
        -- As reclaim_expired_leases has it: a worker that lives on never had the contact.
        times_lost = s.times_lost + (not exists (
            select 1 from public.ai_automation_workers as w
            where w.name = s.lease_owner and w.beat_at > greatest(s.updated_at, s.updated_at + (s.lease_expires_at - s.updated_at) / 2)
        ))::int
    where s.id = any(p_state_ids) and s.lease_token is not null;

    with over as (
        update public.ai_automation_contact_states as s
        set
            current_stage = 'failed',
            status_message = 'Taken back from a worker that stopped answering',
            error_code = 'outcome_unknown',
            error_message = 'The message may or may not have arrived: three workers stopped while it was sent or looked for.',
            error_hint = 'Look at the conversation on Facebook, and at the worker''s log. Retry only if the message is not there.'
        where s.id = any(p_state_ids) and s.times_lost >= 3
        returning s.attempt_id, s.attempt_started_at
    )

    update public.ai_automation_attempts as a
    set outcome = 'unknown', error_code = 'outcome_unknown', finished_at = now()
    from over as o
    where a.id = o.attempt_id and a.started_at = o.attempt_started_at;
$$;

comment on function public.end_who_ends_workers(bigint[]) is
'Counts the worker that each of these sends was lost with, if it was; after the third the contact is failed as outcome_unknown. The caller holds them.';

-- Asking whether a message arrived can end a worker too. A token that is still there says that its holder wrote nothing down.
create or replace function public.pick_to_settle(p_worker text, p_limit integer)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_due uuid[];
    v_spaced uuid[];
    v_open uuid[];
    v_ids bigint[];
begin
    v_due := array(
        select distinct s.page_id from public.ai_automation_contact_states as s
        where s.current_stage = 'sending' and s.lease_expires_at <= now()
    );
    if
        v_due = '{}'
        or exists (
            select 1 from public.ai_automation_contact_states as s
            where s.current_stage = 'sending' and s.times_lost >= 2 and s.lease_owner = p_worker and s.lease_expires_at > now()
        )
    then
        return;
    end if;
    v_open := public.pages_to_look_at(v_due);
    -- A page that was never connected is not read, and nobody gives places for it.
    v_spaced := array(select y.page_id from public.facebook_page_syncs as y where y.page_id = any(v_due));

    v_ids := array(
        select s.id
        from (
            select
                d.id, d.page_id,
                row_number() over (partition by d.page_id order by d.times_lost, d.lease_expires_at, d.id) as place
            from public.ai_automation_contact_states as d
            where d.current_stage = 'sending' and d.lease_expires_at <= now()
        ) as q
        inner join public.ai_automation_contact_states as s on s.id = q.id
        where
            s.current_stage = 'sending' and s.lease_expires_at <= now()
            and (q.page_id <> all(v_spaced) or (q.page_id = any(v_open) and q.place = 1))
        order by s.times_lost, s.lease_expires_at, s.id
        limit p_limit
        for no key update of s skip locked
    );
    perform public.take_sync_place(t.page_id)
    from (
        select distinct s.page_id from public.ai_automation_contact_states as s
        where s.id = any(v_ids) and s.page_id = any(v_open)
    ) as t;
    perform public.end_who_ends_workers(v_ids);

    -- Who ended two is looked for alone, after the others, and as in writing by a worker that has lived for a while.
    return query
    with left_over as (
        select s.id, s.times_lost, row_number() over (order by s.times_lost, s.id) as place
        from public.ai_automation_contact_states as s
        where s.id = any(v_ids) and s.current_stage = 'sending'
    )

    select l.id from left_over as l
    where l.times_lost < 2 or (l.place = 1 and public.has_lived(p_worker))
    order by l.place;
end;
$$;

comment on function public.pick_to_settle(text, integer) is
'Locks sends whose outcome is to be found out, of a page one at a time and two a second. One whose holder stopped without a word is counted; after the second time it is looked for alone, after the third it is failed as outcome_unknown.';

revoke execute on function
public.is_untouched(text), public.has_lived(text), public.pick_to_write(text, integer, jsonb), public.pick_to_settle(text, integer),
public.pages_to_look_at(uuid[]), public.end_who_ends_workers(bigint[])
from public, anon, authenticated, service_role;
grant execute on function
public.is_untouched(text), public.has_lived(text), public.pick_to_write(text, integer, jsonb), public.pick_to_settle(text, integer),
public.pages_to_look_at(uuid[]), public.end_who_ends_workers(bigint[])
to service_role;
-- Whether a contact in a worker's hands may go on. Every write names the lease token it holds; a contact that was taken
-- over does not move.

create or replace function public.recheck_before_send(p_state_ids bigint[])
returns table (state_id bigint, reason_code text, next_check_at timestamptz)
language sql
stable
rows 200
set search_path = ''
as $$
    with held as materialized (
        select t.id, t.rule_id, t.contact_id, t.follow_up_count
        from public.ai_automation_contact_states as t
        where t.id = any(p_state_ids)
    )

    select
        s.id,
        case when f.state_id is not null then 'already_sent' else e.reason_code end,
        e.next_check_at
    from public.judge_contacts(
        (select array_agg(h.rule_id order by h.id) from held as h),
        (select array_agg(h.contact_id order by h.id) from held as h),
        now(),
        null::public.ai_automation_rules
    ) as e
    inner join held as s on s.rule_id = e.rule_id and s.contact_id = e.contact_id
    left join public.ai_automation_follow_ups as f on f.state_id = s.id and f.follow_up = s.follow_up_count + 1;
$$;

comment on function public.recheck_before_send(bigint[]) is
'The eligibility rules once more for contacts that are about to be written or sent to, and whether this follow-up may be out already.';

-- The day's row is the lock that keeps two workers from overshooting the limit together. Who holds a place of today
-- needs no lock; a place of yesterday is none.
create or replace function public.lock_daily_usage(p_state_ids bigint[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_rule_ids uuid [];
begin
    select array_agg(distinct s.rule_id) into v_rule_ids
    from public.ai_automation_contact_states as s
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    where s.id = any(p_state_ids) and s.quota_day is distinct from timezone(r.time_zone, now())::date;

    insert into public.ai_automation_daily_usage (user_id, rule_id, day)
    select r.user_id, r.id, timezone(r.time_zone, now())::date
    from public.ai_automation_rules as r
    where r.id = any(v_rule_ids)
    order by r.id
    on conflict do nothing;
    perform 1
    from public.ai_automation_daily_usage as u
    inner join public.ai_automation_rules as r on r.id = u.rule_id and u.day = timezone(r.time_zone, now())::date
    where u.rule_id = any(v_rule_ids)
    order by u.rule_id, u.day
    for update of u;
end;
$$;

comment on function public.lock_daily_usage(bigint[]) is
'Called before places in the daily limit are counted and taken for these contacts; others wait until the transaction ends.';

-- Skips those of p_state_ids that may no longer be written to; returns the others.
create or replace function public.skip_ineligible(p_state_ids bigint[])
returns setof bigint
language sql
set search_path = ''
as $$
    with verdict as materialized (
        select r.state_id, r.reason_code, r.next_check_at from public.recheck_before_send(p_state_ids) as r
    ),

    skipped as (
        update public.ai_automation_contact_states as s
        set
            current_stage = 'skipped',
            reason_code = v.reason_code,
            status_message = public.reason_text(v.reason_code),
            next_check_at = v.next_check_at,
            next_send_at = null,
            quota_day = null
        from verdict as v
        where v.state_id = s.id and v.reason_code <> 'ok'
        returning s.id
    ),

    -- Checked before midnight, sent after it: the message counts for the new day.
    moved_to_today as (
        update public.ai_automation_contact_states as s
        set quota_day = timezone(r.time_zone, now())::date
        from verdict as v, public.ai_automation_rules as r
        where
            v.state_id = s.id and v.reason_code = 'ok' and r.id = s.rule_id
            and s.quota_day is distinct from timezone(r.time_zone, now())::date
        returning s.id
    )

    select v.state_id from verdict as v where v.reason_code = 'ok' order by v.state_id;
$$;

comment on function public.skip_ineligible(bigint[]) is 'Moves contacts that fail the recheck to skipped, with the reason, and returns the rest.';

create or replace function public.decide_contacts(p_claims jsonb)
returns table (state_id bigint, decided boolean, stage text, reason_code text)
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    select array_agg(held.id) into v_ids
    from (
        select s.id
        from jsonb_to_recordset(p_claims) as c (state_id bigint, lease_token uuid)
        inner join public.ai_automation_contact_states as s on s.id = c.state_id and s.lease_token = c.lease_token
        where s.current_stage = 'checking'
        order by s.id
        for no key update of s
    ) as held;

    perform public.lock_daily_usage(v_ids);

    return query
    with verdict as materialized (
        select r.state_id, r.reason_code, r.next_check_at from public.recheck_before_send(v_ids) as r
    ),

    moved as (
        update public.ai_automation_contact_states as s
        set
            current_stage = case v.reason_code when 'ok' then 'eligible' else 'skipped' end::public.automation_stage,
            reason_code = nullif(v.reason_code, 'ok'),
            status_message = public.reason_text(v.reason_code),
            next_check_at = v.next_check_at,
            due_at = now(),
            quota_day = case v.reason_code when 'ok' then timezone(r.time_zone, now())::date end
        from verdict as v
        inner join public.ai_automation_contact_states as t on t.id = v.state_id
        inner join public.ai_automation_rules as r on r.id = t.rule_id
        where s.id = v.state_id
        returning s.id, s.current_stage::text as stage, s.reason_code
    )

    select c.state_id, m.id is not null, m.stage, m.reason_code
    from jsonb_to_recordset(p_claims) as c (state_id bigint, lease_token uuid)
    left join moved as m on m.id = c.state_id;
end;
$$;

comment on function public.decide_contacts(jsonb) is
'Applies the eligibility rules to claimed contacts ([{state_id, lease_token}]) and takes their places in the daily limit; decided is false where the lease was lost.';
-- Which of the messages in a conversation are known to be those of other tries: none of them answers whether this one arrived.

create or replace function public.messages_of_other_tries(p_state_id bigint)
returns table (facebook_message_id text, started_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select a.facebook_message_id, a.started_at
    from public.ai_automation_contact_states as s
    inner join public.contacts as c on c.id = s.contact_id
    inner join public.facebook_pages as p on p.id = c.page_id
    -- Two owners may have connected one page.
    inner join public.facebook_pages as q on q.facebook_page_id = p.facebook_page_id
    inner join public.contacts as b on b.page_id = q.id and b.sender_id = c.sender_id
    inner join public.ai_automation_contact_states as t on t.contact_id = b.id
    inner join public.ai_automation_attempts as a on a.state_id = t.id
    where
        s.id = p_state_id and a.id is distinct from s.attempt_id and a.facebook_message_id is not null
        and a.started_at > s.attempt_started_at - interval '2 days';
$$;

comment on function public.messages_of_other_tries(bigint) is
'The messages to the same person that other tries, of whichever automation, are known to be.';

-- The caller holds the states. Whoever reads the same message in a thread at the same time waits here for the other.
create or replace function public.doubt_taken_messages(p_outcomes jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(f.id, 20261122))
    from (
        select distinct o.facebook_message_id as id
        from jsonb_to_recordset(p_outcomes) as o (facebook_message_id text, from_thread boolean)
        where o.from_thread and o.facebook_message_id is not null
        order by o.facebook_message_id
    ) as f;

    return (
        select jsonb_agg(
            case
                when
                    f.place > 1
                    or (
                        f.place = 1
                        and exists (
                            select 1
                            from public.messages_of_other_tries((f.told ->> 'state_id')::bigint) as m
                            where m.facebook_message_id = f.told ->> 'facebook_message_id'
                        )
                    )
                    then f.told || jsonb_build_object(
                        'to_stage', 'sending', 'attempt_outcome', 'unknown', 'facebook_message_id', null, 'after_seconds', 1,
                        'error_code', 'outcome_unknown', 'status_message', 'Asking Facebook once more whether the message arrived'
                    )
                else f.told
            end
            order by f.number
        )
        from (
            select
                e.told, e.number,
                case
                    when (e.told ->> 'from_thread')::boolean
                        then row_number() over (
                            partition by e.told ->> 'from_thread', e.told ->> 'facebook_message_id' order by (e.told ->> 'state_id')::bigint
                        )
                    else 0
                end as place
            from jsonb_array_elements(p_outcomes) with ordinality as e (told, number)
        ) as f
    );
end;
$$;

comment on function public.doubt_taken_messages(jsonb) is
'Outcomes in which a try that was found in the thread (from_thread) is one message that another try is known to be are made unknown again: it is looked for once more.';

revoke execute on function public.messages_of_other_tries(bigint), public.doubt_taken_messages(jsonb)
from public, anon, authenticated, service_role;
grant execute on function public.messages_of_other_tries(bigint), public.doubt_taken_messages(jsonb) to service_role;
-- How contacts get into a worker's hands: one stage at a time, each with a lease of its own.

create or replace function public.recheck_reviews(p_limit integer)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[] := array(
        select d.id
        from public.ai_automation_rules as r
        inner join public.facebook_pages as p on p.id = r.page_id
        cross join lateral (
            select s.id
            from public.ai_automation_contact_states as s
            where
                s.current_stage = 'ready_to_send' and s.user_id = r.user_id and s.page_id = r.page_id and s.due_at <= now()
                and s.rule_id = r.id and s.approved_at is null
            order by s.due_at, s.id
            limit p_limit
            for no key update of s skip locked
        ) as d
        -- A message is not thrown away because its page waits.
        where r.review_before_send and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        limit p_limit
    );
begin
    if v_ids = '{}' then
        return;
    end if;
    perform public.lock_daily_usage(v_ids);
    perform public.skip_ineligible(v_ids);
    update public.ai_automation_contact_states as s
    set due_at = now() + interval '1 minute'
    where s.id = any(v_ids) and s.current_stage = 'ready_to_send';
end;
$$;

comment on function public.recheck_reviews(integer) is
'Looks once a minute at messages that wait for a person: one whose contact may no longer be written to is skipped, not kept.';

drop function if exists public.pick_contacts(public.automation_stage, integer);
drop function if exists public.pick_contacts(public.automation_stage, integer, text);
create or replace function public.pick_contacts(
    p_stage public.automation_stage, p_limit integer, p_worker text, p_in_hand jsonb default null
)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    -- Beside a contact that ended two workers nothing is sent or settled: its last turn is to tell of nobody else. For no
    -- longer than a call takes that ends well, so that a writer who does not answer holds up no message.
    if
        p_stage in ('ready_to_send', 'sending')
        and exists (
            select 1 from public.ai_automation_contact_states as s
            where
                s.current_stage = 'generating' and s.times_lost >= 2 and s.lease_owner = p_worker
                and s.lease_expires_at > now() and s.stage_entered_at > now() - interval '10 seconds'
        )
    then
        return;
    end if;
    case p_stage
        when 'queued' then
            return query select f.state_id from public.pick_fairly(p_stage, p_limit) as f (state_id);
        when 'eligible' then
            v_ids := array(select w.state_id from public.pick_to_write(p_worker, p_limit, p_in_hand) as w (state_id));
            perform public.lock_daily_usage(v_ids);
            return query select k.state_id from public.skip_ineligible(v_ids) as k (state_id);
        when 'ready_to_send' then
            v_ids := array(select r.state_id from public.pick_ready_to_send(p_limit, p_in_hand) as r (state_id));
            perform public.lock_daily_usage(v_ids);
            if exists (select from public.facebook_events as e where e.done_at is null) then
                v_ids := public.without_unheard(public.without_arrived(v_ids));
            end if;
            return query select k.state_id from public.skip_ineligible(v_ids) as k (state_id);
            perform public.recheck_reviews(p_limit);
        when 'sending' then
            return query select t.state_id from public.pick_to_settle(p_worker, p_limit) as t (state_id);
        else
            raise exception 'Contacts cannot be claimed from stage %.', p_stage using errcode = '22023';
    end case;
end;
$$;

comment on function public.pick_contacts(public.automation_stage, integer, text, jsonb) is
'Locks the contacts that claim_contacts hands out; rows that another worker is taking are passed over.';

drop function if exists public.claim_contacts(text, text, integer, integer);
create or replace function public.claim_contacts(
    p_stage text, p_worker text, p_limit integer, p_lease_seconds integer, p_in_hand jsonb default null
)
returns table (
    state_id bigint, lease_token uuid, stage text, rule_id uuid, rule_name text, prompt text, language text, model text,
    review_before_send boolean, contact_name text, sender_id text, page_name text, facebook_page_id text,
    encrypted_token text, follow_up_count integer, max_follow_ups integer, attempt integer, window_closes_at timestamptz,
    message text, attempt_id uuid, attempt_started_at timestamptz, history jsonb
)
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    select array_agg(k.id) into v_ids
    from public.pick_contacts(p_stage::public.automation_stage, p_limit, p_worker, p_in_hand) as k (id);
    if v_ids is null then
        return;
    end if;

    -- The rules are here, so a worker need know nothing of whom it only has checked.
    if p_stage = 'queued' then
        return query
        update public.ai_automation_contact_states as s
        set
            current_stage = 'checking',
            status_message = 'Verifying the rules',
            lease_owner = p_worker,
            lease_token = gen_random_uuid(),
            lease_expires_at = now() + make_interval(secs => p_lease_seconds)
        where s.id = any(v_ids)
        returning
            s.id, s.lease_token, s.current_stage::text, s.rule_id, null::text, null::text, null::text, null::text,
            null::boolean, null::text, null::text, null::text, null::text,
            null::text, s.follow_up_count, s.max_follow_ups, s.attempt, null::timestamptz,
            null::text, null::uuid, null::timestamptz, '[]'::jsonb;
        return;
    end if;

    update public.ai_automation_contact_states as s
    set
        current_stage = case s.current_stage
            when 'eligible' then 'generating' else 'sending'
        end::public.automation_stage,
        status_message = case s.current_stage
            when 'eligible' then 'AI is writing the message'
            when 'ready_to_send' then 'Being handed to Facebook'
            else 'Asking Facebook whether the message arrived'
        end,
        lease_owner = p_worker,
        lease_token = gen_random_uuid(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds),
        attempt_id = case when p_stage = 'ready_to_send' then gen_random_uuid() else s.attempt_id end,
        attempt_started_at = case when p_stage = 'ready_to_send' then now() else s.attempt_started_at end
    where s.id = any(v_ids);

    if p_stage = 'ready_to_send' then
        insert into public.ai_automation_attempts (
            id, started_at, user_id, state_id, rule_id, contact_id, page_id, run_id, follow_up, message, ai_model,
            tokens_in, tokens_out, cost_usd, generation_time_ms, worker
        )
        select
            s.attempt_id, s.attempt_started_at, s.user_id, s.id, s.rule_id, s.contact_id, s.page_id, s.run_id,
            s.follow_up_count + 1, s.generated_message, s.ai_model, s.tokens_in, s.tokens_out, s.cost_usd,
            s.generation_time_ms, p_worker
        from public.ai_automation_contact_states as s
        where s.id = any(v_ids);
        perform public.test_stopped_pages(v_ids);
    end if;

    return query
    select
        s.id, s.lease_token, s.current_stage::text, r.id, r.name,
        -- Only the step that needs it is told: the writer the prompt and the conversation, the sender the token.
        case s.current_stage when 'generating' then r.prompt else '' end, r.language, r.model,
        r.review_before_send, c.sender_name, c.sender_id, p.name, p.facebook_page_id,
        case s.current_stage when 'sending' then k.encrypted_token end, s.follow_up_count, s.max_follow_ups,
        -- A call that was made in vain is repeated now, whether it counts as a try of this contact or not; a message that
        -- took several tries to write is sent for the first time.
        case
            when s.error_code is null then 0
            when s.error_code <> 'many_retries' and public.is_untouched(s.error_code) then s.attempt
            else greatest(s.attempt, 1)
        end,
        c.last_inbound_at + interval '24 hours',
        s.generated_message, a.id, a.started_at, coalesce(h.said, o.said, '[]'::jsonb)
    from public.ai_automation_contact_states as s
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.contacts as c on c.id = s.contact_id
    inner join public.facebook_pages as p on p.id = r.page_id
    left join public.facebook_page_secrets as k on k.page_id = p.id
    left join lateral (
        select s.attempt_id as id, s.attempt_started_at as started_at where s.current_stage = 'sending'
    ) as a on true
    left join lateral (
        select jsonb_agg(jsonb_build_object('by', case m.direction when 'in' then 'contact' else 'page' end, 'text', m.body, 'at', m.said_at) order by m.said_at) as said
        from (
            select n.direction, n.body, n.said_at
            from public.contact_messages as n
            where n.contact_id = c.id and s.current_stage = 'generating'
            order by n.said_at desc
            limit 20
        ) as m
    ) as h on true
    left join lateral (
        select jsonb_agg(jsonb_build_object('by', 'page', 'text', '', 'at', m.started_at, 'id', m.facebook_message_id)) as said
        from public.messages_of_other_tries(s.id) as m
        where p_stage = 'sending'
    ) as o on true
    where s.id = any(v_ids)
    order by s.due_at, s.id;
end;
$$;

comment on function public.claim_contacts(text, text, integer, integer, jsonb) is
'Hands up to p_limit due contacts to one worker: queued become checking, eligible become generating, ready_to_send become sending with an attempt written first; from sending it hands out those whose lease has expired, to be settled, with the messages in the conversation that other tries are known to be. Of those that are only checked nothing else is told. Each comes with a new lease token that every later write must show. p_in_hand is what the worker writes or sends already ({rules: {id: contacts}}), which counts in the shares, and how many more it wants of a page by Facebook''s id or of a model ({rooms: {key: contacts}, room: of any other}); without it, as older workers call it, the places of this claim alone are shared.';
-- A page that Facebook slows down or stops: how fast it may send, when it is tried again, and the one alert it gives.

alter table public.facebook_pages add column if not exists setbacks integer not null default 0;
alter table public.facebook_pages add column if not exists setback_at timestamptz;
alter table public.facebook_pages add column if not exists usage_percent real not null default 0;
alter table public.facebook_pages add column if not exists usage_at timestamptz;
alter table public.ai_automation_contact_states add column if not exists cost_usd numeric(12, 6);
alter table public.ai_automation_attempts add column if not exists cost_usd numeric(12, 6);
alter table public.ai_automation_audit add column if not exists page_id uuid;

create index if not exists facebook_pages_same_idx on public.facebook_pages (facebook_page_id);
comment on index public.facebook_pages_same_idx is 'Serves page_room and the settling of sends: the rows of one page that several owners have connected.';

comment on column public.facebook_pages.paused_until is
'Nothing is sent before this moment. Then sending goes on by itself; of a page that is not active one message is sent to see whether it works again.';
comment on column public.facebook_pages.setbacks is 'How often in a row Facebook stopped the page or asked it to wait; 0 after a message that went through.';
comment on column public.facebook_pages.setback_at is 'When it did so last; what tries that began before tell is the same setback.';
comment on column public.facebook_pages.usage_percent is 'The share of Facebook''s limits in use by its own headers; from 75 the page slows down, at 95 it pauses.';
comment on column public.facebook_pages.usage_at is 'When that share was told.';
comment on column public.ai_automation_contact_states.cost_usd is 'What writing this message cost, drafts that were not used included, by the worker''s price list.';
comment on column public.ai_automation_attempts.cost_usd is 'What writing the message cost.';
comment on column public.ai_automation_audit.page_id is 'The page that was stopped, for page_paused.';

-- The share of a page's rate that Facebook's usage headers leave: all of it below 75 %, a tenth from 93 %.
create or replace function public.rate_share(p_usage_percent real, p_usage_at timestamptz)
returns double precision
language sql
stable
set search_path = ''
as $$
    select case
        when p_usage_percent < 75 or p_usage_at is null or p_usage_at < now() - interval '1 hour' then 1
        else greatest((95 - p_usage_percent) / 20.0, 0.1)
    end;
$$;

comment on function public.rate_share(real, timestamptz) is 'How much of its rate a page may use, from 0.1 to 1; a reading older than an hour says nothing.';

-- Anybody can name a page's id: whose token has not proven to be the page's has no part in its rate.
create or replace function public.rows_of_page(p_page_id uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array_agg(q.id order by q.id)
    from public.facebook_pages as p
    inner join public.facebook_pages as q on q.facebook_page_id = p.facebook_page_id
    where p.id = p_page_id and (q.id = p.id or (p.proven_at is not null and q.proven_at is not null));
$$;

comment on function public.rows_of_page(uuid) is
'The rows of one Facebook page that several owners have connected and proven to be theirs, this one among them; the first is the lock of all.';

-- A call reaches Facebook at some moment between its claim and the writing down of its answer, however slow the worker is.
-- So it takes a place from the one until a second after the other: then no second at Facebook can see more than the rate.
-- Facebook counts by its own page: of several owners who have connected it, the slowest rate holds for all together.
create or replace function public.page_room(p_page_id uuid)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
    -- Read once: they are compared with every message of the last minute.
    v_began_after timestamptz := clock_timestamp() - interval '1.25 seconds';
    v_answered_after timestamptz := clock_timestamp() - interval '1.1 seconds';
    v_under_way_since timestamptz := now() - interval '30 seconds';
begin
    return (
        select case
            -- None of them is sent: the recheck skips them, and none may wait for that at the page's rate.
            when p.disconnected_at is not null then 1000
            else greatest(0, least(
                case when p.status <> 'active' then 1 end,
                ceil(s.a_minute) - t.in_a_minute - k.in_a_minute,
                greatest(floor(s.a_minute / 60), 1) - t.in_a_second - k.in_a_second
            ))
        end::integer
        from public.facebook_pages as p
        cross join lateral (
            select
                array_agg(q.id) as ids,
                min(q.sends_per_minute * public.rate_share(q.usage_percent, q.usage_at)) filter (where q.disconnected_at is null) as a_minute
            from public.facebook_pages as q
            where q.id = any(public.rows_of_page(p.id))
        ) as s
        cross join lateral (
            select
                count(*) as in_a_minute,
                -- Just begun, just answered, or under way: whoever calls may be slow to reach Facebook, but not for half a minute.
                count(*) filter (
                    where
                        a.started_at > v_began_after or a.finished_at > v_answered_after
                        or (a.outcome = 'sending' and a.started_at > v_under_way_since)
                ) as in_a_second
            from public.ai_automation_attempts as a
            where a.page_id = any(s.ids) and a.started_at > now() - interval '1 minute'
        ) as t
        -- Answers to STOP and START are messages too.
        cross join lateral (
            select
                count(*) as in_a_minute,
                count(*) filter (
                    where
                        o.tried_at > v_began_after or o.finished_at > v_answered_after
                        or (o.status = 'sending' and o.tried_at > v_under_way_since)
                ) as in_a_second
            from public.opt_confirmations as o
            inner join public.contacts as c on c.id = o.contact_id
            where c.page_id = any(s.ids) and o.tried_at > now() - interval '1 minute'
        ) as k
        where p.id = p_page_id
    );
end;
$$;

comment on function public.page_room(uuid) is
'How many messages of the page may be handed over now, over all workers and all owners who have connected it: its rate per minute, a sixtieth of it in a second; one as a test when the page is not active.';

create or replace function public.test_stopped_pages(p_state_ids bigint[])
returns void
language sql
set search_path = ''
as $$
    update public.facebook_pages as p
    set paused_until = now() + interval '2 minutes'
    from public.ai_automation_contact_states as s
    where s.id = any(p_state_ids) and p.id = s.page_id and p.status <> 'active';
$$;

comment on function public.test_stopped_pages(bigint[]) is
'Called when messages are taken for sending: a page that is not active sends nothing else until it is known what became of this one.';

-- What messages tell of their pages. 30 minutes, doubling to 4 hours, for a page that was stopped; 15 seconds, doubling to
-- 15 minutes, or as long as Facebook asks, for one that is too fast.
create or replace function public.record_page_news(p_news jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform 1
    from public.facebook_pages as p
    where p.id in (select (n.value ->> 'page_id')::uuid from jsonb_array_elements(p_news) as n)
    order by p.id
    for no key update;

    update public.facebook_pages as p
    set
        status = case when w.page_status is not null then w.page_status when w.is_back then 'active' else p.status end,
        status_reason = case when w.reason is not null then w.reason when not w.is_back then p.status_reason end,
        setbacks = case when w.is_new then w.setbacks + 1 when w.is_back then 0 else p.setbacks end,
        -- The clock, not this transaction's beginning: whoever claimed before the lock above began before it.
        setback_at = case when w.is_new then clock_timestamp() else p.setback_at end,
        paused_until = case
            when w.is_back and w.page_status is null and not w.is_full and not w.stays_full then null
            else greatest(
                case when w.is_back and not w.stays_full then null else p.paused_until end,
                case when w.is_new then now() + w.own_pause end,
                now() + w.asked_pause,
                case when w.is_full then now() + greatest(interval '5 minutes', w.regained_in) end
            )
        end,
        usage_percent = coalesce(w.usage_percent, p.usage_percent),
        usage_at = case when w.usage_percent is null then p.usage_at else now() end,
        updated_at = now()
    from (
        select
            g.*,
            f.is_new, f.setbacks,
            g.sent_since is true and not f.is_new as is_back,
            coalesce(g.usage_of_sent, 0) >= 95 as is_full,
            -- Not every answer tells of the limits: one that does not is no word that there is room again.
            coalesce(g.usage_percent, case when g.usage_at > now() - interval '1 hour' then g.usage_before end, 0) >= 95 as stays_full,
            case
                when not f.is_new then null
                when g.page_status is null then least(interval '15 seconds' * power(2, least(f.setbacks, 10)), interval '15 minutes')
                else least(interval '30 minutes' * power(2, least(f.setbacks, 10)), interval '4 hours')
            end as own_pause
        from (
            select
                q.id as page_id, q.status, q.setbacks as setbacks_before, q.setback_at, q.usage_percent as usage_before, q.usage_at,
                max(n.page_status) as page_status, max(n.reason) as reason,
                max(make_interval(secs => n.pause_seconds)) as asked_pause,
                max(n.usage_percent) as usage_percent, max(n.usage_percent) filter (where n.sent) as usage_of_sent,
                max(make_interval(secs => n.regain_seconds)) filter (where n.sent and n.usage_percent >= 95) as regained_in,
                bool_or(n.sent and (q.setback_at is null or n.started_at > q.setback_at)) as sent_since,
                max(coalesce(n.started_at, now())) filter (where n.page_status is not null or n.pause_seconds > 0) as failed_from
            from jsonb_to_recordset(p_news) as n (
                page_id uuid, page_status text, reason text, pause_seconds double precision, usage_percent real, sent boolean,
                regain_seconds double precision, started_at timestamptz
            )
            inner join public.facebook_pages as q on q.id = n.page_id and q.disconnected_at is null
            group by q.id, q.status, q.setbacks, q.setback_at, q.usage_percent, q.usage_at
        ) as g
        cross join lateral (
            select
                g.failed_from is not null and (g.setback_at is null or g.failed_from > g.setback_at) as is_new,
                case when g.page_status is not null and g.status = 'active' then 0 else g.setbacks_before end as setbacks
        ) as f
    ) as w
    where p.id = w.page_id;
end;
$$;

comment on function public.record_page_news(jsonb) is
'Stops, pauses, slows or frees pages by what their messages met ([{page_id, page_status, reason, pause_seconds, usage_percent, regain_seconds, sent, started_at}]). From 95 % on a page waits five minutes, or as long as Facebook says it takes to regain access. Several tries that met one trouble are one setback.';

create or replace function public.alert_when_a_page_stops()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into public.ai_automation_audit (user_id, page_id, action, detail)
    values (
        new.user_id, new.id, case new.status when 'active' then 'page_resumed' else 'page_paused' end,
        case when new.status <> 'active' and new.status_reason <> '' then jsonb_build_object('why', left(new.status_reason, 500)) else '{}' end
    );
    return null;
end;
$$;

create or replace trigger alert_when_a_page_stops
after update on public.facebook_pages
for each row when ((new.status = 'active') is distinct from (old.status = 'active'))
execute function public.alert_when_a_page_stops();

comment on function public.alert_when_a_page_stops() is 'One line in the audit when a page is stopped, with why, and one when it may send again, however many messages met it.';

revoke execute on function
public.rate_share(real, timestamptz),
public.page_room(uuid),
public.test_stopped_pages(bigint[]),
public.record_page_news(jsonb),
public.alert_when_a_page_stops()
from public, anon, authenticated, service_role;
grant execute on function
public.rate_share(real, timestamptz),
public.page_room(uuid),
public.test_stopped_pages(bigint[]),
public.record_page_news(jsonb)
to service_role;
grant execute on function public.rate_share(real, timestamptz) to authenticated;
revoke execute on function public.rows_of_page(uuid) from public, anon, authenticated, service_role;
grant execute on function public.rows_of_page(uuid) to service_role;
-- How the result of a step is written down: fenced, set-based, all or nothing per contact.

create or replace function public.record_outcomes(p_outcomes jsonb)
returns table (state_id bigint, recorded boolean, problem text)
language plpgsql
set search_path = ''
as $$
declare
    v_now timestamptz := now();
    v_attempts uuid[];
    v_oldest timestamptz;
    v_late bigint[];
    v_news jsonb;
    v_refused boolean;
begin
    -- The tries are named, with the oldest day they can be of, so that no plan looks through the days.
    select
        array_agg(h.attempt_id) || array_agg(h.named_attempt_id),
        least(min(h.attempt_started_at) filter (where h.current_stage = 'sending'), v_now - interval '2 days'),
        array_agg(h.id) filter (
            where
                h.to_stage = 'sent' and h.attempt_id = h.named_attempt_id and h.current_stage in ('sending', 'failed')
                and h.told_token is distinct from h.lease_token
        ),
        bool_or(h.current_stage = 'sending' and h.to_stage in ('ready_to_send', 'failed', 'skipped'))
    into v_attempts, v_oldest, v_late, v_refused
    from (
        select
            s.id, s.attempt_id, s.attempt_started_at, s.current_stage, s.lease_token,
            o.attempt_id as named_attempt_id, o.to_stage, o.lease_token as told_token
        from jsonb_to_recordset(p_outcomes) as o (state_id bigint, attempt_id uuid, to_stage text, lease_token uuid)
        inner join public.ai_automation_contact_states as s on s.id = o.state_id
        order by s.id
        for no key update of s
    ) as h;

    if p_outcomes @? '$[*] ? (@.from_thread == true)' then
        p_outcomes := public.doubt_taken_messages(p_outcomes);
    end if;

    -- Facebook's answer came after the contact was taken over. Whoever holds it now, and whatever was believed since, the
    -- message of this try is out, unless a person has decided about it meanwhile.
    if v_late is not null then
        select array_agg(s.id) into v_late
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_attempts as a on a.id = s.attempt_id and a.started_at = s.attempt_started_at
        where s.id = any(v_late) and a.outcome in ('sending', 'unknown');
    end if;

    select jsonb_agg(jsonb_build_object(
        'page_id', s.page_id, 'reason', left(o.error_message, 2000), 'pause_seconds', o.pause_page_seconds, 'usage_percent', nullif(o.usage_percent, 0),
        'regain_seconds', nullif(o.regain_seconds, 0),
        'sent', o.to_stage = 'sent', 'started_at', s.attempt_started_at,
        -- A try that began with the token of before says nothing about the one that was saved since.
        'page_status', case when k.updated_at is null or k.updated_at <= s.attempt_started_at then o.page_status end
    )) into v_news
    from jsonb_to_recordset(p_outcomes) as o (
        state_id bigint, lease_token uuid, from_stage text, to_stage text, error_message text, page_status text,
        pause_page_seconds double precision, usage_percent real, regain_seconds double precision
    )
    inner join public.ai_automation_contact_states as s
        on s.id = o.state_id and s.lease_token = o.lease_token and s.current_stage = 'sending'
    inner join public.facebook_pages as p on p.id = s.page_id
    left join public.facebook_page_secrets as k on k.page_id = s.page_id
    where
        o.from_stage = 'sending'
        and (
            o.page_status is not null or o.pause_page_seconds > 0 or greatest(o.usage_percent, p.usage_percent) >= 75
            or (o.to_stage = 'sent' and (p.setbacks > 0 or p.status <> 'active'))
            -- The gauge of a page with room to spare, now and then.
            or (o.usage_percent > 0 and (p.usage_at is null or p.usage_at < now() - interval '5 minutes'))
        );
    if v_news is not null then
        perform public.record_page_news(v_news);
    end if;

    if v_refused and exists (select from public.facebook_events as e where e.done_at is null) then
        p_outcomes := public.believe_echoes(p_outcomes);
    end if;

    return query
    -- Whatever others said is cut to what a reader needs and an index can hold: no row may be refused for ever.
    with outcome as materialized (
        select
            o.state_id, o.lease_token, o.from_stage, o.to_stage, left(o.status_message, 500) as status_message,
            left(o.error_code, 100) as error_code, left(o.error_message, 2000) as error_message, left(o.error_hint, 500) as error_hint,
            o.generated_message, o.generation_time_ms, left(o.ai_model, 200) as ai_model, o.tokens_in, o.tokens_out,
            left(o.facebook_message_id, 200) as facebook_message_id, o.after_seconds, o.attempt_outcome,
            o.page_status, o.pause_page_seconds, o.usage_percent, o.counts, o.cost_usd, o.attempt_id, left(o.reason_code, 100) as reason_code
        from jsonb_to_recordset(p_outcomes) as o (
            state_id bigint, lease_token uuid, from_stage public.automation_stage, to_stage public.automation_stage,
            status_message text, error_code text, error_message text, error_hint text,
            generated_message text, generation_time_ms integer, ai_model text, tokens_in integer, tokens_out integer,
            facebook_message_id text, after_seconds double precision, attempt_outcome text,
            page_status text, pause_page_seconds double precision, usage_percent real, counts boolean, cost_usd numeric, attempt_id uuid,
            reason_code text
        )
    ),

    checked as materialized (
        select
            o.*, s.attempt_id as open_attempt_id, s.contact_id, s.user_id, s.page_id,
            -- Without a wait of its own an automation goes by its runs: nobody gets all follow-ups at once.
            coalesce(nullif(r.wait_minutes, 0), r.run_every_minutes) as wait_minutes,
            s.generated_message as stored_message,
            case when s.current_stage in ('sending', 'failed') then s.attempt_started_at end as started_at,
            case
                when k.is_mine is not true and k.is_late is not true then 'not_held'
                when m.from_stage is null and k.is_late is not true and (o.from_stage = 'sending' and o.to_stage = 'sending') is not true
                    then 'not_allowed'
                -- Of two that say different things of one contact, the one that knows the message is out is right.
                when
                    row_number() over (
                        partition by o.state_id
                        order by
                            coalesce(k.is_late or (k.is_mine and (m.from_stage is not null or o.to_stage = 'sending')), false) desc,
                            o.to_stage = 'sent' desc, o.to_stage, o.facebook_message_id, o.error_code
                    ) > 1
                    then 'not_held'
                when length(o.generated_message) > 20000 then 'too_long'
            end as problem
        from outcome as o
        left join public.ai_automation_contact_states as s on s.id = o.state_id
        left join public.ai_automation_rules as r on r.id = s.rule_id
        left join public.ai_automation_stage_moves as m on m.from_stage = o.from_stage and m.to_stage = o.to_stage
        cross join lateral (
            select
                -- A contact that nobody holds has no token, so none must not equal none.
                s.lease_token = o.lease_token and s.current_stage = o.from_stage as is_mine,
                s.id = any(v_late) and (o.from_stage, o.to_stage) = ('sending', 'sent') and o.attempt_id = s.attempt_id as is_late
        ) as k
    ),

    good as materialized (select c.* from checked as c where c.problem is null),

    moved as (
        update public.ai_automation_contact_states as s
        set
            current_stage = g.to_stage,
            status_message = coalesce(g.status_message, ''),
            -- Who is skipped has a reason and no error; what Facebook said stays with the try.
            reason_code = case when g.to_stage = 'skipped' then coalesce(g.reason_code, g.error_code) else s.reason_code end,
            error_code = case when g.to_stage <> 'skipped' then g.error_code end,
            error_message = case when g.to_stage <> 'skipped' then g.error_message end,
            error_hint = case when g.to_stage <> 'skipped' then g.error_hint end,
            generated_message = coalesce(g.generated_message, s.generated_message),
            -- Every answer of Google's is billed, that of a try that came to nothing as well.
            generation_time_ms = case
                when g.generation_time_ms is null then s.generation_time_ms else g.generation_time_ms + coalesce(s.generation_time_ms, 0)
            end,
            ai_model = coalesce(g.ai_model, s.ai_model),
            tokens_in = case when g.tokens_in is null then s.tokens_in else g.tokens_in + coalesce(s.tokens_in, 0) end,
            tokens_out = case when g.tokens_out is null then s.tokens_out else g.tokens_out + coalesce(s.tokens_out, 0) end,
            cost_usd = case when g.cost_usd is null then s.cost_usd else g.cost_usd + coalesce(s.cost_usd, 0) end,
            due_at = v_now + make_interval(secs => least(coalesce(g.after_seconds, 0), 172800)),
            next_send_at = case
                when g.to_stage = 'ready_to_send' then v_now + make_interval(secs => coalesce(g.after_seconds, 0))
            end,
            attempt = s.attempt + (
                g.error_code is not null and g.to_stage in ('eligible', 'ready_to_send') and coalesce(g.counts, true)
            )::int,
            -- The worker has outlived it, if it did anything with it.
            times_lost = case
                when g.error_code is null then 0
                when public.is_untouched(g.error_code) then s.times_lost
                else 0
            end,
            follow_up_count = s.follow_up_count + (g.to_stage = 'sent')::int,
            -- The moment of the call, not of its settling: a reply in between is a reply to this message.
            last_sent_at = case when g.to_stage = 'sent' then coalesce(g.started_at, v_now) else s.last_sent_at end,
            next_check_at = case
                when g.to_stage = 'sent' and s.follow_up_count + 1 < s.max_follow_ups
                    then coalesce(g.started_at, v_now) + make_interval(mins => g.wait_minutes)
            end,
            quota_day = case when g.to_stage in ('failed', 'skipped') and g.attempt_outcome is distinct from 'unknown' then null else s.quota_day end,
            lease_owner = null,
            lease_token = null,
            lease_expires_at = case when g.to_stage = 'sending' then v_now + make_interval(secs => coalesce(g.after_seconds, 0)) end
        from good as g
        where s.id = g.state_id
        returning s.id
    ),

    tried as (
        update public.ai_automation_attempts as a
        set
            outcome = g.attempt_outcome,
            facebook_message_id = coalesce(g.facebook_message_id, a.facebook_message_id),
            error_code = g.error_code,
            error_message = g.error_message,
            finished_at = case when g.to_stage <> 'sending' then v_now end
        from good as g
        where
            g.from_stage = 'sending' and a.id = g.open_attempt_id and a.started_at = g.started_at
            and a.outcome in ('sending', 'unknown')
        returning a.id
    ),

    -- Facebook's answer came after the contact was taken over: what it says of this try is true all the same.
    answered_late as (
        update public.ai_automation_attempts as a
        set
            outcome = case
                when a.outcome in ('sending', 'unknown') then 'sent'
                -- A person had it sent again because nobody knew; before the next try it is known, and there is none.
                when a.outcome = 'abandoned' and c.open_attempt_id = a.id then 'sent'
                else a.outcome
            end,
            facebook_message_id = c.facebook_message_id,
            finished_at = v_now
        from checked as c
        where
            c.problem = 'not_held' and c.to_stage = 'sent' and a.id = c.attempt_id
            and a.state_id = c.state_id and a.facebook_message_id is null
            and a.id = any(v_attempts) and a.started_at >= v_oldest
        returning a.id, a.state_id, a.started_at, a.outcome
    ),

    -- Of a contact that is on its way again it is the follow-up: the rules then say what comes next.
    counted_after_all as (
        update public.ai_automation_contact_states as s
        set follow_up_count = s.follow_up_count + 1, last_sent_at = a.started_at
        from answered_late as a
        where a.outcome = 'sent' and s.id = a.state_id and s.attempt_id = a.id and s.current_stage < 'sending'
        returning s.id
    ),

    opted_out as (
        update public.contacts as c
        set
            opted_out_at = coalesce(c.opted_out_at, v_now),
            opted_out_by = 'contact',
            opt_word_at = v_now,
            owner_opted_out_at = case when c.opted_out_by = 'owner' then c.opted_out_at else c.owner_opted_out_at end
        from good as g
        where g.error_code = 'opted_out' and c.id = g.contact_id
        returning c.id
    ),

    said as (
        insert into public.contact_messages (user_id, contact_id, direction, body, facebook_message_id, said_at)
        select g.user_id, g.contact_id, 'out', left(g.stored_message, 20000), g.facebook_message_id, coalesce(g.started_at, v_now)
        from good as g
        where g.to_stage = 'sent'
        on conflict do nothing
        returning id
    ),

    written_to as (
        update public.contacts as c
        set last_outbound_at = greatest(c.last_outbound_at, g.started_at, case when g.started_at is null then v_now end)
        from good as g
        where g.to_stage = 'sent' and c.id = g.contact_id
        returning c.id
    )

    select c.state_id, c.problem is null, c.problem from checked as c;
end;
$$;

comment on function public.record_outcomes(jsonb) is
'Writes the results of steps ([{state_id, lease_token, from_stage, to_stage, ...}]). A row whose lease is gone (not_held; that a message of the latest try was accepted counts all the same, and moves a contact from sending or failed to sent), whose move is not in the graph (not_allowed) or whose message has more than 20,000 characters (too_long) changes nothing and is reported; other texts are cut. to_stage sending from sending keeps an unknown outcome waiting to be settled.';
-- What happens to contacts that no step moves: their worker vanished, or their sequence is over.

create or replace function public.reclaim_expired_leases()
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_reclaimed integer;
begin
    update public.ai_automation_contact_states as s
    set
        current_stage = case
            when s.current_stage = 'checking' then 'queued'
            when e.is_over then 'failed'
            else 'eligible'
        end::public.automation_stage,
        times_lost = e.times_lost,
        due_at = now() + case when e.is_blamed and e.times_lost = 2 then interval '10 seconds' else interval '0' end,
        status_message = 'Taken back from a worker that stopped answering',
        error_code = case when e.is_over then 'worker_lost' end,
        error_message = case when e.is_over then 'Three workers stopped while writing to this contact.' end,
        error_hint = case when e.is_over then 'Look at the worker''s log, then retry the contact.' end,
        quota_day = case when e.is_over then null else s.quota_day end
    from (
        select t.id, b.is_blamed, t.times_lost + b.is_blamed::int as times_lost, b.is_blamed and t.times_lost >= 2 as is_over
        from public.ai_automation_contact_states as t
        cross join lateral (
            select
                -- Who is only checked is in a worker's hands with two hundred others, and nothing is done to them one by one.
                t.current_stage = 'generating'
                -- A worker that has lived on for half of the lease without it never had it: the answer to its claim was lost.
                and not exists (
                    select 1 from public.ai_automation_workers as w
                    where w.name = t.lease_owner and w.beat_at > greatest(t.updated_at, t.updated_at + (t.lease_expires_at - t.updated_at) / 2)
                ) as is_blamed
        ) as b
        where t.lease_expires_at <= now() and t.current_stage in ('checking', 'generating')
        order by t.id
        for no key update of t skip locked
    ) as e
    where s.id = e.id;
    get diagnostics v_reclaimed = row_count;
    return jsonb_build_object('reclaimed', v_reclaimed);
end;
$$;

comment on function public.reclaim_expired_leases() is
'Takes contacts back from workers that stopped answering. One that was being written to when its worker died is a suspect; a worker that lives never had it. A contact in sending is not moved: it must be settled, never sent again by itself.';

drop function if exists public.beat(text, text, text, bigint[], integer, boolean);
create or replace function public.beat(
    p_worker text, p_version text, p_doing text, p_held bigint[], p_lease_seconds integer, p_stopping boolean default false,
    p_turns jsonb default '{}'
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_held integer;
begin
    insert into public.ai_automation_workers as w (name, version, doing, stopped_at, turns)
    values (p_worker, p_version, p_doing, case when p_stopping then now() end, p_turns)
    on conflict (name) do update
        set version = excluded.version, doing = excluded.doing, beat_at = now(), stopped_at = excluded.stopped_at, turns = excluded.turns;
    update public.ai_automation_contact_states as s
    set lease_expires_at = now() + make_interval(secs => p_lease_seconds)
    where s.id = any(p_held) and s.lease_owner = p_worker and s.lease_expires_at > now();
    get diagnostics v_held = row_count;
    return jsonb_build_object('held', v_held, 'now', now());
end;
$$;

comment on function public.beat(text, text, text, bigint[], integer, boolean, jsonb) is
'A worker says that it lives: its row is renewed, and so are the leases of p_held; it learns what time it is. An expired lease is not revived, and a claim whose answer was lost runs out.';

create or replace function public.is_silent(p_worker text)
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
    select coalesce(bool_or(w.stopped_at is not null or w.beat_at < now() - interval '12 seconds'), false)
    from public.ai_automation_workers as w
    where w.name = p_worker;
$$;

comment on function public.is_silent(text) is
'Whether a worker has stopped, or missed two beats: what it holds is shown as lost before its leases end. Of one that is not known, false.';

revoke execute on function public.is_silent(text) from public, anon, authenticated, service_role;
grant execute on function public.is_silent(text) to authenticated, service_role;

create or replace function public.complete_finished_sequences(p_limit integer default 500)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_over bigint[] := array(
        select t.id
        from public.ai_automation_contact_states as t
        where t.current_stage = 'skipped' and t.reason_code in ('replied', 'opted_out', 'stopped', 'max_follow_ups_reached')
        order by t.id
        limit p_limit
        for no key update skip locked
    ) || array(
        select t.id
        from public.ai_automation_contact_states as t
        where
            t.current_stage = 'sent' and t.follow_up_count >= t.max_follow_ups
            and t.last_sent_at < now() - interval '24 hours'
        order by t.last_sent_at
        limit p_limit
        for no key update skip locked
    );
    v_completed integer;
begin
    update public.ai_automation_contact_states as s
    set
        current_stage = 'completed',
        reason_code = coalesce(s.reason_code, 'max_follow_ups_reached'),
        status_message = public.reason_text(coalesce(s.reason_code, 'max_follow_ups_reached')),
        next_check_at = null
    where s.id = any(v_over);
    get diagnostics v_completed = row_count;
    return v_completed;
end;
$$;

comment on function public.complete_finished_sequences(integer) is
'Ends sequences that are over: replied, opted out, stopped, or every follow-up sent and the reply window gone. Returns how many.';

-- Owners may change their contacts but not states, so this runs with the rights of its maker; so does the one for deletes.
create or replace function public.end_sequences_on_reply()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_changed uuid[];
begin
    -- Most updates of contacts are none of a reply; a set operation compares without trying every pair.
    v_changed := array(
        select x.id
        from (
            select n.id, n.last_inbound_at, n.opted_out_at from new_contacts as n
            except
            select o.id, o.last_inbound_at, o.opted_out_at from old_contacts as o
        ) as x
    );
    if cardinality(v_changed) = 0 then
        return null;
    end if;
    update public.ai_automation_contact_states as s
    set
        current_stage = 'completed',
        reason_code = case when n.opted_out_at is not null then 'opted_out' else 'replied' end,
        status_message = public.reason_text(case when n.opted_out_at is not null then 'opted_out' else 'replied' end),
        next_check_at = null
    from new_contacts as n
    inner join old_contacts as o on o.id = n.id
    cross join public.ai_automation_rules as r
    where
        n.id = any(v_changed) and s.contact_id = n.id and r.id = s.rule_id and s.current_stage = 'sent'
        and (
            (n.opted_out_at is not null and o.opted_out_at is null)
            or (
                r.stop_on_reply and n.last_inbound_at is distinct from o.last_inbound_at
                and n.last_inbound_at > least(s.sequence_began_at, s.last_sent_at)
            )
        );
    return null;
end;
$$;

comment on function public.end_sequences_on_reply() is 'A contact who replies or opts out gets no further follow-up: sent becomes completed at once.';

create or replace trigger end_sequences_on_reply
after update on public.contacts
referencing old table as old_contacts new table as new_contacts
for each statement execute function public.end_sequences_on_reply();
-- Who waits for something that takes too long: the window closes, and waiting ends.

-- Whoever is taken up is judged then; this is for those who are not, because their page rests, or the AI, or there is much
-- before them. It reads everybody who waits, by the partial index of the claims, and writes only to whom it skips.
create or replace function public.skip_closed_windows(p_limit integer default 5000)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_ids bigint[];
    v_skipped integer;
begin
    v_ids := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        where
            s.current_stage in ('queued', 'eligible', 'ready_to_send')
            and c.last_inbound_at <= now() - interval '24 hours'
        limit p_limit
    );
    if v_ids = '{}' then
        return 0;
    end if;

    update public.ai_automation_contact_states as s
    set
        current_stage = 'skipped',
        reason_code = 'window_closed',
        status_message = public.reason_text('window_closed'),
        next_check_at = null,
        next_send_at = null,
        quota_day = null
    from (
        select t.id
        from public.ai_automation_contact_states as t
        inner join public.contacts as c on c.id = t.contact_id
        where
            t.id = any(v_ids) and t.current_stage in ('queued', 'eligible', 'ready_to_send')
            -- Again: they may have written since.
            and c.last_inbound_at <= now() - interval '24 hours'
        order by t.id
        for no key update of t skip locked
    ) as w
    where s.id = w.id;
    get diagnostics v_skipped = row_count;
    return v_skipped;
end;
$$;

comment on function public.skip_closed_windows(integer) is
'Skips contacts in queued, eligible and ready_to_send whose 24-hour window has closed while they waited, whatever they wait for; at most p_limit, and returns how many.';

revoke execute on function public.skip_closed_windows(integer) from public, anon, authenticated, service_role;
grant execute on function public.skip_closed_windows(integer) to service_role;
-- What keeps a database that runs for years as quick as on its first day.

create or replace function public.remove_old_texts(p_text_hours integer, p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_states integer;
    v_attempts integer;
begin
    update public.ai_automation_contact_states as s
    set generated_message = null, error_message = null
    from (
        select t.id
        from public.ai_automation_contact_states as t
        where
            (t.generated_message is not null or t.error_message is not null) and t.current_stage >= 'sent'
            and t.stage_entered_at < now() - make_interval(hours => p_text_hours)
        order by t.stage_entered_at
        limit p_limit
        for no key update skip locked
    ) as old
    where s.id = old.id;
    get diagnostics v_states = row_count;

    update public.ai_automation_attempts as a
    set message = null, error_message = null
    from (
        select b.id, b.started_at
        from public.ai_automation_attempts as b
        where b.message is not null and b.started_at < now() - make_interval(hours => p_text_hours) and b.outcome <> 'sending'
        order by b.started_at
        limit p_limit
    ) as old
    where a.id = old.id and a.started_at = old.started_at;
    get diagnostics v_attempts = row_count;
    return v_states + v_attempts;
end;
$$;

comment on function public.remove_old_texts(integer, integer) is
'Removes generated messages and error texts p_text_hours after a contact ended, at most p_limit of each kind; codes, times and counts stay.';

-- Sums up minutes that are a week old into hours, and hours of three months ago into days; what is summed up is removed.
create or replace function public.sum_up_minutes(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_minutes integer;
begin
    with old as (
        select m.rule_id, m.minute, m.stage, m.bucket, m.shard
        from public.ai_automation_rules as r
        cross join lateral (
            select k.rule_id, k.minute, k.stage, k.bucket, k.shard
            from public.ai_automation_stage_minutes as k
            where
                k.rule_id = r.id and k.minute < date_trunc('hour', now()) - interval '7 days'
                -- What roll_up has begun to read stays as it is until it has.
                and k.minute < coalesce((select h.moves_until from public.ai_automation_roll_up_marks as h), 'infinity')
            limit p_limit
        ) as m
        limit p_limit
    ),

    gone as (
        delete from public.ai_automation_stage_minutes as m
        using old as o
        where
            m.rule_id = o.rule_id and m.minute = o.minute and m.stage = o.stage
            and m.bucket = o.bucket and m.shard = o.shard
        returning m.user_id, m.rule_id, m.stage, m.minute, m.bucket, m.entered, m.passed, m.passed_seconds
    ),

    summed as (
        insert into public.ai_automation_stage_periods as p (
            user_id, rule_id, stage, span, starts_at, bucket, entered, passed, passed_seconds
        )
        select
            g.user_id, g.rule_id, g.stage, 'hour', date_trunc('hour', g.minute, 'UTC'), g.bucket,
            sum(g.entered), sum(g.passed), sum(g.passed_seconds)
        from gone as g
        group by g.user_id, g.rule_id, g.stage, date_trunc('hour', g.minute, 'UTC'), g.bucket
        on conflict (rule_id, span, starts_at, stage, bucket) do update
            set
                entered = p.entered + excluded.entered,
                passed = p.passed + excluded.passed,
                passed_seconds = p.passed_seconds + excluded.passed_seconds
    )

    select count(*) into v_minutes from gone;

    with gone as (
        delete from public.ai_automation_stage_periods as h
        using public.ai_automation_rules as r
        where h.rule_id = r.id and h.span = 'hour' and h.starts_at < date_trunc('day', now(), 'UTC') - interval '90 days'
        returning h.user_id, h.rule_id, h.stage, h.starts_at, h.bucket, h.entered, h.passed, h.passed_seconds
    )

    insert into public.ai_automation_stage_periods as p (
        user_id, rule_id, stage, span, starts_at, bucket, entered, passed, passed_seconds
    )
    select
        g.user_id, g.rule_id, g.stage, 'day', date_trunc('day', g.starts_at, 'UTC'), g.bucket,
        sum(g.entered), sum(g.passed), sum(g.passed_seconds)
    from gone as g
    group by g.user_id, g.rule_id, g.stage, date_trunc('day', g.starts_at, 'UTC'), g.bucket
    on conflict (rule_id, span, starts_at, stage, bucket) do update
        set
            entered = p.entered + excluded.entered,
            passed = p.passed + excluded.passed,
            passed_seconds = p.passed_seconds + excluded.passed_seconds;
    return v_minutes;
end;
$$;

comment on function public.sum_up_minutes(integer) is
'Rolls minutes older than 7 days into hours and hours older than 90 days into days, at most p_limit minutes; sums stay the same. Returns the minutes rolled.';

create or replace function public.drop_history_days(p_before date)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_name text;
    v_dropped integer := 0;
begin
    for v_name in
        select c.relname
        from pg_catalog.pg_inherits as i
        inner join pg_catalog.pg_class as c on c.oid = i.inhrelid
        where
            i.inhparent in ('public.ai_automation_stage_events'::regclass, 'public.ai_automation_attempts'::regclass)
            and c.relname ~ '_\d{8}$' and right(c.relname, 8) < to_char(p_before, 'YYYYMMDD')
        order by c.relname
    loop
        execute format('drop table automation_history.%I', v_name);
        v_dropped := v_dropped + 1;
    end loop;
    delete from public.ai_automation_stage_events as e where e.occurred_at < p_before::timestamp at time zone 'UTC';
    delete from public.ai_automation_attempts as a where a.started_at < p_before::timestamp at time zone 'UTC';
    return v_dropped;
end;
$$;

comment on function public.drop_history_days(date) is
'Drops the days of events and attempts before p_before (UTC), and older rows of the default partitions; returns how many days.';

create or replace function public.keep_figures_small(p_limit integer)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_today date := (now() at time zone 'UTC')::date;
    v_coarse_until date;
    v_rows integer;
begin
    delete from public.ai_automation_figures as f
    where (f.user_id, f.scope_id, f.kind, f.day, f.key, f.number) in (
        select o.user_id, o.scope_id, o.kind, o.day, o.key, o.number
        from public.ai_automation_figures as o
        where o.day < v_today - 190
        order by o.day
        limit p_limit
    );

    with fine as materialized (
        select f.user_id, f.scope_id, f.kind, f.day, f.key, f.number
        from public.ai_automation_figures as f
        where
            f.day >= (select m.coarse_until from public.ai_automation_roll_up_marks as m) and f.day < v_today - 8
            and f.kind in ('stayed', 'ai_time') and cardinality(f.upto) = 96
        order by f.day
        limit p_limit
    ),

    made_coarse as (
        update public.ai_automation_figures as f
        set upto = array(select f.upto[4 * h.hour] from generate_series(1, 24) as h (hour) order by h.hour)
        from fine as o
        where
            f.user_id = o.user_id and f.scope_id = o.scope_id and f.kind = o.kind and f.day = o.day and f.key = o.key
            and f.number = o.number
    )

    select case when count(*) = p_limit then max(n.day) else v_today - 8 end, count(*) into v_coarse_until, v_rows
    from fine as n;
    update public.ai_automation_roll_up_marks as m set coarse_until = v_coarse_until where m.coarse_until < v_coarse_until;
    return v_rows;
end;
$$;

comment on function public.keep_figures_small(integer) is
'Removes figures after 190 days, and keeps durations of days before the last 8 by the hour; at most p_limit rows. Returns how many became coarser.';

create or replace function public.maintain(
    p_text_hours integer default 24, p_history_days integer default 30, p_message_days integer default 90
)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- A lock that has to wait is left for the next minute: nobody else waits behind it for long.
set lock_timeout = '2s'
as $$
declare
    v_today date := (now() at time zone 'UTC')::date;
    v_made integer;
    v_dropped integer;
    v_texts integer;
    v_minutes integer;
    v_messages integer;
begin
    if least(p_text_hours, p_history_days, p_message_days) < 1 then
        raise exception 'Texts, history and messages are kept for at least an hour or a day.' using errcode = '22023';
    end if;
    if not pg_try_advisory_xact_lock(20261122, 100) then
        return jsonb_build_object('busy', true);
    end if;
    v_texts := public.remove_old_texts(p_text_hours, 5000);
    v_minutes := public.sum_up_minutes(20000);
    delete from public.contact_messages as m
    where m.id in (
        select o.id from public.contact_messages as o
        where o.said_at < now() - make_interval(days => p_message_days)
        order by o.said_at
        limit 5000
    );
    get diagnostics v_messages = row_count;
    delete from public.ai_automation_stage_counts as k
    using public.ai_automation_rules as r
    where k.rule_id = r.id and k.slot < public.monitor_since() - interval '1 hour';
    delete from public.ai_automation_workers as w where w.beat_at < now() - interval '7 days';
    perform public.remove_deleted_rules();
    perform public.forget_previews();
    perform public.forget_bulks();
    perform public.keep_figures_small(20000);
    begin
        v_made := public.make_history_days(v_today, v_today + 3);
        v_dropped := public.drop_history_days(v_today - p_history_days);
    exception
        when lock_not_available or deadlock_detected then null;
    end;
    return jsonb_build_object(
        'days_made', v_made, 'days_dropped', v_dropped, 'texts_removed', v_texts, 'minutes_summed_up', v_minutes,
        'messages_removed', v_messages
    );
end;
$$;

comment on function public.maintain(integer, integer, integer) is
'Once a minute, by any worker: makes days of history ahead and drops old ones, removes texts p_text_hours after a contact ended, messages after p_message_days and what was deleted, sums up old minutes. Where another call is at it, it answers busy. What is in flight is never touched.';
-- What cannot be a message to anybody, whoever wrote it: the same as find_misfit of pipeline/steps/text_checks.py. A test
-- gives both the same texts, and compares the signs below with Unicode's tables as Python has them.

create or replace function public.signs_of(p_kind text)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case p_kind
        -- Mn and Me: drawn on the letter before.
        when 'mark' then '\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670'
        || '\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-\u07f3\u07fd\u0816-\u0819'
        || '\u081b-\u0823\u0825-\u0827\u0829-\u082d\u0859-\u085b\u0898-\u089f\u08ca-\u08e1\u08e3-\u0902\u093a\u093c\u0941-\u0948'
        || '\u094d\u0951-\u0957\u0962\u0963\u0981\u09bc\u09c1-\u09c4\u09cd\u09e2\u09e3\u09fe\u0a01\u0a02\u0a3c\u0a41\u0a42\u0a47'
        || '\u0a48\u0a4b-\u0a4d\u0a51\u0a70\u0a71\u0a75\u0a81\u0a82\u0abc\u0ac1-\u0ac5\u0ac7\u0ac8\u0acd\u0ae2\u0ae3\u0afa-\u0aff'
        || '\u0b01\u0b3c\u0b3f\u0b41-\u0b44\u0b4d\u0b55\u0b56\u0b62\u0b63\u0b82\u0bc0\u0bcd\u0c00\u0c04\u0c3c\u0c3e-\u0c40'
        || '\u0c46-\u0c48\u0c4a-\u0c4d\u0c55\u0c56\u0c62\u0c63\u0c81\u0cbc\u0cbf\u0cc6\u0ccc\u0ccd\u0ce2\u0ce3\u0d00\u0d01\u0d3b'
        || '\u0d3c\u0d41-\u0d44\u0d4d\u0d62\u0d63\u0d81\u0dca\u0dd2-\u0dd4\u0dd6\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1'
        || '\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f18\u0f19\u0f35\u0f37\u0f39\u0f71-\u0f7e\u0f80-\u0f84\u0f86\u0f87\u0f8d-\u0f97'
        || '\u0f99-\u0fbc\u0fc6\u102d-\u1030\u1032-\u1037\u1039\u103a\u103d\u103e\u1058\u1059\u105e-\u1060\u1071-\u1074\u1082'
        || '\u1085\u1086\u108d\u109d\u135d-\u135f\u1712-\u1714\u1732\u1733\u1752\u1753\u1772\u1773\u17b4\u17b5\u17b7-\u17bd\u17c6'
        || '\u17c9-\u17d3\u17dd\u180b-\u180d\u180f\u1885\u1886\u18a9\u1920-\u1922\u1927\u1928\u1932\u1939-\u193b\u1a17\u1a18\u1a1b'
        || '\u1a56\u1a58-\u1a5e\u1a60\u1a62\u1a65-\u1a6c\u1a73-\u1a7c\u1a7f\u1ab0-\u1ace\u1b00-\u1b03\u1b34\u1b36-\u1b3a\u1b3c'
        || '\u1b42\u1b6b-\u1b73\u1b80\u1b81\u1ba2-\u1ba5\u1ba8\u1ba9\u1bab-\u1bad\u1be6\u1be8\u1be9\u1bed\u1bef-\u1bf1'
        || '\u1c2c-\u1c33\u1c36\u1c37\u1cd0-\u1cd2\u1cd4-\u1ce0\u1ce2-\u1ce8\u1ced\u1cf4\u1cf8\u1cf9\u1dc0-\u1dff\u20d0-\u20f0'
        || '\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302d\u3099\u309a\ua66f-\ua672\ua674-\ua67d\ua69e\ua69f\ua6f0\ua6f1\ua802'
        || '\ua806\ua80b\ua825\ua826\ua82c\ua8c4\ua8c5\ua8e0-\ua8f1\ua8ff\ua926-\ua92d\ua947-\ua951\ua980-\ua982\ua9b3'
        || '\ua9b6-\ua9b9\ua9bc\ua9bd\ua9e5\uaa29-\uaa2e\uaa31\uaa32\uaa35\uaa36\uaa43\uaa4c\uaa7c\uaab0\uaab2-\uaab4\uaab7\uaab8'
        || '\uaabe\uaabf\uaac1\uaaec\uaaed\uaaf6\uabe5\uabe8\uabed\ufb1e\ufe00-\ufe0f\ufe20-\ufe2f\U000101fd\U000102e0'
        || '\U00010376-\U0001037a\U00010a01-\U00010a03\U00010a05\U00010a06\U00010a0c-\U00010a0f\U00010a38-\U00010a3a\U00010a3f'
        || '\U00010ae5\U00010ae6\U00010d24-\U00010d27\U00010eab\U00010eac\U00010f46-\U00010f50\U00010f82-\U00010f85\U00011001'
        || '\U00011038-\U00011046\U00011070\U00011073\U00011074\U0001107f-\U00011081\U000110b3-\U000110b6\U000110b9\U000110ba'
        || '\U000110c2\U00011100-\U00011102\U00011127-\U0001112b\U0001112d-\U00011134\U00011173\U00011180\U00011181'
        || '\U000111b6-\U000111be\U000111c9-\U000111cc\U000111cf\U0001122f-\U00011231\U00011234\U00011236\U00011237\U0001123e'
        || '\U000112df\U000112e3-\U000112ea\U00011300\U00011301\U0001133b\U0001133c\U00011340\U00011366-\U0001136c'
        || '\U00011370-\U00011374\U00011438-\U0001143f\U00011442-\U00011444\U00011446\U0001145e\U000114b3-\U000114b8\U000114ba'
        || '\U000114bf\U000114c0\U000114c2\U000114c3\U000115b2-\U000115b5\U000115bc\U000115bd\U000115bf\U000115c0\U000115dc'
        || '\U000115dd\U00011633-\U0001163a\U0001163d\U0001163f\U00011640\U000116ab\U000116ad\U000116b0-\U000116b5\U000116b7'
        || '\U0001171d-\U0001171f\U00011722-\U00011725\U00011727-\U0001172b\U0001182f-\U00011837\U00011839\U0001183a\U0001193b'
        || '\U0001193c\U0001193e\U00011943\U000119d4-\U000119d7\U000119da\U000119db\U000119e0\U00011a01-\U00011a0a'
        || '\U00011a33-\U00011a38\U00011a3b-\U00011a3e\U00011a47\U00011a51-\U00011a56\U00011a59-\U00011a5b\U00011a8a-\U00011a96'
        || '\U00011a98\U00011a99\U00011c30-\U00011c36\U00011c38-\U00011c3d\U00011c3f\U00011c92-\U00011ca7\U00011caa-\U00011cb0'
        || '\U00011cb2\U00011cb3\U00011cb5\U00011cb6\U00011d31-\U00011d36\U00011d3a\U00011d3c\U00011d3d\U00011d3f-\U00011d45'
        || '\U00011d47\U00011d90\U00011d91\U00011d95\U00011d97\U00011ef3\U00011ef4\U00016af0-\U00016af4\U00016b30-\U00016b36'
        || '\U00016f4f\U00016f8f-\U00016f92\U00016fe4\U0001bc9d\U0001bc9e\U0001cf00-\U0001cf2d\U0001cf30-\U0001cf46'
        || '\U0001d167-\U0001d169\U0001d17b-\U0001d182\U0001d185-\U0001d18b\U0001d1aa-\U0001d1ad\U0001d242-\U0001d244'
        || '\U0001da00-\U0001da36\U0001da3b-\U0001da6c\U0001da75\U0001da84\U0001da9b-\U0001da9f\U0001daa1-\U0001daaf'
        || '\U0001e000-\U0001e006\U0001e008-\U0001e018\U0001e01b-\U0001e021\U0001e023\U0001e024\U0001e026-\U0001e02a'
        || '\U0001e130-\U0001e136\U0001e2ae\U0001e2ec-\U0001e2ef\U0001e8d0-\U0001e8d6\U0001e944-\U0001e94a\U000e0100-\U000e01ef'
        -- Cf: joiners, turns of direction; among marks they count as none.
        when 'format' then '\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f'
        || '\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001'
        || '\U000e0020-\U000e007f'
        -- What else is not seen: spaces, controls, vowels without a letter (Mc), letters that are drawn as nothing.
        when 'space' then '\u0001-\u0020\u007f-\u00a0\u0903\u093b\u093e-\u0940\u0949-\u094c\u094e\u094f\u0982\u0983\u09be-\u09c0\u09c7\u09c8'
        || '\u09cb\u09cc\u09d7\u0a03\u0a3e-\u0a40\u0a83\u0abe-\u0ac0\u0ac9\u0acb\u0acc\u0b02\u0b03\u0b3e\u0b40\u0b47\u0b48\u0b4b'
        || '\u0b4c\u0b57\u0bbe\u0bbf\u0bc1\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcc\u0bd7\u0c01-\u0c03\u0c41-\u0c44\u0c82\u0c83\u0cbe'
        || '\u0cc0-\u0cc4\u0cc7\u0cc8\u0cca\u0ccb\u0cd5\u0cd6\u0d02\u0d03\u0d3e-\u0d40\u0d46-\u0d48\u0d4a-\u0d4c\u0d57\u0d82\u0d83'
        || '\u0dcf-\u0dd1\u0dd8-\u0ddf\u0df2\u0df3\u0f3e\u0f3f\u0f7f\u102b\u102c\u1031\u1038\u103b\u103c\u1056\u1057\u1062-\u1064'
        || '\u1067-\u106d\u1083\u1084\u1087-\u108c\u108f\u109a-\u109c\u115f\u1160\u1680\u1715\u1734\u17b6\u17be-\u17c5\u17c7\u17c8'
        || '\u1923-\u1926\u1929-\u192b\u1930\u1931\u1933-\u1938\u1a19\u1a1a\u1a55\u1a57\u1a61\u1a63\u1a64\u1a6d-\u1a72\u1b04\u1b35'
        || '\u1b3b\u1b3d-\u1b41\u1b43\u1b44\u1b82\u1ba1\u1ba6\u1ba7\u1baa\u1be7\u1bea-\u1bec\u1bee\u1bf2\u1bf3\u1c24-\u1c2b\u1c34'
        || '\u1c35\u1ce1\u1cf7\u2000-\u200a\u2028\u2029\u202f\u205f\u2065\u2800\u3000\u302e\u302f\u3164\ua823\ua824\ua827\ua880'
        || '\ua881\ua8b4-\ua8c3\ua952\ua953\ua983\ua9b4\ua9b5\ua9ba\ua9bb\ua9be-\ua9c0\uaa2f\uaa30\uaa33\uaa34\uaa4d\uaa7b\uaa7d'
        || '\uaaeb\uaaee\uaaef\uaaf5\uabe3\uabe4\uabe6\uabe7\uabe9\uabea\uabec\ue000-\uf8ff\uffa0\ufff0-\ufff8\U00011000\U00011002'
        || '\U00011082\U000110b0-\U000110b2\U000110b7\U000110b8\U0001112c\U00011145\U00011146\U00011182\U000111b3-\U000111b5'
        || '\U000111bf\U000111c0\U000111ce\U0001122c-\U0001122e\U00011232\U00011233\U00011235\U000112e0-\U000112e2\U00011302'
        || '\U00011303\U0001133e\U0001133f\U00011341-\U00011344\U00011347\U00011348\U0001134b-\U0001134d\U00011357\U00011362'
        || '\U00011363\U00011435-\U00011437\U00011440\U00011441\U00011445\U000114b0-\U000114b2\U000114b9\U000114bb-\U000114be'
        || '\U000114c1\U000115af-\U000115b1\U000115b8-\U000115bb\U000115be\U00011630-\U00011632\U0001163b\U0001163c\U0001163e'
        || '\U000116ac\U000116ae\U000116af\U000116b6\U00011720\U00011721\U00011726\U0001182c-\U0001182e\U00011838'
        || '\U00011930-\U00011935\U00011937\U00011938\U0001193d\U00011940\U00011942\U000119d1-\U000119d3\U000119dc-\U000119df'
        || '\U000119e4\U00011a39\U00011a57\U00011a58\U00011a97\U00011c2f\U00011c3e\U00011ca9\U00011cb1\U00011cb4'
        || '\U00011d8a-\U00011d8e\U00011d93\U00011d94\U00011d96\U00011ef5\U00011ef6\U00016f51-\U00016f87\U00016ff0\U00016ff1'
        || '\U0001d165\U0001d166\U0001d16d-\U0001d172\U000e0000\U000e0002-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff'
        || '\U000f0000-\U000ffffd\U00100000-\U0010fffd'
    end;
$$;

comment on function public.signs_of(text) is
'Signs of Unicode for the brackets of a regular expression: mark (drawn on the letter before), format (joiners, turns of direction), space (whatever else is not seen).';

-- A turn of direction that is not ended on its line, or that runs letters backwards.
create or replace function public.is_turned(p_text text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
    -- Only the turns, and the ends of lines: whoever writes one ends it before the next line.
    v_left text := regexp_replace(p_text, '[^\u202a-\u202e\u2066-\u2069\u000a-\u000d\u001c-\u001e\u0085\u2028\u2029]+', '', 'g');
    v_before text;
begin
    if v_left !~ '[\u202a-\u202e\u2066-\u2069]' then
        return false;
    end if;
    loop
        v_before := v_left;
        v_left := regexp_replace(v_left, '[\u202a\u202b\u202d]\u202c|[\u2066-\u2068]\u2069', '', 'g');
        exit when v_left = v_before;
    end loop;
    return v_left ~ '[\u202a-\u202e\u2066-\u2069]';
end;
$$;

comment on function public.is_turned(text) is 'Whether letters run backwards (U+202E), or a turn of direction is left open or ended without having begun.';

create or replace function public.length_of_message(p_text text)
returns integer
language sql
immutable
parallel safe
set search_path = ''
as $$
    select length(p_text) + length(regexp_replace(p_text, '[^\U00010000-\U0010ffff]+', '', 'g'));
$$;

comment on function public.length_of_message(text) is
'UTF-16 units: Meta does not say what a character is, and this counts most; an emoji is two or more.';

create or replace function public.misfit_of(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
    return case
        when
            p_text is null
            or (
                p_text !~ '[!-~]'
                and p_text !~ ('[^' || public.signs_of('mark') || public.signs_of('format') || public.signs_of('space') || ']')
            )
            then 'text_empty'
        when public.length_of_message(p_text) > 1990 then 'text_too_long'
        -- Plain letters need no further look.
        when octet_length(p_text) = length(p_text) then null
        when
            public.is_turned(p_text)
            or p_text ~ ('(?:[' || public.signs_of('mark') || '][' || public.signs_of('format') || ']*){7}')
            then 'text_garbled'
    end;
end;
$$;

comment on function public.misfit_of(text) is
'text_empty where nothing of it is seen, text_too_long beyond 1990 units, text_garbled where signs turn the writing around or more than six marks lie on one letter; null where it may be a message.';

create or replace function public.refuse_misfit(p_text text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
    case public.misfit_of(p_text)
        when 'text_empty' then
            raise exception 'Nothing of this message can be seen.'
            using errcode = '22023', hint = 'Write a text, or reject the message.';
        when 'text_too_long' then
            raise exception 'The message is too long for Messenger (% of 1990 characters).', public.length_of_message(p_text)
            using errcode = '22023', hint = 'Shorten it. An emoji counts as two characters or more.';
        when 'text_garbled' then
            raise exception 'The message has signs that turn the writing around, or heaps of marks on one letter.'
            using errcode = '22023', hint = 'Type those words anew: such signs come along when a text is copied.';
        else null;
    end case;
end;
$$;

comment on function public.refuse_misfit(text) is 'Raises, in words for the person who wrote it, when this cannot be a message.';

revoke execute on function
public.signs_of(text), public.is_turned(text), public.length_of_message(text), public.misfit_of(text), public.refuse_misfit(text)
from public, anon, authenticated, service_role;
-- What a signed-in person may do. Each function checks that the thing belongs to the caller.

create or replace function public.set_rule_enabled(p_rule_id uuid, p_enabled boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.ai_automation_rules as r
    set
        enabled = p_enabled,
        next_run_at = case when p_enabled then public.next_run_of(r, now()) end,
        updated_at = now()
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null;
    if not found then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action)
    values ((select auth.uid()), p_rule_id, case when p_enabled then 'switch_on' else 'switch_off' end);
    return jsonb_build_object('enabled', p_enabled);
end;
$$;

comment on function public.set_rule_enabled(uuid, boolean) is
'Switches the caller''s automation on or off. Off stops contacts in flight at their next step.';

create or replace function public.refuse_deleted(p_state_ids bigint[])
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if exists (
        select 1
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where s.id = any(p_state_ids) and s.user_id = (select auth.uid()) and r.deleted_at is not null
    ) then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
end;
$$;

comment on function public.refuse_deleted(bigint[]) is
'Raises "does not exist" when one of these contacts is in an automation that the caller has deleted.';

create or replace function public.cancel_contacts(p_state_ids bigint[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_changed integer;
begin
    perform public.refuse_deleted(p_state_ids);
    update public.ai_automation_contact_states as s
    set
        stopped_at = now(),
        current_stage = case
            when s.current_stage in ('queued', 'eligible', 'ready_to_send') then 'skipped' else s.current_stage
        end,
        reason_code = 'cancelled',
        status_message = case
            when s.current_stage in ('queued', 'eligible', 'ready_to_send') then public.reason_text('cancelled')
            else 'Stops before the next step'
        end,
        next_check_at = null,
        next_send_at = case when s.current_stage = 'sending' then s.next_send_at end,
        quota_day = case when s.current_stage in ('queued', 'eligible', 'ready_to_send') then null else s.quota_day end
    where
        s.id = any(p_state_ids) and s.user_id = (select auth.uid())
        and s.current_stage in ('queued', 'checking', 'eligible', 'generating', 'ready_to_send');
    get diagnostics v_changed = row_count;
    if coalesce(current_setting('stagelight.bulk', true), '') = '' then
        insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
        select (select auth.uid()), w.rule_id, 'cancel_contacts', v_changed, w.detail
        from public.who_was_meant(p_state_ids) as w;
    end if;
    return jsonb_build_object('changed', v_changed, 'unchanged', cardinality(p_state_ids) - v_changed);
end;
$$;

comment on function public.cancel_contacts(bigint[]) is
'Stops contacts of the caller that are in flight and not yet being sent to. One whose message is being written stops before it is sent.';

create or replace function public.retry_contacts(p_state_ids bigint[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_failed bigint[];
    v_attempts uuid[];
    v_oldest timestamptz;
    v_changed integer;
begin
    perform public.refuse_deleted(p_state_ids);
    select array_agg(s.id), array_agg(s.attempt_id), min(s.attempt_started_at) into v_failed, v_attempts, v_oldest
    from (
        select t.id, t.attempt_id, t.attempt_started_at
        from public.ai_automation_contact_states as t
        where t.id = any(p_state_ids) and t.user_id = (select auth.uid()) and t.current_stage = 'failed'
        order by t.id
        for no key update
    ) as s;
    update public.ai_automation_attempts as a
    set outcome = 'abandoned', finished_at = coalesce(a.finished_at, now())
    where a.id = any(v_attempts) and a.started_at >= v_oldest and a.outcome = 'unknown';
    -- The day of an old try may be gone; what a person decided counts all the same.
    delete from public.ai_automation_follow_ups as f
    using public.ai_automation_contact_states as s
    where s.id = any(v_failed) and f.state_id = s.id and f.follow_up = s.follow_up_count + 1 and not f.accepted;
    update public.ai_automation_contact_states as s
    set
        current_stage = 'queued',
        queued_at = now(),
        sequence_began_at = case when s.last_sent_at is null then now() else s.sequence_began_at end,
        due_at = now(),
        status_message = 'In queue again',
        reason_code = null,
        error_code = null,
        error_message = null,
        error_hint = null,
        generated_message = null,
        generation_time_ms = null,
        ai_model = null,
        tokens_in = null,
        tokens_out = null,
        cost_usd = null,
        next_check_at = null,
        stopped_at = null,
        approved_at = null,
        attempt = 0,
        times_lost = 0,
        quota_day = null
    where
        s.id = any(p_state_ids) and s.user_id = (select auth.uid())
        and s.current_stage in ('failed', 'skipped');
    get diagnostics v_changed = row_count;
    if coalesce(current_setting('stagelight.bulk', true), '') = '' then
        insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
        select (select auth.uid()), w.rule_id, 'retry_contacts', v_changed, w.detail
        from public.who_was_meant(p_state_ids) as w;
    end if;
    return jsonb_build_object('changed', v_changed, 'unchanged', cardinality(p_state_ids) - v_changed);
end;
$$;

comment on function public.retry_contacts(bigint[]) is
'Queues failed or skipped contacts of the caller again. A follow-up whose outcome was unknown may be sent a second time: that is the person''s decision, and it is recorded.';

create or replace function public.verdicts_on_approval(p_state_ids bigint[])
returns table (state_id bigint, verdict jsonb)
language sql
stable
set search_path = ''
as $$
    select
        e.state_id,
        jsonb_build_object(
            -- A message is not thrown away because its page waits; when it no longer does, all is asked again.
            'approved',
            e.reason_code = 'ok'
            or (e.reason_code in ('page_paused', 'page_unavailable') and (p.paused_at is not null or coalesce(p.paused_until > now(), false)))
        )
        || case
            when e.reason_code = 'ok' then '{}'
            else jsonb_build_object('reason_code', e.reason_code, 'reason', public.reason_text(e.reason_code))
        end
    from public.recheck_before_send(p_state_ids) as e
    inner join public.ai_automation_contact_states as s on s.id = e.state_id
    inner join public.facebook_pages as p on p.id = s.page_id;
$$;

comment on function public.verdicts_on_approval(bigint[]) is
'What approve_message answers for each: whether its approval lets it go out, now or when its page can send, and what is in the way.';

create or replace function public.approve_message(p_state_id bigint, p_text text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_text text := nullif(btrim(p_text, E' \t\r\n'), '');
    v_written text;
    v_verdict jsonb;
begin
    perform public.refuse_deleted(array[p_state_id]);
    select s.generated_message into v_written
    from public.ai_automation_contact_states as s
    where s.id = p_state_id and s.user_id = (select auth.uid()) and s.current_stage = 'ready_to_send'
    for no key update;
    if not found then
        raise exception 'This message is no longer waiting for review.' using errcode = 'PT404';
    end if;
    perform public.refuse_misfit(coalesce(v_text, v_written));
    select a.verdict into v_verdict from public.verdicts_on_approval(array[p_state_id]) as a;
    if not (v_verdict ->> 'approved')::boolean then
        return v_verdict;
    end if;
    update public.ai_automation_contact_states as s
    set
        generated_message = coalesce(v_text, s.generated_message),
        approved_at = now(), due_at = now(), next_send_at = now(), status_message = 'Approved, waiting for its turn'
    where s.id = p_state_id;
    insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
    select
        (select auth.uid()), w.rule_id, 'approve_message', 1,
        w.detail || case when v_text is distinct from v_written and v_text is not null then '{"edited": true}' else '{}' end::jsonb
    from public.who_was_meant(array[p_state_id]) as w;
    return v_verdict;
end;
$$;

comment on function public.approve_message(bigint, text) is
'Lets a message that waits for review go out, with p_text in its place if given; refuses a text that cannot be a message. Where the contact may not be written to now it changes nothing and answers approved: false, with reason_code and reason; where only the page cannot send yet, approved: true with that reason.';

create or replace function public.reject_message(p_state_id bigint, p_reason text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform public.refuse_deleted(array[p_state_id]);
    update public.ai_automation_contact_states as s
    set
        current_stage = 'skipped', reason_code = 'rejected', next_send_at = null, quota_day = null,
        status_message = coalesce(nullif(left(btrim(p_reason), 300), ''), public.reason_text('rejected'))
    where s.id = p_state_id and s.user_id = (select auth.uid()) and s.current_stage = 'ready_to_send';
    if not found then
        raise exception 'This message is no longer waiting for review.' using errcode = 'PT404';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
    select (select auth.uid()), w.rule_id, 'reject_message', 1, w.detail from public.who_was_meant(array[p_state_id]) as w;
    return jsonb_build_object('rejected', true);
end;
$$;

comment on function public.reject_message(bigint, text) is 'Takes a message that waits for review out; the contact is skipped.';

revoke execute on function public.refuse_deleted(bigint[]) from public, anon, authenticated, service_role;
revoke execute on function public.verdicts_on_approval(bigint[]) from public, anon, authenticated, service_role;
-- Automations as their owner keeps them: deleting with a way back, and what one would do before it does it.

alter table public.ai_automation_rules add column if not exists deleted_at timestamptz;
alter table public.ai_automation_rules add column if not exists enabled_when_deleted boolean;
alter table public.ai_automation_rules
drop constraint if exists ai_automation_rules_deleted_is_off,
add constraint ai_automation_rules_deleted_is_off check (deleted_at is null or not enabled);

create index if not exists ai_automation_rules_deleted_idx on public.ai_automation_rules (deleted_at) where deleted_at is not null;

comment on column public.ai_automation_rules.deleted_at is
'Deleted by its owner at this moment: seen by nobody, off, and removed for good a minute later unless restore_rule takes it back.';
comment on column public.ai_automation_rules.enabled_when_deleted is 'Whether it was on when it was deleted, so that taking it back is all that is needed.';
comment on index public.ai_automation_rules_deleted_idx is 'Serves remove_deleted_rules.';

-- Restrictive: whatever else lets an owner see an automation, a deleted one stays out of sight, and so out of every view.
drop policy if exists "nobody sees a deleted automation" on public.ai_automation_rules;
create policy "nobody sees a deleted automation" on public.ai_automation_rules
as restrictive for select to authenticated using (deleted_at is null);

create or replace function public.delete_rule(p_rule_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
begin
    update public.ai_automation_rules as r
    set deleted_at = now(), enabled_when_deleted = r.enabled, enabled = false
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null
    returning r.* into v_rule;
    if not found then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action) values (v_rule.user_id, p_rule_id, 'delete_rule');
    return jsonb_build_object('name', v_rule.name, 'deleted_at', v_rule.deleted_at);
end;
$$;

comment on function public.delete_rule(uuid) is
'Deletes the caller''s automation: it is off and out of sight at once, and restore_rule takes it back for a minute. Then it goes for good, with its history.';

-- What the worker put aside meanwhile, because the automation was off, is queued again.
create or replace function public.restore_rule(p_rule_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_queued integer := 0;
begin
    select r.* into v_rule
    from public.ai_automation_rules as r
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at > now() - interval '1 minute'
    for no key update;
    if not found then
        raise exception 'It is too late to undo: the automation is gone.' using errcode = 'PT404';
    end if;
    update public.ai_automation_rules as r
    set deleted_at = null, enabled = v_rule.enabled_when_deleted, enabled_when_deleted = null
    where r.id = p_rule_id;
    if v_rule.enabled_when_deleted then
        update public.ai_automation_contact_states as s
        set
            current_stage = 'queued', queued_at = now(), due_at = now(), status_message = 'In queue again',
            sequence_began_at = case when s.last_sent_at is null then now() else s.sequence_began_at end,
            reason_code = null, next_check_at = null, generated_message = null, approved_at = null, attempt = 0
        where
            s.rule_id = p_rule_id and s.current_stage = 'skipped' and s.reason_code = 'rule_disabled'
            and s.stage_entered_at >= v_rule.deleted_at;
        get diagnostics v_queued = row_count;
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action, affected)
    values (v_rule.user_id, p_rule_id, 'restore_rule', v_queued);
    return jsonb_build_object('name', v_rule.name, 'enabled', v_rule.enabled_when_deleted, 'queued', v_queued);
end;
$$;

comment on function public.restore_rule(uuid) is
'Takes a deletion back, on or off as the automation was; contacts that were put aside meanwhile are queued again.';

-- Contacts first and in portions, so that no call takes long however large the automation was.
create or replace function public.remove_deleted_rules(p_limit integer default 5000)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    select array_agg(going.id) into v_ids
    from (
        select s.id
        from public.ai_automation_rules as r
        inner join public.ai_automation_contact_states as s on s.rule_id = r.id
        -- Later than the last moment of an undo, so that nothing half removed is taken back.
        where
            r.deleted_at < now() - interval '2 minutes'
            and (s.current_stage = 'sending' and s.lease_token is not null and s.lease_expires_at > now()) is not true
        order by s.id
        limit p_limit
        for update of s skip locked
        -- Somebody may be taking it back at this moment.
        for no key update of r skip locked
    ) as going;
    delete from public.ai_automation_contact_states as s where s.id = any(v_ids);
    delete from public.ai_automation_rules as r
    where
        r.deleted_at < now() - interval '2 minutes'
        and not exists (select 1 from public.ai_automation_contact_states as s where s.rule_id = r.id);
    return coalesce(cardinality(v_ids), 0);
end;
$$;

comment on function public.remove_deleted_rules(integer) is
'Called by maintain: removes automations deleted more than two minutes ago, up to p_limit of their contacts'' states at a time; says how many went.';

create or replace function public.deletion_preview(p_rule_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'name', r.name,
        'contacts', n.contacts,
        'in_flight', n.in_flight,
        'runs', u.runs,
        'sent', u.sent
    )
    from public.ai_automation_rules as r
    cross join lateral (
        select count(*) as contacts, count(*) filter (where public.is_in_flight(s.current_stage)) as in_flight
        from public.ai_automation_contact_states as s
        where s.rule_id = r.id
    ) as n
    cross join lateral (
        select count(*) as runs, coalesce(sum(k.sent), 0) as sent
        from public.ai_automation_runs as k
        where k.rule_id = r.id
    ) as u
    where r.id = p_rule_id;
$$;

comment on function public.deletion_preview(uuid) is
'What goes when this automation is deleted: contacts on the way, contacts with progress, runs and messages in its history; null when it is not the caller''s.';

create or replace function public.run_preview(p_rule_id uuid)
returns jsonb
language sql
stable
set search_path = ''
-- It counts whom request_run would queue, and may take as long.
set statement_timeout = '2min'
as $$
    select jsonb_build_object(
        'name', r.name,
        'enabled', r.enabled,
        'page_held', (
            select case when p.disconnected_at is not null then 'disconnected' when p.paused_at is not null then 'paused' end
            from public.facebook_pages as p
            where p.id = r.page_id
        ),
        -- Facebook has slowed or stopped it: whoever is queued waits for it, unchecked.
        'page_waits', (select coalesce(p.paused_until > now(), false) from public.facebook_pages as p where p.id = r.page_id),
        'queue', q.contacts,
        'would_send', q.would_send,
        'in_flight', (
            select count(*)
            from public.ai_automation_contact_states as s
            where s.rule_id = r.id and public.is_in_flight(s.current_stage)
        )
    )
    from public.ai_automation_rules as r
    cross join lateral (
        select count(*) as contacts, count(*) filter (where e.reason_code = 'ok') as would_send
        from public.contacts_to_queue(r.id, false) as k
        inner join public.judge_contacts(array[r.id], null, now(), public.as_if_on(r)) as e on e.contact_id = k.contact_id
    ) as q
    where r.id = p_rule_id;
$$;

comment on function public.run_preview(uuid) is
'How many contacts request_run would queue now, and how many of them would get a message; null when the automation is not the caller''s.';

create or replace function public.preview_rule(
    p_rule jsonb,
    p_reason text default null,
    p_search text default null,
    p_limit integer default 25,
    p_offset integer default 0
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_enabled boolean;
    v_named text := public.folded('%' || regexp_replace(nullif(btrim(p_search), ''), '([\\%_])', '\\\1', 'g') || '%');
    v_answer jsonb;
begin
    if p_rule ->> 'id' is not null then
        select r.* into v_rule from public.ai_automation_rules as r where r.id = (p_rule ->> 'id')::uuid;
        if not found then
            raise exception 'This automation does not exist.' using errcode = 'PT404';
        end if;
    end if;
    v_enabled := coalesce(v_rule.enabled, false);
    v_rule := public.as_if_on(jsonb_populate_record(v_rule, p_rule));

    with judged as materialized (
        select e.contact_id, e.reason_code, e.next_check_at, c.sender_name, c.sender_id, c.opted_out_at is not null as opted_out
        from public.judge_contacts(array[v_rule.id], null, now(), v_rule) as e
        inner join public.contacts as c on c.id = e.contact_id
    ),

    reasons as (
        select j.reason_code, count(*) as contacts, min(j.next_check_at) as next_check_at
        from judged as j
        group by j.reason_code
    ),

    found as (
        select j.*
        from judged as j
        where
            (p_reason is null or j.reason_code = p_reason)
            and (v_named is null or public.is_named(j.sender_name, v_named))
    ),

    listed as (
        select f.*
        from found as f
        order by (f.reason_code = 'ok') desc, f.opted_out, f.reason_code, lower(f.sender_name), f.contact_id
        limit least(greatest(p_limit, 0), 100) offset greatest(p_offset, 0)
    )

    select jsonb_build_object(
        'enabled', v_enabled,
        'contacts', (select coalesce(sum(n.contacts), 0) from reasons as n),
        'would_send', (select coalesce(sum(n.contacts) filter (where n.reason_code = 'ok'), 0) from reasons as n),
        'reasons', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'reason_code', n.reason_code, 'reason', public.reason_text(n.reason_code), 'contacts', n.contacts,
                'next_check_at', n.next_check_at
            ) order by n.contacts desc, n.reason_code), '[]'::jsonb)
            from reasons as n
        ),
        'matching', (select count(*) from found),
        'people', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'contact_id', l.contact_id, 'name', l.sender_name, 'sender_id', l.sender_id,
                'reason_code', l.reason_code, 'next_check_at', l.next_check_at, 'opted_out', l.opted_out
            ) order by (l.reason_code = 'ok') desc, l.opted_out, l.reason_code, lower(l.sender_name), l.contact_id), '[]'::jsonb)
            from listed as l
        )
    ) into v_answer;
    return v_answer;
end;
$$;

comment on function public.preview_rule(jsonb, text, text, integer, integer) is
'What an automation would do now if it were on: how many of the page''s contacts would get a message, how many not and why, and one page of names. p_rule holds settings as they were typed, over those of the saved automation p_rule.id if given; nothing is written.';

create or replace function public.dry_run(p_rule_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select public.preview_rule(jsonb_build_object('id', p_rule_id), p_limit => 0) - 'people' - 'matching';
$$;

comment on function public.dry_run(uuid) is
'Who would get a message now, and why the others would not, as if the automation were on; enabled says whether it is. Writes nothing.';

revoke execute on function
public.as_if_on(public.ai_automation_rules),
public.contacts_to_queue(uuid, boolean), public.delete_rule(uuid), public.restore_rule(uuid), public.remove_deleted_rules(integer),
public.deletion_preview(uuid), public.run_preview(uuid), public.preview_rule(jsonb, text, text, integer, integer)
from public, anon, authenticated, service_role;
grant execute on function
public.as_if_on(public.ai_automation_rules),
public.contacts_to_queue(uuid, boolean)
to authenticated, service_role;
grant execute on function
public.delete_rule(uuid), public.restore_rule(uuid), public.deletion_preview(uuid), public.run_preview(uuid),
public.preview_rule(jsonb, text, text, integer, integer)
to authenticated;
grant execute on function public.remove_deleted_rules(integer) to service_role;
-- What the form of an automation asks for: a page's tags, and test messages, which a worker writes and nobody is sent
-- (docs/decisions/0016).

create table if not exists public.ai_automation_previews (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    page_id uuid not null,
    contact_id uuid not null,
    rule_id uuid,
    prompt text not null,
    language text not null,
    model text not null,
    max_follow_ups integer not null default 1,
    asked_at timestamptz not null default now(),
    taken_at timestamptz,
    worker text,
    finished_at timestamptz,
    message text,
    ai_model text,
    tokens_in integer,
    tokens_out integer,
    generation_time_ms integer,
    error_message text,
    error_hint text,
    constraint ai_automation_previews_pkey primary key (id),
    constraint ai_automation_previews_page_fkey foreign key (page_id, user_id)
    references public.facebook_pages (id, user_id) on delete cascade,
    constraint ai_automation_previews_contact_fkey foreign key (contact_id, user_id)
    references public.contacts (id, user_id) on delete cascade,
    constraint ai_automation_previews_fit check (
        length(prompt) <= 8000 and length(language) <= 200 and length(model) <= 200
    )
);

create index if not exists ai_automation_previews_page_idx on public.ai_automation_previews (page_id);
create index if not exists ai_automation_previews_contact_idx on public.ai_automation_previews (contact_id);
create index if not exists ai_automation_previews_owner_idx on public.ai_automation_previews (user_id, asked_at desc);
create index if not exists ai_automation_previews_open_idx on public.ai_automation_previews (asked_at) where taken_at is null;
create index if not exists ai_automation_previews_age_idx on public.ai_automation_previews (asked_at);

comment on table public.ai_automation_previews is
'A test message: asked for on the form, written by a worker with the real AI, never sent. Kept for an hour.';
comment on column public.ai_automation_previews.taken_at is 'When a worker took it up. Nobody tries twice: the person asks again.';
comment on column public.ai_automation_previews.error_message is 'Why there is no message, in words for the person.';
comment on column public.ai_automation_previews.id is 'request_preview returns it.';
comment on column public.ai_automation_previews.user_id is 'Who asked; the owner of the page.';
comment on column public.ai_automation_previews.page_id is 'The page of the contact.';
comment on column public.ai_automation_previews.contact_id is 'To whom it would go.';
comment on column public.ai_automation_previews.rule_id is 'The automation on the form; empty for a new one.';
comment on column public.ai_automation_previews.prompt is 'As it stood on the form.';
comment on column public.ai_automation_previews.language is 'As it stood on the form.';
comment on column public.ai_automation_previews.model is 'As it stood on the form.';
comment on column public.ai_automation_previews.max_follow_ups is 'As it stood on the form.';
comment on column public.ai_automation_previews.asked_at is 'When it was asked for; after a minute without a worker it is given up.';
comment on column public.ai_automation_previews.worker is 'Who took it up.';
comment on column public.ai_automation_previews.finished_at is 'When the message or the error was written down.';
comment on column public.ai_automation_previews.message is 'What the AI wrote.';
comment on column public.ai_automation_previews.ai_model is 'The model that wrote it.';
comment on column public.ai_automation_previews.tokens_in is 'Tokens of the prompt.';
comment on column public.ai_automation_previews.tokens_out is 'Tokens of the answer.';
comment on column public.ai_automation_previews.generation_time_ms is 'How long the AI took, in milliseconds.';
comment on column public.ai_automation_previews.error_hint is 'What the person can do about it.';
comment on index public.ai_automation_previews_page_idx is 'Serves the deletion of a page.';
comment on index public.ai_automation_previews_contact_idx is 'Serves the deletion of a contact.';
comment on index public.ai_automation_previews_owner_idx is 'Serves the limit of test messages per person.';
comment on index public.ai_automation_previews_open_idx is 'Serves claim_previews.';
comment on index public.ai_automation_previews_age_idx is 'Serves forget_previews.';

alter table public.ai_automation_previews enable row level security;
revoke all on public.ai_automation_previews from public, anon, authenticated, service_role;
grant select on public.ai_automation_previews to authenticated;
grant select, insert, update, delete on public.ai_automation_previews to service_role;

drop policy if exists "owners see their test messages" on public.ai_automation_previews;
create policy "owners see their test messages" on public.ai_automation_previews
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.request_preview(p_contact_id uuid, p_rule jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_contact public.contacts;
    v_id uuid;
begin
    select c.* into v_contact from public.contacts as c where c.id = p_contact_id and c.user_id = (select auth.uid());
    if not found then
        raise exception 'This contact does not exist.' using errcode = 'PT404';
    end if;
    if v_contact.opted_out_at is not null then
        raise exception 'This contact asked not to be written to.' using errcode = 'P0001', hint = 'Choose another one.';
    end if;
    if length(p_rule ->> 'prompt') > 8000 or length(p_rule ->> 'language') > 200 or length(p_rule ->> 'model') > 200 then
        raise exception 'The prompt, the language or the model is too long.' using errcode = '22023';
    end if;
    if (
        select count(*) from public.ai_automation_previews as v
        where v.user_id = v_contact.user_id and v.asked_at > now() - interval '10 minutes'
    ) >= 20 then
        raise exception '20 test messages in ten minutes are the limit.' using errcode = 'P0001', hint = 'Wait a few minutes.';
    end if;
    insert into public.ai_automation_previews (user_id, page_id, contact_id, rule_id, prompt, language, model, max_follow_ups)
    values (
        v_contact.user_id, v_contact.page_id, v_contact.id,
        (select r.id from public.ai_automation_rules as r where r.id = (p_rule ->> 'id')::uuid and r.user_id = v_contact.user_id and r.deleted_at is null),
        coalesce(p_rule ->> 'prompt', ''), coalesce(p_rule ->> 'language', ''), coalesce(p_rule ->> 'model', ''), coalesce((p_rule ->> 'max_follow_ups')::int, 1)
    )
    returning id into v_id;
    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected)
    select v.user_id, v.rule_id, v.page_id, 'request_preview', 1
    from public.ai_automation_previews as v
    where v.id = v_id;
    return jsonb_build_object('id', v_id);
end;
$$;

comment on function public.request_preview(uuid, jsonb) is
'Asks a worker to write what these settings (prompt, language, model) would say to one contact of the caller; the answer comes in ai_automation_previews. Nothing is sent.';

create or replace function public.claim_previews(p_worker text, p_limit integer)
returns table (
    preview_id uuid, rule_id uuid, prompt text, language text, model text, contact_name text, page_name text,
    follow_up_count integer, max_follow_ups integer, history jsonb
)
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[];
begin
    select array_agg(open.id) into v_ids
    from (
        select v.id
        from public.ai_automation_previews as v
        where v.taken_at is null and v.asked_at > now() - interval '1 minute'
        order by v.asked_at
        limit p_limit
        for update skip locked
    ) as open;
    if v_ids is null then
        return;
    end if;
    update public.ai_automation_previews as v set taken_at = now(), worker = p_worker where v.id = any(v_ids);
    return query
    select
        v.id, v.rule_id, v.prompt, v.language, v.model, c.sender_name, p.name,
        coalesce(s.follow_up_count, 0), v.max_follow_ups, coalesce(h.said, '[]'::jsonb)
    from public.ai_automation_previews as v
    inner join public.contacts as c on c.id = v.contact_id
    inner join public.facebook_pages as p on p.id = v.page_id
    left join public.ai_automation_contact_states as s
        on s.rule_id = v.rule_id and s.contact_id = v.contact_id and s.user_id = v.user_id
    left join lateral (
        select jsonb_agg(jsonb_build_object('by', case m.direction when 'in' then 'contact' else 'page' end, 'text', m.body, 'at', m.said_at) order by m.said_at) as said
        from (
            select n.direction, n.body, n.said_at
            from public.contact_messages as n
            where n.contact_id = c.id
            order by n.said_at desc
            limit 20
        ) as m
    ) as h on true
    where v.id = any(v_ids);
end;
$$;

comment on function public.claim_previews(text, integer) is
'Hands test messages that wait to one worker, each once; one that waited for more than a minute is given up.';

create or replace function public.finish_preview(p_id uuid, p_worker text, p_result jsonb)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.ai_automation_previews as v
    set
        finished_at = now(),
        message = p_result ->> 'generated_message',
        ai_model = p_result ->> 'ai_model',
        tokens_in = (p_result ->> 'tokens_in')::int,
        tokens_out = (p_result ->> 'tokens_out')::int,
        generation_time_ms = (p_result ->> 'generation_time_ms')::int,
        error_message = p_result ->> 'error_message',
        error_hint = p_result ->> 'error_hint'
    where v.id = p_id and v.worker = p_worker and v.finished_at is null;
    return found;
end;
$$;

comment on function public.finish_preview(uuid, text, jsonb) is
'Writes down what became of a test message; false when this worker does not hold it any more.';

create or replace function public.forget_previews()
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_gone integer;
begin
    delete from public.ai_automation_previews as v where v.asked_at < now() - interval '1 hour';
    get diagnostics v_gone = row_count;
    return v_gone;
end;
$$;

comment on function public.forget_previews() is 'Called by maintain: test messages are gone after an hour.';

create or replace function public.page_tags(p_page_id uuid)
returns table (tag text, contacts bigint)
language sql
stable
set search_path = ''
as $$
    select t.tag, count(*) as contacts
    from public.contacts as c
    cross join unnest(c.tags) as t (tag)
    where c.page_id = p_page_id
    group by t.tag
    order by count(*) desc, t.tag
    limit 200;
$$;

comment on function public.page_tags(uuid) is 'The tags of the page''s contacts with how many have each, the most used first, 200 at most.';

revoke execute on function
public.request_preview(uuid, jsonb), public.claim_previews(text, integer), public.finish_preview(uuid, text, jsonb),
public.forget_previews(), public.page_tags(uuid)
from public, anon, authenticated, service_role;
grant execute on function public.request_preview(uuid, jsonb), public.page_tags(uuid) to authenticated;
grant execute on function
public.claim_previews(text, integer), public.finish_preview(uuid, text, jsonb), public.forget_previews()
to service_role;
-- An echo is Facebook's own word that a message arrived, whatever it answered: what was refused for sure, and is to be sent
-- again or has been given up, is out (docs/decisions/0055).

-- The caller holds the states, which no worker does, and names one try of each whose follow-up is not counted yet.
create or replace function public.sent_after_all(p_state_ids bigint[], p_attempt_ids uuid[])
returns setof bigint
language sql
set search_path = ''
as $$
    with proven as (
        update public.ai_automation_attempts as a
        set outcome = 'sent', error_code = null, error_message = null, finished_at = now()
        from unnest(p_state_ids, p_attempt_ids) as t (state_id, attempt_id)
        where
            a.id = t.attempt_id and a.state_id = t.state_id and a.started_at > now() - interval '2 days'
            and a.outcome in ('retry', 'failed', 'abandoned')
        returning a.state_id, a.started_at
    ),

    stopped as (
        update public.ai_automation_contact_states as s
        set
            current_stage = 'sent', status_message = 'Facebook reports that it arrived', reason_code = null,
            error_code = null, error_message = null, error_hint = null,
            follow_up_count = s.follow_up_count + 1, last_sent_at = a.started_at, next_send_at = null,
            next_check_at = case
                when s.follow_up_count + 1 < s.max_follow_ups
                    then a.started_at + make_interval(mins => coalesce(nullif(r.wait_minutes, 0), r.run_every_minutes))
            end,
            -- A place that was given back is taken after all.
            quota_day = coalesce(s.quota_day, timezone(r.time_zone, a.started_at)::date)
        from proven as a, public.ai_automation_rules as r
        where s.id = a.state_id and r.id = s.rule_id and s.current_stage in ('queued', 'eligible', 'ready_to_send', 'failed', 'skipped')
        returning s.id
    ),

    -- A sequence that has ended meanwhile stays ended.
    counted as (
        update public.ai_automation_contact_states as s
        set follow_up_count = s.follow_up_count + 1, last_sent_at = a.started_at
        from proven as a
        where s.id = a.state_id and s.current_stage in ('sent', 'completed')
        returning s.id
    )

    select s.id from stopped as s
    union all
    select c.id from counted as c;
$$;

comment on function public.sent_after_all(bigint[], uuid[]) is
'Makes tries sent that were refused, and counts their follow-ups; whoever waits to be sent to again, or was given up, goes to sent.';

-- For record_outcomes: the echo was here before the answer.
create or replace function public.believe_echoes(p_outcomes jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_agg(
        case
            when k.mid is null then o.told
            else o.told || jsonb_build_object(
                'to_stage', 'sent', 'attempt_outcome', 'sent', 'facebook_message_id', k.mid, 'after_seconds', null,
                'error_code', null, 'error_message', null, 'error_hint', null, 'reason_code', null,
                'status_message', 'Facebook reports that it arrived'
            )
        end
        order by o.number
    )
    from jsonb_array_elements(p_outcomes) with ordinality as o (told, number)
    left join lateral (
        select e.told ->> 'mid' as mid
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.facebook_pages as p on p.id = s.page_id
        inner join public.facebook_events as e on e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id
        where
            o.told ->> 'from_stage' = 'sending' and o.told ->> 'to_stage' in ('ready_to_send', 'failed', 'skipped')
            -- Who wants no more is told so first; the receiver settles the rest.
            and o.told ->> 'error_code' is distinct from 'opted_out'
            and s.id = (o.told ->> 'state_id')::bigint and s.lease_token::text = o.told ->> 'lease_token'
            and e.done_at is null and e.kind = 'echo' and e.told ->> 'metadata' = 'stagelight:' || s.attempt_id
        limit 1
    ) as k on true;
$$;

comment on function public.believe_echoes(jsonb) is
'Outcomes that say that a try came to nothing, though its echo is here and waits to be worked on, say that it was sent.';

-- For pick_contacts: the receiver has not come to the echo yet.
create or replace function public.without_arrived(p_state_ids bigint[])
returns bigint[]
language plpgsql
set search_path = ''
as $$
declare
    v_state_ids bigint[];
    v_attempt_ids uuid[];
begin
    select array_agg(t.state_id), array_agg(t.attempt_id) into v_state_ids, v_attempt_ids
    from (
        select distinct on (s.id) s.id as state_id, a.id as attempt_id
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.facebook_pages as p on p.id = s.page_id
        inner join public.facebook_events as e on e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id
        inner join public.ai_automation_attempts as a on a.state_id = s.id
        where
            s.id = any(p_state_ids) and e.done_at is null and e.kind = 'echo' and e.told ->> 'metadata' = 'stagelight:' || a.id
            and a.outcome in ('retry', 'failed', 'abandoned') and a.follow_up = s.follow_up_count + 1
            and a.started_at > now() - interval '2 days'
        order by s.id, a.started_at
    ) as t;
    if v_state_ids is null then
        return p_state_ids;
    end if;
    return array(
        select i.id from unnest(p_state_ids) as i (id)
        except
        select t.id from public.sent_after_all(v_state_ids, v_attempt_ids) as t (id)
    );
end;
$$;

comment on function public.without_arrived(bigint[]) is
'Of contacts that are to be sent to, those of whose follow-up no echo waits to be worked on; the others are sent. The caller holds them.';

revoke execute on function public.sent_after_all(bigint[], uuid[]), public.believe_echoes(jsonb), public.without_arrived(bigint[])
from public, anon, authenticated, service_role;
grant execute on function public.sent_after_all(bigint[], uuid[]), public.believe_echoes(jsonb), public.without_arrived(bigint[])
to service_role;
-- Who has written is not written to before it was heard (docs/decisions/0062): what Facebook told is stored at once, and worked
-- on when its turn comes.

create or replace function public.without_unheard(p_state_ids bigint[])
returns bigint[]
language plpgsql
set search_path = ''
as $$
declare
    v_held bigint[] := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.facebook_pages as p on p.id = s.page_id
        where
            s.id = any(p_state_ids)
            and exists (
                select from public.facebook_events as e
                where
                    e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id and e.done_at is null
                    and e.kind in ('message', 'action')
                    -- It may wait for another owner's row, or has told this one as much as it may know.
                    and p.id <> all(e.heard_by) and e.problem is distinct from 'unproven_page'
            )
    );
begin
    if v_held = '{}' then
        return p_state_ids;
    end if;
    -- Not at the head of the line, where others would wait for them.
    update public.ai_automation_contact_states as s
    set due_at = now() + interval '1 second'
    where s.id = any(v_held);
    return array(select i.id from unnest(p_state_ids) as i (id) where i.id <> all(v_held));
end;
$$;

comment on function public.without_unheard(bigint[]) is
'Of contacts that are to be sent to, those of whom no message or tap waits to be worked on; the others are looked at again after a second. The caller holds them.';

create or replace function public.unheard_stops(p_contact_ids uuid[])
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array(
        select c.id
        from public.contacts as c
        inner join public.facebook_pages as p on p.id = c.page_id
        inner join public.facebook_events as e on e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id
        where
            c.id = any(p_contact_ids) and e.done_at is null and e.kind = 'message' and p.id <> all(e.heard_by)
            and public.opt_word(e.told ->> 'text') = 'stop'
    );
$$;

comment on function public.unheard_stops(uuid[]) is 'Of contacts that are about to be forgotten, those whose STOP is stored and not worked on yet.';

revoke execute on function public.without_unheard(bigint[]), public.unheard_stops(uuid[]) from public, anon, authenticated, service_role;
grant execute on function public.without_unheard(bigint[]), public.unheard_stops(uuid[]) to service_role;
-- What an echo says of a try, and what a reply or a STOP ends.

-- Facebook's echo of a message is a late answer to the try that its metadata names. While a worker waits for the answer
-- itself it is left to it, because it knows more; those come back as in_hand, to be told again. So does what was refused
-- and arrived while a worker is at the contact again: its step ends first, and the follow-up counts once.
create or replace function public.settle_by_echoes(p_page_id uuid, p_told jsonb)
returns table (mid text, in_hand boolean, settled boolean)
language plpgsql
set search_path = ''
as $$
declare
    v_echoes jsonb;
    v_state_ids bigint[];
    v_attempt_ids uuid[];
    v_settled bigint[];
begin
    select coalesce(jsonb_agg(to_jsonb(k)), '[]') into v_echoes
    from (
        select
            e.mid, s.id as state_id, e.attempt_id, a.started_at, f.was_refused,
            coalesce(
                (f.was_refused and s.current_stage in ('checking', 'generating', 'sending'))
                or (s.current_stage = 'sending' and s.attempt_id = e.attempt_id and s.lease_token is not null and s.lease_expires_at > now()),
                false
            ) as in_hand
        from jsonb_to_recordset(p_told) as e (sender_id text, direction text, mid text, attempt_id uuid)
        inner join public.contacts as c on c.page_id = p_page_id and c.sender_id = e.sender_id
        inner join public.ai_automation_contact_states as s on s.contact_id = c.id
        left join public.ai_automation_attempts as a
            on a.state_id = s.id and a.id = e.attempt_id and a.started_at > now() - interval '2 days'
        cross join lateral (
            select coalesce(a.outcome in ('retry', 'failed', 'abandoned') and a.follow_up = s.follow_up_count + 1, false) as was_refused
        ) as f
        where e.direction = 'out' and (s.attempt_id = e.attempt_id or a.id is not null)
    ) as k;

    if jsonb_path_exists(v_echoes, '$[*] ? (@.was_refused == true)') then
        -- It is known at once, so that whoever looks a later try up does not take it for that one's message.
        update public.ai_automation_attempts as a
        set facebook_message_id = e.mid
        from jsonb_to_recordset(v_echoes) as e (mid text, state_id bigint, attempt_id uuid, was_refused boolean)
        where
            e.was_refused and a.id = e.attempt_id and a.state_id = e.state_id and a.started_at > now() - interval '2 days'
            and a.facebook_message_id is null;
        select array_agg(t.state_id), array_agg(t.attempt_id) into v_state_ids, v_attempt_ids
        from (
            select distinct on (e.state_id) e.state_id, e.attempt_id
            from jsonb_to_recordset(v_echoes) as e (
                state_id bigint, attempt_id uuid, started_at timestamptz, was_refused boolean, in_hand boolean
            )
            where e.was_refused and not e.in_hand
            order by e.state_id, e.started_at
        ) as t;
        v_settled := array(select t.id from public.sent_after_all(v_state_ids, v_attempt_ids) as t (id));
    end if;

    return query
    with echo as materialized (
        select e.mid, e.state_id, e.attempt_id, e.was_refused, e.in_hand
        from jsonb_to_recordset(v_echoes) as e (mid text, state_id bigint, attempt_id uuid, was_refused boolean, in_hand boolean)
    ),

    told as (
        select r.state_id, r.recorded
        from public.record_outcomes((
            select coalesce(jsonb_agg(jsonb_build_object(
                -- Nobody's token: what it says counts because the message is out, not because somebody holds the contact.
                'state_id', e.state_id, 'lease_token', gen_random_uuid(), 'from_stage', 'sending', 'to_stage', 'sent',
                'attempt_id', e.attempt_id, 'attempt_outcome', 'sent', 'facebook_message_id', e.mid,
                'status_message', 'Facebook reports that it arrived'
            )), '[]'::jsonb)
            from echo as e
            where not e.in_hand and not e.was_refused
        )) as r
    )

    select e.mid, e.in_hand, coalesce(bool_or(t.recorded or (e.was_refused and e.state_id = any(v_settled))), false)
    from echo as e
    left join told as t on t.state_id = e.state_id and not e.in_hand and not e.was_refused
    group by e.mid, e.in_hand;
end;
$$;

comment on function public.settle_by_echoes(uuid, jsonb) is
'What Facebook''s echoes of our own messages say of their tries: sent, whatever was answered, unless a worker is still waiting for the answer itself, or is at the contact again.';

-- Those whose sequences a reply or a STOP has just ended, in whatever stage they wait; who is in a worker's hands is ended
-- at its next step, and those that are sent already by the trigger of contacts.
create or replace function public.end_sequences_of(p_contact_ids uuid[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_over bigint[];
    v_why text[];
    v_ended integer;
begin
    select array_agg(o.id order by o.id), array_agg(o.reason order by o.id) into v_over, v_why
    from (
        select
            s.id,
            case
                when c.opted_out_at is not null then 'opted_out'
                when
                    r.stop_on_reply
                    and c.last_inbound_at > case
                        when s.last_sent_at is not null then least(s.sequence_began_at, s.last_sent_at)
                        when s.current_stage <= 'sending' then s.queued_at
                    end
                    then 'replied'
            end as reason
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where
            s.contact_id = any(p_contact_ids)
            and s.current_stage in ('queued', 'eligible', 'ready_to_send', 'sent', 'skipped')
    ) as o
    where o.reason is not null;
    if v_over is null then
        return 0;
    end if;

    update public.ai_automation_contact_states as s
    set current_stage = 'skipped', reason_code = o.why, status_message = public.reason_text(o.why), next_send_at = null, quota_day = null
    from unnest(v_over, v_why) as o (id, why)
    where s.id = o.id and s.current_stage in ('queued', 'eligible', 'ready_to_send');

    update public.ai_automation_contact_states as s
    set current_stage = 'completed', reason_code = o.why, status_message = public.reason_text(o.why), next_check_at = null
    from unnest(v_over, v_why) as o (id, why)
    where s.id = o.id and s.current_stage in ('sent', 'skipped');
    get diagnostics v_ended = row_count;
    return v_ended;
end;
$$;

comment on function public.end_sequences_of(uuid[]) is
'Completes what waits of contacts who opted out or replied; returns how many sequences ended. The caller holds their states.';

revoke execute on function public.settle_by_echoes(uuid, jsonb), public.end_sequences_of(uuid[]) from public, anon, authenticated, service_role;
grant execute on function public.settle_by_echoes(uuid, jsonb), public.end_sequences_of(uuid[]) to service_role;
-- Contacts from a file: each row is checked by itself; a bad one is reported by its line, the others go in.

create or replace function public.moment_or_null(p_text text)
returns timestamptz
language plpgsql
immutable
set search_path = ''
set timezone = 'UTC'
as $$
begin
    -- Year first only: 11/12/2026 is one day to one reader and another day to the next.
    return case
        when nullif(btrim(p_text), '') is null then null
        when btrim(p_text) ~ '^\d{4}-\d{1,2}-\d{1,2}' then btrim(p_text)::timestamptz
        else 'infinity'
    end;
exception
    when others then
        return 'infinity';
end;
$$;

comment on function public.moment_or_null(text) is 'Text to a moment, UTC where no zone is given; infinity where it is not one.';

create or replace function public.judge_import(p_page public.facebook_pages, p_contacts jsonb)
returns table (
    line integer, sender_id text, name text, time_zone text, last_inbound_at timestamptz, tags text[], is_known boolean, new_tags text[], problem text
)
language sql
stable
set search_path = ''
as $$
    with given as (
        select
            e.ordinality,
            case when e.value ->> 'line' ~ '^\d{1,9}$' then (e.value ->> 'line')::int else e.ordinality::int end as line,
            btrim(coalesce(e.value ->> 'sender_id', '')) as sender_id,
            btrim(coalesce(e.value ->> 'name', '')) as name,
            nullif(btrim(e.value ->> 'time_zone'), '') as time_zone,
            public.moment_or_null(e.value ->> 'last_message_at') as last_inbound_at,
            coalesce(array(
                select distinct lower(btrim(t.tag))
                from unnest(
                    case jsonb_typeof(e.value -> 'tags')
                        when 'array' then array(select jsonb_array_elements_text(e.value -> 'tags'))
                        else regexp_split_to_array(coalesce(e.value ->> 'tags', ''), '[;|,]')
                    end
                ) as t (tag)
                where btrim(t.tag) <> ''
            ), '{}') as tags
        from jsonb_array_elements(p_contacts) with ordinality as e
    )

    select
        g.line,
        g.sender_id,
        g.name,
        g.time_zone,
        g.last_inbound_at,
        g.tags,
        c.id is not null,
        array(select t.tag from unnest(g.tags) as t (tag) where c.id is null or t.tag <> all(c.tags)),
        case
            when g.sender_id = '' then 'sender_id is missing'
            when g.sender_id ~ '^\d[.,]?\d*[eE]\+\d+$'
                then 'sender_id was shortened by a spreadsheet: format the column as text and export again'
            when g.sender_id !~ '^[0-9]+$' then 'sender_id is not a number: Facebook''s ids of people have digits only'
            when length(g.sender_id) > 200 then 'sender_id is longer than 200 characters'
            when length(g.name) > 300 then 'name is longer than 300 characters'
            when cardinality(g.tags) > 100 then 'more than 100 tags'
            when (select max(length(t.tag)) from unnest(g.tags) as t (tag)) > 100 then 'a tag is longer than 100 characters'
            when (select count(distinct t.tag) from unnest(c.tags || g.tags) as t (tag)) > 100
                then 'more than 100 tags with those it has'
            when
                g.time_zone is not null
                and not exists (select 1 from pg_catalog.pg_timezone_names as z where z.name = g.time_zone)
                then format('time_zone "%s" is not a zone name such as Europe/Berlin', left(g.time_zone, 60))
            when not isfinite(g.last_inbound_at) then 'last_message_at is not a moment such as 2026-11-22T14:00:00+01:00 or 2026-11-22 14:00'
            when g.last_inbound_at > now() + interval '5 minutes' then 'last_message_at lies in the future'
            when g.last_inbound_at < timestamptz '2004-01-01 00:00:00+00' then 'last_message_at lies before there was Facebook'
            when c.id is null and t.deleted_at is not null
                then 'this contact was deleted, and comes back only by writing to the page'
            when row_number() over (partition by g.sender_id order by g.ordinality) > 1
                then format('sender_id %s stands on an earlier line', left(g.sender_id, 60))
        end
    from given as g
    left join public.contacts as c on c.page_id = p_page.id and c.sender_id = g.sender_id
    left join public.contact_tombstones as t
        on t.user_id = p_page.user_id and t.person_hash = public.person_hash(p_page.facebook_page_id, g.sender_id)
    order by g.ordinality;
$$;

comment on function public.judge_import(public.facebook_pages, jsonb) is
'The rows of import_contacts as they would be stored on a page, each with why it is not taken; a dry pass and the import are judged alike.';

create or replace function public.page_to_import(p_page_id uuid, p_contacts jsonb)
returns public.facebook_pages
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
begin
    select p.* into v_page from public.facebook_pages as p where p.id = p_page_id and p.user_id = (select auth.uid());
    if not found then
        raise exception 'This page does not exist.' using errcode = 'PT404';
    end if;
    if jsonb_typeof(p_contacts) is distinct from 'array' or jsonb_array_length(p_contacts) > 1000 then
        raise exception 'Contacts come as a list of at most 1000.' using errcode = '22023';
    end if;
    return v_page;
end;
$$;

comment on function public.page_to_import(uuid, jsonb) is 'The caller''s page; refuses one that is not theirs, and what is no list of at most 1000.';

create or replace function public.check_import(p_page_id uuid, p_contacts jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.page_to_import(p_page_id, p_contacts);
begin
    return (
        with judged as materialized (
            select j.* from public.judge_import(v_page, p_contacts) as j
        )

        select jsonb_build_object(
            'imported', count(*) filter (where j.problem is null and not j.is_known),
            'updated', count(*) filter (where j.problem is null and j.is_known),
            'rejected', coalesce(
                jsonb_agg(jsonb_build_object('line', j.line, 'reason', j.problem) order by j.line) filter (where j.problem is not null), '[]'
            ),
            'tags', coalesce((
                select jsonb_object_agg(k.tag, k.contacts)
                from (
                    select t.tag, count(*) as contacts
                    from judged as g
                    cross join unnest(g.new_tags) as t (tag)
                    where g.problem is null
                    group by t.tag
                ) as k
            ), '{}')
        )
        from judged as j
    );
end;
$$;

comment on function public.check_import(uuid, jsonb) is
'What import_contacts would do with the same rows, and how many contacts would get which tag; nothing is written.';

create or replace function public.import_contacts(p_page_id uuid, p_contacts jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.page_to_import(p_page_id, p_contacts);
    v_rejected jsonb;
    v_imported integer;
    v_updated integer;
    v_new uuid[];
    v_forgotten integer;
    v_tags jsonb;
begin
    -- Whoever is forgotten this moment is forgotten before or after this; see resolve_deletion.
    perform pg_advisory_xact_lock_shared(20261122, 102);
    -- States before contacts, as everybody takes them: a newer message ends sequences, and so takes their states.
    perform 1
    from public.ai_automation_contact_states as s
    inner join public.contacts as c on c.id = s.contact_id
    where
        c.page_id = v_page.id
        and c.sender_id in (select btrim(e.value ->> 'sender_id') from jsonb_array_elements(p_contacts) as e)
    order by s.id
    for no key update of s;

    with judged as materialized (
        select j.* from public.judge_import(v_page, p_contacts) as j
    ),

    stored as (
        insert into public.contacts as c (user_id, page_id, sender_id, sender_name, tags, time_zone, last_inbound_at)
        select v_page.user_id, v_page.id, j.sender_id, j.name, j.tags, j.time_zone, j.last_inbound_at
        from judged as j
        where j.problem is null
        order by j.sender_id
        on conflict (page_id, sender_id) do update
            set
                sender_name = coalesce(nullif(excluded.sender_name, ''), c.sender_name),
                tags = array(select distinct t.tag from unnest(c.tags || excluded.tags) as t (tag) order by t.tag),
                time_zone = coalesce(excluded.time_zone, c.time_zone),
                last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at),
                updated_at = now()
        returning c.id, (c.xmax = 0) as is_new
    )

    select
        (select array_agg(n.id) from stored as n where n.is_new),
        (select count(*) from stored as n where not n.is_new),
        coalesce(jsonb_agg(jsonb_build_object('line', j.line, 'reason', j.problem) order by j.line) filter (where j.problem is not null), '[]'),
        (
            select jsonb_agg(k.tag order by k.tag)
            from (
                select distinct t.tag
                from judged as g
                cross join unnest(g.tags) as t (tag)
                where g.problem is null
                order by t.tag
                limit 20
            ) as k
        )
    into v_new, v_updated, v_rejected, v_tags
    from judged as j;

    -- They were known, and were forgotten while this waited for them.
    delete from public.contacts as c
    using public.contact_tombstones as t
    where
        c.id = any(v_new) and t.user_id = v_page.user_id
        and t.person_hash = public.person_hash(v_page.facebook_page_id, c.sender_id);
    get diagnostics v_forgotten = row_count;
    v_imported := coalesce(cardinality(v_new), 0) - v_forgotten;

    insert into public.ai_automation_audit (user_id, page_id, action, affected, detail)
    values (v_page.user_id, v_page.id, 'import_contacts', v_imported + v_updated, jsonb_strip_nulls(jsonb_build_object('tags', v_tags)));
    return jsonb_build_object('imported', v_imported, 'updated', v_updated, 'rejected', v_rejected);
end;
$$;

comment on function public.import_contacts(uuid, jsonb) is
'Adds or updates up to 1000 contacts of the caller''s page ([{line, sender_id, name, tags, time_zone, last_message_at}]). last_inbound_at never goes back; tags are added. Bad rows come back as rejected: [{line, reason}].';

revoke execute on function
public.judge_import(public.facebook_pages, jsonb), public.page_to_import(uuid, jsonb), public.check_import(uuid, jsonb)
from public, anon, authenticated, service_role;
grant execute on function public.check_import(uuid, jsonb) to authenticated;
-- What is said between a page and its contacts, told by the webhook or read from the conversations: the same function for
-- both, so that neither minds what the other has told already.

-- Until version 2 only the contact could opt out.
update public.contacts as c
set opted_out_by = 'contact', opt_word_at = greatest(c.opt_word_at, c.opted_out_at)
where c.opted_out_at is not null and c.opted_out_by is null;

create or replace function public.messages_told(p_messages jsonb)
returns table (sender_id text, sender_name text, time_zone text, direction text, mid text, body text, said_at timestamptz, attempt_id uuid)
language sql
stable
set search_path = ''
as $$
    select
        btrim(e.value ->> 'sender_id'),
        left(btrim(coalesce(e.value ->> 'sender_name', '')), 300),
        e.value ->> 'time_zone',
        e.value ->> 'direction',
        nullif(left(btrim(e.value ->> 'mid'), 200), ''),
        left(coalesce(e.value ->> 'text', ''), 20000),
        -- Facebook's clock may run before ours; nobody said anything later than now.
        least(m.said_at, now()),
        case
            when e.value ->> 'metadata' ~ '^stagelight:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                then substr(e.value ->> 'metadata', 12)::uuid
        end
    from jsonb_array_elements(p_messages) as e
    cross join lateral (select public.moment_or_null(e.value ->> 'said_at') as said_at) as m
    where
        jsonb_typeof(e.value -> 'sender_id') = 'string' and length(btrim(e.value ->> 'sender_id')) between 1 and 200
        and e.value ->> 'direction' in ('in', 'out')
        and isfinite(m.said_at) and m.said_at >= timestamptz '2004-01-01 00:00:00+00';
$$;

comment on function public.messages_told(jsonb) is 'The elements of hear_messages that can be understood, cut to what is stored.';

create or replace function public.hear_messages(p_page_id uuid, p_messages jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
    v_told jsonb;
    v_ids uuid[];
    v_new_contacts integer;
    v_kept_out integer;
    v_settled integer := 0;
    v_in_hand jsonb := '[]';
    v_stored integer;
    v_opted_out integer;
    v_opted_in integer;
    v_ended integer;
    v_zones_named boolean;
begin
    select p.* into v_page from public.facebook_pages as p where p.id = p_page_id;
    if not found then
        raise exception 'This page does not exist.' using errcode = 'PT404';
    end if;
    if jsonb_typeof(p_messages) is distinct from 'array' or jsonb_array_length(p_messages) > 1000 then
        raise exception 'Messages come as a list of at most 1000.' using errcode = '22023';
    end if;

    -- Whoever is forgotten this moment is forgotten before or after this; see resolve_deletion.
    perform pg_advisory_xact_lock_shared(20261122, 102);
    with heard as materialized (
        select m.*, t.said_stop, t.deleted_at, t.person_hash
        from public.messages_told(p_messages) as m
        left join public.contact_tombstones as t
            on t.user_id = v_page.user_id and t.person_hash = public.person_hash(v_page.facebook_page_id, m.sender_id)
    ),

    -- A STOP outlives its sender's deletion, also one that is heard after it.
    word as materialized (
        select distinct on (h.sender_id) h.sender_id, h.person_hash, h.said_at, w.word = 'stop' as is_stop
        from heard as h
        cross join lateral (select public.opt_word(h.body) as word) as w
        where h.said_at <= h.deleted_at and h.direction = 'in' and w.word is not null
        order by h.sender_id, h.said_at desc, w.word desc
    ),

    remembered as (
        update public.contact_tombstones as t
        set said_stop = true
        from word as w
        where t.user_id = v_page.user_id and t.person_hash = w.person_hash and w.is_stop and not t.said_stop
    ),

    -- What else a person who was deleted said before that stays unknown, whoever tells it; they come back by writing again.
    told as materialized (
        select
            h.sender_id, h.sender_name, h.time_zone, h.direction, h.mid, h.body, h.said_at, h.attempt_id,
            h.said_stop or coalesce(w.is_stop, false) as said_stop, h.deleted_at
        from heard as h
        left join word as w on w.sender_id = h.sender_id
        where h.deleted_at is null or h.said_at > h.deleted_at
        union all
        select w.sender_id, '', null, 'in', null, 'STOP', w.said_at, null, true, w.said_at
        from word as w
        where w.is_stop and exists (select 1 from public.contacts as c where c.page_id = v_page.id and c.sender_id = w.sender_id)
    ),

    added as (
        insert into public.contacts (user_id, page_id, sender_id, sender_name, opted_out_at, opted_out_by, opt_word_at)
        select
            v_page.user_id, v_page.id, m.sender_id, max(m.sender_name),
            max(m.deleted_at) filter (where m.said_stop), max('contact'::text) filter (where m.said_stop), max(m.deleted_at) filter (where m.said_stop)
        from told as m
        where not exists (select 1 from public.contacts as c where c.page_id = v_page.id and c.sender_id = m.sender_id)
        group by m.sender_id
        having bool_or(m.direction = 'in' or m.deleted_at is null)
        order by m.sender_id
        on conflict do nothing
        returning id
    )

    select
        (select count(*) from added), coalesce(jsonb_agg(to_jsonb(m)), '[]'),
        (select count(*) from public.messages_told(p_messages)) - count(*)
    into v_new_contacts, v_told, v_kept_out
    from told as m;

    -- States before contacts, as a worker that records takes them.
    v_ids := array(
        select c.id
        from public.contacts as c
        where c.page_id = v_page.id and c.sender_id in (select m ->> 'sender_id' from jsonb_array_elements(v_told) as m)
        order by c.id
    );
    perform 1 from public.ai_automation_contact_states as s where s.contact_id = any(v_ids) order by s.id for no key update;
    perform 1 from public.contacts as c where c.id = any(v_ids) order by c.id for no key update;

    if jsonb_path_exists(v_told, '$[*] ? (@.direction == "out" && @.attempt_id != null)') then
        select count(*) filter (where e.settled), coalesce(jsonb_agg(e.mid) filter (where e.in_hand), '[]')
        into v_settled, v_in_hand
        from public.settle_by_echoes(v_page.id, v_told) as e;
    end if;

    if jsonb_path_exists(p_messages, '$[*] ? (@.metadata starts with "stagelight-answer:")') then
        perform public.confirmations_arrived(v_page.facebook_page_id, p_messages);
    end if;

    insert into public.contact_messages (user_id, contact_id, direction, body, facebook_message_id, said_at)
    select c.user_id, c.id, m.direction, m.body, m.mid, m.said_at
    from jsonb_to_recordset(v_told) as m (sender_id text, direction text, body text, mid text, said_at timestamptz)
    inner join public.contacts as c on c.page_id = v_page.id and c.sender_id = m.sender_id
    where m.mid is not null
    order by c.id, m.said_at
    on conflict do nothing;
    get diagnostics v_stored = row_count;

    v_zones_named := jsonb_path_exists(v_told, '$[*] ? (@.time_zone != null)');
    with word as materialized (
        -- In one moment STOP is the one that counts.
        select distinct on (m.sender_id) m.sender_id, m.said_at, w.word
        from jsonb_to_recordset(v_told) as m (sender_id text, direction text, body text, said_at timestamptz)
        cross join lateral (select public.opt_word(m.body) as word) as w
        where m.direction = 'in' and w.word is not null
        order by m.sender_id, m.said_at desc, w.word desc
    ),

    person as materialized (
        select
            c.id, c.opted_out_at is not null as was_out,
            max(m.sender_name) as sender_name,
            max(z.name) as time_zone,
            max(m.said_at) filter (where m.direction = 'in') as wrote_at,
            max(m.said_at) filter (where m.direction = 'out') as written_to_at,
            -- Nobody takes back what they said later, however it came to be known.
            case
                when w.word = 'stop' and w.said_at >= coalesce(c.opt_word_at, '-infinity') then w.word
                when
                    w.said_at > coalesce(
                        greatest(c.opt_word_at, case when c.opted_out_by is distinct from 'owner' then c.opted_out_at end), '-infinity'
                    )
                    then w.word
            end as word,
            w.said_at as word_at
        from jsonb_to_recordset(v_told) as m (sender_id text, sender_name text, time_zone text, direction text, said_at timestamptz)
        inner join public.contacts as c on c.page_id = v_page.id and c.sender_id = m.sender_id
        left join word as w on w.sender_id = m.sender_id
        -- PostgreSQL reads hundreds of files for its list of zones, and Facebook's webhook names none.
        left join (select n.name from pg_catalog.pg_timezone_names as n where v_zones_named) as z on z.name = m.time_zone and c.time_zone is null
        group by c.id, w.word, w.said_at
    ),

    changed as (
        update public.contacts as c
        set
            sender_name = coalesce(nullif(c.sender_name, ''), n.sender_name),
            time_zone = coalesce(c.time_zone, n.time_zone),
            last_inbound_at = greatest(c.last_inbound_at, n.wrote_at),
            last_outbound_at = greatest(c.last_outbound_at, n.written_to_at),
            opted_out_at = case
                when n.word = 'stop' then coalesce(c.opted_out_at, n.word_at)
                when n.word = 'start' and c.opted_out_by is distinct from 'owner' then c.owner_opted_out_at
                else c.opted_out_at
            end,
            opted_out_by = case
                when n.word = 'stop' then 'contact'
                when n.word = 'start' and c.opted_out_by is distinct from 'owner'
                    then case when c.owner_opted_out_at is not null then 'owner' end
                else c.opted_out_by
            end,
            owner_opted_out_at = case
                when n.word = 'stop' and c.opted_out_by = 'owner' then c.opted_out_at
                when n.word = 'start' then null
                else c.owner_opted_out_at
            end,
            opt_word_at = case when n.word is not null then n.word_at else c.opt_word_at end
        from person as n
        where
            c.id = n.id
            -- Most of what a sync reads is known; then nothing is written.
            and (
                n.word is not null or n.wrote_at > c.last_inbound_at or n.written_to_at > c.last_outbound_at
                or (n.wrote_at is not null and c.last_inbound_at is null) or (n.written_to_at is not null and c.last_outbound_at is null)
                or (c.sender_name = '' and n.sender_name <> '') or (c.time_zone is null and n.time_zone is not null)
            )
        returning c.id, c.user_id, n.was_out, c.opted_out_at is not null as is_out, n.word, n.word_at
    ),

    -- What is read of an old conversation is not answered.
    confirmed as (
        insert into public.opt_confirmations (user_id, contact_id, word, said_at)
        select k.user_id, k.id, k.word, k.word_at
        from changed as k
        where k.was_out <> k.is_out and k.word is not null and k.word_at > now() - interval '5 minutes'
        on conflict do nothing
    )

    select count(*) filter (where k.is_out and not k.was_out), count(*) filter (where k.was_out and not k.is_out)
    into v_opted_out, v_opted_in
    from changed as k;

    v_ended := public.end_sequences_of(v_ids);
    -- Who is in a worker's hands this moment is ended when the step is over: whoever told this is to tell it again.
    select v_in_hand || coalesce(jsonb_agg(m.mid), '[]') into v_in_hand
    from jsonb_to_recordset(v_told) as m (sender_id text, direction text, mid text, said_at timestamptz)
    inner join public.contacts as c on c.page_id = v_page.id and c.sender_id = m.sender_id
    where
        m.direction = 'in' and m.mid is not null
        and exists (
            select 1
            from public.ai_automation_contact_states as s
            where
                s.contact_id = c.id and s.current_stage in ('checking', 'generating', 'sending')
                and m.said_at > case when s.last_sent_at is null then s.queued_at else least(s.sequence_began_at, s.last_sent_at) end
        );

    return jsonb_build_object(
        'stored', v_stored, 'contacts', v_new_contacts, 'kept_out', v_kept_out,
        'refused', jsonb_array_length(p_messages) - jsonb_array_length(v_told) - v_kept_out,
        'settled', v_settled, 'in_hand', v_in_hand, 'opted_out', v_opted_out, 'opted_in', v_opted_in,
        'ended', v_ended
    );
end;
$$;

comment on function public.hear_messages(uuid, jsonb) is
'Up to 1000 messages of one page, in any order and as often as one likes ([{sender_id, sender_name, time_zone, direction in|out, mid, text, said_at, metadata}]; without mid it is an action that is no message). Times only move forward, a known mid is stored once, the newest STOP or START decides, replies end sequences, and metadata that names a try settles it; in_hand lists the mids of tries whose worker still waits for the answer, and of replies to whom a worker is at work: tell those again. Who was deleted stays out until they write again.';

revoke execute on function
public.person_hash(text, text), public.bare_word(text), public.opt_word(text), public.messages_told(jsonb), public.hear_messages(uuid, jsonb)
from public, anon, authenticated, service_role;
grant execute on function
public.person_hash(text, text), public.bare_word(text), public.opt_word(text), public.messages_told(jsonb), public.hear_messages(uuid, jsonb)
to service_role;
-- What a person does to a page: connect it, pause it, try it now, set its rate, have it read, disconnect it.

create or replace function public.own_page(p_page_id uuid)
returns public.facebook_pages
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
begin
    select p.* into v_page
    from public.facebook_pages as p
    where p.id = p_page_id and p.user_id = (select auth.uid())
    for no key update;
    if not found then
        raise exception 'This page does not exist.' using errcode = 'PT404';
    end if;
    return v_page;
end;
$$;

comment on function public.own_page(uuid) is 'The caller''s page, held until the transaction ends; called by the functions that change it.';

create or replace function public.own_connected_page(p_page_id uuid)
returns public.facebook_pages
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    if v_page.disconnected_at is not null then
        raise exception 'This page is disconnected.' using errcode = 'P0001', hint = 'Connect it again first.';
    end if;
    return v_page;
end;
$$;

comment on function public.own_connected_page(uuid) is 'own_page, for what a disconnected page cannot do.';

-- Token, status and reading begin anew together; called where it has been checked whose page it is.
create or replace function public.keep_page_token(p_page_id uuid, p_user_id uuid, p_encrypted_token text)
returns void
language sql
set search_path = ''
as $$
    -- The page first: it is the lock that claims share, so no message takes the token of before once this time is stamped.
    update public.facebook_pages as p
    set
        status = 'active', setbacks = 0, setback_at = clock_timestamp(), updated_at = now(),
        -- What people wrote meanwhile stands in its conversations only. Where they cannot be read it goes on all the same.
        status_reason = case when p.disconnected_at is not null then 'It reads first what people wrote while it was disconnected' end,
        paused_until = case when p.disconnected_at is not null then now() + interval '10 minutes' end,
        catches_up_until = case when p.disconnected_at is not null then now() + interval '10 minutes' end,
        disconnected_at = null, subscribed_at = null, subscribe_error = null, proven_at = null
    where p.id = p_page_id;

    insert into public.facebook_page_secrets as k (page_id, user_id, encrypted_token, updated_at)
    values (p_page_id, p_user_id, p_encrypted_token, clock_timestamp())
    on conflict (page_id) do update set encrypted_token = excluded.encrypted_token, updated_at = excluded.updated_at;

    insert into public.facebook_page_syncs as s (page_id, user_id, requested_at)
    values (p_page_id, p_user_id, now())
    on conflict (page_id) do update
        set
            requested_at = now(), not_before_at = null, failures = 0, error_code = null, error_message = null,
            error_hint = null, error_at = null;
$$;

comment on function public.keep_page_token(uuid, uuid, text) is
'Stores a sealed token, lets the page send again and has its conversations read. Called by save_page_token and connect_page, which know whose page it is.';

create or replace function public.save_page_token(p_page_id uuid, p_encrypted_token text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    perform public.keep_page_token(p_page_id, v_page.user_id, p_encrypted_token);
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'renew_page_token');
end;
$$;

comment on function public.save_page_token(uuid, text) is 'Stores a token that the app has already encrypted, and lets the page send again.';

create or replace function public.connect_page(p_facebook_page_id text, p_name text, p_encrypted_token text)
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := (select auth.uid());
    v_page public.facebook_pages;
    v_action text;
begin
    select p.* into v_page
    from public.facebook_pages as p
    where p.user_id = v_user_id and p.facebook_page_id = p_facebook_page_id
    for no key update;
    v_action := case
        when v_page.id is null then 'connect_page' when v_page.disconnected_at is not null then 'reconnect_page'
        else 'renew_page_token'
    end;
    if v_page.id is null then
        insert into public.facebook_pages (user_id, facebook_page_id, name)
        values (v_user_id, p_facebook_page_id, left(coalesce(nullif(btrim(p_name), ''), p_facebook_page_id), 200))
        returning * into v_page;
    end if;
    perform public.keep_page_token(v_page.id, v_user_id, p_encrypted_token);
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_user_id, v_page.id, v_action);
    return v_page.id;
end;
$$;

comment on function public.connect_page(text, text, text) is
'Connects a page whose token the app has checked and encrypted; one the caller had disconnected is taken up again with everything it had, one that is connected gets the new token. Returns its id.';

create or replace function public.set_page_paused(p_page_id uuid, p_paused boolean)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_connected_page(p_page_id);
begin
    if (v_page.paused_at is not null) is distinct from p_paused then
        update public.facebook_pages as p set paused_at = case when p_paused then now() end where p.id = p_page_id;
        insert into public.ai_automation_audit (user_id, page_id, action)
        values (v_page.user_id, p_page_id, case when p_paused then 'pause_page' else 'resume_page' end);
    end if;
end;
$$;

comment on function public.set_page_paused(uuid, boolean) is
'A person pauses or resumes a page. What Facebook decided stays as it is: see try_page_now.';

create or replace function public.try_page_now(p_page_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_connected_page(p_page_id);
begin
    update public.facebook_pages as p
    set
        paused_until = case when p.paused_until = p.catches_up_until then p.paused_until when p.status <> 'active' then now() end,
        -- What made it slow down is forgotten; the next answer says anew how much is used.
        usage_percent = least(p.usage_percent, 74)
    where p.id = p_page_id;
    update public.facebook_page_syncs as s set not_before_at = null where s.page_id = p_page_id;
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'try_page');
end;
$$;

comment on function public.try_page_now(uuid) is
'A person does not wait for the end of Facebook''s pause: the page sends again, one that was stopped tries one message. A person''s own pause stays, and so does the one for catching up.';

create or replace function public.set_page_rate(p_page_id uuid, p_sends_per_minute integer)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    if p_sends_per_minute is null or p_sends_per_minute not between 1 and 2400 then
        raise exception 'A page sends from 1 to 2,400 messages a minute.' using errcode = '22023';
    end if;
    update public.facebook_pages as p set sends_per_minute = p_sends_per_minute where p.id = p_page_id;
    insert into public.ai_automation_audit (user_id, page_id, action, affected)
    values (v_page.user_id, p_page_id, 'set_page_rate', p_sends_per_minute);
end;
$$;

comment on function public.set_page_rate(uuid, integer) is 'How many messages of the page go out in any 60 seconds; in the audit the number stands as affected.';

create or replace function public.disconnect_page(p_page_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    if v_page.disconnected_at is not null then
        return;
    end if;
    delete from public.facebook_page_secrets as k where k.page_id = p_page_id;
    -- Where reading stands is kept; who reads just now holds nothing any more.
    update public.facebook_page_syncs as s
    set
        lease_owner = null, lease_token = null, lease_expires_at = null, error_code = null, error_message = null,
        error_hint = null, error_at = null
    where s.page_id = p_page_id;
    update public.facebook_pages as p
    set
        -- A person's pause outlives it: only a person ends that.
        disconnected_at = now(), status = 'active', status_reason = null, paused_until = null, catches_up_until = null, setbacks = 0,
        subscribed_at = null, subscribe_error = null, proven_at = null
    where p.id = p_page_id;
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'disconnect_page');
end;
$$;

comment on function public.disconnect_page(uuid) is
'Deletes the page''s token: its automations stand still with that reason. Contacts, conversations, history and a person''s pause stay, and connect_page goes on with them.';

create or replace function public.request_sync(p_page_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_connected_page(p_page_id);
begin
    if v_page.status = 'token_invalid' then
        raise exception 'Facebook refuses the page''s access.' using errcode = 'P0001', hint = 'Give it a new token first.';
    end if;
    insert into public.facebook_page_syncs as s (page_id, user_id, requested_at) values (p_page_id, v_page.user_id, now())
    on conflict (page_id) do update set requested_at = now(), not_before_at = null;
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'sync_page');
end;
$$;

comment on function public.request_sync(uuid) is 'Has the page''s conversations read now, and Facebook asked again to tell of its messages if it does not.';

create or replace function public.note_subscription(p_page_id uuid, p_error text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform public.own_page(p_page_id);
    update public.facebook_pages as p
    set
        subscribed_at = case when p_error is null then now() end,
        subscribe_error = left(p_error, 500)
    where p.id = p_page_id and p.disconnected_at is null;
end;
$$;

comment on function public.note_subscription(uuid, text) is
'What Facebook said when the app asked to be told of the page''s messages: null when it agreed.';

create or replace function public.refuse_held_page(p_page_id uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
begin
    select p.* into v_page from public.facebook_pages as p where p.id = p_page_id;
    if v_page.disconnected_at is not null then
        raise exception 'The page of this automation is disconnected.' using errcode = 'P0001', hint = 'Connect it again under Pages.';
    end if;
    if v_page.paused_at is not null then
        raise exception 'The page of this automation is paused.' using errcode = 'P0001', hint = 'Resume it under Pages first.';
    end if;
end;
$$;

comment on function public.refuse_held_page(uuid) is 'Raises for a page that a person has paused or disconnected: nothing is started for it.';

revoke execute on function
public.keep_page_token(uuid, uuid, text), public.connect_page(text, text, text), public.own_page(uuid), public.own_connected_page(uuid),
public.set_page_paused(uuid, boolean), public.try_page_now(uuid), public.set_page_rate(uuid, integer),
public.disconnect_page(uuid), public.request_sync(uuid), public.note_subscription(uuid, text),
public.refuse_held_page(uuid)
from public, anon, authenticated, service_role;
grant execute on function
public.connect_page(text, text, text), public.set_page_paused(uuid, boolean), public.try_page_now(uuid),
public.set_page_rate(uuid, integer), public.disconnect_page(uuid), public.request_sync(uuid),
public.note_subscription(uuid, text), public.refuse_held_page(uuid)
to authenticated;
-- What a search finds a contact by: words without capitals, accents and letters that only look fancy.

create or replace function public.folded(p_text text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
    -- Most names have none of it, and an index is kept by whoever writes the row.
    if octet_length(p_text) = length(p_text) then
        return lower(p_text);
    end if;
    -- Apart into letter and mark, without the marks of Latin, Greek, Cyrillic, Hebrew and Arabic, and together again: in
    -- other scripts a mark is a letter.
    return normalize(
        translate(
            replace(replace(replace(
                lower(regexp_replace(
                    normalize(p_text, nfkd),
                    '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]', '', 'g'
                )), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
            'øłđħŧıþð', 'oldhtitd'
        ),
        nfkc
    );
end;
$$;

comment on function public.folded(text) is
'The text in lower case and without accents, as searches compare it: Jürgen Łódź as jurgen lodz, أحمد as احمد.';

-- A name's words and the sender_id, each behind the owner's mark: what begins with a word is found in any alphabet and
-- without an extension, and a search reads nobody else's part of the index.
create or replace function public.contact_words(p_user_id uuid, p_name text, p_sender_id text)
returns tsvector
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_text text := lower(p_name || ' ' || p_sender_id);
begin
    -- Asked here and not in folded, because a call more for every row costs more than the question.
    if octet_length(v_text) <> length(v_text) then
        v_text := public.folded(v_text);
    end if;
    return array_to_tsvector(array(
        select left(p_user_id::text, 8) || t.word
        from unnest(regexp_split_to_array(v_text, '[\s.,;:()"''/_-]+')) as t (word)
        where t.word <> ''
    ));
end;
$$;

comment on function public.contact_words(uuid, text, text) is
'What a search finds a contact by: the words of the name and the sender_id as folded writes them, each behind the first eight digits of its owner''s id.';

-- A function, because a planner takes a long word for a rare one; who comes here is known to fit often.
create or replace function public.has_words(p_name text, p_sender_id text, p_patterns text[])
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
    return case
        when octet_length(p_name) = length(p_name) then lower(p_name || ' ' || p_sender_id)
        else public.folded(p_name || ' ' || p_sender_id)
    end ~ all(p_patterns);
end;
$$;

comment on function public.has_words(text, text, text[]) is
'Whether every one of these patterns, made of folded words, is found in the name or the sender_id.';

create or replace function public.is_named(p_name text, p_folded_pattern text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
    return case when octet_length(p_name) = length(p_name) then lower(p_name) else public.folded(p_name) end like p_folded_pattern;
end;
$$;

comment on function public.is_named(text, text) is 'Whether a name, folded, fits a pattern for like that is folded too; for lists that look anywhere in a name.';

revoke execute on function
public.folded(text), public.contact_words(uuid, text, text), public.has_words(text, text, text[]), public.is_named(text, text)
from public, anon, authenticated, service_role;
-- An index is kept by whoever writes the row.
grant execute on function public.folded(text), public.contact_words(uuid, text, text) to authenticated, service_role;
grant execute on function public.is_named(text, text) to authenticated;
-- The list of contacts: how a search is read, whom a filter means, and one page of them in an order, by keyset.

-- The index alone, and no more of it than can be put in order at once: a planner cannot know how many names begin so.
create or replace function public.contacts_named(p_user_id uuid, p_search text, p_limit integer)
returns uuid[]
language plpgsql
stable
set search_path = ''
set enable_seqscan = 'off'
as $$
declare
    v_words tsquery := (
        select string_agg(
            '''' || left(p_user_id::text, 8) || replace(replace(t.word, '\', '\\'), '''', '''''') || ''':*', ' & '
        )::tsquery
        from unnest(regexp_split_to_array(public.folded(p_search), '[\s.,;:()"''/_-]+')) as t (word)
        where t.word <> ''
    );
begin
    if v_words is null then
        return null;
    end if;
    return array(
        select c.id from public.contacts as c
        where public.contact_words(c.user_id, c.sender_name, c.sender_id) @@ v_words
        limit p_limit
    );
end;
$$;

comment on function public.contacts_named(uuid, text, integer) is
'At most p_limit contacts of which every word of a search begins a word (see contact_words); null when the search has no word. Two people''s ids may begin alike: whoever calls looks at the owner.';

-- It stood here under another name while accents counted: what it holds is no longer looked for.
drop index if exists public.contacts_words_idx;
create index if not exists contacts_folded_idx on public.contacts
using gin (public.contact_words(user_id, sender_name, sender_id));
create index if not exists contacts_name_idx on public.contacts (user_id, lower(sender_name), id);
-- Not by last_outbound_at: an index on it would make every sent message dearer.
create index if not exists contacts_heard_idx on public.contacts
(user_id, coalesce(last_inbound_at, timestamptz '-infinity'), id);
create index if not exists contacts_added_idx on public.contacts (user_id, created_at, id);

comment on index public.contacts_folded_idx is 'Serves find_contacts: the search by name or sender_id.';
comment on index public.contacts_name_idx is 'Serves find_contacts: the list by name.';
comment on index public.contacts_heard_idx is 'Serves find_contacts: the list by when they last wrote, and the window.';
comment on index public.contacts_added_idx is 'Serves find_contacts: the list by when they became known.';

-- What the list shows and what a press for many acts on is chosen here, so that the two numbers cannot differ.
-- Planned anew each time with the filter's own values: what is not asked for is not in the plan, nor are the other orders.
create or replace function public.contacts_that_fit(
    p_user_id uuid, p_filter jsonb, p_among uuid[], p_order text, p_after jsonb, p_limit integer
)
returns setof uuid
language plpgsql
stable
rows 100
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_page uuid := nullif(p_filter ->> 'page', '')::uuid;
    v_tag text := nullif(lower(btrim(p_filter ->> 'tag')), '');
    v_opted_out boolean := case p_filter ->> 'opted' when 'yes' then true when 'no' then false end;
    v_window text := nullif(p_filter ->> 'window', '');
    v_since timestamptz;
    v_until timestamptz;
    v_words text [];
    v_name text := p_after ->> 0;
    v_at timestamptz;
    v_id uuid := (p_after ->> 1)::uuid;
begin
    if p_among is null then
        select array_agg('(^|[\s.,;:()"''/_-])' || regexp_replace(t.word, '([][\\.*+?^$(){}|])', '\\\1', 'g')) into v_words
        from unnest(regexp_split_to_array(public.folded(p_filter ->> 'q'), '[\s.,;:()"''/_-]+')) as t (word)
        where t.word <> '';
    end if;
    if p_order not in ('name', '-name', '') then
        v_at := v_name::timestamptz;
    end if;
    if v_window is not null then
        v_since := case v_window when 'open' then now() - interval '24 hours' when 'closed' then '2004-01-01' end;
        v_until := case v_window when 'open' then 'infinity' when 'closed' then now() - interval '24 hours' else '2004-01-01' end;
    end if;
    return query
    with fit as not materialized (
        select
            c.id,
            lower(c.sender_name) as name_key,
            coalesce(c.last_inbound_at, timestamptz '-infinity') as heard_key,
            c.created_at as added_key
        from public.contacts as c
        where
            c.user_id = p_user_id
            and (v_page is null or c.page_id = v_page)
            and (v_tag is null or c.tags @> array[v_tag])
            and (v_opted_out is null or (v_opted_out and c.opted_out_at is not null) or (not v_opted_out and c.opted_out_at is null))
            and (v_since is null or coalesce(c.last_inbound_at, timestamptz '-infinity') > v_since)
            and (v_until is null or coalesce(c.last_inbound_at, timestamptz '-infinity') <= v_until)
            and (p_among is null or c.id = any(p_among))
            and (v_words is null or public.has_words(c.sender_name, c.sender_id, v_words))
    )

    (
        select f.id
        from fit as f
        where p_order = ''
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = 'name' and (v_id is null or (f.name_key, f.id) > (v_name, v_id))
        order by f.name_key, f.id
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = '-name' and (v_id is null or (f.name_key, f.id) < (v_name, v_id))
        order by f.name_key desc, f.id desc
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = 'heard' and (v_id is null or (f.heard_key, f.id) > (v_at, v_id))
        order by f.heard_key, f.id
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = '-heard' and (v_id is null or (f.heard_key, f.id) < (v_at, v_id))
        order by f.heard_key desc, f.id desc
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = 'added' and (v_id is null or (f.added_key, f.id) > (v_at, v_id))
        order by f.added_key, f.id
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = '-added' and (v_id is null or (f.added_key, f.id) < (v_at, v_id))
        order by f.added_key desc, f.id desc
        limit p_limit
    );
end;
$$;

comment on function public.contacts_that_fit(uuid, jsonb, uuid[], text, jsonb, integer) is
'find_contacts for what an index can put in order, or, without an order, for p_among.';

create or replace function public.find_contacts(
    p_user_id uuid, p_filter jsonb, p_order text, p_after jsonb, p_limit integer
)
returns setof uuid
language plpgsql
stable
rows 100
set search_path = ''
as $$
declare
    v_few constant integer := 10000;
    v_among uuid[] := public.contacts_named(p_user_id, p_filter ->> 'q', v_few + 1);
begin
    -- A name that many have is soon met on the way through the order; one that few have is looked up and then put in order.
    if v_among is null or cardinality(v_among) > v_few then
        return query
        select f.id from public.contacts_that_fit(p_user_id, p_filter, null, p_order, p_after, p_limit) as f (id);
        return;
    end if;
    return query
    with named as materialized (
        select
            c.id,
            case ltrim(p_order, '-') when 'name' then lower(c.sender_name) end as name_key,
            case ltrim(p_order, '-')
                when 'heard' then coalesce(c.last_inbound_at, timestamptz '-infinity')
                when 'added' then c.created_at
            end as moment_key
        from public.contacts_that_fit(p_user_id, p_filter, v_among, '', null, v_few) as f (id)
        inner join public.contacts as c on c.id = f.id
    ),

    placed as materialized (
        select n.id, row_number() over (order by n.name_key, n.moment_key, n.id) as place
        from named as n
        where case
            when p_after is null then true
            when p_order = 'name' then (n.name_key, n.id) > (p_after ->> 0, (p_after ->> 1)::uuid)
            when p_order = '-name' then (n.name_key, n.id) < (p_after ->> 0, (p_after ->> 1)::uuid)
            when p_order in ('heard', 'added') then (n.moment_key, n.id) > ((p_after ->> 0)::timestamptz, (p_after ->> 1)::uuid)
            else (n.moment_key, n.id) < ((p_after ->> 0)::timestamptz, (p_after ->> 1)::uuid)
        end
    )

    select p.id
    from placed as p
    order by case when p_order like '-%' then -p.place else p.place end
    limit p_limit;
end;
$$;

comment on function public.find_contacts(uuid, jsonb, text, jsonb, integer) is
'The ids of a person''s contacts that fit {page, tag, opted: yes|no, window: open|closed|never, q}, in the order name, heard or added (- turns it round, empty has none), after [key, id]. Called by functions that say whose.';

create or replace function public.list_contacts(
    p_filter jsonb default '{}', p_order text default '-heard', p_after jsonb default null, p_limit integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_most constant integer := 10000;
    v_limit constant integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
begin
    return (
        with page as materialized (
            select f.id, f.place
            from public.find_contacts((select auth.uid()), p_filter, p_order, p_after, v_limit + 1) with ordinality as f (id, place)
        )

        select jsonb_build_object(
            'more', (select count(*) > v_limit from page),
            'contacts', coalesce((
                select jsonb_agg(
                    jsonb_build_object(
                        'id', c.id, 'name', c.sender_name, 'sender_id', c.sender_id, 'page', g.name, 'tags', c.tags,
                        'time_zone', c.time_zone, 'last_inbound_at', c.last_inbound_at, 'last_outbound_at', c.last_outbound_at,
                        'opted_out_at', c.opted_out_at, 'opted_out_by', c.opted_out_by, 'created_at', c.created_at,
                        'key', case ltrim(p_order, '-')
                            when 'name' then lower(c.sender_name)
                            when 'heard' then (to_jsonb(coalesce(c.last_inbound_at, timestamptz '-infinity')) #>> '{}')
                            else (to_jsonb(c.created_at) #>> '{}')
                        end
                    ) order by p.place
                )
                from page as p
                inner join public.contacts as c on c.id = p.id
                inner join public.facebook_pages as g on g.id = c.page_id
                where p.place <= v_limit
            ), '[]'::jsonb)
        ) || case
            when v_limit <= 100 then (
                select jsonb_build_object('total', least(count(*), v_most), 'capped', count(*) > v_most)
                from public.find_contacts((select auth.uid()), p_filter, '', null, v_most + 1)
            )
            else '{}'::jsonb
        end
    );
end;
$$;

comment on function public.list_contacts(jsonb, text, jsonb, integer) is
'One page of the caller''s contacts that fit a filter (see find_contacts), after the [key, id] of the last one seen, and whether there are more; with a page of at most 100 also how many fit, counted up to 10,000.';

revoke execute on function
public.contacts_named(uuid, text, integer),
public.contacts_that_fit(uuid, jsonb, uuid[], text, jsonb, integer), public.find_contacts(uuid, jsonb, text, jsonb, integer), public.list_contacts(jsonb, text, jsonb, integer)
from public, anon, authenticated, service_role;
grant execute on function public.list_contacts(jsonb, text, jsonb, integer) to authenticated;
-- The webhook's events are taken in, and worked on in the order of saying; one that cannot be does not hold up the others.

create or replace function public.store_events(p_events jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_stored integer;
begin
    if jsonb_typeof(p_events) is distinct from 'array' or jsonb_array_length(p_events) > 1000 then
        raise exception 'Events come as a list of at most 1000.' using errcode = '22023';
    end if;
    insert into public.facebook_events (event_key, facebook_page_id, kind, sender_id, said_at, told)
    select e.event_key, e.facebook_page_id, e.kind, e.sender_id, e.said_at, coalesce(e.told, '{}')
    from jsonb_to_recordset(p_events) as e (
        event_key text, facebook_page_id text, kind text, sender_id text, said_at timestamptz, told jsonb
    )
    order by e.event_key
    on conflict (event_key) do nothing;
    get diagnostics v_stored = row_count;
    return jsonb_build_object('stored', v_stored, 'known', jsonb_array_length(p_events) - v_stored);
end;
$$;

comment on function public.store_events(jsonb) is
'Stores up to 1000 events of the webhook ([{event_key, facebook_page_id, kind, sender_id, said_at, told}]); an event whose key is known is not stored again.';

-- A try whose outcome is not written down yet is asked for again: a watermark alone does not say that it arrived.
create or replace function public.mark_seen(p_page_id uuid, p_sender_id text, p_kind text, p_said_at timestamptz, p_told jsonb)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_states bigint[] := array(
        select s.id
        from public.contacts as c
        inner join public.ai_automation_contact_states as s on s.contact_id = c.id
        where c.page_id = p_page_id and c.sender_id = p_sender_id
    );
    v_mark timestamptz := public.moment_or_null(p_told ->> 'watermark');
    v_mids text[] := array(select jsonb_array_elements_text(coalesce(p_told -> 'mids', '[]')));
begin
    update public.ai_automation_attempts as a
    set
        delivered_at = coalesce(a.delivered_at, greatest(a.started_at, least(p_said_at, now()))),
        read_at = case when p_kind = 'read' then coalesce(a.read_at, greatest(a.started_at, least(p_said_at, now()))) else a.read_at end
    where
        a.state_id = any(v_states) and a.started_at > now() - interval '7 days' and a.outcome = 'sent'
        and (a.started_at <= v_mark or a.facebook_message_id = any(v_mids))
        and (a.delivered_at is null or (p_kind = 'read' and a.read_at is null));
    return not exists (
        select 1
        from public.ai_automation_contact_states as s
        where s.id = any(v_states) and s.current_stage = 'sending' and s.attempt_started_at <= v_mark
    );
end;
$$;

comment on function public.mark_seen(uuid, text, text, timestamptz, jsonb) is
'Notes that what was sent to a contact up to a watermark was delivered, or read; false while a try from before it has no outcome, then ask again.';

create or replace function public.apply_policy(p_page public.facebook_pages, p_said_at timestamptz, p_told jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_reason text := left(format('Facebook (%s): %s', p_told ->> 'action', coalesce(p_told ->> 'reason', 'no reason given')), 500);
begin
    -- What was said later counts, also when it came first; a warning takes nothing back.
    if exists (
        select 1 from public.facebook_events as e
        where
            e.facebook_page_id = p_page.facebook_page_id and e.kind = 'policy' and e.said_at > p_said_at
            and (e.done_at is not null or p_page.id = any(e.heard_by))
            and (e.told ->> 'action' in ('block', 'unblock') or p_told ->> 'action' not in ('block', 'unblock'))
    ) then
        return;
    end if;
    case p_told ->> 'action'
        when 'block' then
            perform public.record_page_news(jsonb_build_array(jsonb_build_object(
                'page_id', p_page.id, 'page_status', 'restricted', 'reason', v_reason, 'started_at', now()
            )));
        when 'unblock' then
            update public.facebook_pages as p
            set
                status = case p.status when 'restricted' then 'active' else p.status end,
                status_reason = case p.status when 'restricted' then null else p.status_reason end,
                paused_until = case p.status when 'restricted' then null else p.paused_until end,
                setbacks = case p.status when 'restricted' then 0 else p.setbacks end,
                warning = case when p.warned_at <= p_said_at then null else p.warning end,
                warned_at = case when p.warned_at <= p_said_at then null else p.warned_at end,
                updated_at = now()
            where p.id = p_page.id;
        else
            update public.facebook_pages as p
            set warning = left(coalesce(p_told ->> 'reason', ''), 500), warned_at = p_said_at, updated_at = now()
            where p.id = p_page.id;
            insert into public.ai_automation_audit (user_id, page_id, action, detail)
            values (
                p_page.user_id, p_page.id, 'page_warned',
                case when p_told ->> 'reason' <> '' then jsonb_build_object('why', left(p_told ->> 'reason', 500)) else '{}' end
            );
    end case;
end;
$$;

comment on function public.apply_policy(public.facebook_pages, timestamptz, jsonb) is
'Facebook enforces its policy: block stops the page with one alert, unblock frees it, a warning stops nothing, is shown with the page and stands in the audit.';

create or replace function public.work_on_page_events(p_page public.facebook_pages, p_events public.facebook_events[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_later text[] := '{}';
    v_event public.facebook_events;
    v_heard jsonb;
begin
    v_heard := (
        select jsonb_agg(
            e.told || jsonb_build_object(
                'sender_id', e.sender_id, 'said_at', e.said_at, 'direction', case e.kind when 'echo' then 'out' else 'in' end
            )
        )
        from unnest(p_events) as e
        where e.kind in ('message', 'echo', 'action')
    );
    if v_heard is not null then
        v_heard := public.hear_messages(p_page.id, v_heard);
        v_later := array(
            select e.event_key from unnest(p_events) as e where e.kind in ('echo', 'message') and (v_heard -> 'in_hand') ? (e.told ->> 'mid')
        );
    end if;
    foreach v_event in array p_events loop
        if v_event.kind in ('delivery', 'read') then
            if not public.mark_seen(p_page.id, v_event.sender_id, v_event.kind, v_event.said_at, v_event.told) then
                v_later := v_later || v_event.event_key;
            end if;
        elsif v_event.kind = 'policy' then
            perform public.apply_policy(p_page, v_event.said_at, v_event.told);
        end if;
    end loop;
    return v_later;
end;
$$;

comment on function public.work_on_page_events(public.facebook_pages, public.facebook_events[]) is
'Does what the events say for one owner''s page; returns the keys of those that must be asked again, because a worker is still sending.';

create or replace function public.receiver_beat(p_name text, p_version text, p_spool_bytes bigint, p_heard_at timestamptz, p_stopping boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
    insert into public.facebook_receivers as r (name, version, spool_bytes, heard_at, stopped_at)
    values (p_name, p_version, p_spool_bytes, p_heard_at, case when p_stopping then now() end)
    on conflict (name) do update
        set
            version = excluded.version, spool_bytes = excluded.spool_bytes, beat_at = now(),
            heard_at = coalesce(excluded.heard_at, r.heard_at), stopped_at = excluded.stopped_at;
    delete from public.facebook_receivers as r where r.beat_at < now() - interval '7 days';
    return jsonb_build_object(
        'now', now(),
        'waiting', (select count(*) from public.facebook_events as e where e.done_at is null),
        'lag_seconds', (select extract(epoch from now() - min(e.received_at)) from public.facebook_events as e where e.done_at is null)
    );
end;
$$;

comment on function public.receiver_beat(text, text, bigint, timestamptz, boolean) is
'A receiver says that it lives; it learns how many events wait in the database, and for how long the oldest has.';

-- Who writes to people in earnest must hear their STOP: without a receiver a worker sends nothing, and says why.
alter table public.ai_automation_workers add column if not exists sending_held text;
comment on column public.ai_automation_workers.sending_held is 'Why it sends nothing at the moment, in words; empty while it may.';

create or replace function public.hold_sending(p_worker text, p_why text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into public.ai_automation_workers as w (name, sending_held)
    values (p_worker, nullif(p_why, ''))
    on conflict (name) do update set sending_held = excluded.sending_held;
end;
$$;

comment on function public.hold_sending(text, text) is 'A worker says why it sends nothing, or, without words, that it may again.';

create or replace function public.receiver_health()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'alive', count(*) filter (where r.stopped_at is null and r.beat_at > now() - interval '60 seconds'),
        'last_beat_at', max(r.beat_at),
        'heard_at', max(r.heard_at),
        'spool_bytes', coalesce(sum(r.spool_bytes) filter (where r.stopped_at is null and r.beat_at > now() - interval '60 seconds'), 0),
        -- What waits for a worker or a proof, or is tried again, is not due.
        'behind_seconds', coalesce((
            select greatest(extract(epoch from now() - min(e.due_at)), 0) from public.facebook_events as e where e.done_at is null
        ), 0)
    )
    from public.facebook_receivers as r;
$$;

comment on function public.receiver_health() is
'How many receivers are alive, when one was last heard of, when Facebook last told something, what waits on their disks, and for how long something has been due that nobody works on. Says nothing about anybody.';

revoke execute on function
public.store_events(jsonb), public.mark_seen(uuid, text, text, timestamptz, jsonb),
public.apply_policy(public.facebook_pages, timestamptz, jsonb),
public.work_on_page_events(public.facebook_pages, public.facebook_events[]),
public.receiver_beat(text, text, bigint, timestamptz, boolean), public.receiver_health(), public.hold_sending(text, text)
from public, anon, authenticated, service_role;
grant execute on function
public.store_events(jsonb), public.mark_seen(uuid, text, text, timestamptz, jsonb),
public.apply_policy(public.facebook_pages, timestamptz, jsonb),
public.work_on_page_events(public.facebook_pages, public.facebook_events[]),
public.receiver_beat(text, text, bigint, timestamptz, boolean), public.hold_sending(text, text)
to service_role;
grant execute on function public.receiver_health() to authenticated, service_role;
-- Whose a page is: Facebook says it of the stored token, never the person who typed the page's id. And whether Facebook tells
-- of its messages.

create or replace function public.prove_page(p_page_id uuid, p_lease_token uuid, p_encrypted_token text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.facebook_pages as p
    set proven_at = now()
    from public.facebook_page_syncs as s
    inner join public.facebook_page_secrets as k on k.page_id = s.page_id
    where
        p.id = p_page_id and s.page_id = p.id and s.lease_token = p_lease_token and k.encrypted_token = p_encrypted_token
        and p.disconnected_at is null;
    if not found then
        return false;
    end if;
    -- What was told of it meanwhile has waited.
    update public.facebook_events as e
    set due_at = now(), problem = null
    from public.facebook_pages as p
    where p.id = p_page_id and e.facebook_page_id = p.facebook_page_id and e.done_at is null and e.problem = 'unproven_page';
    return true;
end;
$$;

comment on function public.prove_page(uuid, uuid, text) is
'The worker that reads the page says that Facebook knows the stored token as this page''s own; from now on its events are heard. False when the lease or the token is another one meanwhile.';

create or replace function public.note_page_subscription(p_page_id uuid, p_lease_token uuid, p_error text)
returns void
language sql
set search_path = ''
as $$
    update public.facebook_pages as p
    set subscribed_at = case when p_error is null then now() end, subscribe_error = left(p_error, 500)
    from public.facebook_page_syncs as s
    where p.id = p_page_id and s.page_id = p.id and s.lease_token = p_lease_token and p.disconnected_at is null;
$$;

comment on function public.note_page_subscription(uuid, uuid, text) is
'What Facebook said when the worker that reads the page asked to be told of its messages: null when it agreed.';

revoke execute on function public.prove_page(uuid, uuid, text), public.note_page_subscription(uuid, uuid, text)
from public, anon, authenticated, service_role;
grant execute on function public.prove_page(uuid, uuid, text), public.note_page_subscription(uuid, uuid, text) to service_role;
-- How a worker reads a page's conversations: one step at a time, each written down, so that any worker can go on.

-- Facebook takes two calls a second for the conversations of a page; near its limits it gets fewer. A place is given by
-- the database's clock, whoever asks, and says how long to wait for it.
create or replace function public.take_sync_place(p_page_id uuid)
returns double precision
language plpgsql
set search_path = ''
as $$
declare
    v_wait double precision;
begin
    update public.facebook_page_syncs as s
    set next_call_at = greatest(s.next_call_at, clock_timestamp()) + interval '0.5 seconds' / public.rate_share(p.usage_percent, p.usage_at)
    from public.facebook_pages as p
    where s.page_id = p_page_id and p.id = s.page_id
    returning extract(epoch from s.next_call_at - interval '0.5 seconds' / public.rate_share(p.usage_percent, p.usage_at) - clock_timestamp())
    into v_wait;
    return greatest(v_wait, 0);
end;
$$;

comment on function public.take_sync_place(uuid) is
'The next place for a call about the page''s conversations, over all workers; returns the seconds until it. Called by claim_syncs and advance_sync.';

drop function if exists public.claim_syncs(text, integer, integer);
create or replace function public.claim_syncs(p_worker text, p_limit integer, p_lease_seconds integer)
returns table (
    page_id uuid, facebook_page_id text, encrypted_token text, lease_token uuid, phase text, cursor text, page_size integer,
    high_water_at timestamptz, must_prove boolean, must_subscribe boolean, wait_seconds double precision
)
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[];
begin
    select array_agg(due.page_id) into v_ids
    from (
        select s.page_id
        from public.facebook_page_syncs as s
        inner join public.facebook_pages as p on p.id = s.page_id
        inner join public.facebook_page_secrets as k on k.page_id = s.page_id
        where
            p.disconnected_at is null and p.status <> 'token_invalid'
            and (p.paused_until is null or p.paused_until <= now() or p.paused_until = p.catches_up_until)
            and (s.lease_expires_at is null or s.lease_expires_at <= now())
            and (s.not_before_at is null or s.not_before_at <= now())
            and (
                s.phase <> 'idle' or s.started_at is null or s.requested_at > s.started_at
                or s.finished_at <= now() - interval '5 minutes' or p.proven_at is null
            )
        order by s.updated_at, s.page_id
        limit p_limit
        for no key update of s skip locked
    ) as due;
    if v_ids is null then
        return;
    end if;

    update public.facebook_page_syncs as s
    set
        is_full = case when s.phase = 'idle' then s.high_water_at is null else s.is_full end,
        started_at = case when s.phase = 'idle' then now() else s.started_at end,
        threads_seen = case when s.phase = 'idle' then 0 else s.threads_seen end,
        threads_total = case when s.phase = 'idle' then 0 else s.threads_total end,
        newest_at = case when s.phase = 'idle' then null else s.newest_at end,
        cursor = case when s.phase = 'idle' then null else s.cursor end,
        phase = case when s.phase <> 'idle' then s.phase when s.high_water_at is null then 'counting' else 'reading' end,
        lease_owner = p_worker,
        lease_token = gen_random_uuid(),
        leased_at = now(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds),
        updated_at = now()
    where s.page_id = any(v_ids);

    return query
    select
        s.page_id, p.facebook_page_id, k.encrypted_token, s.lease_token, s.phase, s.cursor, s.page_size, s.high_water_at,
        p.proven_at is null, p.subscribed_at is null, public.take_sync_place(s.page_id)
    from public.facebook_page_syncs as s
    inner join public.facebook_pages as p on p.id = s.page_id
    inner join public.facebook_page_secrets as k on k.page_id = s.page_id
    where s.page_id = any(v_ids);
end;
$$;

comment on function public.claim_syncs(text, integer, integer) is
'Hands pages whose conversations are due to be read to one worker, each with a lease: those that must be proven, those asked for, those a worker left in the middle, those never read, and every five minutes all others. wait_seconds is how long to wait before the first call.';

create or replace function public.advance_sync(p_page_id uuid, p_lease_token uuid, p_step jsonb, p_lease_seconds integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_sync public.facebook_page_syncs;
    v_threads integer := coalesce((p_step ->> 'threads')::integer, 0);
    v_ended boolean := coalesce((p_step ->> 'ended')::boolean, false);
    v_usage real := coalesce((p_step ->> 'usage_percent')::real, 0);
    v_wait interval := greatest(interval '5 minutes', make_interval(secs => coalesce((p_step ->> 'regain_seconds')::double precision, 0)));
    v_newest timestamptz := (p_step ->> 'newest_at')::timestamptz;
    v_is_news boolean;
    v_catches_up boolean;
begin
    -- The page before its reading, as everybody takes the two. Seldom: a page's row is what its senders wait for.
    perform 1 from public.facebook_pages as p where p.id = p_page_id and v_ended and p.catches_up_until is not null for no key update;
    v_catches_up := found;
    perform 1
    from public.facebook_pages as p
    where
        p.id = p_page_id and v_usage > 0
        and (v_usage >= 75 or p.usage_percent >= 75 or p.usage_at is null or p.usage_at < now() - interval '1 minute')
    for no key update;
    v_is_news := found;

    select s.* into v_sync
    from public.facebook_page_syncs as s
    where s.page_id = p_page_id and s.lease_token = p_lease_token
    for no key update;
    if not found then
        return jsonb_build_object('held', false);
    end if;
    v_newest := coalesce(v_sync.newest_at, case when v_sync.phase = 'reading' then v_newest end);

    update public.facebook_page_syncs as s
    set
        phase = case when not v_ended then s.phase when s.phase = 'counting' then 'reading' else 'idle' end,
        cursor = case when not v_ended then p_step ->> 'cursor' end,
        page_size = least(s.page_size + 5, 25),
        threads_seen = case when v_ended and s.phase = 'counting' then 0 else s.threads_seen + v_threads end,
        threads_total = case
            when v_ended and s.phase = 'counting' then s.threads_seen + v_threads
            when s.phase = 'counting' or not s.is_full then s.threads_total
            else greatest(s.threads_total, s.threads_seen + v_threads)
        end,
        -- Ten steps or so weigh; a pause between two steps is not work.
        seconds_a_thread = case
            when s.phase <> 'reading' or v_threads = 0 then s.seconds_a_thread
            else coalesce(s.seconds_a_thread * 0.9, 0) + case when s.seconds_a_thread is null then 1 else 0.1 end
                * least(extract(epoch from now() - s.updated_at), 10) / v_threads
        end,
        newest_at = v_newest,
        high_water_at = case when v_ended and s.phase = 'reading' then greatest(s.high_water_at, v_newest) else s.high_water_at end,
        finished_at = case when v_ended and s.phase = 'reading' then now() else s.finished_at end,
        lease_expires_at = case when v_ended and s.phase = 'reading' then null else now() + make_interval(secs => p_lease_seconds) end,
        lease_token = case when v_ended and s.phase = 'reading' then null else s.lease_token end,
        lease_owner = case when v_ended and s.phase = 'reading' then null else s.lease_owner end,
        failures = 0,
        error_code = null,
        error_message = null,
        error_hint = null,
        error_at = null,
        updated_at = now()
    where s.page_id = p_page_id
    returning s.* into v_sync;

    update public.facebook_pages as p
    set
        usage_percent = v_usage,
        usage_at = now(),
        paused_until = case when v_usage >= 95 then greatest(p.paused_until, now() + v_wait) else p.paused_until end
    where p.id = p_page_id and v_is_news;

    -- A round that began before the page was connected again may have passed what was written since.
    update public.facebook_pages as p
    set
        status_reason = case when p.paused_until = p.catches_up_until then null else p.status_reason end,
        paused_until = case when p.paused_until = p.catches_up_until then null else p.paused_until end,
        catches_up_until = null
    where p.id = p_page_id and v_catches_up and v_sync.phase = 'idle' and v_sync.started_at >= v_sync.requested_at;

    return jsonb_build_object(
        'held', true,
        'phase', v_sync.phase,
        'wait_seconds', case when v_sync.phase = 'idle' then 0 else public.take_sync_place(p_page_id) end
    );
end;
$$;

comment on function public.advance_sync(uuid, uuid, jsonb, integer) is
'Writes one step down ({threads, cursor, ended, newest_at, usage_percent, regain_seconds}) and says how long to wait for the next. With held false another worker reads the page, or nobody may: stop.';

create or replace function public.stop_sync(p_page_id uuid, p_lease_token uuid, p_outcome jsonb)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_sync public.facebook_page_syncs;
    v_restart boolean := coalesce((p_outcome ->> 'restart')::boolean, false);
    v_is_news boolean := p_outcome ->> 'page_status' is not null or coalesce((p_outcome ->> 'pause_seconds')::double precision > 0, false);
    v_token_is_new boolean;
begin
    -- The page before its reading, as everybody takes the two.
    perform 1 from public.facebook_pages as p where p.id = p_page_id and v_is_news for no key update;
    select s.* into v_sync
    from public.facebook_page_syncs as s
    where s.page_id = p_page_id and s.lease_token = p_lease_token
    for no key update;
    if not found then
        return false;
    end if;
    select k.updated_at > v_sync.leased_at into v_token_is_new from public.facebook_page_secrets as k where k.page_id = p_page_id;

    update public.facebook_page_syncs as s
    set
        -- From the beginning: what changed meanwhile stands there now. Nothing that was read is read for nothing, or lost.
        cursor = case when not v_restart then s.cursor end,
        threads_seen = case when v_restart then 0 else s.threads_seen end,
        newest_at = case when not v_restart then s.newest_at end,
        page_size = greatest(1, least(s.page_size, coalesce((p_outcome ->> 'page_size')::integer, s.page_size))),
        lease_owner = null,
        lease_token = null,
        lease_expires_at = null,
        failures = case when p_outcome ->> 'error_code' is null then s.failures else s.failures + 1 end,
        not_before_at = now() + make_interval(secs => greatest(
            coalesce((p_outcome ->> 'after_seconds')::double precision, 0),
            case when p_outcome ->> 'error_code' is null or v_restart then 0 else least(5 * power(2, least(s.failures, 10)), 900) end
        )),
        error_code = left(p_outcome ->> 'error_code', 100),
        error_message = left(p_outcome ->> 'error_message', 500),
        error_hint = left(p_outcome ->> 'error_hint', 500),
        error_at = case when p_outcome ->> 'error_code' is not null then now() end,
        updated_at = now()
    where s.page_id = p_page_id;

    if v_token_is_new is false and v_is_news then
        perform public.record_page_news(jsonb_build_array(jsonb_build_object(
            'page_id', p_page_id, 'page_status', p_outcome ->> 'page_status', 'reason', left(p_outcome ->> 'error_message', 2000),
            'pause_seconds', (p_outcome ->> 'pause_seconds')::double precision,
            'usage_percent', nullif((p_outcome ->> 'usage_percent')::real, 0), 'sent', false
        )));
    end if;
    return true;
end;
$$;

comment on function public.stop_sync(uuid, uuid, jsonb) is
'Gives a lease back before the round is over ({error_code, error_message, error_hint, after_seconds, page_status, pause_seconds, usage_percent, restart, page_size}); what concerns the page stops or pauses it as a send would.';

-- People of conversations whose messages cannot be read any more; hear_messages brings all others.
create or replace function public.hear_contacts(p_page_id uuid, p_people jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_new uuid[];
    v_forgotten integer;
begin
    -- Whoever is forgotten this moment is forgotten before or after this; see resolve_deletion.
    perform pg_advisory_xact_lock_shared(20261122, 102);
    with added as (
    insert into public.contacts as c (user_id, page_id, sender_id, sender_name)
    select distinct on (h.sender_id) p.user_id, p.id, h.sender_id, left(btrim(coalesce(h.sender_name, '')), 300)
    from public.facebook_pages as p
    cross join jsonb_to_recordset(p_people) as h (sender_id text, sender_name text)
    where
        p.id = p_page_id and length(h.sender_id) between 1 and 200
        -- Who was deleted comes back by writing, and by nothing else.
        and not exists (
            select 1 from public.contact_tombstones as t
            where t.user_id = p.user_id and t.person_hash = public.person_hash(p.facebook_page_id, h.sender_id)
        )
    order by h.sender_id, length(btrim(coalesce(h.sender_name, ''))) desc
    on conflict (page_id, sender_id) do nothing
    returning c.id
    )

    select array_agg(a.id) into v_new from added as a;
    -- They were known, and were forgotten while this waited for them.
    delete from public.contacts as c
    using public.facebook_pages as p, public.contact_tombstones as t
    where
        c.id = any(v_new) and p.id = p_page_id and t.user_id = p.user_id
        and t.person_hash = public.person_hash(p.facebook_page_id, c.sender_id);
    get diagnostics v_forgotten = row_count;
    return coalesce(cardinality(v_new), 0) - v_forgotten;
end;
$$;

comment on function public.hear_contacts(uuid, jsonb) is
'Adds people of a page ([{sender_id, sender_name}]) of whom nothing is known but that they once wrote; those who are known stay as they are. Returns how many are new.';

revoke execute on function
public.take_sync_place(uuid), public.claim_syncs(text, integer, integer), public.advance_sync(uuid, uuid, jsonb, integer),
public.stop_sync(uuid, uuid, jsonb), public.hear_contacts(uuid, jsonb)
from public, anon, authenticated, service_role;
grant execute on function
public.take_sync_place(uuid), public.claim_syncs(text, integer, integer), public.advance_sync(uuid, uuid, jsonb, integer),
public.stop_sync(uuid, uuid, jsonb), public.hear_contacts(uuid, jsonb)
to service_role;
-- What a row hears of its page before its token has proven to be the page's (docs/decisions/0060): who says no, and when
-- somebody wrote. It goes on sending meanwhile, and nobody may be written to who has said STOP.

create or replace function public.tell_unproven_row(p_page public.facebook_pages, p_events public.facebook_events[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[] := array(
        select c.id
        from public.contacts as c
        where c.page_id = p_page.id and c.sender_id in (select e.sender_id from unnest(p_events) as e)
    );
    v_told jsonb;
    v_heard jsonb;
begin
    if v_ids = '{}' then
        return '{}';
    end if;
    -- Anybody can name a page's id: the owners of the page wait for nobody who does.
    perform 1 from public.ai_automation_contact_states as s where s.contact_id = any(v_ids) order by s.id for no key update nowait;
    perform 1 from public.contacts as c where c.id = any(v_ids) order by c.id for no key update nowait;

    v_told := (
        select jsonb_agg(
            -- Without an id it is no message, and nothing of it is stored.
            case when e.is_own then e.told else jsonb_build_object('text', case when e.says_stop then 'STOP' end, 'metadata', substring(e.told ->> 'metadata', '^stagelight-answer:.*')) end
            || jsonb_build_object('sender_id', e.sender_id, 'said_at', e.said_at, 'direction', case e.kind when 'echo' then 'out' else 'in' end)
        )
        from (
            select
                w.kind, w.sender_id, w.said_at, w.told,
                coalesce(w.kind = 'message' and public.opt_word(w.told ->> 'text') = 'stop', false) as says_stop,
                -- Facebook's echo names a try that only this row made.
                w.kind = 'echo' and exists (
                    select 1
                    from public.contacts as c
                    inner join public.ai_automation_contact_states as s on s.contact_id = c.id
                    inner join public.ai_automation_attempts as a on a.state_id = s.id
                    where
                        c.page_id = p_page.id and c.sender_id = w.sender_id and a.started_at > now() - interval '2 days'
                        and w.told ->> 'metadata' = 'stagelight:' || a.id
                ) as is_own
            from unnest(p_events) as w
            where w.kind in ('message', 'echo', 'action')
        ) as e
        inner join public.contacts as k on k.id = any(v_ids) and k.sender_id = e.sender_id
        -- Who has disconnected the page wants to hear nothing, and connects it again some day.
        where p_page.disconnected_at is null or e.says_stop or e.is_own
    );
    if v_told is not null then
        v_heard := public.hear_messages(p_page.id, v_told);
    end if;
    return array(select e.event_key from unnest(p_events) as e where (v_heard -> 'in_hand') ? (e.told ->> 'mid'));
end;
$$;

comment on function public.tell_unproven_row(public.facebook_pages, public.facebook_events[]) is
'Of what Facebook tells of a page, for a row that is not proven: contacts that it has are opted out by their STOP, a reply counts from its time, and echoes of its own messages settle its tries. No text or name of anybody, no contact that it does not have, and no START; of a disconnected row no replies either. Returns the keys of echoes for whose answer a worker still waits. Raises lock_not_available where somebody is at the row''s contacts.';

create or replace function public.tell_unproven_rows(p_facebook_page_id text, p_events public.facebook_events[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
    v_events public.facebook_events[];
    v_later text[] := '{}';
begin
    for v_page in
        select p.*
        from public.facebook_pages as p
        where
            p.facebook_page_id = p_facebook_page_id and p.proven_at is null
            and exists (
                select 1 from public.contacts as c
                where c.page_id = p.id and c.sender_id in (select e.sender_id from unnest(p_events) as e)
            )
        order by p.id
    loop
        v_events := array(select e from unnest(p_events) as e where v_page.id <> all(e.heard_by));
        begin
            v_later := v_later || public.tell_unproven_row(v_page, v_events);
        exception
            -- What is wrong with such a row is not the page's trouble; it is told again.
            when others then
                v_later := v_later || array(select e.event_key from unnest(v_events) as e);
        end;
    end loop;
    return v_later;
end;
$$;

comment on function public.tell_unproven_rows(text, public.facebook_events[]) is
'tell_unproven_row for every such row of the page; returns the keys of those that must be told again, because it could not be done now or a worker is still sending.';

revoke execute on function
public.tell_unproven_row(public.facebook_pages, public.facebook_events[]), public.tell_unproven_rows(text, public.facebook_events[])
from public, anon, authenticated, service_role;
grant execute on function
public.tell_unproven_row(public.facebook_pages, public.facebook_events[]), public.tell_unproven_rows(text, public.facebook_events[])
to service_role;
-- One page's events at a time: what is slow or wrong of one page holds up no other. Each owner's row of the page hears an event
-- once; what some row cannot hear yet waits for it (docs/decisions/0060).

create or replace function public.work_on_events(p_limit integer default 200)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_first public.facebook_events;
    v_events public.facebook_events[];
    v_page public.facebook_pages;
    v_its_events public.facebook_events[];
    v_its_later text[];
    v_later text[] := '{}';
    v_heard boolean := false;
    v_heard_ids bigint[] := '{}';
    v_heard_by uuid[] := '{}';
    v_unproven uuid[];
    v_worked integer := 0;
    v_put_off integer := 0;
    v_failed integer := 0;
begin
    delete from public.facebook_events as e
    where e.id in (
        select o.id from public.facebook_events as o where o.done_at < now() - interval '2 days' order by o.done_at limit p_limit
    );
    select e.* into v_first
    from public.facebook_events as e
    where e.done_at is null and e.due_at <= now()
    order by e.due_at, e.said_at
    limit 1
    for update skip locked;
    if not found then
        return jsonb_build_object('taken', 0, 'worked', 0, 'put_off', 0, 'failed', 0);
    end if;
    -- One that went wrong is tried alone.
    v_events := case when v_first.tries > 0 then array[v_first] else array(
        select e
        from public.facebook_events as e
        where e.facebook_page_id = v_first.facebook_page_id and e.done_at is null and e.due_at <= now() and e.tries = 0
        order by e.due_at, e.said_at
        limit p_limit
        for update skip locked
    ) end;
    select array_agg(e order by e.said_at, e.id) into v_events from unnest(v_events) as e;

    begin
        perform public.ask_deletion(e.told ->> 'code', e.sender_id) from unnest(v_events) as e where e.kind = 'deletion';
        -- Over all who hear it now, in the order in which everybody takes states.
        perform 1
        from public.ai_automation_contact_states as s
        where s.contact_id in (
            select c.id
            from unnest(v_events) as e
            inner join public.facebook_pages as p on p.facebook_page_id = v_first.facebook_page_id and p.id <> all(e.heard_by)
            inner join public.contacts as c on c.page_id = p.id and c.sender_id = e.sender_id
            where p.proven_at is not null
        )
        order by s.id
        for no key update;
        for v_page in
            select p.*
            from public.facebook_pages as p
            where p.facebook_page_id = v_first.facebook_page_id and p.proven_at is not null
            order by p.id
        loop
            v_heard := true;
            v_its_events := array(select e from unnest(v_events) as e where v_page.id <> all(e.heard_by));
            continue when v_its_events = '{}';
            v_its_later := public.work_on_page_events(v_page, v_its_events);
            v_later := v_later || v_its_later;
            v_heard_ids := v_heard_ids || array(select e.id from unnest(v_its_events) as e where e.event_key <> all(v_its_later));
            v_heard_by := v_heard_by || array_fill(v_page.id, array[cardinality(v_heard_ids) - cardinality(v_heard_by)]);
        end loop;
        v_later := v_later || public.tell_unproven_rows(v_first.facebook_page_id, v_events);
        v_unproven := array(
            select p.id
            from public.facebook_pages as p
            inner join public.facebook_page_secrets as k on k.page_id = p.id
            where
                p.facebook_page_id = v_first.facebook_page_id and p.proven_at is null
                and p.disconnected_at is null and p.status <> 'token_invalid'
        );
        with changed as (
            update public.facebook_events as e
            set
                done_at = case when g.waits then null else now() end,
                due_at = case
                    when g.comes_later then now() + least(interval '2 seconds' + (now() - e.received_at) / 10, interval '30 seconds')
                    when g.waits
                        then now() + least(
                            interval '2 seconds' + (now() - e.received_at) / case when v_heard then 1 else 2 end, interval '10 minutes'
                        )
                end,
                problem = case
                    when g.is_unproven and not g.comes_later then 'unproven_page'
                    when not (v_heard or g.waits or e.kind = 'deletion') then 'unknown_page'
                end,
                heard_by = case
                    when g.waits
                        then e.heard_by || array(select h.page_id from unnest(v_heard_ids, v_heard_by) as h (id, page_id) where h.id = e.id)
                    else '{}'
                end,
                sender_id = case when g.waits then e.sender_id end,
                told = case
                    when g.waits then e.told
                    -- An earlier one that comes later is compared with it.
                    when e.kind = 'policy' then jsonb_build_object('action', e.told -> 'action')
                    else '{}'
                end
            from (
                select w.id, w.comes_later, w.is_unproven, w.comes_later or w.is_unproven as waits
                from (
                    select
                        n.id,
                        -- For ten minutes; what is unclear for longer has been settled without it.
                        n.event_key = any(v_later) and n.received_at > now() - interval '10 minutes' as comes_later,
                        -- A worker asks Facebook within seconds; a page that cannot be proven for a day is nobody's here. What its
                        -- owner has heard is kept an hour for others: they read the conversations as soon as they are proven.
                        not (v_unproven <@ n.heard_by) and n.kind <> 'deletion'
                        and n.received_at > now() - case when v_heard then interval '1 hour' else interval '1 day' end as is_unproven
                    from unnest(v_events) as n
                ) as w
            ) as g
            where e.id = g.id
            returning g.waits
        )

        select count(*) filter (where not c.waits), count(*) filter (where c.waits) into v_worked, v_put_off from changed as c;
    exception
        -- Somebody else was at the same rows: nothing is wrong with the events.
        when transaction_rollback or lock_not_available then
            update public.facebook_events as e
            set due_at = now() + interval '0.5 seconds'
            where e.id in (select w.id from unnest(v_events) as w);
            v_put_off := cardinality(v_events);
        when others then
            update public.facebook_events as e
            set
                tries = e.tries + 1,
                problem = sqlstate,
                done_at = case when e.tries >= 9 then now() end,
                due_at = case when e.tries < 9 then now() + least(interval '1 second' * power(2, e.tries), interval '5 minutes') end,
                sender_id = case when e.tries < 9 then e.sender_id end,
                told = case when e.tries < 9 then e.told else '{}' end
            where e.id in (select w.id from unnest(v_events) as w);
            v_failed := cardinality(v_events);
    end;
    return jsonb_build_object('taken', cardinality(v_events), 'worked', v_worked, 'put_off', v_put_off, 'failed', v_failed);
end;
$$;

comment on function public.work_on_events(integer) is
'Works on up to p_limit due events of one page, those that are due longest first; several receivers share them. taken is 0 when nothing is due. Only rows that are proven hear it in full, each once; for others it waits, a day at most, or an hour where a proven one has heard it, and they are told of a STOP at once (tell_unproven_row). What goes wrong is tried again alone, ten times at most.';

revoke execute on function public.work_on_events(integer) from public, anon, authenticated, service_role;
grant execute on function public.work_on_events(integer) to service_role;
-- One confirmation after STOP, and one after a START that lifted it: written down before Facebook is called, sent once.

create table if not exists public.opt_confirmations (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    contact_id uuid not null,
    word text not null,
    said_at timestamptz not null,
    status text not null default 'due',
    due_at timestamptz not null default now(),
    worker text,
    tried_at timestamptz,
    error_code text,
    created_at timestamptz not null default now(),
    constraint opt_confirmations_pkey primary key (id),
    constraint opt_confirmations_once unique (contact_id, said_at, word),
    constraint opt_confirmations_contact_fkey foreign key (contact_id, user_id)
    references public.contacts (id, user_id) on delete cascade,
    constraint opt_confirmations_word_is_known check (word in ('stop', 'start')),
    constraint opt_confirmations_status_is_known check (status in ('due', 'sending', 'sent', 'failed', 'expired'))
);

alter table public.opt_confirmations add column if not exists finished_at timestamptz;
alter table public.opt_confirmations add column if not exists tries integer not null default 0;

create index if not exists opt_confirmations_tried_idx on public.opt_confirmations (tried_at) where tried_at is not null;
create index if not exists opt_confirmations_due_idx on public.opt_confirmations (due_at) where status = 'due';
create index if not exists opt_confirmations_owner_idx on public.opt_confirmations (user_id);

comment on table public.opt_confirmations is
'The one answer to a STOP or START that changed something. Not an automated message: no daily limit and no automation counts it, but the page''s rate does.';
comment on column public.opt_confirmations.id is 'Travels with the message as metadata.';
comment on column public.opt_confirmations.user_id is 'The owner of the page.';
comment on column public.opt_confirmations.contact_id is 'Who said it.';
comment on column public.opt_confirmations.word is 'stop or start.';
comment on column public.opt_confirmations.said_at is 'When they said it; after five minutes it is too late for an answer.';
comment on column public.opt_confirmations.status is
'due; sending is written before Facebook is called, and stays when nobody knows what became of it; sent, failed, or expired.';
comment on column public.opt_confirmations.due_at is 'From when a worker may take it.';
comment on column public.opt_confirmations.worker is 'Who took it.';
comment on column public.opt_confirmations.tried_at is 'When.';
comment on column public.opt_confirmations.finished_at is 'When Facebook had answered; until a second later it uses a place of the page''s rate.';
comment on column public.opt_confirmations.error_code is 'Why it failed.';
comment on column public.opt_confirmations.tries is 'How often it was handed to Facebook; again only where that certainly did not deliver it, six times at most.';
comment on column public.opt_confirmations.created_at is 'When it was heard here.';
comment on index public.opt_confirmations_due_idx is 'Serves claim_confirmations.';
comment on index public.opt_confirmations_tried_idx is 'Serves page_room: the answers of the last minute.';
comment on index public.opt_confirmations_owner_idx is 'Serves row level security and the deletion of a person.';

drop policy if exists "owners see their confirmations" on public.opt_confirmations;
create policy "owners see their confirmations" on public.opt_confirmations
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.due_confirmations()
returns table (id uuid, page_id uuid, due_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select k.id, c.page_id, k.due_at
    from public.opt_confirmations as k
    inner join public.contacts as c on c.id = k.contact_id
    inner join public.facebook_pages as p on p.id = c.page_id
    where
        k.status = 'due' and k.due_at <= now() and k.said_at >= now() - interval '5 minutes'
        -- What changed last is what is confirmed, and only inside the window.
        and (k.word = 'stop') = (c.opted_out_at is not null)
        and not exists (select 1 from public.opt_confirmations as l where l.contact_id = k.contact_id and l.said_at > k.said_at)
        -- Of two owners who have connected the same page one answers, and nobody keeps them from it by naming the page.
        and p.proven_at is not null
        and not exists (
            select 1
            from public.facebook_pages as q
            inner join public.contacts as b on b.page_id = q.id and b.sender_id = c.sender_id
            inner join public.opt_confirmations as l on l.contact_id = b.id and l.word = k.word and l.said_at = k.said_at
            where
                q.facebook_page_id = p.facebook_page_id
                and (l.status <> 'due' or (l.id < k.id and q.proven_at is not null))
        )
        and c.last_inbound_at > now() - interval '24 hours'
        and p.status = 'active' and (p.paused_until is null or p.paused_until <= now())
        and p.paused_at is null and p.disconnected_at is null;
$$;

comment on function public.due_confirmations() is 'Answers to STOP and START that may be given now, as far as their page''s rate allows.';

create or replace function public.claim_confirmations(p_worker text, p_limit integer)
returns table (id uuid, word text, sender_id text, facebook_page_id text, page_name text, encrypted_token text)
language plpgsql
set search_path = ''
as $$
declare
    v_page_id uuid;
    v_first_id uuid;
    v_served uuid[] := '{}';
    v_ids uuid[] := '{}';
begin
    update public.opt_confirmations as k
    -- What was tried and refused until now had no answer, and its page's card says so.
    set status = case when k.tries > 0 then 'failed' else 'expired' end
    where k.status = 'due' and k.said_at < now() - interval '5 minutes';

    for v_page_id in
        select d.page_id from public.due_confirmations() as d group by d.page_id order by min(d.due_at), d.page_id
    loop
        -- The page row is the lock that those who send messages share.
        perform 1 from public.facebook_pages as p where p.id = v_page_id for no key update skip locked;
        continue when not found;
        -- Of a page that several owners have connected the first row is the lock of all, and one of them is served at a time.
        v_first_id := (public.rows_of_page(v_page_id))[1];
        continue when v_first_id = any(v_served);
        perform 1 from public.facebook_pages as p where p.id = v_first_id for no key update skip locked;
        continue when not found;
        v_served := v_served || v_first_id;
        v_ids := v_ids || array(
            select k.id
            from public.opt_confirmations as k
            where k.id = any(array(select d.id from public.due_confirmations() as d where d.page_id = v_page_id)) and k.status = 'due'
            order by k.due_at
            limit least(public.page_room(v_page_id), p_limit - cardinality(v_ids))
            for no key update of k skip locked
        );
        exit when cardinality(v_ids) >= p_limit;
    end loop;
    return query
    update public.opt_confirmations as k
    set status = 'sending', worker = p_worker, tried_at = now(), finished_at = null, tries = k.tries + 1
    from public.contacts as c, public.facebook_pages as p
    left join public.facebook_page_secrets as s on s.page_id = p.id
    where k.id = any(v_ids) and c.id = k.contact_id and p.id = c.page_id
    returning k.id, k.word, c.sender_id, p.facebook_page_id, p.name, s.encrypted_token;
end;
$$;

comment on function public.claim_confirmations(text, integer) is
'Hands out confirmations that are due, within each page''s rate, each once: it is written down as being sent before anybody is called, and handed out again only when finish_confirmation says that it is due.';

-- It knew no wait.
drop function if exists public.finish_confirmation(uuid, text, text, text);
create or replace function public.finish_confirmation(
    p_id uuid, p_worker text, p_status text, p_error_code text, p_after_seconds double precision default 0
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.opt_confirmations as k
    set
        status = case
            -- Too late or too often: nobody would be told.
            when p_status = 'due' and (k.tries >= 6 or w.due_at > k.said_at + interval '5 minutes') then 'failed'
            else p_status
        end,
        error_code = left(p_error_code, 100), due_at = w.due_at, finished_at = now()
    from (
        -- Doubles with every try; half of it is certain, half by chance.
        select
            o.id,
            now() + make_interval(secs => greatest(5 * 2 ^ (greatest(o.tries, 1) - 1) * (0.5 + random() / 2), least(p_after_seconds, 86400))) as due_at
        from public.opt_confirmations as o
        where o.id = p_id
    ) as w
    where k.id = w.id and k.worker = p_worker and k.status = 'sending';
    return found;
end;
$$;

comment on function public.finish_confirmation(uuid, text, text, text, double precision) is
'What became of a confirmation: sent, failed, or due again, not before p_after_seconds, where it is certain that nothing reached the contact; that becomes failed when the next try would be the seventh or too late.';

-- Facebook's echo is believed more than its answer (docs/decisions/0055): what was refused, or was unclear, is out.
create or replace function public.confirmations_arrived(p_facebook_page_id text, p_messages jsonb)
returns void
language sql
set search_path = ''
as $$
    update public.opt_confirmations as k
    set status = 'sent', error_code = null, finished_at = coalesce(k.finished_at, now())
    from jsonb_array_elements(p_messages) as e, public.contacts as c, public.facebook_pages as p
    where
        e.value ->> 'direction' = 'out'
        and k.id = case
            when e.value ->> 'metadata' ~ '^stagelight-answer:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                then substr(e.value ->> 'metadata', 19)::uuid
        end
        and c.id = k.contact_id and c.sender_id = btrim(e.value ->> 'sender_id')
        and p.id = c.page_id and p.facebook_page_id = p_facebook_page_id
        and k.status in ('due', 'sending', 'failed') and k.tries > 0;
$$;

comment on function public.confirmations_arrived(text, jsonb) is
'What Facebook''s echoes say of confirmations: sent, whatever was answered. Called by hear_messages.';

revoke execute on function public.due_confirmations(), public.claim_confirmations(text, integer), public.finish_confirmation(uuid, text, text, text, double precision),
public.confirmations_arrived(text, jsonb)
from public, anon, authenticated, service_role;
grant execute on function
public.due_confirmations(), public.claim_confirmations(text, integer), public.finish_confirmation(uuid, text, text, text, double precision),
public.confirmations_arrived(text, jsonb)
to service_role;
-- What an owner does to contacts: tags, opting out and back, deleting.

create or replace function public.checked_contact_action(p_action text, p_tag text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_tag text := nullif(lower(btrim(p_tag)), '');
begin
    if p_action is null or p_action not in ('add_tag', 'remove_tag', 'opt_out', 'lift_opt_out', 'delete') then
        raise exception 'Contacts can be tagged, opted out and back, and deleted, nothing else.' using errcode = '22023';
    end if;
    if p_action not in ('add_tag', 'remove_tag') then
        return null;
    end if;
    if v_tag is null then
        raise exception 'Say which tag.' using errcode = '22023';
    end if;
    if length(v_tag) > 100 then
        raise exception 'A tag has at most 100 characters.' using errcode = '22023';
    end if;
    -- A comma parts tags in a file. One from before that was so can still be taken away.
    if p_action = 'add_tag' and strpos(v_tag, ',') > 0 then
        raise exception 'One tag at a time, without a comma.' using errcode = '22023';
    end if;
    return v_tag;
end;
$$;

comment on function public.checked_contact_action(text, text) is 'The tag as it is stored, null for an action without one; refuses what cannot be done.';

create or replace function public.delete_contacts(p_contact_ids uuid[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[] := array(
        select c.id from public.contacts as c
        where c.id = any(p_contact_ids) and c.user_id = (select auth.uid())
    );
    v_waiting uuid[] := public.forget_contacts(v_ids);
begin
    -- To whom a message is under way: opted out already, and gone within a minute.
    if v_waiting <> '{}' then
        insert into public.contact_deletions (code, contact_ids, resolved_at)
        values ('owner-' || gen_random_uuid(), v_waiting, now());
    end if;
    return cardinality(v_ids);
end;
$$;

comment on function public.delete_contacts(uuid[]) is 'delete_contact for many of the caller''s, without its line in the audit; says how many.';

create or replace function public.change_contacts(p_contact_ids uuid[], p_action text, p_tag text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_tag text := public.checked_contact_action(p_action, p_tag);
    v_changed integer;
begin
    if cardinality(p_contact_ids) > 1000 then
        raise exception 'At most 1000 contacts are changed at once.' using errcode = '22023';
    end if;
    if p_action = 'delete' then
        v_changed := public.delete_contacts(p_contact_ids);
    else
        -- States before contacts, as everybody takes them: an opt-out ends sequences, and so takes their states.
        perform 1
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        where s.contact_id = any(p_contact_ids) and c.user_id = (select auth.uid()) and p_action in ('opt_out', 'lift_opt_out')
        order by s.id
        for no key update of s;
        with chosen as materialized (
            select c.id
            from public.contacts as c
            where
                c.id = any(p_contact_ids) and c.user_id = (select auth.uid())
                -- The same as in preview_contact_bulk; a function of its own would make a million contacts ten seconds.
                and case p_action
                    when 'add_tag' then not c.tags @> array[v_tag] and cardinality(c.tags) < 100
                    when 'remove_tag' then c.tags @> array[v_tag]
                    when 'opt_out' then c.opted_out_at is null
                    -- What contacts said themselves, only they can take back.
                    when 'lift_opt_out' then c.opted_out_by = 'owner' and c.opted_out_at is not null
                    else true
                end
            -- In one order, so that two people who press at once wait for each other and for nobody in a circle.
            order by c.id
            for update
        )

        update public.contacts as c
        set
            tags = case p_action
                when 'add_tag' then c.tags || v_tag
                when 'remove_tag' then array_remove(c.tags, v_tag)
                else c.tags
            end,
            opted_out_at = case p_action when 'opt_out' then now() when 'lift_opt_out' then null else c.opted_out_at end,
            opted_out_by = case p_action when 'opt_out' then 'owner' when 'lift_opt_out' then null else c.opted_out_by end
        from chosen as h
        where c.id = h.id;
        get diagnostics v_changed = row_count;
    end if;
    -- A bulk action has its own line, for all its batches.
    if coalesce(current_setting('stagelight.bulk', true), '') <> 'yes' then
        insert into public.ai_automation_audit (user_id, action, affected)
        values ((select auth.uid()), 'contacts_' || p_action, v_changed);
    end if;
    return jsonb_build_object('changed', v_changed);
end;
$$;

comment on function public.change_contacts(uuid[], text, text) is
'Adds or removes a tag, opts out, lifts an opt-out that the owner set, or deletes (see delete_contact), of at most 1000 of the caller''s contacts; says how many it changed.';

revoke execute on function
public.checked_contact_action(text, text), public.delete_contacts(uuid[]), public.change_contacts(uuid[], text, text)
from public, anon, authenticated, service_role;
grant execute on function public.change_contacts(uuid[], text, text) to authenticated;
-- What the screen of Facebook pages shows.

create or replace function public.page_cards(p_with_counts boolean)
returns jsonb
language sql
stable
set search_path = ''
as $$
    -- All pages at once: one by one each of them would read every contact of the owner.
    with told as (
        select o.page_id, count(*) as contacts
        from public.contacts as o
        where p_with_counts and o.user_id = (select auth.uid())
        group by o.page_id
    ),

    unanswered as (
        select
            c.page_id, count(*) as contacts, max(k.tried_at) as last_at,
            (array_agg(k.error_code order by k.tried_at desc))[1] as code
        from public.opt_confirmations as k
        inner join public.contacts as c on c.id = k.contact_id
        where k.user_id = (select auth.uid()) and k.status = 'failed' and k.tried_at > now() - interval '1 day'
        group by c.page_id
    )

    select coalesce(jsonb_agg(to_jsonb(c) order by c.disconnected_at is not null, lower(c.name), c.id), '[]'::jsonb)
    from (
        select
            p.id, p.facebook_page_id, p.name, p.status, p.status_reason, p.setback_at, p.paused_until, p.paused_at, p.disconnected_at,
            p.warning, p.warned_at,
            p.subscribed_at, p.subscribe_error, p.sends_per_minute,
            case when p.usage_at > now() - interval '1 day' then round(p.usage_percent) end as usage_percent, p.usage_at,
            s.phase, s.is_full, s.threads_seen, s.threads_total, s.seconds_a_thread, s.requested_at, s.started_at, s.finished_at,
            s.lease_expires_at > now() as is_read_now, s.not_before_at, s.error_message, s.error_hint, s.error_at,
            case when p_with_counts then coalesce(t.contacts, 0) end as contacts,
            u.contacts as unanswered, u.last_at as unanswered_at, u.code as unanswered_code,
            (
                select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'name', r.name, 'enabled', r.enabled) order by lower(r.name), r.id), '[]'::jsonb)
                from public.ai_automation_rules as r
                where r.page_id = p.id and r.deleted_at is null
            ) as automations
        from public.facebook_pages as p
        left join public.facebook_page_syncs as s on s.page_id = p.id
        left join told as t on t.page_id = p.id
        left join unanswered as u on u.page_id = p.id
        where p.user_id = (select auth.uid())
        order by p.disconnected_at is not null, lower(p.name), p.id
        limit 500
    ) as c;
$$;

comment on function public.page_cards(boolean) is
'Everything the page of Facebook pages shows, of one moment; contacts are counted only where asked, because that reads them all. 500 pages at most.';

revoke execute on function public.page_cards(boolean) from public, anon, authenticated, service_role;
grant execute on function public.page_cards(boolean) to authenticated;
-- A person is forgotten: everything of theirs goes, and a tombstone keeps it out. Asked for by Facebook's callback, or by
-- the owner of a page.

create table if not exists public.contact_deletions (
    code text not null,
    asked_for text,
    contact_ids uuid[] not null default '{}',
    tries integer not null default 0,
    found integer not null default 0,
    requested_at timestamptz not null default now(),
    resolved_at timestamptz,
    done_at timestamptz,
    constraint contact_deletions_pkey primary key (code)
);

create index if not exists contact_deletions_open_idx on public.contact_deletions (requested_at) where done_at is null;

alter table public.contact_deletions add column if not exists left_out boolean not null default false;
comment on column public.contact_deletions.left_out is 'A disconnected page has contacts, and of whom they are nobody could be asked.';

drop policy if exists "nobody who signs in sees a deletion" on public.contact_deletions;
create policy "nobody who signs in sees a deletion" on public.contact_deletions
for select to authenticated using (false);

comment on table public.contact_deletions is
'A person asked to be deleted, or an owner deleted them. When it is done it says how many contacts went, and nothing of whom.';
comment on column public.contact_deletions.code is 'What the person can ask with; in the address of the status page.';
comment on column public.contact_deletions.asked_for is 'The id in Facebook''s call, which is the app''s and not a page''s; removed when it is resolved.';
comment on column public.contact_deletions.contact_ids is 'Contacts that are opted out already and wait to be deleted, because a message to them is on its way.';
comment on column public.contact_deletions.tries is 'How often Facebook was asked who it is on our pages.';
comment on column public.contact_deletions.found is 'How many contacts it was.';
comment on column public.contact_deletions.requested_at is 'When it was asked.';
comment on column public.contact_deletions.resolved_at is 'When it was known who it is, on every page.';
comment on column public.contact_deletions.done_at is 'When nothing was left.';
comment on index public.contact_deletions_open_idx is 'Serves finish_deletions.';

-- With states and confirmations locked no claim is under way; whoever claims later finds the contacts opted out, or gone.
-- Events, states, contacts, confirmations: in this order everybody takes them.
create or replace function public.forget_contacts(p_contact_ids uuid[])
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
    v_busy uuid[];
    v_said_stop uuid[] := public.unheard_stops(p_contact_ids);
begin
    -- Of a page that somebody else has too, what waits is theirs as well; the tombstone keeps it out here.
    delete from public.facebook_events as e
    using public.contacts as c, public.facebook_pages as p
    where
        c.id = any(p_contact_ids) and p.id = c.page_id
        and e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id and e.done_at is null
        and not exists (select 1 from public.facebook_pages as o where o.facebook_page_id = p.facebook_page_id and o.id <> p.id);
    perform 1 from public.ai_automation_contact_states as s where s.contact_id = any(p_contact_ids) order by s.id for update;
    perform 1 from public.contacts as c where c.id = any(p_contact_ids) order by c.id for update;
    perform 1 from public.opt_confirmations as k where k.contact_id = any(p_contact_ids) order by k.id for update;

    insert into public.contact_tombstones as t (user_id, person_hash, said_stop)
    select distinct on (c.user_id, h.person_hash) c.user_id, h.person_hash, c.opted_out_at is not null or c.id = any(v_said_stop)
    from public.contacts as c
    inner join public.facebook_pages as p on p.id = c.page_id
    cross join lateral (select public.person_hash(p.facebook_page_id, c.sender_id) as person_hash) as h
    where c.id = any(p_contact_ids)
    order by c.user_id, h.person_hash, c.opted_out_at is null and c.id <> all(v_said_stop)
    on conflict (user_id, person_hash) do update
        set said_stop = t.said_stop or excluded.said_stop, deleted_at = greatest(t.deleted_at, excluded.deleted_at);

    -- Facebook may be taking a message this moment: it is let through, and nothing after it.
    v_busy := array(
        select c.id
        from public.contacts as c
        where
            c.id = any(p_contact_ids)
            and (
                exists (
                    select 1
                    from public.ai_automation_contact_states as s
                    where s.contact_id = c.id and s.current_stage = 'sending' and s.lease_token is not null
                        and s.lease_expires_at > clock_timestamp()
                )
                or exists (
                    select 1 from public.opt_confirmations as k
                    where
                        k.contact_id = c.id and k.status = 'sending' and k.finished_at is null
                        and k.tried_at > clock_timestamp() - interval '30 seconds'
                )
            )
        order by c.id
    );
    update public.contacts as c
    set opted_out_at = now(), opted_out_by = 'contact'
    where c.id = any(v_busy) and c.opted_out_at is null;
    delete from public.contacts as c where c.id = any(p_contact_ids) and c.id <> all(v_busy);
    return v_busy;
end;
$$;

comment on function public.forget_contacts(uuid[]) is
'Deletes contacts with everything of theirs and leaves tombstones. Returns those to whom a message is being handed to Facebook: they are opted out meanwhile, to be tried again.';

create or replace function public.forget_contact(p_contact_id uuid)
returns boolean
language sql
set search_path = ''
as $$
    select public.forget_contacts(array[p_contact_id]) = '{}';
$$;

comment on function public.forget_contact(uuid) is 'forget_contacts for one; whether they are gone.';

create or replace function public.ask_deletion(p_code text, p_asked_for text)
returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into public.contact_deletions (code, asked_for) values (p_code, p_asked_for) on conflict do nothing;
end;
$$;

comment on function public.ask_deletion(text, text) is 'Takes in a request of Facebook''s data deletion callback; the same code again changes nothing.';

create or replace function public.deletions_to_resolve()
returns table (code text, asked_for text)
language sql
stable
set search_path = ''
as $$
    select d.code, d.asked_for
    from public.contact_deletions as d
    where
        d.resolved_at is null and d.done_at is null
        -- At once, then ever more rarely, for some days.
        and d.tries < 20 and now() >= d.requested_at + interval '1 second' * (power(2, d.tries) - 1)
    order by d.requested_at
    limit 20;
$$;

comment on function public.deletions_to_resolve() is 'Requests of which it is not known yet who asked.';

create or replace function public.resolve_deletion(p_code text, p_people jsonb, p_complete boolean)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[];
    v_left_out boolean;
    v_complete boolean;
begin
    -- Who adds people holds this together with others, so that none is added between the two looks.
    perform pg_advisory_xact_lock(20261122, 102);
    -- Also of those nobody knows here: a later import must not bring them.
    insert into public.contact_tombstones (user_id, person_hash)
    select distinct p.user_id, public.person_hash(p.facebook_page_id, n.sender_id)
    from jsonb_to_recordset(p_people) as n (facebook_page_id text, sender_id text)
    inner join public.facebook_pages as p on p.facebook_page_id = n.facebook_page_id
    on conflict do nothing;
    v_ids := array(
        select c.id
        from jsonb_to_recordset(p_people) as n (facebook_page_id text, sender_id text)
        inner join public.facebook_pages as p on p.facebook_page_id = n.facebook_page_id
        inner join public.contacts as c on c.page_id = p.id and c.sender_id = n.sender_id
    );
    -- Of a page that was not asked nobody knows who its contacts are. One that is not proven yet can be asked later; one that
    -- is disconnected perhaps never, so nobody waits for it and the person is told.
    select coalesce(bool_or(p.disconnected_at is not null), false), p_complete and coalesce(bool_and(p.disconnected_at is not null), true)
    into v_left_out, v_complete
    from public.facebook_pages as p
    where
        p.facebook_page_id not in (
            select n.facebook_page_id from jsonb_to_recordset(p_people) as n (facebook_page_id text) where n.facebook_page_id is not null
        )
        and exists (select 1 from public.contacts as c where c.page_id = p.id);
    update public.contact_deletions as d
    set
        contact_ids = array(select distinct i.id from unnest(d.contact_ids || v_ids) as i (id)),
        tries = d.tries + 1,
        left_out = v_left_out,
        resolved_at = case when v_complete then now() end,
        -- After the last try nobody asks again, so who it was is not kept either.
        asked_for = case when v_complete or d.tries >= 19 then null else d.asked_for end
    where d.code = p_code and d.done_at is null;
end;
$$;

comment on function public.resolve_deletion(text, jsonb, boolean) is
'Who the person of a request is on our pages ([{facebook_page_id, sender_id}], each page that was asked at least once); p_complete when all of them answered. It is resolved when no other connected page has contacts; after twenty tries it is given up, and stays unresolved.';

create or replace function public.finish_deletions()
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_codes text[];
    v_ids uuid[];
    v_busy uuid[];
    v_gone integer := 0;
begin
    select array_agg(o.code) into v_codes
    from (
        select d.code
        from public.contact_deletions as d
        where d.done_at is null and (d.contact_ids <> '{}' or d.resolved_at is not null)
        order by d.requested_at
        limit 100
        for update skip locked
    ) as o;
    -- Together, so that their states are taken in one order; a hundred at a time are quick.
    v_ids := array(
        select distinct i.id
        from public.contact_deletions as d
        cross join lateral unnest(d.contact_ids) as i (id)
        where d.code = any(v_codes)
        order by i.id
        limit 100
    );
    v_busy := public.forget_contacts(v_ids);
    update public.contact_deletions as d
    set
        contact_ids = g.still,
        found = d.found + cardinality(d.contact_ids) - cardinality(g.still),
        done_at = case when d.resolved_at is not null and g.still = '{}' then now() end
    from (
        select n.code, array(select i.id from unnest(n.contact_ids) as i (id) where i.id <> all(v_ids) or i.id = any(v_busy)) as still
        from public.contact_deletions as n
        where n.code = any(v_codes)
    ) as g
    where d.code = g.code;
    v_gone := cardinality(v_ids) - cardinality(v_busy);
    delete from public.contact_deletions as d where d.done_at < now() - interval '400 days';
    return jsonb_build_object('gone', v_gone);
end;
$$;

comment on function public.finish_deletions() is 'Deletes whom it is known to delete, as soon as no message to them is under way; says how many went.';

create or replace function public.deletion_status(p_code text)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'status', case
            when d.done_at is not null and not d.left_out then 'done'
            when d.done_at is not null then 'done_where_asked'
            when d.resolved_at is null and d.requested_at < now() - interval '1 hour' and d.found > 0 then 'partly'
            when d.resolved_at is null and d.requested_at < now() - interval '1 hour' then 'unresolved'
            else 'waiting'
        end,
        'requested_at', d.requested_at, 'done_at', d.done_at
    )
    from public.contact_deletions as d
    where d.code = p_code;
$$;

comment on function public.deletion_status(text) is 'How far a request is: waiting, done, done_where_asked (a disconnected page has contacts), partly (some found and gone, a page could not be asked), or unresolved; null for a code that is not known.';

create or replace function public.delete_contact(p_contact_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_gone boolean;
begin
    perform 1 from public.contacts as c where c.id = p_contact_id and c.user_id = (select auth.uid());
    if not found then
        raise exception 'This contact does not exist.' using errcode = 'PT404';
    end if;
    v_gone := public.forget_contact(p_contact_id);
    if not v_gone then
        insert into public.contact_deletions (code, contact_ids, resolved_at)
        values ('owner-' || gen_random_uuid(), array[p_contact_id], now());
    end if;
    insert into public.ai_automation_audit (user_id, action, affected) values ((select auth.uid()), 'delete_contact', 1);
    return jsonb_build_object('deleted', v_gone);
end;
$$;

comment on function public.delete_contact(uuid) is
'The owner deletes a contact with everything of theirs; they come back only by writing to the page. Not deleted yet while a message to them is under way: then it is done within a minute.';

revoke execute on function
public.forget_contacts(uuid[]), public.forget_contact(uuid), public.ask_deletion(text, text), public.deletions_to_resolve(), public.resolve_deletion(text, jsonb, boolean),
public.finish_deletions(), public.deletion_status(text), public.delete_contact(uuid)
from public, anon, authenticated, service_role;
grant execute on function
public.forget_contacts(uuid[]), public.forget_contact(uuid), public.ask_deletion(text, text), public.deletions_to_resolve(), public.resolve_deletion(text, jsonb, boolean),
public.finish_deletions(), public.deletion_status(text)
to service_role;
grant execute on function public.delete_contact(uuid) to authenticated;
-- Nobody is deleted while a message to them is being handed to Facebook (docs/decisions/0051): whoever holds the contact may
-- be calling at this moment, and what is not there any more cannot stop them.

create or replace function public.refuse_deletion_under_way()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'A message to this person is being handed to Facebook.' using
        errcode = 'PT409',
        hint = 'Nothing was deleted. Try again in a minute; delete_contact waits by itself.';
end;
$$;

comment on function public.refuse_deletion_under_way() is
'Refuses to delete a contact, by whatever way, while a worker may be calling Facebook for it.';

-- The row is locked by then, so whoever claims it later passes it over, and whoever has claimed it is seen.
create or replace trigger refuse_deletion_under_way
before delete on public.ai_automation_contact_states
for each row
when (old.current_stage = 'sending' and old.lease_token is not null and old.lease_expires_at > clock_timestamp())
execute function public.refuse_deletion_under_way();

create or replace trigger refuse_deletion_under_way
before delete on public.opt_confirmations
for each row
when (old.status = 'sending' and old.finished_at is null and old.tried_at > clock_timestamp() - interval '30 seconds')
execute function public.refuse_deletion_under_way();

-- A page that goes, alone or with its owner, takes its contacts along. Whoever hands out messages passes over a page that is
-- locked, so what is under way ends by itself, mostly within a second, and nothing new begins.
create or replace function public.wait_for_sends_under_way()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_until timestamptz := v_now + interval '6 seconds';
begin
    perform 1 from public.facebook_pages as p where p.user_id = old.user_id order by p.id for update;
    while v_now < v_until and (
        exists (
            select 1 from public.ai_automation_contact_states as s
            where s.lease_expires_at > v_now and s.current_stage = 'sending' and s.lease_token is not null and s.page_id = old.id
        )
        or exists (
            select 1
            from public.opt_confirmations as k
            inner join public.contacts as c on c.id = k.contact_id
            where k.tried_at > v_now - interval '30 seconds' and k.status = 'sending' and k.finished_at is null and c.page_id = old.id
        )
    ) loop
        perform pg_sleep(0.05);
        v_now := clock_timestamp();
    end loop;
    return old;
end;
$$;

comment on function public.wait_for_sends_under_way() is
'Lets messages of a page end that are being handed to Facebook, for six seconds at most; what is not over then refuses the deletion.';

create or replace trigger wait_for_sends_under_way
before delete on public.facebook_pages
for each row execute function public.wait_for_sends_under_way();

revoke execute on function public.refuse_deletion_under_way(), public.wait_for_sends_under_way()
from public, anon, authenticated, service_role;
-- A try that was put off is waiting for the next one only until there is a next one, or until it is clear that none comes.

create or replace function public.outcome_since(p_state_id bigint, p_attempt_id uuid, p_outcome text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
    -- Of nearly every try nothing has to be looked up.
    if p_outcome <> 'retry' then
        return p_outcome;
    end if;
    return coalesce((
        select case
            when s.attempt_id <> p_attempt_id then 'retried'
            when public.is_in_flight(s.current_stage) then 'retry'
            else 'dropped'
        end
        from public.ai_automation_contact_states as s
        where s.id = p_state_id
    ), 'dropped');
end;
$$;

comment on function public.outcome_since(bigint, uuid, text) is
'A try''s outcome as it stands today: of one that was put off (retry) also whether it was tried again since (retried), or ended without that (dropped).';

revoke execute on function public.outcome_since(bigint, uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.outcome_since(bigint, uuid, text) to authenticated;
-- The list of tries to send: filtered, newest first, by keyset. The hot path pays for no index of its own, so a filter that
-- fits little is looked for stretch by stretch: each call looks at so many tries and says how far back it came.

-- Without the id it counted what was seen already.
drop function if exists public.attempts_floor(uuid, timestamptz, timestamptz, integer);

create or replace function public.attempts_floor(
    p_user_id uuid, p_from timestamptz, p_until timestamptz, p_before uuid, p_look integer
)
returns timestamptz
language sql
stable
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
    select a.started_at
    from public.ai_automation_attempts as a
    where
        a.user_id = p_user_id and a.started_at <= p_until and a.started_at >= p_from
        and (p_before is null or (a.started_at, a.id) < (p_until, p_before))
    order by a.started_at desc
    offset p_look
    limit 1;
$$;

comment on function public.attempts_floor(uuid, timestamptz, timestamptz, uuid, integer) is
'When the try before the last p_look of a person''s tries in a span began; null when there are no more than that. A batch begins in one moment: with p_before only those of p_until count that come after this one.';

create or replace function public.find_attempts(
    p_user_id uuid, p_filter jsonb, p_before jsonb, p_floor timestamptz, p_limit integer
)
returns table (attempt_id uuid, started_at timestamptz)
language plpgsql
stable
rows 100
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_rule uuid := nullif(p_filter ->> 'rule', '')::uuid;
    v_page uuid := nullif(p_filter ->> 'page', '')::uuid;
    v_contact uuid := nullif(p_filter ->> 'contact', '')::uuid;
    v_outcome text := nullif(p_filter ->> 'outcome', '');
    v_stored text := case when v_outcome in ('retried', 'dropped') then 'retry' else v_outcome end;
    v_codes text[] := case when jsonb_typeof(p_filter -> 'codes') = 'array' then array(select jsonb_array_elements_text(p_filter -> 'codes')) end;
    v_from timestamptz := greatest(p_floor, coalesce(nullif(p_filter ->> 'from', '')::timestamptz, '-infinity'));
    v_until timestamptz := least((p_before ->> 0)::timestamptz, nullif(p_filter ->> 'until', '')::timestamptz, 'infinity');
    v_at timestamptz := (p_before ->> 0)::timestamptz;
    v_id uuid := (p_before ->> 1)::uuid;
    v_pattern text := '%' || regexp_replace(nullif(btrim(p_filter ->> 'q'), ''), '([\\%_])', '\\\1', 'g') || '%';
    v_folded text := public.folded(v_pattern);
begin
    return query
    select a.id, a.started_at
    from public.ai_automation_attempts as a
    where
        a.user_id = p_user_id
        and a.started_at >= v_from and a.started_at <= v_until
        and (v_id is null or (a.started_at, a.id) < (v_at, v_id))
        and (v_rule is null or a.rule_id = v_rule)
        and (v_page is null or a.page_id = v_page)
        and (v_contact is null or a.contact_id = v_contact)
        and (v_stored is null or a.outcome = v_stored)
        and (v_stored is distinct from 'retry' or public.outcome_since(a.state_id, a.id, a.outcome) = v_outcome)
        and (v_codes is null or a.error_code = any(v_codes))
        -- What was deleted is gone from here too.
        and a.rule_id in (select r.id from public.ai_automation_rules as r where r.user_id = p_user_id and r.deleted_at is null)
        and (
            v_pattern is null
            or concat_ws(' ', a.message, a.error_message, a.error_code) ilike v_pattern
            -- A subquery of one row, so that it is one look into an index and never all contacts at once.
            or (select public.is_named(c.sender_name || ' ' || c.sender_id, v_folded) from public.contacts as c where c.id = a.contact_id)
        )
    order by a.started_at desc, a.id desc
    limit p_limit;
end;
$$;

comment on function public.find_attempts(uuid, jsonb, jsonb, timestamptz, integer) is
'A person''s tries to send that fit {rule, page, contact, outcome, codes, from, until, q}, newest first, before [started_at, id] and not before p_floor; outcome as outcome_since says it. Called by functions that say whose.';

create or replace function public.list_attempts(
    p_filter jsonb default '{}', p_before jsonb default null, p_limit integer default 50, p_look integer default 100000
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_user uuid := (select auth.uid());
    v_limit constant integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
    v_look constant integer := least(greatest(coalesce(p_look, 1), 1), 1000000);
    v_floor timestamptz := public.attempts_floor(
        v_user,
        coalesce(nullif(p_filter ->> 'from', '')::timestamptz, '-infinity'),
        least((p_before ->> 0)::timestamptz, nullif(p_filter ->> 'until', '')::timestamptz, 'infinity'),
        case when (p_before ->> 0)::timestamptz <= coalesce(nullif(p_filter ->> 'until', '')::timestamptz, 'infinity') then (p_before ->> 1)::uuid end,
        v_look
    );
begin
    return (
        with page as materialized (
            select f.attempt_id, f.started_at
            from public.find_attempts(v_user, p_filter, p_before, coalesce(v_floor, '-infinity'), v_limit + 1) as f
        ),

        -- By its day and its id: a partition is found by the first.
        shown as (
            select a.*
            from (select p.* from page as p order by p.started_at desc, p.attempt_id desc limit v_limit) as p
            inner join public.ai_automation_attempts as a on a.id = p.attempt_id and a.started_at = p.started_at
        )

        select jsonb_build_object(
            'more', (select count(*) > v_limit from page),
            'looked_until', case when (select count(*) <= v_limit from page) then v_floor end,
            'attempts', coalesce((
                select jsonb_agg(
                    jsonb_build_object(
                        'id', s.id, 'started_at', s.started_at, 'finished_at', s.finished_at,
                        'delivered_at', s.delivered_at, 'read_at', s.read_at, 'contact_id', s.contact_id,
                        'name', c.sender_name, 'sender_id', c.sender_id, 'rule_id', s.rule_id, 'rule', r.name, 'page', g.name,
                        'follow_up', s.follow_up, 'outcome', public.outcome_since(s.state_id, s.id, s.outcome), 'message', s.message, 'error_code', s.error_code,
                        'error_message', s.error_message, 'facebook_message_id', s.facebook_message_id, 'ai_model', s.ai_model,
                        'tokens_in', s.tokens_in, 'tokens_out', s.tokens_out, 'generation_time_ms', s.generation_time_ms
                    ) order by s.started_at desc, s.id desc
                )
                from shown as s
                inner join public.ai_automation_rules as r on r.id = s.rule_id
                inner join public.facebook_pages as g on g.id = s.page_id
                left join public.contacts as c on c.id = s.contact_id
            ), '[]'::jsonb)
        )
    );
end;
$$;

comment on function public.list_attempts(jsonb, jsonb, integer, integer) is
'One page of the caller''s tries to send that fit a filter (see find_attempts), before the [started_at, id] of the last one seen. At most p_look are looked at: looked_until says how far back, when fewer than p_limit fit and there are older ones.';

revoke execute on function
public.attempts_floor(uuid, timestamptz, timestamptz, uuid, integer), public.find_attempts(uuid, jsonb, jsonb, timestamptz, integer),
public.list_attempts(jsonb, jsonb, integer, integer)
from public, anon, authenticated, service_role;
grant execute on function public.list_attempts(jsonb, jsonb, integer, integer) to authenticated;
-- What is read. Every view sees only what its reader may see (security_invoker).

create or replace view public.active_automation_contacts
with (security_invoker = on)
as
select
    s.id as state_id,
    s.user_id,
    s.rule_id,
    r.name as rule_name,
    s.contact_id,
    c.sender_name,
    c.sender_id,
    s.run_id,
    s.current_stage,
    s.stage_entered_at,
    extract(epoch from now() - s.stage_entered_at) as seconds_in_stage,
    s.status_message,
    s.reason_code,
    s.error_code,
    s.error_message,
    s.error_hint,
    s.generated_message,
    s.generation_time_ms,
    s.tokens_in + s.tokens_out as tokens,
    s.next_send_at,
    greatest(extract(epoch from s.next_send_at - now()), 0) as seconds_until_send,
    public.next_look(r.run_at, r.time_zone, s.next_check_at) as next_check_at,
    s.follow_up_count,
    s.max_follow_ups,
    s.attempt,
    (s.lease_owner is not null and (s.lease_expires_at <= now() or public.is_silent(s.lease_owner))) as lost
from public.ai_automation_contact_states as s
inner join public.ai_automation_rules as r on r.id = s.rule_id
inner join public.contacts as c on c.id = s.contact_id
where s.slot >= (select public.monitor_since());

comment on view public.active_automation_contacts is
'What the monitor lists: every contact in flight, however old, and those that were sent to, failed, skipped or completed in the last 24 hours (see monitor_since).';

create or replace function public.bucket_seconds(p_bucket smallint)
returns double precision
language sql
immutable
set search_path = ''
as $$
    select 0.01 * power(1.2::double precision, p_bucket - 0.5);
$$;

comment on function public.bucket_seconds(smallint) is 'The middle of a duration bucket of ai_automation_stage_minutes, within 10 % of every duration in it (from 10 ms up).';

create or replace view public.automation_stage_summary
with (security_invoker = on)
as
select
    r.user_id,
    r.id as rule_id,
    c.stage,
    c.position,
    c.contacts,
    c.average_seconds,
    c.oldest_seconds,
    c.passed_last_hour,
    c.mean_seconds_last_hour,
    c.in_per_minute,
    c.out_per_minute,
    c.p50_seconds,
    c.p95_seconds
from public.ai_automation_rules as r
cross join lateral ( -- noqa: ST05
    with place (stage, position, stage_rank) as (
        values
        ('queued'::public.automation_stage, 1::bigint, 6::smallint),
        ('checking', 2, 5),
        ('eligible', 3, 4),
        ('generating', 4, 3),
        ('ready_to_send', 5, 2),
        ('sending', 6, 1),
        ('sent', 7, 7),
        ('failed', 8, 0),
        ('skipped', 9, 8),
        ('completed', 10, 9)
    ),

    flow as (
        select
            m.stage,
            m.bucket,
            sum(m.passed) as passed,
            sum(m.passed_seconds) as passed_seconds,
            sum(m.entered) filter (where m.minute = (select date_trunc('minute', now()))) as entered_now,
            sum(m.entered) filter (where m.minute = (select date_trunc('minute', now()) - interval '1 minute')) as entered_before,
            sum(m.passed) filter (where m.minute = (select date_trunc('minute', now()))) as passed_now,
            sum(m.passed) filter (where m.minute = (select date_trunc('minute', now()) - interval '1 minute')) as passed_before
        from public.ai_automation_stage_minutes as m
        where m.rule_id = r.id and m.minute > now() - interval '1 hour'
        group by m.stage, m.bucket
    ),

    ranked as (
        select
            f.*,
            sum(f.passed) over (partition by f.stage order by f.bucket) as passed_upto,
            sum(f.passed) over (partition by f.stage) as passed_total
        from flow as f
    ),

    paced as (
        select
            k.stage,
            sum(k.passed) as passed,
            sum(k.passed_seconds) / nullif(sum(k.passed), 0) as mean_seconds,
            -- The better of this minute and the one before, so that no rate drops to zero when a minute begins.
            greatest(sum(k.entered_now), sum(k.entered_before)) as in_per_minute,
            greatest(sum(k.passed_now), sum(k.passed_before)) as out_per_minute,
            min(k.bucket) filter (where k.passed_total > 0 and k.passed_upto >= 0.5 * k.passed_total) as p50,
            min(k.bucket) filter (where k.passed_total > 0 and k.passed_upto >= 0.95 * k.passed_total) as p95
        from ranked as k
        group by k.stage
    ),

    there as (
        select
            n.stage,
            sum(n.contacts) as contacts,
            sum(n.entered_ms) as entered_ms
        from public.ai_automation_stage_counts as n
        where n.rule_id = r.id and n.slot >= (select public.monitor_since())
        group by n.stage
    )

    select
        g.stage,
        g.position,
        coalesce(t.contacts, 0) as contacts,
        case when t.contacts > 0 then greatest(extract(epoch from now()) - t.entered_ms / t.contacts / 1000, 0) end as average_seconds,
        extract(epoch from now() - o.stage_entered_at) as oldest_seconds,
        p.passed as passed_last_hour,
        p.mean_seconds as mean_seconds_last_hour,
        coalesce(p.in_per_minute, 0) as in_per_minute,
        coalesce(p.out_per_minute, 0) as out_per_minute,
        public.bucket_seconds(p.p50) as p50_seconds,
        public.bucket_seconds(p.p95) as p95_seconds
    from place as g
    left join there as t on t.stage = g.stage
    left join paced as p on p.stage = g.stage
    left join lateral (
        select s.stage_entered_at
        from public.ai_automation_contact_states as s
        where
            t.contacts > 0 and s.rule_id = r.id and s.stage_rank = g.stage_rank
            and s.stage_entered_at >= case when g.stage_rank between 1 and 6 then '-infinity' else (select public.monitor_since()) end
        order by s.stage_entered_at
        limit 1
    ) as o on true
) as c;

comment on view public.automation_stage_summary is
'A row per rule and stage, all ten: how many are there, for how long on average and at most, how long those stayed that left in the last hour (mean, p50, p95 within 10 %), and how many come and go in a minute. Reads counts, not contacts.';

create or replace view public.automation_live_stats
with (security_invoker = on)
as
select
    r.id as rule_id,
    r.user_id,
    r.page_id,
    r.name as rule_name,
    r.enabled,
    n.queued,
    n.checking,
    n.eligible,
    n.generating,
    n.ready_to_send,
    n.sending,
    n.sent,
    n.failed,
    n.skipped,
    n.completed,
    n.in_flight,
    n.total,
    coalesce(d.sent, 0) as sent_today,
    r.daily_limit,
    l.requested_at as last_run_at,
    r.next_run_at
from public.ai_automation_rules as r
left join lateral (
    select
        coalesce(sum(k.contacts) filter (where k.stage = 'queued'), 0) as queued,
        coalesce(sum(k.contacts) filter (where k.stage = 'checking'), 0) as checking,
        coalesce(sum(k.contacts) filter (where k.stage = 'eligible'), 0) as eligible,
        coalesce(sum(k.contacts) filter (where k.stage = 'generating'), 0) as generating,
        coalesce(sum(k.contacts) filter (where k.stage = 'ready_to_send'), 0) as ready_to_send,
        coalesce(sum(k.contacts) filter (where k.stage = 'sending'), 0) as sending,
        coalesce(sum(k.contacts) filter (where k.stage = 'sent'), 0) as sent,
        coalesce(sum(k.contacts) filter (where k.stage = 'failed'), 0) as failed,
        coalesce(sum(k.contacts) filter (where k.stage = 'skipped'), 0) as skipped,
        coalesce(sum(k.contacts) filter (where k.stage = 'completed'), 0) as completed,
        coalesce(sum(k.contacts) filter (where k.stage <= 'sending'), 0) as in_flight,
        coalesce(sum(k.contacts), 0) as total
    from public.ai_automation_stage_counts as k
    where k.rule_id = r.id and k.slot >= (select public.monitor_since())
) as n on true
left join public.ai_automation_daily_usage as d on d.rule_id = r.id and d.day = timezone(r.time_zone, now())::date
left join lateral (
    select u.requested_at
    from public.ai_automation_runs as u
    where u.rule_id = r.id
    order by u.requested_at desc
    limit 1
) as l on true;

comment on view public.automation_live_stats is
'A row per automation: contacts per stage (in flight, and finished within 24 hours), which add up to total, and what went out on the rule''s local day. Reads counts, not contacts.';

create or replace view public.automation_candidates
with (security_invoker = on)
as
select
    r.user_id,
    r.id as rule_id,
    e.contact_id,
    c.sender_name,
    e.reason_code,
    public.reason_text(e.reason_code) as reason,
    e.next_check_at
from public.ai_automation_rules as r
cross join lateral public.contact_eligibility(r.id) as e
inner join public.contacts as c on c.id = e.contact_id;

comment on view public.automation_candidates is
'Every contact of a rule''s page with the reason it would or would not be written to now. Read it for one rule at a time.';

create or replace view public.automation_history
with (security_invoker = on)
as
select
    a.id as attempt_id,
    a.user_id,
    a.rule_id,
    r.name as rule_name,
    a.page_id,
    a.contact_id,
    c.sender_name,
    a.state_id,
    a.run_id,
    a.follow_up,
    a.outcome,
    a.message,
    a.error_code,
    a.error_message,
    a.facebook_message_id,
    a.ai_model,
    a.tokens_in,
    a.tokens_out,
    a.generation_time_ms,
    a.started_at,
    a.finished_at,
    a.delivered_at,
    a.read_at
from public.ai_automation_attempts as a
inner join public.ai_automation_rules as r on r.id = a.rule_id
inner join public.contacts as c on c.id = a.contact_id;

comment on view public.automation_history is
'Every try to send, with names, for as long as its day is kept. Ask for a span of started_at: only its days are read.';
-- What the columns of the views mean, where the column they come from does not say it.

comment on column public.active_automation_contacts.state_id is 'Names the contact in this automation to every function.';
comment on column public.active_automation_contacts.rule_name is 'What the owner calls the automation.';
comment on column public.active_automation_contacts.seconds_in_stage is 'How long it has been in its stage.';
comment on column public.active_automation_contacts.tokens is 'Of prompt and answer together.';
comment on column public.active_automation_contacts.seconds_until_send is 'Until the message goes out; 0 once it is due.';
comment on column public.active_automation_contacts.lost is
'The worker that holds it has stopped answering; it is taken up again by itself.';
comment on column public.automation_stage_summary.rule_id is 'The automation; ask for one.';
comment on column public.automation_stage_summary.stage is 'Each of the ten, also when nobody is there.';
comment on column public.automation_stage_summary.position is '1 to 10, as the cards stand.';
comment on column public.automation_stage_summary.contacts is 'On the monitor now.';
comment on column public.automation_stage_summary.average_seconds is 'How long those have been there, on average; empty when nobody is.';
comment on column public.automation_stage_summary.oldest_seconds is 'How long the one that came first has been there.';
comment on column public.automation_stage_summary.passed_last_hour is 'How many left it within an hour.';
comment on column public.automation_stage_summary.mean_seconds_last_hour is 'How long those had stayed.';
comment on column public.automation_stage_summary.in_per_minute is
'How many came in this minute or in the one before, whichever were more.';
comment on column public.automation_stage_summary.out_per_minute is
'How many left in this minute or in the one before, whichever were more.';
comment on column public.automation_stage_summary.p50_seconds is 'Half of those that left had stayed no longer, within 10 %.';
comment on column public.automation_stage_summary.p95_seconds is '95 of 100 of those that left had stayed no longer, within 10 %.';
comment on column public.automation_live_stats.rule_id is 'The automation.';
comment on column public.automation_live_stats.rule_name is 'What the owner calls it.';
comment on column public.automation_live_stats.queued is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.checking is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.eligible is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.generating is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.ready_to_send is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.sending is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.sent is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.failed is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.skipped is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.completed is 'Contacts on the monitor in this stage.';
comment on column public.automation_live_stats.in_flight is 'queued to sending together.';
comment on column public.automation_live_stats.total is 'All ten together.';
comment on column public.automation_live_stats.sent_today is 'Messages accepted on the automation''s local day.';
comment on column public.automation_live_stats.last_run_at is 'When contacts were last queued.';
comment on column public.automation_candidates.rule_id is 'The automation; ask for one.';
comment on column public.automation_candidates.contact_id is 'Every contact of its page, tagged or not.';
comment on column public.automation_candidates.reason_code is 'ok, or the first reason not to write, as judge_contacts says it.';
comment on column public.automation_candidates.reason is 'The same in words.';
comment on column public.automation_candidates.next_check_at is 'When time alone may change the answer.';
comment on column public.automation_history.attempt_id is 'The try.';
comment on column public.automation_history.rule_name is 'What the owner calls the automation.';
-- The monitor's list: how a search is read, whom it finds, and one page of them. In plpgsql, whose plans are kept.

-- A search is words and, if it says cause:code, one cause; cause:none is the empty one.
create or replace function public.search_cause(p_search text)
returns text
language sql
immutable
set search_path = ''
as $$
    select case c.code when 'none' then '' else c.code end
    from (select lower(substring(p_search from '(?i)(?:^|\s)cause:([a-z0-9_]+)')) as code) as c;
$$;

comment on function public.search_cause(text) is
'The reason_code or error_code that a search of the monitor asks for by cause:code; null when it asks for none.';

create or replace function public.search_pattern(p_search text)
returns text
language sql
immutable
set search_path = ''
as $$
    select '%' || regexp_replace(nullif(btrim(w.words), ''), '([\\%_])', '\\\1', 'g') || '%'
    from (select regexp_replace(p_search, '(^|\s)cause:[a-z0-9_]+', '', 'gi') as words) as w;
$$;

comment on function public.search_pattern(text) is 'What the words of a search look like for ilike; null when there are none.';

-- What the list shows and what a press for many acts on is chosen here, so that the two numbers cannot differ.
create or replace function public.monitor_matches(p_rule_id uuid, p_stage text, p_cause text, p_pattern text)
returns table (state_id bigint, stage_rank smallint, stage_entered_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
declare
    v_folded text := public.folded(p_pattern);
    v_plain boolean := octet_length(p_pattern) = length(p_pattern);
begin
    return query
    select a.state_id, s.stage_rank, s.stage_entered_at
    from public.active_automation_contacts as a
    inner join public.ai_automation_contact_states as s on s.id = a.state_id
    where
        a.rule_id = p_rule_id
        and (p_stage is null or a.current_stage = p_stage::public.automation_stage)
        and (p_cause is null or s.end_reason = p_cause)
        and (
            p_pattern is null
            or concat_ws(' ', a.sender_name, a.generated_message, a.error_message, a.status_message) ilike p_pattern
            -- Where neither side has an accent it was compared already.
            or (
                not (v_plain and octet_length(a.sender_name) = length(a.sender_name))
                and public.is_named(a.sender_name, v_folded)
            )
        );
end;
$$;

comment on function public.monitor_matches(uuid, text, text, text) is
'The contacts on the monitor that fit a stage, a cause (search_cause) and a pattern (search_pattern), whose accents count in texts but not in names; null fits all.';

create or replace function public.send_estimate(p_page public.facebook_pages, p_written_for timestamptz, p_wait_seconds double precision)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select case
        when p_page.paused_at is not null or p_page.disconnected_at is not null or p_page.status <> 'active' then null
        when p_wait_seconds = 0 and coalesce(p_page.paused_until <= now(), true) then p_written_for
        -- In steps of five seconds: it is an estimate, and need not be told anew every time.
        else date_bin(
            '5 seconds',
            greatest(p_written_for, now(), p_page.paused_until) + p_wait_seconds * interval '1 second' + interval '4.9 seconds',
            '2000-01-01 00:00:00+00'
        )
    end;
$$;

comment on function public.send_estimate(public.facebook_pages, timestamptz, double precision) is
'When a written message goes out that has to wait so long for its page''s rate; null while the page is held, because nobody knows.';

create or replace function public.monitor_contacts(
    p_rule_id uuid, p_stage text, p_search text, p_limit integer, p_offset integer
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
    v_page public.facebook_pages;
    v_seconds_each double precision;
    v_ready integer;
begin
    select g.* into v_page
    from public.ai_automation_rules as r
    inner join public.facebook_pages as g on g.id = r.page_id
    where r.id = p_rule_id;
    -- A place of the second is free again a second after the answer; see page_room.
    v_seconds_each := (
        select 60 / least(ceil(v_page.sends_per_minute * q.share), greatest(floor(v_page.sends_per_minute * q.share / 60), 1) * 48)
        from (select public.rate_share(v_page.usage_percent, v_page.usage_at) as share) as q
    );
    v_ready := (
        select sum(c.contacts)
        from public.ai_automation_stage_counts as c
        where c.rule_id = p_rule_id and c.slot >= v_since and c.stage = 'ready_to_send'
    );
    return (
        with asked as materialized (
            select public.search_cause(p_search) as cause, public.search_pattern(p_search) as pattern
        ),

        since as (
            select g.stage_rank, case when g.stage_rank between 1 and 6 then '-infinity' else v_since end as moment
            from (
                values
                ('failed', 0::smallint), ('sending', 1), ('ready_to_send', 2), ('generating', 3), ('eligible', 4), ('checking', 5),
                ('queued', 6), ('sent', 7), ('skipped', 8), ('completed', 9)
            ) as g (stage, stage_rank)
            where p_stage is null or g.stage = p_stage
        ),

        searched as materialized (
            select m.state_id, m.stage_rank, m.stage_entered_at
            from asked as q
            cross join lateral public.monitor_matches(p_rule_id, p_stage, q.cause, q.pattern) as m
            where q.pattern is not null
        ),

        -- Of a table that has just grown the planner knows nothing yet, and may look for each card's contact among all of its
        -- owner's. So nothing is looked up a second time by its id, and names are looked up for all cards together.
        page as materialized (
            select l.*
            from (
                -- Stage by stage and each from its newest, so that a page is read in the order of an index.
                select k.*
                from asked as q
                cross join since as n
                cross join lateral (
                    select
                        s.id, s.contact_id, s.current_stage, s.stage_rank, s.stage_entered_at, s.status_message, s.reason_code,
                        s.error_code, s.error_message, s.error_hint, s.generated_message, s.next_send_at, s.next_check_at,
                        s.generation_time_ms, s.tokens_in, s.tokens_out, s.follow_up_count, s.max_follow_ups, s.attempt,
                        s.lease_owner, s.lease_expires_at, s.approved_at
                    from public.ai_automation_contact_states as s
                    where
                        s.rule_id = p_rule_id and s.stage_rank = n.stage_rank and s.stage_entered_at >= n.moment
                        and (q.cause is null or s.end_reason = q.cause)
                    order by s.stage_entered_at desc, s.id
                    limit least(greatest(p_limit, 1), 100) + greatest(p_offset, 0)
                ) as k
                where q.pattern is null
                union all
                select
                    s.id, s.contact_id, s.current_stage, s.stage_rank, s.stage_entered_at, s.status_message, s.reason_code,
                    s.error_code, s.error_message, s.error_hint, s.generated_message, s.next_send_at, s.next_check_at,
                    s.generation_time_ms, s.tokens_in, s.tokens_out, s.follow_up_count, s.max_follow_ups, s.attempt,
                    s.lease_owner, s.lease_expires_at, s.approved_at
                from public.ai_automation_contact_states as s
                where s.id = any(array(
                    select f.state_id
                    from searched as f
                    order by f.stage_rank, f.stage_entered_at desc, f.state_id
                    limit least(greatest(p_limit, 1), 100) + greatest(p_offset, 0)
                ))
            ) as l
            order by l.stage_rank, l.stage_entered_at desc, l.id
            limit least(greatest(p_limit, 1), 100) offset greatest(p_offset, 0)
        ),

        named as materialized (
            select c.id, c.sender_name, c.last_inbound_at
            from public.contacts as c
            where c.id = any(array(select l.contact_id from page as l))
        ),

        -- Who is sent to before whom, over all automations of the page, about as pick_ready_to_send takes them.
        first_in_line as materialized (
            select w.id, row_number() over (order by w.due_at, w.id) - 1 as ahead
            from public.ai_automation_rules as o
            cross join lateral (
                select s.id, s.due_at, s.approved_at
                from public.ai_automation_contact_states as s
                where s.rule_id = o.id and s.stage_rank = 2 and exists (select 1 from page as l where l.stage_rank = 2)
                order by s.stage_entered_at
                limit 100
            ) as w
            where o.page_id = v_page.id and (not o.review_before_send or w.approved_at is not null)
            order by w.due_at, w.id
            limit 100
        )

        select jsonb_build_object(
            'matching', case
                when (select q.pattern from asked as q) is not null then (select count(*) from searched)
                else (
                    select coalesce(sum(c.contacts), 0)
                    from asked as q
                    cross join public.ai_automation_stage_counts as c
                    where
                        c.rule_id = p_rule_id and c.slot >= v_since
                        and (p_stage is null or c.stage = p_stage::public.automation_stage)
                        and (q.cause is null or c.reason = q.cause)
                )
            end,
            'contacts', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'state_id', l.id, 'contact_id', l.contact_id, 'name', c.sender_name, 'stage', l.current_stage,
                    'stage_entered_at', l.stage_entered_at, 'status', l.status_message, 'reason_code', l.reason_code,
                    'error_code', l.error_code, 'error_message', l.error_message, 'error_hint', l.error_hint,
                    'message', l.generated_message, 'next_send_at', case
                        when l.current_stage <> 'ready_to_send' then l.next_send_at
                        else public.send_estimate(
                            v_page, l.next_send_at,
                            -- Behind the first nobody is counted: all that are ready stand for the place, late rather than early.
                            v_seconds_each * coalesce((select w.ahead from first_in_line as w where w.id = l.id), v_ready)
                        )
                    end,
                    'next_check_at', case
                        when l.current_stage <> 'sending' then public.next_look(r.run_at, r.time_zone, l.next_check_at)
                        -- Nobody holds it: it waits until the conversation is looked at.
                        when l.lease_owner is null then l.lease_expires_at
                    end,
                    'generation_time_ms', l.generation_time_ms, 'tokens', l.tokens_in + l.tokens_out,
                    'follow_up_count', l.follow_up_count, 'max_follow_ups', l.max_follow_ups, 'attempt', l.attempt,
                    'lost', l.lease_owner is not null and (l.lease_expires_at <= now() or public.is_silent(l.lease_owner)),
                    'review', l.current_stage = 'ready_to_send' and r.review_before_send and l.approved_at is null,
                    'window_closes_at', case
                        when l.current_stage = 'ready_to_send' and r.review_before_send and l.approved_at is null
                            then c.last_inbound_at + interval '24 hours'
                    end
                ) order by l.stage_rank, l.stage_entered_at desc, l.id)
                from page as l
                inner join named as c on c.id = l.contact_id
                inner join public.ai_automation_rules as r on r.id = p_rule_id
            ), '[]'::jsonb)
        )
    );
end;
$$;

comment on function public.monitor_contacts(uuid, text, text, integer, integer) is
'One page of the monitor''s list, failed first, then what is closest to being sent; matching is the true number behind it; next_send_at is by the place in the page''s line and its rate, and empty while the page is held. p_search may name a cause: search_cause.';

revoke execute on function
public.monitor_matches(uuid, text, text, text), public.send_estimate(public.facebook_pages, timestamptz, double precision)
from public, anon, authenticated, service_role;
grant execute on function
public.monitor_matches(uuid, text, text, text), public.send_estimate(public.facebook_pages, timestamptz, double precision)
to authenticated;
-- Whether messages wait because Google's daily quota is used up, and until when.

-- Google counts its days in Pacific time; what came back for this reason waits until that day is over.
create index if not exists ai_automation_contact_states_ai_quota_idx
on public.ai_automation_contact_states (rule_id, stage_entered_at)
where stage_rank = 4 and error_code = 'ai_daily_quota';

comment on index public.ai_automation_contact_states_ai_quota_idx is 'Serves ai_quota_until; nearly always empty.';

create or replace function public.ai_quota_until(p_rule_id uuid)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select timezone('America/Los_Angeles', date_trunc('day', timezone('America/Los_Angeles', s.stage_entered_at)) + interval '1 day')
        from public.ai_automation_contact_states as s
        where
            s.rule_id = p_rule_id and s.stage_rank = 4 and s.error_code = 'ai_daily_quota'
            and s.stage_entered_at >= timezone('America/Los_Angeles', date_trunc('day', timezone('America/Los_Angeles', now())))
        order by s.stage_entered_at desc
        limit 1
    );
end;
$$;

comment on function public.ai_quota_until(uuid) is
'When Google''s daily quota begins again, if messages of this automation wait for that; null when none does, or it is not the caller''s.';

create or replace function public.ai_quota_waits()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(w.id, w.ends_at) filter (where w.ends_at is not null), '{}')
    from (select r.id, public.ai_quota_until(r.id) as ends_at from public.ai_automation_rules as r) as w;
$$;

comment on function public.ai_quota_waits() is 'The caller''s automations whose messages wait for Google''s daily quota, each with its end.';

revoke execute on function public.ai_quota_until(uuid), public.ai_quota_waits() from public, anon, authenticated, service_role;
grant execute on function public.ai_quota_until(uuid), public.ai_quota_waits() to authenticated;
-- The live monitor in one round trip: cards, list and side panels of one moment. In plpgsql, whose plans are kept: this
-- is asked every two seconds, and planning it would cost more than answering.

create or replace function public.worker_health()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'alive', count(*) filter (where w.stopped_at is null and w.beat_at > now() - interval '15 seconds'),
        'last_beat_at', max(w.beat_at),
        'sending_held', max(w.sending_held) filter (where w.stopped_at is null and w.beat_at > now() - interval '15 seconds')
    )
    from public.ai_automation_workers as w;
$$;

comment on function public.worker_health() is 'How many workers are alive (heard of within 15 s), when the last one was heard of, and why one sends nothing, if so; no names.';

create or replace function public.monitor_reasons(p_rule_id uuid, p_stages public.automation_stage[])
returns table (reason text, contacts bigint)
language plpgsql
stable
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
begin
    return query
    select c.reason, sum(c.contacts)
    from public.ai_automation_stage_counts as c
    where c.rule_id = p_rule_id and c.slot >= v_since and c.stage = any(p_stages)
    group by c.reason
    having sum(c.contacts) > 0;
end;
$$;

comment on function public.monitor_reasons(uuid, public.automation_stage[]) is
'How many contacts on the monitor are in these stages, by reason.';

create or replace function public.monitor_snapshot(
    p_rule_id uuid,
    p_stage text default null,
    p_search text default null,
    p_limit integer default 100,
    p_offset integer default 0
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        with listed as materialized (
            select public.monitor_contacts(p_rule_id, p_stage, p_search, p_limit, p_offset) as found
        )

        select jsonb_build_object(
            'now', now(),
            'rule', jsonb_build_object(
                'id', r.id, 'name', r.name, 'enabled', r.enabled, 'time_zone', r.time_zone, 'daily_limit', r.daily_limit,
                'max_follow_ups', r.max_follow_ups, 'run_24_7', r.run_24_7, 'active_from', r.active_from,
                'active_until', r.active_until, 'active_days', r.active_days, 'next_run_at', r.next_run_at,
                'page_name', g.name, 'page_status', g.status, 'page_reason', g.status_reason, 'paused_until', g.paused_until,
                'page_paused_at', g.paused_at, 'page_disconnected_at', g.disconnected_at, 'warning', g.warning, 'warned_at', g.warned_at,
                'ai_quota_until', public.ai_quota_until(r.id), 'sent_today', l.sent_today,
                'usage_percent', case when g.usage_at > now() - interval '1 hour' then round(g.usage_percent) end,
                'sends_per_minute', g.sends_per_minute
            ),
            'workers', public.worker_health(),
            'stages', (
                select jsonb_agg(jsonb_build_object(
                    'stage', s.stage, 'contacts', s.contacts, 'average_seconds', round(s.average_seconds::numeric, 1),
                    'oldest_seconds', round(s.oldest_seconds::numeric, 1),
                    'mean_seconds_last_hour', round(s.mean_seconds_last_hour::numeric, 2),
                    'in_per_minute', s.in_per_minute, 'out_per_minute', s.out_per_minute,
                    'p50_seconds', round(s.p50_seconds::numeric, 2), 'p95_seconds', round(s.p95_seconds::numeric, 2)
                ) order by s.position)
                from public.automation_stage_summary as s
                where s.rule_id = r.id
            ),
            'totals', jsonb_build_object('in_flight', l.in_flight, 'total', l.total, 'matching', x.found -> 'matching'),
            'contacts', x.found -> 'contacts',
            'to_review', case
                when r.review_before_send then (
                    select count(*)
                    from public.ai_automation_contact_states as s
                    where s.rule_id = r.id and s.stage_rank = 2 and s.approved_at is null
                )
                else 0
            end,
            'going_out_next', coalesce((
                select jsonb_agg(jsonb_build_object('name', n.sender_name, 'next_send_at', n.next_send_at) order by n.next_send_at)
                from (
                    -- A page that rests sends afterwards, what it then still may; one that is stopped promises nothing.
                    select c.sender_name, greatest(s.next_send_at, g.paused_until) as next_send_at
                    from public.ai_automation_contact_states as s
                    inner join public.contacts as c on c.id = s.contact_id
                    where
                        g.status = 'active' and g.paused_at is null and g.disconnected_at is null
                        and s.rule_id = r.id and s.stage_rank = 2 and s.next_send_at is not null
                        and (not r.review_before_send or s.approved_at is not null)
                        and c.last_inbound_at + interval '24 hours' > greatest(s.next_send_at, g.paused_until, now())
                    order by s.next_send_at
                    limit 5
                ) as n
            ), '[]'::jsonb),
            'held_back', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'reason_code', nullif(b.reason, ''), 'contacts', b.contacts,
                    'next_check_at', public.next_look(r.run_at, r.time_zone, k.next_check_at)
                ) order by b.contacts desc, b.reason)
                from public.monitor_reasons(r.id, '{skipped,completed}') as b
                left join lateral (
                    select s.next_check_at
                    from public.ai_automation_contact_states as s
                    where s.rule_id = r.id and s.end_reason = b.reason and s.next_check_at is not null
                    order by s.next_check_at
                    limit 1
                ) as k on true
            ), '[]'::jsonb),
            'failures', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'error_code', b.reason, 'contacts', b.contacts, 'message', k.error_message, 'hint', k.error_hint
                ) order by b.contacts desc, b.reason)
                from public.monitor_reasons(r.id, '{failed}') as b
                left join lateral (
                    select s.error_message, s.error_hint
                    from public.ai_automation_contact_states as s
                    where s.rule_id = r.id and s.stage_rank = 0 and s.end_reason = b.reason
                    order by s.stage_entered_at desc
                    limit 1
                ) as k on true
            ), '[]'::jsonb),
            'last_run', (
                select jsonb_build_object(
                    'id', u.id, 'source', u.source, 'requested_at', u.requested_at, 'finished_at', u.finished_at, 'total', u.total,
                    'in_flight', u.total - u.sent - u.skipped - u.failed, 'sent', u.sent, 'skipped', u.skipped, 'failed', u.failed
                )
                from public.ai_automation_runs as u
                where u.rule_id = r.id
                order by u.requested_at desc
                limit 1
            )
        )
        from public.ai_automation_rules as r
        inner join public.facebook_pages as g on g.id = r.page_id
        inner join public.automation_live_stats as l on l.rule_id = r.id
        cross join listed as x
        where r.id = p_rule_id
    );
end;
$$;

comment on function public.monitor_snapshot(uuid, text, text, integer, integer) is
'Everything the monitor of one automation shows, of one moment; null when the automation does not exist or is not the caller''s.';
-- What happened to one contact of an automation: stages, tries, messages.

create or replace function public.contact_timeline(p_state_id bigint)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'now', now(),
        'state_id', s.id,
        'contact_id', c.id,
        'name', c.sender_name,
        'sender_id', c.sender_id,
        'stage', s.current_stage,
        'stage_entered_at', s.stage_entered_at,
        'message', s.generated_message,
        'status', s.status_message,
        'reason_code', s.reason_code,
        'error_message', s.error_message,
        'error_hint', s.error_hint,
        'last_inbound_at', c.last_inbound_at,
        'review', s.current_stage = 'ready_to_send' and r.review_before_send and s.approved_at is null,
        'page', jsonb_build_object(
            'page_name', g.name, 'page_status', g.status, 'page_reason', g.status_reason, 'paused_until', g.paused_until,
            'page_paused_at', g.paused_at, 'page_disconnected_at', g.disconnected_at
        ),
        'stages', coalesce((
            select jsonb_agg(jsonb_build_object(
                'stage', e.to_stage, 'at', e.occurred_at, 'until', e.left_at, 'reason_code', e.reason_code,
                'by', case
                    when e.actor = s.user_id::text then 'person'
                    when e.actor = 'system' then 'system'
                    else 'worker'
                end
            ) order by e.id desc)
            from (
                select
                    n.id, n.to_stage, n.occurred_at, n.actor, n.reason_code,
                    lead(n.occurred_at) over (order by n.id) as left_at
                from (
                    select v.id, v.to_stage, v.occurred_at, v.actor, v.reason_code
                    from public.ai_automation_stage_events as v
                    where v.state_id = s.id and v.occurred_at >= s.created_at
                    order by v.id desc
                    limit 200
                ) as n
            ) as e
        ), '[]'::jsonb),
        'attempts', coalesce((
            select jsonb_agg(jsonb_build_object(
                'follow_up', a.follow_up, 'outcome', public.outcome_since(a.state_id, a.id, a.outcome), 'at', a.started_at, 'until', a.finished_at,
                'delivered_at', a.delivered_at, 'read_at', a.read_at,
                'message', a.message, 'error_code', a.error_code, 'error_message', a.error_message,
                'generation_time_ms', a.generation_time_ms, 'tokens', a.tokens_in + a.tokens_out
            ) order by a.started_at desc)
            from (
                select t.*
                from public.ai_automation_attempts as t
                where t.state_id = s.id and t.started_at >= s.created_at
                order by t.started_at desc
                limit 50
            ) as a
        ), '[]'::jsonb),
        'messages', coalesce((
            select jsonb_agg(jsonb_build_object('direction', m.direction, 'text', m.body, 'at', m.said_at) order by m.said_at desc)
            from (
                select h.direction, h.body, h.said_at
                from public.contact_messages as h
                where h.contact_id = s.contact_id
                order by h.said_at desc
                limit 30
            ) as m
        ), '[]'::jsonb)
    )
    from public.ai_automation_contact_states as s
    inner join public.contacts as c on c.id = s.contact_id
    -- Through the automation, so that the contacts of a deleted one are as gone as it is.
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.facebook_pages as g on g.id = r.page_id
    where s.id = p_state_id;
$$;

comment on function public.contact_timeline(bigint) is
'Everything that happened to one contact of an automation: its newest 200 stages, 50 tries and 30 messages, newest first; null when it is not the caller''s.';

revoke execute on function public.contact_timeline(bigint) from public, anon, authenticated, service_role;
grant execute on function public.contact_timeline(bigint) to authenticated;
-- Messages that wait for review: which ones a press for many would approve, and that press.

create or replace function public.messages_to_approve(p_user_id uuid, p_rule_id uuid, p_stage text, p_search text, p_limit integer)
returns table (contact_id uuid, sender_name text, message text, waiting bigint)
language sql
stable
set search_path = ''
as $$
    select s.contact_id, c.sender_name, s.generated_message, count(*) over ()
    from public.monitor_matches(p_rule_id, p_stage, public.search_cause(p_search), public.search_pattern(p_search)) as m
    inner join public.ai_automation_contact_states as s on s.id = m.state_id
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.contacts as c on c.id = s.contact_id
    where
        s.user_id = p_user_id and r.review_before_send and s.current_stage = 'ready_to_send' and s.approved_at is null
        and s.generated_message <> ''
    order by c.last_inbound_at, s.id
    limit p_limit;
$$;

comment on function public.messages_to_approve(uuid, uuid, text, text, integer) is
'The messages of an automation that wait for review and fit a filter of the monitor, whose window closes first, first; waiting is how many there are in all. Called by preview_bulk, which knows whose it is.';

create or replace function public.approve_messages(p_state_ids bigint[], p_read_at timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_changed integer;
begin
    perform public.refuse_deleted(p_state_ids);
    update public.ai_automation_contact_states as s
    set approved_at = now(), due_at = now(), next_send_at = now(), status_message = 'Approved, waiting for its turn'
    where
        s.id = any(p_state_ids) and s.user_id = (select auth.uid())
        and s.current_stage = 'ready_to_send' and s.approved_at is null
        -- What was written anew since has not been read.
        and s.stage_entered_at <= p_read_at
        and public.misfit_of(s.generated_message) is null
        and s.id = any(
            array(select a.state_id from public.verdicts_on_approval(p_state_ids) as a where (a.verdict ->> 'approved')::boolean)
        );
    get diagnostics v_changed = row_count;
    return jsonb_build_object('changed', v_changed, 'unchanged', cardinality(p_state_ids) - v_changed);
end;
$$;

comment on function public.approve_messages(bigint[], timestamptz) is
'Lets the caller''s messages that wait for review go out, those of them that were written by the moment they were read and that approve_message would not refuse; called by change_states.';

revoke execute on function public.messages_to_approve(uuid, uuid, text, text, integer), public.approve_messages(bigint[], timestamptz)
from public, anon, authenticated, service_role;
-- One press for many contacts, of an automation or of the whole list: exactly those that a preview counted, batch by batch,
-- until done or stopped. The previews are in the next part.

-- A wish lives an hour: what two tables held before is not taken over.
drop table if exists public.ai_automation_bulk_actions, public.contact_bulk_actions cascade;
drop function if exists public.bulk_contacts(uuid, text, text, text, text);
drop function if exists public.advance_contact_bulk(uuid, integer);
drop function if exists public.stop_contact_bulk(uuid);
drop function if exists public.forget_contact_bulks();

create table if not exists public.bulk_actions (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    rule_id uuid,
    action text not null,
    tag text,
    filter jsonb,
    contact_ids uuid[] not null,
    total integer not null,
    done integer not null default 0,
    changed integer not null default 0,
    created_at timestamptz not null default now(),
    touched_at timestamptz not null default now(),
    ended_at timestamptz,
    constraint bulk_actions_pkey primary key (id),
    constraint bulk_actions_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint bulk_actions_tag_is_named check ((tag is not null) = (action in ('add_tag', 'remove_tag'))),
    constraint bulk_actions_counts_are_possible check (changed between 0 and done and done <= total)
);

-- One of an older day knew fewer.
alter table public.bulk_actions drop constraint if exists bulk_actions_action_is_known;
alter table public.bulk_actions add constraint bulk_actions_action_is_known check (
    case
        when rule_id is not null then action in ('retry', 'cancel', 'approve')
        else action in ('add_tag', 'remove_tag', 'opt_out', 'lift_opt_out', 'delete')
    end
);

create index if not exists bulk_actions_owner_idx on public.bulk_actions (user_id, created_at desc);
create index if not exists bulk_actions_rule_idx on public.bulk_actions (rule_id, created_at desc);
create index if not exists bulk_actions_touched_idx on public.bulk_actions (touched_at);

comment on table public.bulk_actions is
'A person''s wish for many contacts at once: which ones, counted before it began, and how far it has come.';
comment on column public.bulk_actions.id is 'A preview returns it; advance_bulk and stop_bulk take it.';
comment on column public.bulk_actions.user_id is 'Who pressed; the owner of the contacts.';
comment on column public.bulk_actions.rule_id is 'The automation in which it is done to them; null where it is about the contacts themselves.';
comment on column public.bulk_actions.action is 'In an automation retry, cancel or approve, else add_tag, remove_tag, opt_out, lift_opt_out or delete.';
comment on column public.bulk_actions.tag is 'Which tag, where the action is about one.';
comment on column public.bulk_actions.filter is 'What they were chosen by, of words only that there were some; null where they were named. Stands in the audit too.';
comment on column public.bulk_actions.contact_ids is 'The contacts that the preview counted; emptied when it has ended.';
comment on column public.bulk_actions.total is 'How many the preview counted.';
comment on column public.bulk_actions.done is 'How many of contact_ids were taken up, in their order.';
comment on column public.bulk_actions.changed is 'Those of done for which it still changed something.';
comment on column public.bulk_actions.created_at is 'When they were counted.';
comment on column public.bulk_actions.touched_at is 'When it went on last; an hour later it has run out.';
comment on column public.bulk_actions.ended_at is 'When the last was done, or a person stopped it.';
comment on index public.bulk_actions_owner_idx is 'Serves row level security and the deletion of a person.';
comment on index public.bulk_actions_rule_idx is 'Serves the deletion of an automation, and open_bulk_actions.';
comment on index public.bulk_actions_touched_idx is 'Serves forget_bulks: what nobody goes on with.';

alter table public.bulk_actions enable row level security;
revoke all on public.bulk_actions from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.bulk_actions to service_role;
grant select on public.bulk_actions to authenticated;
drop policy if exists "owners see what they do to many" on public.bulk_actions;
create policy "owners see what they do to many" on public.bulk_actions
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.own_bulk(p_id uuid)
returns public.bulk_actions
language plpgsql
set search_path = ''
as $$
declare
    v_bulk public.bulk_actions;
begin
    select b.* into v_bulk
    from public.bulk_actions as b
    where
        b.id = p_id and b.user_id = (select auth.uid())
        and (b.rule_id is null or exists (select 1 from public.ai_automation_rules as r where r.id = b.rule_id and r.deleted_at is null))
    for update;
    if not found then
        raise exception 'This preview has run out.' using errcode = 'PT404', hint = 'Ask for the number again.';
    end if;
    return v_bulk;
end;
$$;

comment on function public.own_bulk(uuid) is
'The caller''s bulk action, held until the transaction ends; one of a deleted automation does not exist.';

create or replace function public.told_bulk(p_bulk public.bulk_actions)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', p_bulk.id, 'action', p_bulk.action, 'tag', p_bulk.tag, 'total', p_bulk.total, 'done', p_bulk.done,
        'changed', p_bulk.changed, 'ended', p_bulk.ended_at is not null
    );
$$;

comment on function public.told_bulk(public.bulk_actions) is 'How far a bulk action has come, as advance_bulk and stop_bulk say it.';

-- It did not know what was counted when.
drop function if exists public.change_states(uuid, text, uuid[]);
create or replace function public.change_states(p_rule_id uuid, p_action text, p_contact_ids uuid[], p_counted_at timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    -- One that has moved on by itself since it was counted is left where it is.
    v_ids bigint[] := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        inner join public.facebook_pages as g on g.id = r.page_id
        where
            s.rule_id = p_rule_id and s.contact_id = any(p_contact_ids)
            and public.bulk_helps(p_action, s.current_stage, s.reason_code, s.error_code, g.status)
    );
begin
    return case p_action
        when 'retry' then public.retry_contacts(v_ids)
        when 'cancel' then public.cancel_contacts(v_ids)
        else public.approve_messages(v_ids, p_counted_at)
    end;
end;
$$;

comment on function public.change_states(uuid, text, uuid[], timestamptz) is
'retry_contacts, cancel_contacts or approve_messages for those of an automation''s contacts for whom it still does something; what change_contacts is for contacts themselves.';

-- It told no page.
drop function if exists public.audit_of_bulk(public.bulk_actions);
create or replace function public.audit_of_bulk(p_bulk public.bulk_actions)
returns table (user_id uuid, rule_id uuid, page_id uuid, action text, affected integer, detail jsonb)
language sql
immutable
set search_path = ''
as $$
    select
        p_bulk.user_id, p_bulk.rule_id, public.id_or_null(p_bulk.filter ->> 'page'), case when p_bulk.rule_id is null then 'contacts_' else 'bulk_' end || p_bulk.action, p_bulk.changed,
        jsonb_build_object('filter', p_bulk.filter - 'page', 'bulk_id', p_bulk.id)
        || case when p_bulk.tag is not null then jsonb_build_object('tag', p_bulk.tag) else '{}' end
        || case when p_bulk.changed < p_bulk.total then jsonb_build_object('of', p_bulk.total) else '{}' end;
$$;

comment on function public.audit_of_bulk(public.bulk_actions) is
'The line of the audit about a bulk action that has ended: how many it changed, and of how many where those were not all.';

create or replace function public.advance_bulk(p_id uuid, p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.bulk_actions := public.own_bulk(p_id);
    v_limit integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
    v_batch uuid[];
    v_answer jsonb;
begin
    if v_bulk.touched_at <= now() - interval '1 hour' then
        raise exception 'This preview has run out.' using errcode = 'PT404', hint = 'Ask for the number again.';
    end if;
    if v_bulk.ended_at is not null then
        return public.told_bulk(v_bulk);
    end if;
    -- With each deleted one goes everything of theirs; a call has eight seconds on a hosted project.
    if v_bulk.action = 'delete' then
        v_limit := least(v_limit, 100);
    end if;
    v_batch := v_bulk.contact_ids[v_bulk.done + 1 : v_bulk.done + v_limit];
    perform set_config('stagelight.bulk', 'yes', true);
    v_answer := case
        when v_bulk.rule_id is null then public.change_contacts(v_batch, v_bulk.action, v_bulk.tag)
        else public.change_states(v_bulk.rule_id, v_bulk.action, v_batch, v_bulk.created_at)
    end;
    perform set_config('stagelight.bulk', '', true);
    update public.bulk_actions as b
    set
        done = least(b.done + v_limit, b.total),
        changed = b.changed + (v_answer ->> 'changed')::integer,
        touched_at = now(),
        ended_at = case when b.done + v_limit >= b.total then now() end,
        contact_ids = case when b.done + v_limit >= b.total then '{}' else b.contact_ids end
    where b.id = p_id
    returning b.* into v_bulk;
    -- One line for all its batches, and only then is it known how many there were.
    if v_bulk.ended_at is not null then
        insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
        select l.user_id, l.rule_id, l.page_id, l.action, l.affected, l.detail from public.audit_of_bulk(v_bulk) as l;
    end if;
    return public.told_bulk(v_bulk);
end;
$$;

comment on function public.advance_bulk(uuid, integer) is
'Does the next p_limit contacts of a preview (at most 1000, of deletions 100) and says how far it has come; after the last, or once stopped, it changes nothing.';

create or replace function public.stop_bulk(p_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.bulk_actions := public.own_bulk(p_id);
    v_was_open boolean := v_bulk.ended_at is null;
begin
    update public.bulk_actions as b
    set ended_at = coalesce(b.ended_at, now()), contact_ids = '{}'
    where b.id = p_id
    returning b.* into v_bulk;
    if v_was_open and v_bulk.done > 0 then
        insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
        select l.user_id, l.rule_id, l.page_id, l.action, l.affected, l.detail from public.audit_of_bulk(v_bulk) as l
        union all
        select v_bulk.user_id, v_bulk.rule_id, null, case when v_bulk.rule_id is null then 'stop_contact_bulk' else 'stop_bulk' end, 0, '{}';
    end if;
    return public.told_bulk(v_bulk);
end;
$$;

comment on function public.stop_bulk(uuid) is 'Ends a bulk action where it is; what was done stays done.';

-- One that was left halfway has run out too: what it did stays told for a day, whom it meant is forgotten.
create or replace function public.forget_bulks()
returns void
language sql
set search_path = ''
as $$
    delete from public.bulk_actions as b
    where b.touched_at < now() - interval '1 hour' and (b.done = 0 or b.touched_at < now() - interval '1 day');
    with left_halfway as (
        update public.bulk_actions as b
        set ended_at = now(), contact_ids = '{}'
        where
            b.ended_at is null
            and (
                b.touched_at < now() - interval '1 hour'
                -- It goes with its automation, and what it did would never be told.
                or exists (select 1 from public.ai_automation_rules as r where r.id = b.rule_id and r.deleted_at < now() - interval '1 minute')
            )
        returning b.*
    )

    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
    select l.user_id, l.rule_id, l.page_id, l.action, l.affected, l.detail
    from left_halfway as b
    cross join lateral public.audit_of_bulk(b::public.bulk_actions) as l
    where b.done > 0;
$$;

comment on function public.forget_bulks() is 'Called by maintain: removes previews that ran out, ends and writes down what was left halfway, and removes that a day later.';

create or replace view public.open_bulk_actions
with (security_invoker = on)
as
select
    b.id,
    b.user_id,
    b.rule_id,
    b.action,
    b.tag,
    b.total,
    b.done,
    b.changed,
    b.created_at
from public.bulk_actions as b
-- A minute less than advance_bulk gives it: what is offered can still be pressed.
where b.ended_at is null and b.touched_at > now() - interval '59 minutes';

comment on view public.open_bulk_actions is
'Previews and bulk actions that can go on: not ended, and gone on with within the hour by this database''s own clock.';
comment on column public.open_bulk_actions.id is 'What advance_bulk and stop_bulk take.';
comment on column public.open_bulk_actions.rule_id is 'The automation; ask for one, or for null.';

revoke all on public.open_bulk_actions from public, anon, authenticated, service_role;
grant select on public.open_bulk_actions to authenticated, service_role;

revoke execute on function
public.own_bulk(uuid), public.told_bulk(public.bulk_actions), public.audit_of_bulk(public.bulk_actions), public.change_states(uuid, text, uuid[], timestamptz),
public.advance_bulk(uuid, integer), public.stop_bulk(uuid), public.forget_bulks()
from public, anon, authenticated, service_role;
grant execute on function public.advance_bulk(uuid, integer), public.stop_bulk(uuid) to authenticated;
-- How many a press would change: counted and remembered, before anything is done. The mechanism is in the part before.

-- The same rule as retry_helps in pages/_components/contact_card.py; a test compares the two.
create or replace function public.retry_helps(
    p_stage public.automation_stage, p_reason text, p_error text, p_page_status text
)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select case p_stage
        when 'skipped' then coalesce(p_reason in ('cancelled', 'rejected', 'stopped'), false)
        when 'failed' then
            coalesce(p_error not in ('opted_out', 'no_such_contact', 'contact_unavailable'), true)
            and (
                p_page_status = 'active'
                or coalesce(p_error not in (
                    'token_invalid', 'token_expired', 'token_checkpoint', 'permission_missing', 'page_restricted',
                    'terms_not_accepted'
                ), true)
            )
        else false
    end;
$$;

comment on function public.retry_helps(public.automation_stage, text, text, text) is
'Whether queueing a contact again can end differently: what time, the contact or Facebook must cure is left alone.';

create or replace function public.bulk_helps(
    p_action text, p_stage public.automation_stage, p_reason text, p_error text, p_page_status text
)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select case p_action
        when 'retry' then public.retry_helps(p_stage, p_reason, p_error, p_page_status)
        when 'approve' then p_stage = 'ready_to_send'
        when 'cancel' then p_stage in ('queued', 'checking', 'eligible', 'generating', 'ready_to_send')
        else false
    end;
$$;

comment on function public.bulk_helps(text, public.automation_stage, text, text, text) is
'Whether retry, cancel or approve does something for a contact in this state.';

create or replace function public.keep_bulk(p_rule_id uuid, p_action text, p_tag text, p_filter jsonb, p_contact_ids uuid[])
returns jsonb
language sql
set search_path = ''
as $$
    insert into public.bulk_actions (user_id, rule_id, action, tag, filter, contact_ids, total)
    values ((select auth.uid()), p_rule_id, p_action, p_tag, p_filter, p_contact_ids, cardinality(p_contact_ids))
    returning jsonb_build_object('id', id, 'action', action, 'tag', tag, 'total', total);
$$;

comment on function public.keep_bulk(uuid, text, text, jsonb, uuid[]) is
'Remembers exactly whom a preview counted, for the caller; called by the previews, which know that they are the caller''s.';

create or replace function public.preview_bulk(
    p_rule_id uuid,
    p_action text,
    p_stage text default null,
    p_search text default null,
    p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    -- As many as somebody can read before they press.
    v_readable constant integer := 100;
    v_ids uuid[];
    v_said jsonb := '{}';
begin
    if not exists (
        select 1
        from public.ai_automation_rules as r
        where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null
    ) then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    if p_action is null or p_action not in ('retry', 'cancel', 'approve') then
        raise exception 'Contacts can be retried or cancelled, their messages approved, nothing else.' using errcode = '22023';
    end if;
    if p_stage is not null and p_stage <> all(enum_range(null::public.automation_stage)::text[]) then
        raise exception 'There is no such stage.' using errcode = '22023';
    end if;
    if p_action = 'approve' then
        select
            coalesce(array_agg(w.contact_id), '{}'),
            jsonb_build_object(
                'messages', coalesce(jsonb_agg(jsonb_build_array(w.sender_name, w.message)), '[]'),
                'waiting', coalesce(max(w.waiting), 0)
            )
        into v_ids, v_said
        from public.messages_to_approve((select auth.uid()), p_rule_id, p_stage, p_search, v_readable) as w;
    else
        v_ids := array(
            select s.contact_id
            from public.monitor_matches(p_rule_id, p_stage, public.search_cause(p_search), public.search_pattern(p_search)) as m
            inner join public.ai_automation_contact_states as s on s.id = m.state_id
            inner join public.ai_automation_rules as r on r.id = s.rule_id
            inner join public.facebook_pages as g on g.id = r.page_id
            where
                s.user_id = (select auth.uid()) and (p_reason is null or s.end_reason = p_reason)
                -- The stages first: what follows is a call for each contact that is left.
                and (p_action <> 'retry' or s.current_stage in ('failed', 'skipped'))
                and (p_action <> 'cancel' or s.current_stage <= 'ready_to_send')
                and public.bulk_helps(p_action, s.current_stage, s.reason_code, s.error_code, g.status)
            order by m.state_id
        );
    end if;
    return public.keep_bulk(
        p_rule_id, p_action, null,
        -- Words may be a name, and the audit that gets this forgets nothing: only that there were some.
        jsonb_strip_nulls(jsonb_build_object(
            'stage', p_stage, 'cause', public.search_cause(p_search), 'reason', p_reason,
            'search', case when public.search_pattern(p_search) is not null then true end
        )),
        v_ids
    ) || v_said;
end;
$$;

comment on function public.preview_bulk(uuid, text, text, text, text) is
'Counts the contacts that fit a filter and can be retried or cancelled, or whose messages can be approved (at most 100, with their texts: messages is [[name, text]], waiting how many wait in all), and remembers exactly them; nothing is changed yet. Unused for an hour, it is forgotten.';

create or replace function public.preview_contact_bulk(
    p_action text, p_tag text default null, p_filter jsonb default null, p_contact_ids uuid[] default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set statement_timeout = '2min'
as $$
declare
    v_user uuid := (select auth.uid());
    v_tag text := public.checked_contact_action(p_action, p_tag);
    v_meant uuid[] := p_contact_ids;
    v_ids uuid[];
begin
    if (p_filter is null) = (p_contact_ids is null) then
        raise exception 'Say either which contacts or which filter.' using errcode = '22023';
    end if;
    if exists (
        select 1
        from unnest(p_contact_ids) as m (id)
        left join public.contacts as c on c.id = m.id and c.user_id = v_user
        where c.id is null
    ) then
        raise exception 'One of these contacts does not exist.' using errcode = 'PT404', hint = 'Load the list again.';
    end if;
    if p_filter is not null then
        v_meant := array(select f.id from public.find_contacts(v_user, p_filter, '', null, 10000000) as f (id));
    end if;
    v_ids := array(
        select c.id
        from unnest(v_meant) as m (id)
        inner join public.contacts as c on c.id = m.id
        where
            c.user_id = v_user
            and case p_action
                when 'add_tag' then not c.tags @> array[v_tag] and cardinality(c.tags) < 100
                when 'remove_tag' then c.tags @> array[v_tag]
                when 'opt_out' then c.opted_out_at is null
                -- What contacts said themselves, only they can take back.
                when 'lift_opt_out' then c.opted_out_by = 'owner' and c.opted_out_at is not null
                else true
            end
        order by c.id
    );
    return public.keep_bulk(
        null, p_action, v_tag,
        -- Words may be a name, and the audit that gets this forgets nothing: only that there were some.
        case when p_filter is not null then (
            select coalesce(jsonb_object_agg(f.key, case f.key when 'q' then to_jsonb(true) else f.value end), '{}')
            from jsonb_each(p_filter) as f
            where f.key in ('page', 'tag', 'opted', 'window', 'q')
        ) end,
        v_ids
    ) || jsonb_build_object('others', cardinality(v_meant) - cardinality(v_ids));
end;
$$;

comment on function public.preview_contact_bulk(text, text, jsonb, uuid[]) is
'Counts the caller''s contacts that are named, or fit a filter of find_contacts, and that the action would change, and remembers exactly them; nothing is changed yet. Unused for an hour, it is forgotten.';

revoke execute on function
public.search_cause(text), public.search_pattern(text), public.retry_helps(public.automation_stage, text, text, text),
public.bulk_helps(text, public.automation_stage, text, text, text), public.keep_bulk(uuid, text, text, jsonb, uuid[]),
public.preview_bulk(uuid, text, text, text, text), public.preview_contact_bulk(text, text, jsonb, uuid[])
from public, anon, authenticated, service_role;
grant execute on function
public.search_cause(text), public.search_pattern(text), public.retry_helps(public.automation_stage, text, text, text),
public.bulk_helps(text, public.automation_stage, text, text, text),
public.preview_bulk(uuid, text, text, text, text), public.preview_contact_bulk(text, text, jsonb, uuid[])
to authenticated;
-- What /analytics is told: figures cut at the moments it names, which are midnights and hours of its reader's time zone.

create or replace function public.figures_between(p_rule_ids uuid[], p_kinds text[], p_edges timestamptz[])
returns table (kind text, key text, number integer, bin integer, amount bigint)
language sql
stable
set search_path = ''
as $$
    -- A bin is made of parts of UTC days.
    with piece as materialized (
        select
            b.bin, (d.day at time zone 'UTC')::date as day,
            extract(epoch from greatest(p_edges[b.bin], d.day) - d.day)::integer as from_second,
            extract(epoch from least(p_edges[b.bin + 1], d.day + interval '24 hours') - d.day)::integer as until_second
        from generate_series(1, cardinality(p_edges) - 1) as b (bin)
        cross join lateral generate_series(
            date_trunc('day', p_edges[b.bin], 'UTC'), p_edges[b.bin + 1] - interval '1 microsecond', interval '24 hours'
        ) as d (day)
    ),

    -- Scope by scope and kind by kind, each a stretch of the key.
    found as materialized (
        select f.kind, f.key, f.number, f.day, f.upto, cardinality(f.upto) as parts
        from unnest(coalesce(p_rule_ids, array[(select auth.uid())])) as s (scope_id)
        cross join unnest(p_kinds) as k (kind)
        cross join lateral (
            select o.kind, o.key, o.number, o.day, o.upto
            from public.ai_automation_figures as o
            where
                o.user_id = (select auth.uid()) and o.scope_id = s.scope_id and o.kind = k.kind
                and o.day >= (p_edges[1] at time zone 'UTC')::date
                and o.day <= (p_edges[cardinality(p_edges)] at time zone 'UTC')::date
            -- Keeps the stretch together: a planner that does not know how few there are would go through all days.
            offset 0
        ) as f
    )

    select
        f.kind, f.key, f.number, p.bin,
        sum(
            coalesce(f.upto[p.until_second * f.parts / 86400], 0) - coalesce(f.upto[p.from_second * f.parts / 86400], 0)
        )::bigint
    from found as f
    inner join piece as p on p.day = f.day
    group by f.kind, f.key, f.number, p.bin;
$$;

comment on function public.figures_between(uuid[], text[], timestamptz[]) is
'The caller''s figures between each two neighbours of p_edges (bin 1 is the first), of some automations or, for null, of all. Edges count to the quarter of an hour; of durations older than 8 days, to the hour.';

create or replace function public.analytics_flow(p_rule_ids uuid[], p_edges timestamptz[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rows jsonb;
begin
    if cardinality(p_edges) not between 2 and 1000 then
        raise exception 'That span has no bins, or too many.' using errcode = '22023';
    end if;
    select jsonb_agg(jsonb_build_object('kind', g.kind, 'key', g.key, 'number', g.number, 'bins', g.bins) order by g.kind, g.key, g.number)
    into v_rows
    from (
        select f.kind, f.key, f.number, jsonb_object_agg(f.bin, f.amount) as bins
        from public.figures_between(
            p_rule_ids,
            array[
                'entered', 'left', 'sent', 'failed', 'retried', 'replied', 'messages', 'tokens_in', 'tokens_out', 'cost', 'unpriced',
                'unpriced_in', 'unpriced_out'
            ],
            p_edges
        ) as f
        where f.amount <> 0
        group by f.kind, f.key, f.number
    ) as g;
    return coalesce(v_rows, '[]'::jsonb);
end;
$$;

comment on function public.analytics_flow(uuid[], timestamptz[]) is
'What happened in each bin: [{kind, key, number, bins: {bin: amount}}], without zeros.';

create or replace function public.analytics_paces(p_rule_ids uuid[], p_edges timestamptz[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rows jsonb;
begin
    if cardinality(p_edges) not between 2 and 1000 then
        raise exception 'That span has no bins, or too many.' using errcode = '22023';
    end if;
    with summed as (
        -- Bin 0 is all of them together.
        select f.kind, f.key, coalesce(f.bin, 0) as bin, f.number, sum(f.amount) as passed
        from public.figures_between(p_rule_ids, array['stayed', 'ai_time'], p_edges) as f
        where f.amount > 0
        group by grouping sets ((f.kind, f.key, f.number), (f.kind, f.key, f.number, f.bin))
    ),

    ranked as (
        select
            s.*,
            sum(s.passed) over (partition by s.kind, s.key, s.bin order by s.number) as passed_upto,
            sum(s.passed) over (partition by s.kind, s.key, s.bin) as passed_total
        from summed as s
    ),

    paced as (
        select
            r.kind, r.key, r.bin, max(r.passed_total) as passed,
            public.bucket_seconds(min(r.number) filter (where r.passed_upto >= 0.5 * r.passed_total)::smallint) as p50,
            public.bucket_seconds(min(r.number) filter (where r.passed_upto >= 0.95 * r.passed_total)::smallint) as p95
        from ranked as r
        group by r.kind, r.key, r.bin
    )

    select jsonb_agg(jsonb_build_object(
        'kind', p.kind, 'key', p.key, 'bin', p.bin, 'passed', p.passed, 'p50', round(p.p50::numeric, 3), 'p95', round(p.p95::numeric, 3)
    ) order by p.kind, p.key, p.bin)
    into v_rows
    from paced as p;
    return coalesce(v_rows, '[]'::jsonb);
end;
$$;

comment on function public.analytics_paces(uuid[], timestamptz[]) is
'How long contacts stayed in each stage, and the AI took with each model: [{kind, key, bin, passed, p50, p95}] in seconds, within 10 %; bin 0 is the whole span.';

create or replace function public.analytics_by_automation(p_rule_ids uuid[], p_from timestamptz, p_until timestamptz)
returns jsonb
language sql
stable
set search_path = ''
as $$
    -- Whole UTC days are summed up already; what is left at both ends is cut.
    with span as materialized (
        select
            least((date_trunc('day', p_from + interval '24 hours' - interval '1 microsecond', 'UTC') at time zone 'UTC')::date, u.until_day) as from_day,
            u.until_day
        from (values ((date_trunc('day', p_until, 'UTC') at time zone 'UTC')::date)) as u (until_day)
    ),

    edge (starts_at, ends_at) as materialized (
        select p_from, least(s.from_day::timestamp at time zone 'UTC', p_until) from span as s
        union all
        select greatest(s.until_day::timestamp at time zone 'UTC', p_from), p_until from span as s
    ),

    part as (
        select d.rule_id, d.kind, d.key, d.total
        from span as s
        inner join public.ai_automation_days as d on d.user_id = (select auth.uid()) and d.day >= s.from_day and d.day < s.until_day
        where p_rule_ids is null or d.rule_id = any(p_rule_ids)
        union all
        select
            r.id, f.kind, f.key,
            coalesce(f.upto[extract(epoch from e.ends_at - f.midnight)::integer * cardinality(f.upto) / 86400], 0)
            - coalesce(f.upto[extract(epoch from e.starts_at - f.midnight)::integer * cardinality(f.upto) / 86400], 0)
        from edge as e
        cross join public.ai_automation_rules as r
        cross join unnest(array['messages', 'tokens_in', 'tokens_out', 'cost', 'unpriced', 'unpriced_in', 'unpriced_out']) as k (kind)
        cross join lateral (
            select o.kind, o.key, o.upto, t.midnight
            from (values (date_trunc('day', e.starts_at, 'UTC'))) as t (midnight)
            inner join public.ai_automation_figures as o
                on
                    o.user_id = (select auth.uid()) and o.scope_id = r.id and o.kind = k.kind
                    and o.day = (t.midnight at time zone 'UTC')::date
            offset 0
        ) as f
        where e.starts_at < e.ends_at and r.user_id = (select auth.uid()) and (p_rule_ids is null or r.id = any(p_rule_ids))
    )

    select coalesce(jsonb_agg(jsonb_build_object('rule_id', g.rule_id, 'kind', g.kind, 'key', g.key, 'total', g.total)), '[]'::jsonb)
    from (
        select p.rule_id, p.kind, p.key, sum(p.total) as total
        from part as p
        group by p.rule_id, p.kind, p.key
        having sum(p.total) <> 0
    ) as g;
$$;

comment on function public.analytics_by_automation(uuid[], timestamptz, timestamptz) is
'What the AI used in a span, per automation and model: [{rule_id, kind, key, total}], without zeros.';

create or replace function public.analytics_until()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'until', (select least(m.moves_until, m.tries_until) from public.ai_automation_roll_up_marks as m), 'now', now()
    );
$$;

comment on function public.analytics_until() is
'Up to when everything is among the figures, null while nothing was ever counted; and now.';
-- One contact over all automations: who they are, where they stand, and everything that happened, newest first.

create or replace function public.contact_details(p_contact_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', c.id, 'name', c.sender_name, 'sender_id', c.sender_id, 'page', g.name, 'page_id', c.page_id, 'tags', c.tags,
        'time_zone', c.time_zone, 'last_inbound_at', c.last_inbound_at, 'last_outbound_at', c.last_outbound_at,
        'opted_out_at', c.opted_out_at, 'opted_out_by', c.opted_out_by, 'created_at', c.created_at,
        'states', coalesce((
            select jsonb_agg(jsonb_build_object(
                'state_id', s.id, 'rule_id', r.id, 'rule', r.name, 'stage', s.current_stage, 'at', s.stage_entered_at,
                'follow_up_count', s.follow_up_count, 'max_follow_ups', s.max_follow_ups, 'reason_code', s.reason_code,
                'error_message', s.error_message, 'next_check_at', public.next_look(r.run_at, r.time_zone, s.next_check_at)
            ) order by s.stage_entered_at desc)
            from public.ai_automation_contact_states as s
            inner join public.ai_automation_rules as r on r.id = s.rule_id
            where s.contact_id = c.id
        ), '[]'::jsonb)
    )
    from public.contacts as c
    inner join public.facebook_pages as g on g.id = c.page_id
    where c.id = p_contact_id;
$$;

comment on function public.contact_details(uuid) is
'Who a contact is and where they stand in every automation; null when it is not the caller''s.';

-- Each source gives its newest before the cursor, by its own index; the page is the newest of them together.
create or replace function public.contact_story(p_contact_id uuid, p_before jsonb default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_at timestamptz := coalesce((p_before ->> 0)::timestamptz, 'infinity');
    v_key text := coalesce(p_before ->> 1, '~');
    v_limit constant integer := least(greatest(coalesce(p_limit, 1), 1), 200);
    -- Through the automations, so that what was deleted is as gone here as there.
    v_states bigint[] := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where s.contact_id = p_contact_id
    );
begin
    return (
        with told as materialized (
            (
                select e.occurred_at as at, 'stage:' || e.id as key, jsonb_build_object(
                    'stage', e.to_stage, 'from', e.from_stage, 'seconds', e.seconds_in_stage, 'rule', r.name, 'rule_id', r.id,
                    'reason_code', e.reason_code, 'by', case
                        when e.actor = e.user_id::text then 'person' when e.actor = 'system' then 'system' else 'worker'
                    end
                ) as what
                from public.ai_automation_stage_events as e
                inner join public.ai_automation_rules as r on r.id = e.rule_id
                where
                    e.state_id = any(v_states) and e.occurred_at <= v_at
                    and (e.occurred_at, 'stage:' || e.id) < (v_at, v_key)
                order by e.occurred_at desc, 'stage:' || e.id desc
                limit v_limit + 1
            )
            union all
            (
                select a.started_at, 'attempt:' || a.id, jsonb_build_object(
                    'outcome', public.outcome_since(a.state_id, a.id, a.outcome), 'follow_up', a.follow_up, 'rule', r.name, 'rule_id', r.id, 'text', a.message,
                    'error_message', a.error_message, 'generation_time_ms', a.generation_time_ms, 'tokens', a.tokens_in + a.tokens_out,
                    'finished_at', a.finished_at, 'delivered_at', a.delivered_at, 'read_at', a.read_at
                )
                from public.ai_automation_attempts as a
                inner join public.ai_automation_rules as r on r.id = a.rule_id
                where
                    a.state_id = any(v_states) and a.started_at <= v_at
                    and (a.started_at, 'attempt:' || a.id) < (v_at, v_key)
                order by a.started_at desc, 'attempt:' || a.id desc
                limit v_limit + 1
            )
            union all
            (
                select m.said_at, 'message:' || m.id, jsonb_build_object('direction', m.direction, 'text', m.body)
                from public.contact_messages as m
                where
                    m.contact_id = p_contact_id and m.said_at <= v_at
                    and (m.said_at, 'message:' || m.id) < (v_at, v_key)
                    -- What an automation sent stands here as the try that sent it.
                    and not exists (
                        select 1
                        from public.ai_automation_attempts as a
                        where a.state_id = any(v_states) and a.facebook_message_id = m.facebook_message_id
                    )
                order by m.said_at desc, 'message:' || m.id desc
                limit v_limit + 1
            )
            union all
            (
                select c.opted_out_at, 'opt_out:', jsonb_build_object('by', coalesce(c.opted_out_by, 'contact'))
                from public.contacts as c
                where c.id = p_contact_id and (c.opted_out_at, 'opt_out:') < (v_at, v_key)
            )
        ),

        page as (
            select t.* from told as t
            order by t.at desc, t.key desc
            limit v_limit
        )

        select jsonb_build_object(
            'more', (select count(*) > v_limit from told),
            'entries', coalesce((
                select jsonb_agg(
                    p.what || jsonb_build_object('kind', split_part(p.key, ':', 1), 'key', p.key, 'at', p.at) order by p.at desc, p.key desc
                )
                from page as p
            ), '[]'::jsonb)
        )
    );
end;
$$;

comment on function public.contact_story(uuid, jsonb, integer) is
'What happened to one of the caller''s contacts over all automations: stages, tries, messages and the opt-out, newest first, before the [at, key] of the last one seen.';

revoke execute on function public.contact_details(uuid), public.contact_story(uuid, jsonb, integer)
from public, anon, authenticated, service_role;
grant execute on function public.contact_details(uuid), public.contact_story(uuid, jsonb, integer) to authenticated;
-- What a signed-in person may know of the machine: that it works, and on how much of what is theirs. Nothing of anybody else.

create or replace function public.system_health()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'now', now(),
        'schema_version', public.schema_version(),
        'workers', coalesce((
            select jsonb_agg(jsonb_build_object(
                'name', w.name, 'version', w.version, 'started_at', w.started_at, 'beat_at', w.beat_at,
                'state', case
                    when w.stopped_at is not null then 'stopped' when public.is_silent(w.name) then 'lost' else 'works'
                end,
                'turns', w.turns, 'mine', coalesce(m.mine, '{}'::jsonb)
            ) order by w.stopped_at is not null, w.beat_at desc)
            from (
                select k.name, k.version, k.started_at, k.beat_at, k.stopped_at, k.turns
                from public.ai_automation_workers as k
                where k.beat_at > now() - interval '1 day'
                order by k.stopped_at is not null, k.beat_at desc
                limit 50
            ) as w
            left join lateral (
                select jsonb_object_agg(h.stage, h.contacts) as mine
                from (
                    select s.current_stage::text as stage, count(*) as contacts
                    from public.ai_automation_rules as r
                    inner join public.ai_automation_contact_states as s on s.rule_id = r.id
                    where
                        r.user_id = (select auth.uid()) and s.stage_rank = any('{1,3,5}'::smallint[])
                        and s.lease_owner = w.name and s.lease_expires_at > now()
                    group by s.current_stage
                ) as h
            ) as m on w.stopped_at is null
        ), '[]'::jsonb),
        'receivers', public.receiver_health()
    );
$$;

comment on function public.system_health() is
'Workers of the last day with their turns, and what they hold of the caller''s; receivers; the schema''s version. No number of anybody else.';

revoke execute on function public.system_health() from public, anon, authenticated, service_role;
grant execute on function public.system_health() to authenticated;
-- Sums over everybody, for whoever operates it: told only for the token that the worker has left the hash of. The dashboard,
-- which has no secret key, hands on what the scraper shows.

create table if not exists public.metrics_marks (
    id boolean not null default true,
    token_hash text not null,
    counted_until timestamptz not null default date_trunc('minute', now()),
    constraint metrics_marks_pkey primary key (id),
    constraint metrics_marks_is_one check (id)
);
create table if not exists public.metrics_totals (
    stage public.automation_stage not null,
    bucket smallint not null,
    entered bigint not null default 0,
    passed bigint not null default 0,
    passed_seconds double precision not null default 0,
    constraint metrics_totals_pkey primary key (stage, bucket)
);

comment on table public.metrics_marks is 'One row, while METRICS_TOKEN is set: who may read the metrics, and how far they have counted.';
comment on column public.metrics_marks.id is 'True; there is one row.';
comment on column public.metrics_marks.token_hash is 'SHA-256 of METRICS_TOKEN in hex, written by a worker.';
comment on column public.metrics_marks.counted_until is 'Minutes before this are in metrics_totals.';
comment on table public.metrics_totals is 'Counters that only grow: every minute of ai_automation_stage_minutes is added once, whatever becomes of its automation.';
comment on column public.metrics_totals.stage is 'The stage.';
comment on column public.metrics_totals.bucket is 'Durations up to 0.01 s times 1.2 to this power; in the lowest also those who came in.';
comment on column public.metrics_totals.entered is 'How many came in.';
comment on column public.metrics_totals.passed is 'How many left.';
comment on column public.metrics_totals.passed_seconds is 'How long those had stayed.';

alter table public.metrics_marks enable row level security;
alter table public.metrics_totals enable row level security;
revoke all on public.metrics_marks, public.metrics_totals from public, anon, authenticated, service_role;
drop policy if exists "nobody who signs in sees who may read metrics" on public.metrics_marks;
create policy "nobody who signs in sees who may read metrics" on public.metrics_marks
for select to authenticated using (false);
drop policy if exists "nobody who signs in sees everybody's sums" on public.metrics_totals;
create policy "nobody who signs in sees everybody's sums" on public.metrics_totals
for select to authenticated using (false);

create or replace function public.set_metrics_key(p_token_hash text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if coalesce(p_token_hash, '') = '' then
        delete from public.metrics_marks as m where m.id;
    else
        insert into public.metrics_marks as m (token_hash) values (p_token_hash)
        on conflict (id) do update set token_hash = excluded.token_hash where m.token_hash <> excluded.token_hash;
    end if;
end;
$$;

comment on function public.set_metrics_key(text) is 'A worker says by which token, as SHA-256 in hex, the metrics may be read; empty: by none.';

create or replace function public.count_metrics()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    -- What was done in a minute is written down within two.
    v_until constant timestamptz := date_trunc('minute', now() - interval '2 minutes');
    v_from timestamptz;
begin
    select m.counted_until into v_from from public.metrics_marks as m where m.id for no key update skip locked;
    if v_from is null or v_from >= v_until then
        return;
    end if;
    insert into public.metrics_totals as t (stage, bucket, entered, passed, passed_seconds)
    select k.stage, k.bucket, sum(k.entered), sum(k.passed), sum(k.passed_seconds)
    from public.ai_automation_rules as r
    inner join public.ai_automation_stage_minutes as k
        on k.rule_id = r.id and k.minute >= greatest(v_from, v_until - interval '1 day') and k.minute < v_until
    group by k.stage, k.bucket
    on conflict (stage, bucket) do update
        set
            entered = t.entered + excluded.entered, passed = t.passed + excluded.passed,
            passed_seconds = t.passed_seconds + excluded.passed_seconds;
    update public.metrics_marks as m set counted_until = v_until where m.id;
end;
$$;

comment on function public.count_metrics() is 'Adds the minutes that are over to metrics_totals, each once; a day of them at most, so that a first scrape after a pause stays short.';

create or replace function public.metrics(p_token text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not exists (
        select 1 from public.metrics_marks as m where m.token_hash = encode(sha256(convert_to(p_token, 'UTF8')), 'hex')
    ) then
        return null;
    end if;
    perform public.count_metrics();
    return (
        with queues as materialized (
            select c.rule_id, c.stage, sum(c.contacts) as contacts
            from public.ai_automation_stage_counts as c
            where c.slot >= public.monitor_since()
            group by c.rule_id, c.stage
            having sum(c.contacts) > 0
        ),

        ages as materialized (
            select q.stage, q.contacts, o.stage_entered_at as oldest_at, l.lost
            from queues as q
            inner join (
                values ('sending', 1::smallint), ('ready_to_send', 2), ('generating', 3), ('eligible', 4), ('checking', 5), ('queued', 6),
                ('failed', 0), ('sent', 7), ('skipped', 8), ('completed', 9)
            ) as k (stage, stage_rank) on k.stage = q.stage::text
            left join lateral (
                select s.stage_entered_at
                from public.ai_automation_contact_states as s
                where s.rule_id = q.rule_id and s.stage_rank = k.stage_rank
                order by s.stage_entered_at
                limit 1
            ) as o on k.stage_rank between 1 and 6
            left join lateral (
                select count(*) as lost
                from public.ai_automation_contact_states as s
                where
                    s.rule_id = q.rule_id and s.stage_rank = k.stage_rank
                    and (s.lease_expires_at < now() or public.is_silent(s.lease_owner))
            ) as l on k.stage_rank in (1, 3, 5)
        )

        select jsonb_build_object(
            'stages', (
                select jsonb_object_agg(g.stage, jsonb_build_object('contacts', g.contacts, 'oldest_seconds', g.age))
                from (
                    select
                        a.stage, sum(a.contacts) as contacts,
                        date_part('epoch', now() - min(a.oldest_at)) as age
                    from ages as a
                    group by a.stage
                ) as g
            ),
            'lost', (select coalesce(sum(a.lost), 0) from ages as a),
            'pages', (
                select jsonb_object_agg(p.state, p.pages)
                from (
                    select
                        case
                            when g.disconnected_at is not null then 'disconnected'
                            when g.status <> 'active' then g.status
                            when g.paused_at is not null then 'paused'
                            when g.paused_until > now() then 'waiting'
                            else 'active'
                        end as state,
                        count(*) as pages
                    from public.facebook_pages as g
                    group by 1
                ) as p
            ),
            'workers', public.worker_health() -> 'alive',
            'receivers', public.receiver_health() -> 'alive',
            'totals', (
                select jsonb_agg(jsonb_build_array(t.stage, t.bucket, t.entered, t.passed, t.passed_seconds) order by t.stage, t.bucket)
                from public.metrics_totals as t
            )
        )
    );
end;
$$;

comment on function public.metrics(text) is
'Sums over all owners for the holder of METRICS_TOKEN; null for everybody else. Reads counts, minutes and indexes, never history.';

revoke execute on function public.set_metrics_key(text), public.count_metrics(), public.metrics(text)
from public, anon, authenticated, service_role;
grant execute on function public.set_metrics_key(text) to service_role;
grant execute on function public.metrics(text) to anon, authenticated, service_role;
-- Who may see and do what. RLS on every table; every grant is explicit, because since 2026-10-30 a hosted project gives
-- none by itself, not even to service_role. There is no policy for service_role: it bypasses RLS, and a policy without
-- `to` would open the table to everybody.

do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'ai_automation_stage_moves', 'facebook_pages', 'facebook_page_secrets', 'facebook_page_syncs', 'contacts', 'contact_messages',
        'ai_automation_rules', 'ai_automation_runs', 'ai_automation_contact_states', 'ai_automation_stage_events',
        'ai_automation_attempts', 'ai_automation_follow_ups', 'ai_automation_stage_counts', 'ai_automation_stage_minutes',
        'ai_automation_stage_periods', 'ai_automation_daily_usage', 'ai_automation_workers', 'ai_automation_audit',
        'contact_tombstones', 'contact_tombstone_keys', 'facebook_events', 'facebook_receivers',
        'ai_automation_figures', 'ai_automation_days', 'ai_automation_open_tries', 'ai_automation_roll_up_marks',
        'opt_confirmations', 'contact_deletions'
    ] loop
        execute format('alter table public.%I enable row level security', v_table);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', v_table);
        execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
    end loop;
end;
$$;

revoke all on sequence
public.contact_messages_id_seq, public.ai_automation_contact_states_id_seq, public.ai_automation_stage_events_id_seq,
public.ai_automation_audit_id_seq, public.facebook_events_id_seq
from public, anon, authenticated, service_role;
-- History without foreign keys is written by trigger only, not even by the secret key.
revoke insert, update, delete on public.ai_automation_stage_events, public.ai_automation_follow_ups from service_role;
revoke insert, update, delete on public.ai_automation_stage_moves from service_role;
revoke all on public.contact_tombstone_keys from service_role;
-- Figures come about in roll_up alone.
revoke insert, update, delete on
public.ai_automation_figures, public.ai_automation_days, public.ai_automation_open_tries, public.ai_automation_roll_up_marks
from service_role;
grant select on public.ai_automation_figures, public.ai_automation_days to authenticated;
revoke update, delete on public.ai_automation_audit from service_role;

grant select on public.ai_automation_stage_moves to authenticated;
grant select on public.contact_messages to authenticated;
grant select on public.ai_automation_runs to authenticated;
grant select on public.ai_automation_contact_states to authenticated;
grant select on public.ai_automation_stage_events to authenticated;
grant select on public.ai_automation_attempts to authenticated;
grant select on public.ai_automation_follow_ups to authenticated;
grant select on public.ai_automation_stage_counts to authenticated;
grant select on public.ai_automation_stage_minutes to authenticated;
grant select on public.ai_automation_stage_periods to authenticated;
grant select on public.ai_automation_daily_usage to authenticated;
grant select on public.ai_automation_audit to authenticated;
grant select on public.facebook_pages to authenticated;
grant select on public.facebook_page_syncs to authenticated;
-- Connecting goes through connect_page alone, which keeps a token that then has to prove itself.
grant update (name, sends_per_minute) on public.facebook_pages to authenticated;
-- Nobody deletes contacts or lifts an opt-out here: a deleted and re-imported contact would have forgotten its STOP.
grant select on public.contacts to authenticated;
grant select on public.opt_confirmations to authenticated;
grant update (sender_name, tags, time_zone) on public.contacts to authenticated;
-- Deleting goes through delete_rule alone: it has a way back, and lets no contact in flight hang.
grant select on public.ai_automation_rules to authenticated;
grant insert (
    page_id, name, include_tags, include_mode, exclude_tags, wait_minutes, max_follow_ups, daily_limit, active_days,
    active_from, active_until, time_zone, run_24_7, prompt, language, model, review_before_send, stop_on_reply, run_every_minutes, run_at
), update (
    name, include_tags, include_mode, exclude_tags, wait_minutes, max_follow_ups, daily_limit, active_days,
    active_from, active_until, time_zone, run_24_7, prompt, language, model, review_before_send, stop_on_reply, run_every_minutes, run_at
) on public.ai_automation_rules to authenticated;

revoke all on public.active_automation_contacts, public.automation_stage_summary, public.automation_live_stats,
public.automation_candidates, public.automation_history from public, anon, authenticated, service_role;
grant select on public.active_automation_contacts, public.automation_stage_summary, public.automation_live_stats,
public.automation_candidates, public.automation_history to authenticated, service_role;

drop policy if exists "everybody signed in may read the stage graph" on public.ai_automation_stage_moves;
create policy "everybody signed in may read the stage graph" on public.ai_automation_stage_moves
for select to authenticated using (true);

drop policy if exists "owners see their pages" on public.facebook_pages;
create policy "owners see their pages" on public.facebook_pages
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners connect pages" on public.facebook_pages;
drop policy if exists "owners change their pages" on public.facebook_pages;
create policy "owners change their pages" on public.facebook_pages
for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
drop policy if exists "owners disconnect their pages" on public.facebook_pages;
drop policy if exists "owners see how far their pages are read" on public.facebook_page_syncs;
create policy "owners see how far their pages are read" on public.facebook_page_syncs
for select to authenticated using (user_id = (select auth.uid()));

drop policy if exists "owners see their contacts" on public.contacts;
create policy "owners see their contacts" on public.contacts
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners change their contacts" on public.contacts;
create policy "owners change their contacts" on public.contacts
for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
drop policy if exists "owners delete their contacts" on public.contacts;

drop policy if exists "owners see their automations" on public.ai_automation_rules;
create policy "owners see their automations" on public.ai_automation_rules
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners add automations" on public.ai_automation_rules;
create policy "owners add automations" on public.ai_automation_rules
for insert to authenticated with check (user_id = (select auth.uid()));
drop policy if exists "owners change their automations" on public.ai_automation_rules;
create policy "owners change their automations" on public.ai_automation_rules
for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
drop policy if exists "owners delete their automations" on public.ai_automation_rules;

drop policy if exists "owners see their messages" on public.contact_messages;
create policy "owners see their messages" on public.contact_messages
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their runs" on public.ai_automation_runs;
create policy "owners see their runs" on public.ai_automation_runs
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their contact states" on public.ai_automation_contact_states;
create policy "owners see their contact states" on public.ai_automation_contact_states
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage events" on public.ai_automation_stage_events;
create policy "owners see their stage events" on public.ai_automation_stage_events
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their attempts" on public.ai_automation_attempts;
create policy "owners see their attempts" on public.ai_automation_attempts
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage minutes" on public.ai_automation_stage_minutes;
create policy "owners see their stage minutes" on public.ai_automation_stage_minutes
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their follow-ups" on public.ai_automation_follow_ups;
create policy "owners see their follow-ups" on public.ai_automation_follow_ups
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage counts" on public.ai_automation_stage_counts;
create policy "owners see their stage counts" on public.ai_automation_stage_counts
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage periods" on public.ai_automation_stage_periods;
create policy "owners see their stage periods" on public.ai_automation_stage_periods
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their daily usage" on public.ai_automation_daily_usage;
create policy "owners see their daily usage" on public.ai_automation_daily_usage
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their figures" on public.ai_automation_figures;
create policy "owners see their figures" on public.ai_automation_figures
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see the days of their automations" on public.ai_automation_days;
create policy "owners see the days of their automations" on public.ai_automation_days
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "nobody who signs in sees an open try" on public.ai_automation_open_tries;
create policy "nobody who signs in sees an open try" on public.ai_automation_open_tries
for select to authenticated using (false);
drop policy if exists "nobody who signs in sees a mark" on public.ai_automation_roll_up_marks;
create policy "nobody who signs in sees a mark" on public.ai_automation_roll_up_marks
for select to authenticated using (false);
drop policy if exists "owners see what they did" on public.ai_automation_audit;
create policy "owners see what they did" on public.ai_automation_audit
for select to authenticated using (user_id = (select auth.uid()));

-- Functions: nobody, then by name.
revoke execute on function
public.schema_version(),
public.is_in_flight(public.automation_stage),
public.stamp_new_contact_state(), public.stamp_contact_state(), public.stamp_contact(), public.stamp_rule(),
public.record_stage_moves(), public.record_first_stage(), public.keep_follow_ups(),
public.keep_books(), public.tally_arrivals(), public.tally_departures(),
public.make_history_days(date, date), public.drop_history_days(date), public.remove_old_texts(integer, integer),
public.sum_up_minutes(integer), public.maintain(integer, integer, integer), public.recount_stages(),
public.own_shard(), public.monitor_since(), public.bucket_seconds(smallint),
public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules),
public.forget_deleted_contacts(), public.forget_deleted_rules(), public.end_sequences_on_reply(),
public.active_hours(smallint[], time, time, text, timestamptz),
public.is_active_now(smallint[], time, time, text, timestamptz), public.contacts_to_judge(uuid[], uuid[], uuid[]),
public.contact_eligibility(uuid, uuid[], timestamptz),
public.reason_text(text), public.moment_or_null(text), public.normalize_tags(text[]),
public.enqueue_contacts(uuid, text, uuid, boolean, text), public.has_due_again(uuid),
public.queue_contacts(public.ai_automation_rules, uuid, uuid[]), public.enqueue_due_again(public.ai_automation_rules), public.request_run(uuid), public.enqueue_due_contacts(integer),
public.recheck_before_send(bigint[]), public.lock_daily_usage(bigint[]), public.skip_ineligible(bigint[]),
public.pick_fairly(public.automation_stage, integer, jsonb), public.recheck_reviews(integer), public.pick_ready_to_send(integer, jsonb),
public.pick_contacts(public.automation_stage, integer, text, jsonb), public.claim_contacts(text, text, integer, integer, jsonb),
public.decide_contacts(jsonb), public.record_outcomes(jsonb), public.reclaim_expired_leases(),
public.beat(text, text, text, bigint[], integer, boolean, jsonb), public.complete_finished_sequences(integer),
public.set_rule_enabled(uuid, boolean), public.cancel_contacts(bigint[]), public.retry_contacts(bigint[]),
public.approve_message(bigint, text), public.reject_message(bigint, text), public.save_page_token(uuid, text),
public.import_contacts(uuid, jsonb), public.worker_health(),
public.monitor_contacts(uuid, text, text, integer, integer), public.monitor_snapshot(uuid, text, text, integer, integer),
public.monitor_reasons(uuid, public.automation_stage[]),
public.dry_run(uuid),
public.running_sums(integer[], bigint[]), public.add_sums(bigint[], bigint[]), public.add_figures(public.automation_figure[]),
public.roll_up_moves(timestamptz, timestamptz, integer), public.roll_up_tries(timestamptz, timestamptz, uuid, integer),
public.roll_up_replies(bigint[], timestamptz, timestamptz, bigint, bigint, timestamptz), public.roll_up(integer, timestamptz), public.keep_figures_small(integer),
public.figures_between(uuid[], text[], timestamptz[]), public.analytics_flow(uuid[], timestamptz[]),
public.analytics_paces(uuid[], timestamptz[]), public.analytics_by_automation(uuid[], timestamptz, timestamptz), public.analytics_until()
from public, anon, authenticated, service_role;

grant execute on function public.schema_version() to anon, authenticated, service_role;

grant execute on function
public.is_in_flight(public.automation_stage), public.reason_text(text), public.normalize_tags(text[]),
public.active_hours(smallint[], time, time, text, timestamptz), public.is_active_now(smallint[], time, time, text, timestamptz),
public.contacts_to_judge(uuid[], uuid[], uuid[]), public.contact_eligibility(uuid, uuid[], timestamptz),
public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules), public.monitor_since(), public.bucket_seconds(smallint)
to authenticated, service_role;

grant execute on function
public.request_run(uuid), public.set_rule_enabled(uuid, boolean), public.cancel_contacts(bigint[]),
public.retry_contacts(bigint[]), public.approve_message(bigint, text), public.reject_message(bigint, text),
public.save_page_token(uuid, text), public.import_contacts(uuid, jsonb), public.worker_health(),
public.monitor_contacts(uuid, text, text, integer, integer), public.monitor_snapshot(uuid, text, text, integer, integer),
public.monitor_reasons(uuid, public.automation_stage[]),
public.dry_run(uuid),
public.figures_between(uuid[], text[], timestamptz[]), public.analytics_flow(uuid[], timestamptz[]),
public.analytics_paces(uuid[], timestamptz[]), public.analytics_by_automation(uuid[], timestamptz, timestamptz), public.analytics_until()
to authenticated;

grant execute on function
public.enqueue_contacts(uuid, text, uuid, boolean, text), public.has_due_again(uuid),
public.queue_contacts(public.ai_automation_rules, uuid, uuid[]), public.enqueue_due_again(public.ai_automation_rules), public.enqueue_due_contacts(integer),
public.recheck_before_send(bigint[]), public.lock_daily_usage(bigint[]), public.skip_ineligible(bigint[]),
public.pick_fairly(public.automation_stage, integer, jsonb), public.recheck_reviews(integer), public.pick_ready_to_send(integer, jsonb),
public.pick_contacts(public.automation_stage, integer, text, jsonb), public.claim_contacts(text, text, integer, integer, jsonb),
public.decide_contacts(jsonb), public.record_outcomes(jsonb), public.reclaim_expired_leases(),
public.beat(text, text, text, bigint[], integer, boolean, jsonb), public.complete_finished_sequences(integer),
public.own_shard(), public.maintain(integer, integer, integer), public.recount_stages(), public.moment_or_null(text),
public.roll_up(integer, timestamptz)
to service_role;

notify pgrst, 'reload schema';
