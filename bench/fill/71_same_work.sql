-- The same six moves in Stagelight's own tables, for one contact by its id: what a peer's job calls in place of 70_peers.sql,
-- one round trip and one commit a move. The rules are asked where our worker asks them (before a contact is eligible, written
-- to, sent to), the try is written before the call, and the product's triggers keep history, counts, runs and the ledger.
-- Left out in the peers' favour, because their queue or nobody there does it: fencing tokens and lease times, the fair
-- picking of pages, the page's rate, what Facebook tells of pages, and handing prompt, conversation and token to the worker.

create schema bench;

create function bench.verdict_on(p_contact bigint, out reason text, out look_again_at timestamptz, out today date)
language plpgsql
as $$
declare
    v_state public.ai_automation_contact_states;
begin
    select s.* into v_state from public.ai_automation_contact_states as s where s.id = p_contact for no key update;
    select timezone(r.time_zone, now())::date into today from public.ai_automation_rules as r where r.id = v_state.rule_id;
    -- The day's row is the lock that keeps two jobs from overshooting the daily limit together.
    if v_state.quota_day is distinct from today then
        perform 1 from public.ai_automation_daily_usage as u where u.rule_id = v_state.rule_id and u.day = today for update;
        if not found then
            insert into public.ai_automation_daily_usage (user_id, rule_id, day)
            values (v_state.user_id, v_state.rule_id, today)
            on conflict do nothing;
            perform 1 from public.ai_automation_daily_usage as u where u.rule_id = v_state.rule_id and u.day = today for update;
        end if;
    end if;
    if exists (
        select 1 from public.ai_automation_follow_ups as f
        where f.state_id = p_contact and f.follow_up = v_state.follow_up_count + 1
    ) then
        reason := 'already_sent';
        return;
    end if;
    select j.reason_code, j.next_check_at into reason, look_again_at
    from public.judge_contacts(array[v_state.rule_id], array[v_state.contact_id], now(), null::public.ai_automation_rules) as j;
end;
$$;

create function bench.record_step(p_contact bigint, p_to text)
returns void
language plpgsql
as $$
declare
    v_verdict record;
    v_state public.ai_automation_contact_states;
begin
    if p_to in ('eligible', 'generating', 'sending') then
        select v.reason, v.look_again_at, v.today into v_verdict from bench.verdict_on(p_contact) as v;
        if v_verdict.reason <> 'ok' then
            update public.ai_automation_contact_states as s
            set
                current_stage = 'skipped', reason_code = v_verdict.reason, status_message = public.reason_text(v_verdict.reason),
                next_check_at = v_verdict.look_again_at, next_send_at = null, quota_day = null
            where s.id = p_contact;
            return;
        end if;
    end if;

    case p_to
        when 'checking' then
            update public.ai_automation_contact_states as s
            set current_stage = 'checking', status_message = 'Verifying the rules', lease_owner = 'worker-0'
            where s.id = p_contact and s.current_stage = 'queued';
        when 'eligible' then
            update public.ai_automation_contact_states as s
            set
                current_stage = 'eligible', reason_code = null, status_message = public.reason_text('ok'), next_check_at = null,
                due_at = now(), quota_day = v_verdict.today
            where s.id = p_contact and s.current_stage = 'checking';
        when 'generating' then
            update public.ai_automation_contact_states as s
            set
                current_stage = 'generating', status_message = 'AI is writing the message', lease_owner = 'worker-0',
                quota_day = v_verdict.today
            where s.id = p_contact and s.current_stage = 'eligible';
        when 'ready_to_send' then
            update public.ai_automation_contact_states as s
            set
                current_stage = 'ready_to_send', status_message = 'Message written', error_code = null, error_message = null,
                error_hint = null, generated_message = 'Hello, it was lovely to see you. Was the cake good?',
                generation_time_ms = 1 + coalesce(s.generation_time_ms, 0), ai_model = 'none',
                tokens_in = 300 + coalesce(s.tokens_in, 0), tokens_out = 20 + coalesce(s.tokens_out, 0), due_at = now(),
                next_send_at = now(), times_lost = 0
            where s.id = p_contact and s.current_stage = 'generating';
        when 'sending' then
            update public.ai_automation_contact_states as s
            set
                current_stage = 'sending', status_message = 'Being handed to Facebook', lease_owner = 'worker-0',
                quota_day = v_verdict.today, attempt_id = gen_random_uuid(), attempt_started_at = now()
            where s.id = p_contact and s.current_stage = 'ready_to_send'
            returning s.* into v_state;
            insert into public.ai_automation_attempts (
                id, started_at, user_id, state_id, rule_id, contact_id, page_id, run_id, follow_up, message, ai_model,
                tokens_in, tokens_out, cost_usd, generation_time_ms, worker
            )
            values (
                v_state.attempt_id, v_state.attempt_started_at, v_state.user_id, v_state.id, v_state.rule_id, v_state.contact_id,
                v_state.page_id, v_state.run_id, v_state.follow_up_count + 1, v_state.generated_message, v_state.ai_model,
                v_state.tokens_in, v_state.tokens_out, v_state.cost_usd, v_state.generation_time_ms, 'worker-0'
            );
        when 'sent' then
            update public.ai_automation_contact_states as s
            set
                current_stage = 'sent', error_code = null, error_message = null, error_hint = null, due_at = now(), next_send_at = null,
                status_message = format('Follow-up %s of %s accepted by Facebook', s.follow_up_count + 1, s.max_follow_ups),
                follow_up_count = s.follow_up_count + 1, last_sent_at = s.attempt_started_at,
                next_check_at = case
                    when s.follow_up_count + 1 < s.max_follow_ups
                        then s.attempt_started_at + (
                            select make_interval(mins => coalesce(nullif(r.wait_minutes, 0), r.run_every_minutes))
                            from public.ai_automation_rules as r where r.id = s.rule_id
                        )
                end
            where s.id = p_contact and s.current_stage = 'sending'
            returning s.* into v_state;
            update public.ai_automation_attempts as a
            set outcome = 'sent', facebook_message_id = 'm_' || a.id, finished_at = now()
            where a.id = v_state.attempt_id and a.started_at = v_state.attempt_started_at;
            insert into public.contact_messages (user_id, contact_id, direction, body, facebook_message_id, said_at)
            values (
                v_state.user_id, v_state.contact_id, 'out', v_state.generated_message, 'm_' || v_state.attempt_id,
                v_state.attempt_started_at
            )
            on conflict do nothing;
            update public.contacts as c
            set last_outbound_at = greatest(c.last_outbound_at, v_state.attempt_started_at)
            where c.id = v_state.contact_id;
    end case;
end;
$$;
