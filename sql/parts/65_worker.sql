-- What a worker may ask for. Every write names the lease token it holds; a contact that was taken over does not move.

create or replace function public.recheck_before_send(p_state_ids bigint[])
returns table (state_id bigint, reason_code text, next_check_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select
        s.id,
        case
            when exists (
                select 1 from public.ai_automation_attempts as a
                where a.state_id = s.id and a.follow_up = s.follow_up_count + 1 and a.outcome in ('sending', 'sent', 'unknown')
            ) then 'already_sent'
            else e.reason_code
        end,
        e.next_check_at
    from (
        select t.rule_id, array_agg(t.contact_id) as contact_ids
        from public.ai_automation_contact_states as t
        where t.id = any(p_state_ids)
        group by t.rule_id
    ) as g
    cross join lateral public.contact_eligibility(g.rule_id, g.contact_ids) as e
    inner join public.ai_automation_contact_states as s on s.rule_id = g.rule_id and s.contact_id = e.contact_id
    where s.id = any(p_state_ids);
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

create or replace function public.is_page_paused(p_rule_id uuid)
returns boolean
language sql
stable
set search_path = ''
as $$
    select p.paused_until > now()
    from public.ai_automation_rules as r
    inner join public.facebook_pages as p on p.id = r.page_id
    where r.id = p_rule_id and p.paused_until is not null
    union all
    select false
    limit 1;
$$;

comment on function public.is_page_paused(uuid) is
'Whether Facebook asked the rule''s page to wait. Contacts in flight then stay where they are; their message is not thrown away.';

-- Ready messages, oldest first, as many per page as its rate allows. The page row is the lock that several workers share.
create or replace function public.pick_ready_to_send(p_limit integer)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_page record;
    v_room integer;
    v_left integer := p_limit;
    v_picked bigint[];
begin
    for v_page in
        select p.id, p.sends_per_minute
        from public.facebook_pages as p
        where (p.paused_until is null or p.paused_until <= now()) and exists (
            select 1
            from public.ai_automation_contact_states as s
            inner join public.ai_automation_rules as r on r.id = s.rule_id
            where s.current_stage = 'ready_to_send' and s.due_at <= now() and r.page_id = p.id
        )
        order by p.id
        for no key update of p skip locked
    loop
        select v_page.sends_per_minute - count(*) into v_room
        from public.ai_automation_attempts as a
        where a.page_id = v_page.id and a.started_at > now() - interval '1 minute';
        select array_agg(picked.id) into v_picked
        from (
            select s.id
            from public.ai_automation_contact_states as s
            inner join public.ai_automation_rules as r on r.id = s.rule_id and r.page_id = v_page.id
            where
                s.current_stage = 'ready_to_send' and s.due_at <= now()
                and (not r.review_before_send or s.approved_at is not null)
            order by s.due_at, s.id
            limit least(greatest(v_room, 0), v_left)
            for no key update of s skip locked
        ) as picked;
        v_left := v_left - coalesce(cardinality(v_picked), 0);
        return query select unnest(v_picked);
    end loop;
end;
$$;

comment on function public.pick_ready_to_send(integer) is 'Locks due, written messages within each page''s rate.';

create or replace function public.pick_contacts(p_stage public.automation_stage, p_limit integer)
returns setof bigint
language plpgsql
set search_path = ''
as $$
begin
    case p_stage
        when 'queued' then
            return query
            select s.id from public.ai_automation_contact_states as s
            where s.current_stage = 'queued' and s.due_at <= now()
            order by s.due_at, s.id
            limit p_limit
            for no key update skip locked;
        when 'eligible' then
            return query
            select k.state_id
            from public.skip_ineligible(array(
                select s.id from public.ai_automation_contact_states as s
                where s.current_stage = 'eligible' and s.due_at <= now() and not public.is_page_paused(s.rule_id)
                order by s.due_at, s.id
                limit p_limit
                for no key update skip locked
            )) as k (state_id);
        when 'ready_to_send' then
            return query
            select k.state_id
            from public.skip_ineligible(array(select r.state_id from public.pick_ready_to_send(p_limit) as r (state_id))) as k (state_id);
        when 'sending' then
            return query
            select s.id from public.ai_automation_contact_states as s
            where s.current_stage = 'sending' and s.lease_expires_at <= now()
            order by s.lease_expires_at, s.id
            limit p_limit
            for no key update skip locked;
        else
            raise exception 'Contacts cannot be claimed from stage %.', p_stage using errcode = '22023';
    end case;
end;
$$;

comment on function public.pick_contacts(public.automation_stage, integer) is
'Locks the contacts that claim_contacts hands out; rows that another worker is taking are passed over.';

create or replace function public.claim_contacts(p_stage text, p_worker text, p_limit integer, p_lease_seconds integer)
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
    select array_agg(k.id) into v_ids from public.pick_contacts(p_stage::public.automation_stage, p_limit) as k (id);
    if v_ids is null then
        return;
    end if;

    update public.ai_automation_contact_states as s
    set
        current_stage = case s.current_stage
            when 'queued' then 'checking' when 'eligible' then 'generating' else 'sending'
        end::public.automation_stage,
        status_message = case s.current_stage
            when 'queued' then 'Verifying the rules'
            when 'eligible' then 'AI is writing the message'
            when 'ready_to_send' then 'Being handed to Facebook'
            else 'Asking Facebook whether the message arrived'
        end,
        lease_owner = p_worker,
        lease_token = gen_random_uuid(),
        lease_expires_at = now() + make_interval(secs => p_lease_seconds)
    where s.id = any(v_ids);

    if p_stage = 'ready_to_send' then
        insert into public.ai_automation_attempts (
            user_id, state_id, rule_id, contact_id, page_id, run_id, follow_up, message, ai_model,
            tokens_in, tokens_out, generation_time_ms, worker
        )
        select
            s.user_id, s.id, s.rule_id, s.contact_id, r.page_id, s.run_id, s.follow_up_count + 1, s.generated_message, s.ai_model,
            s.tokens_in, s.tokens_out, s.generation_time_ms, p_worker
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where s.id = any(v_ids);
    end if;

    return query
    select
        s.id, s.lease_token, s.current_stage::text, r.id, r.name, r.prompt, r.language, r.model,
        r.review_before_send, c.sender_name, c.sender_id, p.name, p.facebook_page_id,
        k.encrypted_token, s.follow_up_count, s.max_follow_ups, s.attempt, c.last_inbound_at + interval '24 hours',
        s.generated_message, a.id, a.started_at, coalesce(h.said, '[]'::jsonb)
    from public.ai_automation_contact_states as s
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.contacts as c on c.id = s.contact_id
    inner join public.facebook_pages as p on p.id = r.page_id
    left join public.facebook_page_secrets as k on k.page_id = p.id
    left join public.ai_automation_attempts as a
        on a.state_id = s.id and a.follow_up = s.follow_up_count + 1 and a.outcome in ('sending', 'unknown')
    left join lateral (
        select jsonb_agg(jsonb_build_object('by', case m.direction when 'in' then 'contact' else 'page' end, 'text', m.body, 'at', m.said_at) order by m.said_at) as said
        from (
            select n.direction, n.body, n.said_at
            from public.contact_messages as n
            where n.contact_id = c.id and s.current_stage <> 'checking'
            order by n.said_at desc
            limit 20
        ) as m
    ) as h on true
    where s.id = any(v_ids)
    order by s.due_at, s.id;
end;
$$;

comment on function public.claim_contacts(text, text, integer, integer) is
'Hands up to p_limit due contacts to one worker: queued become checking, eligible become generating, ready_to_send become sending with an attempt written first; from sending it hands out those whose lease has expired, to be settled. Each comes with a new lease token that every later write must show.';

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
