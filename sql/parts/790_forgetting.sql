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
