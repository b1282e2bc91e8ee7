-- Messages that wait for review: which ones a press for many would approve, and that press.

create or replace function public.messages_to_approve(p_user_id uuid, p_rule_id uuid, p_stage text, p_search text, p_limit integer)
returns table (contact_id uuid, sender_name text, message text, waiting bigint)
language sql
stable
set search_path = ''
as $$
    select s.contact_id, c.sender_name, s.generated_message, count(*) over ()
    from public.monitor_matches(p_rule_id, p_stage, public.search_cause(p_search), public.search_pattern(p_search)) as m
    inner join public.ai_automation_contact_states as s on s.id = m.state_id
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.contacts as c on c.id = s.contact_id
    where
        s.user_id = p_user_id and r.review_before_send and s.current_stage = 'ready_to_send' and s.approved_at is null
        and s.generated_message <> ''
    order by c.last_inbound_at, s.id
    limit p_limit;
$$;

comment on function public.messages_to_approve(uuid, uuid, text, text, integer) is
'The messages of an automation that wait for review and fit a filter of the monitor, whose window closes first, first; waiting is how many there are in all. Called by preview_bulk, which knows whose it is.';

create or replace function public.approve_messages(p_state_ids bigint[], p_read_at timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_changed integer;
begin
    perform public.refuse_deleted(p_state_ids);
    update public.ai_automation_contact_states as s
    set approved_at = now(), due_at = now(), next_send_at = now(), status_message = 'Approved, waiting for its turn'
    where
        s.id = any(p_state_ids) and s.user_id = (select auth.uid())
        and s.current_stage = 'ready_to_send' and s.approved_at is null
        -- What was written anew since has not been read.
        and s.stage_entered_at <= p_read_at
        and public.misfit_of(s.generated_message) is null
        and s.id = any(
            array(select a.state_id from public.verdicts_on_approval(p_state_ids) as a where (a.verdict ->> 'approved')::boolean)
        );
    get diagnostics v_changed = row_count;
    return jsonb_build_object('changed', v_changed, 'unchanged', cardinality(p_state_ids) - v_changed);
end;
$$;

comment on function public.approve_messages(bigint[], timestamptz) is
'Lets the caller''s messages that wait for review go out, those of them that were written by the moment they were read and that approve_message would not refuse; called by change_states.';

revoke execute on function public.messages_to_approve(uuid, uuid, text, text, integer), public.approve_messages(bigint[], timestamptz)
from public, anon, authenticated, service_role;
