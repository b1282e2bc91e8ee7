-- History that version 1 kept in one table goes into the days.

do $$
declare
    v_first date;
begin
    if to_regclass('automation_history.stage_events_of_version_1') is null then
        return;
    end if;
    select least(
        (select min(e.occurred_at) from automation_history.stage_events_of_version_1 as e),
        (select min(a.started_at) from automation_history.attempts_of_version_1 as a)
    ) at time zone 'UTC' into v_first;
    perform public.make_history_days(v_first, (now() at time zone 'UTC')::date);

    insert into public.ai_automation_stage_events (
        id, user_id, rule_id, contact_id, state_id, run_id, from_stage, to_stage, occurred_at, seconds_in_stage, actor, reason_code
    )
    overriding system value
    select
        e.id, e.user_id, e.rule_id, e.contact_id, e.state_id, e.run_id, e.from_stage, e.to_stage, e.occurred_at,
        e.seconds_in_stage, e.actor, e.reason_code
    from automation_history.stage_events_of_version_1 as e;
    perform setval(
        pg_get_serial_sequence('public.ai_automation_stage_events', 'id'),
        greatest((select max(e.id) from public.ai_automation_stage_events as e), 1)
    );
    insert into public.ai_automation_attempts (
        id, user_id, state_id, rule_id, contact_id, page_id, run_id, follow_up, outcome, message, ai_model, tokens_in, tokens_out,
        generation_time_ms, facebook_message_id, error_code, error_message, worker, started_at, finished_at
    )
    select
        a.id, a.user_id, a.state_id, a.rule_id, a.contact_id, a.page_id, a.run_id, a.follow_up, a.outcome, a.message, a.ai_model,
        a.tokens_in, a.tokens_out, a.generation_time_ms, a.facebook_message_id, a.error_code, a.error_message, a.worker,
        a.started_at, a.finished_at
    from automation_history.attempts_of_version_1 as a;
    drop table automation_history.stage_events_of_version_1, automation_history.attempts_of_version_1;
end;
$$;
