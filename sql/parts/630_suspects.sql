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
