-- Who may be written to now, and if not, why: the one place that decides (docs/decisions/0003).

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
        coalesce(bool_or(c.clock >= span.opens and c.clock < span.closes), false),
        min(m.moment) filter (where m.moment > p_now and l.clock >= span.opens and l.clock < span.closes)
    from (select timezone(p_zone, p_now) as clock) as c
    cross join generate_series(-1, 15) as ahead (days)
    cross join lateral (select c.clock::date + ahead.days as local_day) as d
    cross join lateral (
        select d.local_day + p_from as opens, d.local_day + (p_until <= p_from)::int + p_until as closes
    ) as span
    -- An hour that autumn repeats begins earlier than timezone() says, one that spring leaves out opens when it is over.
    cross join unnest('{0, 30 minutes, 1 hour, 2 hours}'::interval []) as back (shift)
    cross join lateral (select timezone(p_zone, span.opens) - back.shift as moment) as m
    cross join lateral (select timezone(p_zone, m.moment) as clock) as l
    where extract(isodow from d.local_day) = any(p_days);
$$;

comment on function public.active_hours(smallint[], time, time, text, timestamptz) is
'Whether a zone''s clock shows a time inside the active days and hours, and when they begin next; both DST changes are right.';

-- Planned for the contacts asked about each time: a generic plan would read whole pages for every claim.
create or replace function public.judge_contacts(
    p_rule_ids uuid[],
    p_contact_ids uuid[],
    p_now timestamptz,
    p_as_typed public.ai_automation_rules default null
)
returns table (rule_id uuid, contact_id uuid, reason_code text, next_check_at timestamptz)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
begin
    return query
    with rule as materialized (
        select
            r.*, p.status as page_status, p.paused_until,
            timezone(r.time_zone, p_now)::date as today,
            timezone(r.time_zone, timezone(r.time_zone, p_now)::date + 1 + time '00:00') as tomorrow_at
        from (
            select k.* from public.ai_automation_rules as k where k.id = any(p_rule_ids) and p_as_typed.id is null
            union all
            select p_as_typed.* where p_as_typed.id is not null
        ) as r
        inner join public.facebook_pages as p on p.id = r.page_id
    ),

    asked as materialized (
        select q.rule_id, q.contact_id
        from unnest(p_rule_ids, p_contact_ids) as q (rule_id, contact_id)
        where p_contact_ids is not null
        union all
        select r.id, c.id
        from rule as r
        inner join public.contacts as c on c.page_id = r.page_id
        where p_contact_ids is null
    ),

    -- Read once and by itself: after a large import, before statistics, a planner would look it up per contact.
    known as materialized (
        select
            k.rule_id, k.contact_id, k.current_stage, k.queued_at, k.last_sent_at, k.stopped_at, k.quota_day, k.follow_up_count
        from public.ai_automation_contact_states as k
        where k.rule_id = any(p_rule_ids) and p_contact_ids is null
        union all
        select
            k.rule_id, k.contact_id, k.current_stage, k.queued_at, k.last_sent_at, k.stopped_at, k.quota_day, k.follow_up_count
        from asked as q
        inner join public.ai_automation_contact_states as k on k.contact_id = q.contact_id and k.rule_id = q.rule_id
        where p_contact_ids is not null
    ),

    candidate as (
        select
            q.rule_id, c.id, c.tags, c.opted_out_at, c.last_inbound_at,
            greatest(c.last_inbound_at, c.last_outbound_at, s.last_sent_at) as last_said_at,
            coalesce(c.time_zone, r.time_zone) as zone,
            s.stopped_at, s.quota_day,
            coalesce(s.follow_up_count, 0) as follow_up_count,
            case
                when s.last_sent_at is not null then s.last_sent_at
                when s.current_stage <= 'sending' then s.queued_at
            end as replies_count_from
        from asked as q
        inner join rule as r on r.id = q.rule_id
        inner join public.contacts as c on c.id = q.contact_id and c.page_id = r.page_id
        left join known as s on s.rule_id = q.rule_id and s.contact_id = q.contact_id
    ),

    -- Once per zone: inlined, it would be asked for every contact.
    clock as materialized (
        select z.rule_id, z.zone, h.open_now, h.next_open_at
        from (select distinct n.rule_id, n.zone from candidate as n) as z
        inner join rule as r on r.id = z.rule_id
        cross join lateral public.active_hours(r.active_days, r.active_from, r.active_until, z.zone, p_now) as h
    ),

    judged as (
        select
            c.rule_id, c.id, c.quota_day, c.last_inbound_at,
            case
                when not r.enabled then 'rule_disabled'
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
                when not r.run_24_7 and not h.open_now then 'outside_active_hours'
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
        inner join clock as h on h.rule_id = c.rule_id and h.zone = c.zone
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
            when 'waiting' then f.wait_ends_at
            when 'outside_active_hours' then f.next_open_at
            when 'daily_limit_reached' then f.tomorrow_at
        end
    from settled as f;
end;
$$;

comment on function public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules) is
'A reason per rule and contact: of the pairs in the two arrays, or, with p_contact_ids null, of every contact of the rules'' pages. The first that applies of rule_disabled, page_unavailable, opted_out, stopped, excluded_tag, missing_tag, replied, max_follow_ups_reached, waiting, window_closed, outside_active_hours, daily_limit_reached, ok. next_check_at is set where time alone can change the answer. p_as_typed stands in for the rule of its id, saved or not.';

create or replace function public.contact_eligibility(
    p_rule_id uuid,
    p_contact_ids uuid[] default null,
    p_now timestamptz default now()
)
returns table (contact_id uuid, reason_code text, next_check_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select j.contact_id, j.reason_code, j.next_check_at
    from public.judge_contacts(
        case when p_contact_ids is null then array[p_rule_id] else array_fill(p_rule_id, array[cardinality(p_contact_ids)]) end,
        p_contact_ids, p_now
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
