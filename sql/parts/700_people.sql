-- What a signed-in person may do. Each function checks that the thing belongs to the caller.

create or replace function public.set_rule_enabled(p_rule_id uuid, p_enabled boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.ai_automation_rules as r
    set
        enabled = p_enabled,
        next_run_at = case when p_enabled then public.next_run_of(r, now()) end,
        updated_at = now()
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null;
    if not found then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action)
    values ((select auth.uid()), p_rule_id, case when p_enabled then 'switch_on' else 'switch_off' end);
    return jsonb_build_object('enabled', p_enabled);
end;
$$;

comment on function public.set_rule_enabled(uuid, boolean) is
'Switches the caller''s automation on or off. Off stops contacts in flight at their next step.';

create or replace function public.refuse_deleted(p_state_ids bigint[])
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if exists (
        select 1
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        where s.id = any(p_state_ids) and s.user_id = (select auth.uid()) and r.deleted_at is not null
    ) then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
end;
$$;

comment on function public.refuse_deleted(bigint[]) is
'Raises "does not exist" when one of these contacts is in an automation that the caller has deleted.';

create or replace function public.cancel_contacts(p_state_ids bigint[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_changed integer;
begin
    perform public.refuse_deleted(p_state_ids);
    update public.ai_automation_contact_states as s
    set
        stopped_at = now(),
        current_stage = case
            when s.current_stage in ('queued', 'eligible', 'ready_to_send') then 'skipped' else s.current_stage
        end,
        reason_code = 'cancelled',
        status_message = case
            when s.current_stage in ('queued', 'eligible', 'ready_to_send') then public.reason_text('cancelled')
            else 'Stops before the next step'
        end,
        next_check_at = null,
        next_send_at = case when s.current_stage = 'sending' then s.next_send_at end,
        quota_day = case when s.current_stage in ('queued', 'eligible', 'ready_to_send') then null else s.quota_day end
    where
        s.id = any(p_state_ids) and s.user_id = (select auth.uid())
        and s.current_stage in ('queued', 'checking', 'eligible', 'generating', 'ready_to_send');
    get diagnostics v_changed = row_count;
    if coalesce(current_setting('stagelight.bulk', true), '') = '' then
        insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
        select (select auth.uid()), w.rule_id, 'cancel_contacts', v_changed, w.detail
        from public.who_was_meant(p_state_ids) as w;
    end if;
    return jsonb_build_object('changed', v_changed, 'unchanged', cardinality(p_state_ids) - v_changed);
end;
$$;

comment on function public.cancel_contacts(bigint[]) is
'Stops contacts of the caller that are in flight and not yet being sent to. One whose message is being written stops before it is sent.';

create or replace function public.retry_contacts(p_state_ids bigint[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_failed bigint[];
    v_attempts uuid[];
    v_oldest timestamptz;
    v_changed integer;
begin
    perform public.refuse_deleted(p_state_ids);
    select array_agg(s.id), array_agg(s.attempt_id), min(s.attempt_started_at) into v_failed, v_attempts, v_oldest
    from (
        select t.id, t.attempt_id, t.attempt_started_at
        from public.ai_automation_contact_states as t
        where t.id = any(p_state_ids) and t.user_id = (select auth.uid()) and t.current_stage = 'failed'
        order by t.id
        for no key update
    ) as s;
    update public.ai_automation_attempts as a
    set outcome = 'abandoned', finished_at = coalesce(a.finished_at, now())
    where a.id = any(v_attempts) and a.started_at >= v_oldest and a.outcome = 'unknown';
    -- The day of an old try may be gone; what a person decided counts all the same.
    delete from public.ai_automation_follow_ups as f
    using public.ai_automation_contact_states as s
    where s.id = any(v_failed) and f.state_id = s.id and f.follow_up = s.follow_up_count + 1 and not f.accepted;
    update public.ai_automation_contact_states as s
    set
        current_stage = 'queued',
        queued_at = now(),
        sequence_began_at = case when s.last_sent_at is null then now() else s.sequence_began_at end,
        due_at = now(),
        status_message = 'In queue again',
        reason_code = null,
        error_code = null,
        error_message = null,
        error_hint = null,
        generated_message = null,
        generation_time_ms = null,
        ai_model = null,
        tokens_in = null,
        tokens_out = null,
        cost_usd = null,
        next_check_at = null,
        stopped_at = null,
        approved_at = null,
        attempt = 0,
        times_lost = 0,
        quota_day = null
    where
        s.id = any(p_state_ids) and s.user_id = (select auth.uid())
        and s.current_stage in ('failed', 'skipped');
    get diagnostics v_changed = row_count;
    if coalesce(current_setting('stagelight.bulk', true), '') = '' then
        insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
        select (select auth.uid()), w.rule_id, 'retry_contacts', v_changed, w.detail
        from public.who_was_meant(p_state_ids) as w;
    end if;
    return jsonb_build_object('changed', v_changed, 'unchanged', cardinality(p_state_ids) - v_changed);
end;
$$;

comment on function public.retry_contacts(bigint[]) is
'Queues failed or skipped contacts of the caller again. A follow-up whose outcome was unknown may be sent a second time: that is the person''s decision, and it is recorded.';

create or replace function public.verdicts_on_approval(p_state_ids bigint[])
returns table (state_id bigint, verdict jsonb)
language sql
stable
set search_path = ''
as $$
    select
        e.state_id,
        jsonb_build_object(
            -- A message is not thrown away because its page waits; when it no longer does, all is asked again.
            'approved',
            e.reason_code = 'ok'
            or (e.reason_code in ('page_paused', 'page_unavailable') and (p.paused_at is not null or coalesce(p.paused_until > now(), false)))
        )
        || case
            when e.reason_code = 'ok' then '{}'
            else jsonb_build_object('reason_code', e.reason_code, 'reason', public.reason_text(e.reason_code))
        end
    from public.recheck_before_send(p_state_ids) as e
    inner join public.ai_automation_contact_states as s on s.id = e.state_id
    inner join public.facebook_pages as p on p.id = s.page_id;
$$;

comment on function public.verdicts_on_approval(bigint[]) is
'What approve_message answers for each: whether its approval lets it go out, now or when its page can send, and what is in the way.';

create or replace function public.approve_message(p_state_id bigint, p_text text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_text text := nullif(btrim(p_text, E' \t\r\n'), '');
    v_written text;
    v_verdict jsonb;
begin
    perform public.refuse_deleted(array[p_state_id]);
    select s.generated_message into v_written
    from public.ai_automation_contact_states as s
    where s.id = p_state_id and s.user_id = (select auth.uid()) and s.current_stage = 'ready_to_send'
    for no key update;
    if not found then
        raise exception 'This message is no longer waiting for review.' using errcode = 'PT404';
    end if;
    perform public.refuse_misfit(coalesce(v_text, v_written));
    select a.verdict into v_verdict from public.verdicts_on_approval(array[p_state_id]) as a;
    if not (v_verdict ->> 'approved')::boolean then
        return v_verdict;
    end if;
    update public.ai_automation_contact_states as s
    set
        generated_message = coalesce(v_text, s.generated_message),
        approved_at = now(), due_at = now(), next_send_at = now(), status_message = 'Approved, waiting for its turn'
    where s.id = p_state_id;
    insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
    select
        (select auth.uid()), w.rule_id, 'approve_message', 1,
        w.detail || case when v_text is distinct from v_written and v_text is not null then '{"edited": true}' else '{}' end::jsonb
    from public.who_was_meant(array[p_state_id]) as w;
    return v_verdict;
end;
$$;

comment on function public.approve_message(bigint, text) is
'Lets a message that waits for review go out, with p_text in its place if given; refuses a text that cannot be a message. Where the contact may not be written to now it changes nothing and answers approved: false, with reason_code and reason; where only the page cannot send yet, approved: true with that reason.';

create or replace function public.reject_message(p_state_id bigint, p_reason text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform public.refuse_deleted(array[p_state_id]);
    update public.ai_automation_contact_states as s
    set
        current_stage = 'skipped', reason_code = 'rejected', next_send_at = null, quota_day = null,
        status_message = coalesce(nullif(left(btrim(p_reason), 300), ''), public.reason_text('rejected'))
    where s.id = p_state_id and s.user_id = (select auth.uid()) and s.current_stage = 'ready_to_send';
    if not found then
        raise exception 'This message is no longer waiting for review.' using errcode = 'PT404';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
    select (select auth.uid()), w.rule_id, 'reject_message', 1, w.detail from public.who_was_meant(array[p_state_id]) as w;
    return jsonb_build_object('rejected', true);
end;
$$;

comment on function public.reject_message(bigint, text) is 'Takes a message that waits for review out; the contact is skipped.';

revoke execute on function public.refuse_deleted(bigint[]) from public, anon, authenticated, service_role;
revoke execute on function public.verdicts_on_approval(bigint[]) from public, anon, authenticated, service_role;
