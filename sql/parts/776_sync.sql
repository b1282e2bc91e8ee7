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
