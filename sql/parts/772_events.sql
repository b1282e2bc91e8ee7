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
