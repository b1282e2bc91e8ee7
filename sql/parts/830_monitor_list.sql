-- The monitor's list: how a search is read, whom it finds, and one page of them. In plpgsql, whose plans are kept.

-- A search is words and, if it says cause:code, one cause; cause:none is the empty one.
create or replace function public.search_cause(p_search text)
returns text
language sql
immutable
set search_path = ''
as $$
    select case c.code when 'none' then '' else c.code end
    from (select lower(substring(p_search from '(?i)(?:^|\s)cause:([a-z0-9_]+)')) as code) as c;
$$;

comment on function public.search_cause(text) is
'The reason_code or error_code that a search of the monitor asks for by cause:code; null when it asks for none.';

create or replace function public.search_pattern(p_search text)
returns text
language sql
immutable
set search_path = ''
as $$
    select '%' || regexp_replace(nullif(btrim(w.words), ''), '([\\%_])', '\\\1', 'g') || '%'
    from (select regexp_replace(p_search, '(^|\s)cause:[a-z0-9_]+', '', 'gi') as words) as w;
$$;

comment on function public.search_pattern(text) is 'What the words of a search look like for ilike; null when there are none.';

-- What the list shows and what a press for many acts on is chosen here, so that the two numbers cannot differ.
create or replace function public.monitor_matches(p_rule_id uuid, p_stage text, p_cause text, p_pattern text)
returns table (state_id bigint, stage_rank smallint, stage_entered_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
declare
    v_folded text := public.folded(p_pattern);
    v_plain boolean := octet_length(p_pattern) = length(p_pattern);
begin
    return query
    select a.state_id, s.stage_rank, s.stage_entered_at
    from public.active_automation_contacts as a
    inner join public.ai_automation_contact_states as s on s.id = a.state_id
    where
        a.rule_id = p_rule_id
        and (p_stage is null or a.current_stage = p_stage::public.automation_stage)
        and (p_cause is null or s.end_reason = p_cause)
        and (
            p_pattern is null
            or concat_ws(' ', a.sender_name, a.generated_message, a.error_message, a.status_message) ilike p_pattern
            -- Where neither side has an accent it was compared already.
            or (
                not (v_plain and octet_length(a.sender_name) = length(a.sender_name))
                and public.is_named(a.sender_name, v_folded)
            )
        );
end;
$$;

comment on function public.monitor_matches(uuid, text, text, text) is
'The contacts on the monitor that fit a stage, a cause (search_cause) and a pattern (search_pattern), whose accents count in texts but not in names; null fits all.';

create or replace function public.send_estimate(p_page public.facebook_pages, p_written_for timestamptz, p_wait_seconds double precision)
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select case
        when p_page.paused_at is not null or p_page.disconnected_at is not null or p_page.status <> 'active' then null
        when p_wait_seconds = 0 and coalesce(p_page.paused_until <= now(), true) then p_written_for
        -- In steps of five seconds: it is an estimate, and need not be told anew every time.
        else date_bin(
            '5 seconds',
            greatest(p_written_for, now(), p_page.paused_until) + p_wait_seconds * interval '1 second' + interval '4.9 seconds',
            '2000-01-01 00:00:00+00'
        )
    end;
$$;

comment on function public.send_estimate(public.facebook_pages, timestamptz, double precision) is
'When a written message goes out that has to wait so long for its page''s rate; null while the page is held, because nobody knows.';

create or replace function public.monitor_contacts(
    p_rule_id uuid, p_stage text, p_search text, p_limit integer, p_offset integer
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
    v_page public.facebook_pages;
    v_seconds_each double precision;
    v_ready integer;
begin
    select g.* into v_page
    from public.ai_automation_rules as r
    inner join public.facebook_pages as g on g.id = r.page_id
    where r.id = p_rule_id;
    -- A place of the second is free again a second after the answer; see page_room.
    v_seconds_each := (
        select 60 / least(ceil(v_page.sends_per_minute * q.share), greatest(floor(v_page.sends_per_minute * q.share / 60), 1) * 48)
        from (select public.rate_share(v_page.usage_percent, v_page.usage_at) as share) as q
    );
    v_ready := (
        select sum(c.contacts)
        from public.ai_automation_stage_counts as c
        where c.rule_id = p_rule_id and c.slot >= v_since and c.stage = 'ready_to_send'
    );
    return (
        with asked as materialized (
            select public.search_cause(p_search) as cause, public.search_pattern(p_search) as pattern
        ),

        since as (
            select g.stage_rank, case when g.stage_rank between 1 and 6 then '-infinity' else v_since end as moment
            from (
                values
                ('failed', 0::smallint), ('sending', 1), ('ready_to_send', 2), ('generating', 3), ('eligible', 4), ('checking', 5),
                ('queued', 6), ('sent', 7), ('skipped', 8), ('completed', 9)
            ) as g (stage, stage_rank)
            where p_stage is null or g.stage = p_stage
        ),

        searched as materialized (
            select m.state_id, m.stage_rank, m.stage_entered_at
            from asked as q
            cross join lateral public.monitor_matches(p_rule_id, p_stage, q.cause, q.pattern) as m
            where q.pattern is not null
        ),

        -- Of a table that has just grown the planner knows nothing yet, and may look for each card's contact among all of its
        -- owner's. So nothing is looked up a second time by its id, and names are looked up for all cards together.
        page as materialized (
            select l.*
            from (
                -- Stage by stage and each from its newest, so that a page is read in the order of an index.
                select k.*
                from asked as q
                cross join since as n
                cross join lateral (
                    select
                        s.id, s.contact_id, s.current_stage, s.stage_rank, s.stage_entered_at, s.status_message, s.reason_code,
                        s.error_code, s.error_message, s.error_hint, s.generated_message, s.next_send_at, s.next_check_at,
                        s.generation_time_ms, s.tokens_in, s.tokens_out, s.follow_up_count, s.max_follow_ups, s.attempt,
                        s.lease_owner, s.lease_expires_at, s.approved_at
                    from public.ai_automation_contact_states as s
                    where
                        s.rule_id = p_rule_id and s.stage_rank = n.stage_rank and s.stage_entered_at >= n.moment
                        and (q.cause is null or s.end_reason = q.cause)
                    order by s.stage_entered_at desc, s.id
                    limit least(greatest(p_limit, 1), 100) + greatest(p_offset, 0)
                ) as k
                where q.pattern is null
                union all
                select
                    s.id, s.contact_id, s.current_stage, s.stage_rank, s.stage_entered_at, s.status_message, s.reason_code,
                    s.error_code, s.error_message, s.error_hint, s.generated_message, s.next_send_at, s.next_check_at,
                    s.generation_time_ms, s.tokens_in, s.tokens_out, s.follow_up_count, s.max_follow_ups, s.attempt,
                    s.lease_owner, s.lease_expires_at, s.approved_at
                from public.ai_automation_contact_states as s
                where s.id = any(array(
                    select f.state_id
                    from searched as f
                    order by f.stage_rank, f.stage_entered_at desc, f.state_id
                    limit least(greatest(p_limit, 1), 100) + greatest(p_offset, 0)
                ))
            ) as l
            order by l.stage_rank, l.stage_entered_at desc, l.id
            limit least(greatest(p_limit, 1), 100) offset greatest(p_offset, 0)
        ),

        named as materialized (
            select c.id, c.sender_name, c.last_inbound_at
            from public.contacts as c
            where c.id = any(array(select l.contact_id from page as l))
        ),

        -- Who is sent to before whom, over all automations of the page, about as pick_ready_to_send takes them.
        first_in_line as materialized (
            select w.id, row_number() over (order by w.due_at, w.id) - 1 as ahead
            from public.ai_automation_rules as o
            cross join lateral (
                select s.id, s.due_at, s.approved_at
                from public.ai_automation_contact_states as s
                where s.rule_id = o.id and s.stage_rank = 2 and exists (select 1 from page as l where l.stage_rank = 2)
                order by s.stage_entered_at
                limit 100
            ) as w
            where o.page_id = v_page.id and (not o.review_before_send or w.approved_at is not null)
            order by w.due_at, w.id
            limit 100
        )

        select jsonb_build_object(
            'matching', case
                when (select q.pattern from asked as q) is not null then (select count(*) from searched)
                else (
                    select coalesce(sum(c.contacts), 0)
                    from asked as q
                    cross join public.ai_automation_stage_counts as c
                    where
                        c.rule_id = p_rule_id and c.slot >= v_since
                        and (p_stage is null or c.stage = p_stage::public.automation_stage)
                        and (q.cause is null or c.reason = q.cause)
                )
            end,
            'contacts', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'state_id', l.id, 'contact_id', l.contact_id, 'name', c.sender_name, 'stage', l.current_stage,
                    'stage_entered_at', l.stage_entered_at, 'status', l.status_message, 'reason_code', l.reason_code,
                    'error_code', l.error_code, 'error_message', l.error_message, 'error_hint', l.error_hint,
                    'message', l.generated_message, 'next_send_at', case
                        when l.current_stage <> 'ready_to_send' then l.next_send_at
                        else public.send_estimate(
                            v_page, l.next_send_at,
                            -- Behind the first nobody is counted: all that are ready stand for the place, late rather than early.
                            v_seconds_each * coalesce((select w.ahead from first_in_line as w where w.id = l.id), v_ready)
                        )
                    end,
                    'next_check_at', case
                        when l.current_stage <> 'sending' then public.next_look(r.run_at, r.time_zone, l.next_check_at)
                        -- Nobody holds it: it waits until the conversation is looked at.
                        when l.lease_owner is null then l.lease_expires_at
                    end,
                    'generation_time_ms', l.generation_time_ms, 'tokens', l.tokens_in + l.tokens_out,
                    'follow_up_count', l.follow_up_count, 'max_follow_ups', l.max_follow_ups, 'attempt', l.attempt,
                    'lost', l.lease_owner is not null and (l.lease_expires_at <= now() or public.is_silent(l.lease_owner)),
                    'review', l.current_stage = 'ready_to_send' and r.review_before_send and l.approved_at is null,
                    'window_closes_at', case
                        when l.current_stage = 'ready_to_send' and r.review_before_send and l.approved_at is null
                            then c.last_inbound_at + interval '24 hours'
                    end
                ) order by l.stage_rank, l.stage_entered_at desc, l.id)
                from page as l
                inner join named as c on c.id = l.contact_id
                inner join public.ai_automation_rules as r on r.id = p_rule_id
            ), '[]'::jsonb)
        )
    );
end;
$$;

comment on function public.monitor_contacts(uuid, text, text, integer, integer) is
'One page of the monitor''s list, failed first, then what is closest to being sent; matching is the true number behind it; next_send_at is by the place in the page''s line and its rate, and empty while the page is held. p_search may name a cause: search_cause.';

revoke execute on function
public.monitor_matches(uuid, text, text, text), public.send_estimate(public.facebook_pages, timestamptz, double precision)
from public, anon, authenticated, service_role;
grant execute on function
public.monitor_matches(uuid, text, text, text), public.send_estimate(public.facebook_pages, timestamptz, double precision)
to authenticated;
