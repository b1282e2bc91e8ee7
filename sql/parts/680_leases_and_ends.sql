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
