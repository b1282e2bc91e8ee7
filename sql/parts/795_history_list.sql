-- The list of tries to send: filtered, newest first, by keyset. The hot path pays for no index of its own, so a filter that
-- fits little is looked for stretch by stretch: each call looks at so many tries and says how far back it came.

-- Without the id it counted what was seen already.
drop function if exists public.attempts_floor(uuid, timestamptz, timestamptz, integer);

create or replace function public.attempts_floor(
    p_user_id uuid, p_from timestamptz, p_until timestamptz, p_before uuid, p_look integer
)
returns timestamptz
language sql
stable
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
    select a.started_at
    from public.ai_automation_attempts as a
    where
        a.user_id = p_user_id and a.started_at <= p_until and a.started_at >= p_from
        and (p_before is null or (a.started_at, a.id) < (p_until, p_before))
    order by a.started_at desc
    offset p_look
    limit 1;
$$;

comment on function public.attempts_floor(uuid, timestamptz, timestamptz, uuid, integer) is
'When the try before the last p_look of a person''s tries in a span began; null when there are no more than that. A batch begins in one moment: with p_before only those of p_until count that come after this one.';

create or replace function public.find_attempts(
    p_user_id uuid, p_filter jsonb, p_before jsonb, p_floor timestamptz, p_limit integer
)
returns table (attempt_id uuid, started_at timestamptz)
language plpgsql
stable
rows 100
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_rule uuid := nullif(p_filter ->> 'rule', '')::uuid;
    v_page uuid := nullif(p_filter ->> 'page', '')::uuid;
    v_contact uuid := nullif(p_filter ->> 'contact', '')::uuid;
    v_outcome text := nullif(p_filter ->> 'outcome', '');
    v_stored text := case when v_outcome in ('retried', 'dropped') then 'retry' else v_outcome end;
    v_codes text[] := case when jsonb_typeof(p_filter -> 'codes') = 'array' then array(select jsonb_array_elements_text(p_filter -> 'codes')) end;
    v_from timestamptz := greatest(p_floor, coalesce(nullif(p_filter ->> 'from', '')::timestamptz, '-infinity'));
    v_until timestamptz := least((p_before ->> 0)::timestamptz, nullif(p_filter ->> 'until', '')::timestamptz, 'infinity');
    v_at timestamptz := (p_before ->> 0)::timestamptz;
    v_id uuid := (p_before ->> 1)::uuid;
    v_pattern text := '%' || regexp_replace(nullif(btrim(p_filter ->> 'q'), ''), '([\\%_])', '\\\1', 'g') || '%';
    v_folded text := public.folded(v_pattern);
begin
    return query
    select a.id, a.started_at
    from public.ai_automation_attempts as a
    where
        a.user_id = p_user_id
        and a.started_at >= v_from and a.started_at <= v_until
        and (v_id is null or (a.started_at, a.id) < (v_at, v_id))
        and (v_rule is null or a.rule_id = v_rule)
        and (v_page is null or a.page_id = v_page)
        and (v_contact is null or a.contact_id = v_contact)
        and (v_stored is null or a.outcome = v_stored)
        and (v_stored is distinct from 'retry' or public.outcome_since(a.state_id, a.id, a.outcome) = v_outcome)
        and (v_codes is null or a.error_code = any(v_codes))
        -- What was deleted is gone from here too.
        and a.rule_id in (select r.id from public.ai_automation_rules as r where r.user_id = p_user_id and r.deleted_at is null)
        and (
            v_pattern is null
            or concat_ws(' ', a.message, a.error_message, a.error_code) ilike v_pattern
            -- A subquery of one row, so that it is one look into an index and never all contacts at once.
            or (select public.is_named(c.sender_name || ' ' || c.sender_id, v_folded) from public.contacts as c where c.id = a.contact_id)
        )
    order by a.started_at desc, a.id desc
    limit p_limit;
end;
$$;

comment on function public.find_attempts(uuid, jsonb, jsonb, timestamptz, integer) is
'A person''s tries to send that fit {rule, page, contact, outcome, codes, from, until, q}, newest first, before [started_at, id] and not before p_floor; outcome as outcome_since says it. Called by functions that say whose.';

create or replace function public.list_attempts(
    p_filter jsonb default '{}', p_before jsonb default null, p_limit integer default 50, p_look integer default 100000
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_user uuid := (select auth.uid());
    v_limit constant integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
    v_look constant integer := least(greatest(coalesce(p_look, 1), 1), 1000000);
    v_floor timestamptz := public.attempts_floor(
        v_user,
        coalesce(nullif(p_filter ->> 'from', '')::timestamptz, '-infinity'),
        least((p_before ->> 0)::timestamptz, nullif(p_filter ->> 'until', '')::timestamptz, 'infinity'),
        case when (p_before ->> 0)::timestamptz <= coalesce(nullif(p_filter ->> 'until', '')::timestamptz, 'infinity') then (p_before ->> 1)::uuid end,
        v_look
    );
begin
    return (
        with page as materialized (
            select f.attempt_id, f.started_at
            from public.find_attempts(v_user, p_filter, p_before, coalesce(v_floor, '-infinity'), v_limit + 1) as f
        ),

        -- By its day and its id: a partition is found by the first.
        shown as (
            select a.*
            from (select p.* from page as p order by p.started_at desc, p.attempt_id desc limit v_limit) as p
            inner join public.ai_automation_attempts as a on a.id = p.attempt_id and a.started_at = p.started_at
        )

        select jsonb_build_object(
            'more', (select count(*) > v_limit from page),
            'looked_until', case when (select count(*) <= v_limit from page) then v_floor end,
            'attempts', coalesce((
                select jsonb_agg(
                    jsonb_build_object(
                        'id', s.id, 'started_at', s.started_at, 'finished_at', s.finished_at,
                        'delivered_at', s.delivered_at, 'read_at', s.read_at, 'contact_id', s.contact_id,
                        'name', c.sender_name, 'sender_id', c.sender_id, 'rule_id', s.rule_id, 'rule', r.name, 'page', g.name,
                        'follow_up', s.follow_up, 'outcome', public.outcome_since(s.state_id, s.id, s.outcome), 'message', s.message, 'error_code', s.error_code,
                        'error_message', s.error_message, 'facebook_message_id', s.facebook_message_id, 'ai_model', s.ai_model,
                        'tokens_in', s.tokens_in, 'tokens_out', s.tokens_out, 'generation_time_ms', s.generation_time_ms
                    ) order by s.started_at desc, s.id desc
                )
                from shown as s
                inner join public.ai_automation_rules as r on r.id = s.rule_id
                inner join public.facebook_pages as g on g.id = s.page_id
                left join public.contacts as c on c.id = s.contact_id
            ), '[]'::jsonb)
        )
    );
end;
$$;

comment on function public.list_attempts(jsonb, jsonb, integer, integer) is
'One page of the caller''s tries to send that fit a filter (see find_attempts), before the [started_at, id] of the last one seen. At most p_look are looked at: looked_until says how far back, when fewer than p_limit fit and there are older ones.';

revoke execute on function
public.attempts_floor(uuid, timestamptz, timestamptz, uuid, integer), public.find_attempts(uuid, jsonb, jsonb, timestamptz, integer),
public.list_attempts(jsonb, jsonb, integer, integer)
from public, anon, authenticated, service_role;
grant execute on function public.list_attempts(jsonb, jsonb, integer, integer) to authenticated;
