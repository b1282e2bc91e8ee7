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
