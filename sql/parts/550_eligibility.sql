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
