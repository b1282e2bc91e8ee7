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
