-- One contact over all automations: who they are, where they stand, and everything that happened, newest first.

create or replace function public.contact_details(p_contact_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', c.id, 'name', c.sender_name, 'sender_id', c.sender_id, 'page', g.name, 'page_id', c.page_id, 'tags', c.tags,
        'time_zone', c.time_zone, 'last_inbound_at', c.last_inbound_at, 'last_outbound_at', c.last_outbound_at,
        'opted_out_at', c.opted_out_at, 'opted_out_by', c.opted_out_by, 'created_at', c.created_at,
        'states', coalesce((
            select jsonb_agg(jsonb_build_object(
                'state_id', s.id, 'rule_id', r.id, 'rule', r.name, 'stage', s.current_stage, 'at', s.stage_entered_at,
                'follow_up_count', s.follow_up_count, 'max_follow_ups', s.max_follow_ups, 'reason_code', s.reason_code,
                'error_message', s.error_message, 'next_check_at', public.next_look(r.run_at, r.time_zone, s.next_check_at)
            ) order by s.stage_entered_at desc)
            from public.ai_automation_contact_states as s
            inner join public.ai_automation_rules as r on r.id = s.rule_id
            where s.contact_id = c.id
        ), '[]'::jsonb)
    )
    from public.contacts as c
    inner join public.facebook_pages as g on g.id = c.page_id
    where c.id = p_contact_id;
$$;

comment on function public.contact_details(uuid) is
'Who a contact is and where they stand in every automation; null when it is not the caller''s.';

-- Each source gives its newest before the cursor, by its own index; the page is the newest of them together.
create or replace function public.contact_story(p_contact_id uuid, p_before jsonb default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_at timestamptz := coalesce((p_before ->> 0)::timestamptz, 'infinity');
    v_key text := coalesce(p_before ->> 1, '~');
    v_limit constant integer := least(greatest(coalesce(p_limit, 1), 1), 200);
    -- Through the automations, so that what was deleted is as gone here as there.
    v_states bigint[] := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where s.contact_id = p_contact_id
    );
begin
    return (
        with told as materialized (
            (
                select e.occurred_at as at, 'stage:' || e.id as key, jsonb_build_object(
                    'stage', e.to_stage, 'from', e.from_stage, 'seconds', e.seconds_in_stage, 'rule', r.name, 'rule_id', r.id,
                    'reason_code', e.reason_code, 'by', case
                        when e.actor = e.user_id::text then 'person' when e.actor = 'system' then 'system' else 'worker'
                    end
                ) as what
                from public.ai_automation_stage_events as e
                inner join public.ai_automation_rules as r on r.id = e.rule_id
                where
                    e.state_id = any(v_states) and e.occurred_at <= v_at
                    and (e.occurred_at, 'stage:' || e.id) < (v_at, v_key)
                order by e.occurred_at desc, 'stage:' || e.id desc
                limit v_limit + 1
            )
            union all
            (
                select a.started_at, 'attempt:' || a.id, jsonb_build_object(
                    'outcome', public.outcome_since(a.state_id, a.id, a.outcome), 'follow_up', a.follow_up, 'rule', r.name, 'rule_id', r.id, 'text', a.message,
                    'error_message', a.error_message, 'generation_time_ms', a.generation_time_ms, 'tokens', a.tokens_in + a.tokens_out,
                    'finished_at', a.finished_at, 'delivered_at', a.delivered_at, 'read_at', a.read_at
                )
                from public.ai_automation_attempts as a
                inner join public.ai_automation_rules as r on r.id = a.rule_id
                where
                    a.state_id = any(v_states) and a.started_at <= v_at
                    and (a.started_at, 'attempt:' || a.id) < (v_at, v_key)
                order by a.started_at desc, 'attempt:' || a.id desc
                limit v_limit + 1
            )
            union all
            (
                select m.said_at, 'message:' || m.id, jsonb_build_object('direction', m.direction, 'text', m.body)
                from public.contact_messages as m
                where
                    m.contact_id = p_contact_id and m.said_at <= v_at
                    and (m.said_at, 'message:' || m.id) < (v_at, v_key)
                    -- What an automation sent stands here as the try that sent it.
                    and not exists (
                        select 1
                        from public.ai_automation_attempts as a
                        where a.state_id = any(v_states) and a.facebook_message_id = m.facebook_message_id
                    )
                order by m.said_at desc, 'message:' || m.id desc
                limit v_limit + 1
            )
            union all
            (
                select c.opted_out_at, 'opt_out:', jsonb_build_object('by', coalesce(c.opted_out_by, 'contact'))
                from public.contacts as c
                where c.id = p_contact_id and (c.opted_out_at, 'opt_out:') < (v_at, v_key)
            )
        ),

        page as (
            select t.* from told as t
            order by t.at desc, t.key desc
            limit v_limit
        )

        select jsonb_build_object(
            'more', (select count(*) > v_limit from told),
            'entries', coalesce((
                select jsonb_agg(
                    p.what || jsonb_build_object('kind', split_part(p.key, ':', 1), 'key', p.key, 'at', p.at) order by p.at desc, p.key desc
                )
                from page as p
            ), '[]'::jsonb)
        )
    );
end;
$$;

comment on function public.contact_story(uuid, jsonb, integer) is
'What happened to one of the caller''s contacts over all automations: stages, tries, messages and the opt-out, newest first, before the [at, key] of the last one seen.';

revoke execute on function public.contact_details(uuid), public.contact_story(uuid, jsonb, integer)
from public, anon, authenticated, service_role;
grant execute on function public.contact_details(uuid), public.contact_story(uuid, jsonb, integer) to authenticated;
