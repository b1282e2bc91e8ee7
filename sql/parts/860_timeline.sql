-- What happened to one contact of an automation: stages, tries, messages.

create or replace function public.contact_timeline(p_state_id bigint)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'now', now(),
        'state_id', s.id,
        'contact_id', c.id,
        'name', c.sender_name,
        'sender_id', c.sender_id,
        'stage', s.current_stage,
        'stage_entered_at', s.stage_entered_at,
        'message', s.generated_message,
        'status', s.status_message,
        'reason_code', s.reason_code,
        'error_message', s.error_message,
        'error_hint', s.error_hint,
        'last_inbound_at', c.last_inbound_at,
        'review', s.current_stage = 'ready_to_send' and r.review_before_send and s.approved_at is null,
        'page', jsonb_build_object(
            'page_name', g.name, 'page_status', g.status, 'page_reason', g.status_reason, 'paused_until', g.paused_until,
            'page_paused_at', g.paused_at, 'page_disconnected_at', g.disconnected_at
        ),
        'stages', coalesce((
            select jsonb_agg(jsonb_build_object(
                'stage', e.to_stage, 'at', e.occurred_at, 'until', e.left_at, 'reason_code', e.reason_code,
                'by', case
                    when e.actor = s.user_id::text then 'person'
                    when e.actor = 'system' then 'system'
                    else 'worker'
                end
            ) order by e.id desc)
            from (
                select
                    n.id, n.to_stage, n.occurred_at, n.actor, n.reason_code,
                    lead(n.occurred_at) over (order by n.id) as left_at
                from (
                    select v.id, v.to_stage, v.occurred_at, v.actor, v.reason_code
                    from public.ai_automation_stage_events as v
                    where v.state_id = s.id and v.occurred_at >= s.created_at
                    order by v.id desc
                    limit 200
                ) as n
            ) as e
        ), '[]'::jsonb),
        'attempts', coalesce((
            select jsonb_agg(jsonb_build_object(
                'follow_up', a.follow_up, 'outcome', public.outcome_since(a.state_id, a.id, a.outcome), 'at', a.started_at, 'until', a.finished_at,
                'delivered_at', a.delivered_at, 'read_at', a.read_at,
                'message', a.message, 'error_code', a.error_code, 'error_message', a.error_message,
                'generation_time_ms', a.generation_time_ms, 'tokens', a.tokens_in + a.tokens_out
            ) order by a.started_at desc)
            from (
                select t.*
                from public.ai_automation_attempts as t
                where t.state_id = s.id and t.started_at >= s.created_at
                order by t.started_at desc
                limit 50
            ) as a
        ), '[]'::jsonb),
        'messages', coalesce((
            select jsonb_agg(jsonb_build_object('direction', m.direction, 'text', m.body, 'at', m.said_at) order by m.said_at desc)
            from (
                select h.direction, h.body, h.said_at
                from public.contact_messages as h
                where h.contact_id = s.contact_id
                order by h.said_at desc
                limit 30
            ) as m
        ), '[]'::jsonb)
    )
    from public.ai_automation_contact_states as s
    inner join public.contacts as c on c.id = s.contact_id
    -- Through the automation, so that the contacts of a deleted one are as gone as it is.
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.facebook_pages as g on g.id = r.page_id
    where s.id = p_state_id;
$$;

comment on function public.contact_timeline(bigint) is
'Everything that happened to one contact of an automation: its newest 200 stages, 50 tries and 30 messages, newest first; null when it is not the caller''s.';

revoke execute on function public.contact_timeline(bigint) from public, anon, authenticated, service_role;
grant execute on function public.contact_timeline(bigint) to authenticated;
