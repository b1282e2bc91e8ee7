-- A database of version 1 is brought to this version: what can be changed in place is, and history that was one table is
-- put aside, for 380 to take over. An empty database, or one of this version, is left alone.

do $$
begin
    if to_regclass('public.ai_automation_contact_states') is null or to_regclass('public.ai_automation_stage_counts') is not null then
        return;
    end if;

    alter table public.contacts add constraint contacts_page_key unique (id, user_id, page_id);
    alter table public.ai_automation_rules add constraint ai_automation_rules_page_key unique (id, user_id, page_id);

    alter table public.ai_automation_stage_events drop constraint ai_automation_stage_events_state_fkey;
    alter table public.ai_automation_attempts drop constraint ai_automation_attempts_state_fkey;
    alter table public.ai_automation_contact_states
        disable trigger user,
        drop constraint ai_automation_contact_states_owner_key,
        drop constraint ai_automation_contact_states_pkey,
        add constraint ai_automation_contact_states_pkey primary key (id, user_id),
        drop constraint ai_automation_contact_states_run_fkey,
        drop constraint ai_automation_contact_states_rule_fkey,
        drop constraint ai_automation_contact_states_contact_fkey,
        drop constraint ai_automation_contact_states_once,
        add constraint ai_automation_contact_states_once unique (contact_id, rule_id),
        add column page_id uuid,
        add column attempt_id uuid,
        add column attempt_started_at timestamptz,
        add column stage_rank smallint generated always as (
            case current_stage
                when 'failed' then 0 when 'sending' then 1 when 'ready_to_send' then 2 when 'generating' then 3
                when 'eligible' then 4 when 'checking' then 5 when 'queued' then 6 when 'sent' then 7
                when 'skipped' then 8 else 9
            end
        ) stored,
        add column end_reason text generated always as (
            case
                when current_stage = 'failed' then coalesce(error_code, '')
                when current_stage in ('skipped', 'completed') then coalesce(reason_code, '')
                else ''
            end
        ) stored,
        add column slot timestamptz generated always as (
            case
                when current_stage <= 'sending' then timestamptz '9999-01-01 00:00:00+00'
                else date_bin('1 hour', stage_entered_at, timestamptz '2000-01-01 00:00:00+00')
            end
        ) stored;
    update public.ai_automation_contact_states as s
    set
        page_id = r.page_id,
        attempt_id = a.id,
        attempt_started_at = a.started_at
    from public.ai_automation_rules as r, public.ai_automation_contact_states as t
    left join lateral (
        select b.id, b.started_at
        from public.ai_automation_attempts as b
        where b.state_id = t.id
        order by b.started_at desc
        limit 1
    ) as a on true
    where r.id = s.rule_id and t.id = s.id;
    alter table public.ai_automation_contact_states
        alter column page_id set not null,
        add constraint ai_automation_contact_states_rule_fkey foreign key (rule_id, user_id, page_id)
        references public.ai_automation_rules (id, user_id, page_id) on delete cascade,
        add constraint ai_automation_contact_states_contact_fkey foreign key (contact_id, user_id, page_id)
        references public.contacts (id, user_id, page_id) on delete cascade,
        enable trigger user;
    drop index
    public.idx_automation_states_rule, public.idx_automation_states_updated,
    public.ai_automation_contact_states_owner_idx, public.ai_automation_contact_states_contact_idx, public.ai_automation_contact_states_claim_idx,
    public.ai_automation_contact_states_recheck_idx, public.ai_automation_contact_states_run_idx;

    alter table public.ai_automation_stage_events set schema automation_history;
    alter table automation_history.ai_automation_stage_events rename to stage_events_of_version_1;
    alter table public.ai_automation_attempts set schema automation_history;
    alter table automation_history.ai_automation_attempts rename to attempts_of_version_1;

    alter table public.ai_automation_daily_usage
        add column sent integer not null default 0,
        drop constraint ai_automation_daily_usage_is_not_negative,
        add constraint ai_automation_daily_usage_is_not_negative check (reserved >= 0 and sent >= 0);
    alter table public.ai_automation_stage_minutes
        add column bucket smallint not null default 0,
        add column shard smallint not null default 0;
    -- What was kept is a sum, so that a minute's passes count as equally long.
    update public.ai_automation_stage_minutes as m
    set bucket = least(greatest(ceil(ln(greatest(m.passed_seconds / m.passed, 0.01) / 0.01) / ln(1.2)), 0), 110)
    where m.passed > 0;
    alter table public.ai_automation_stage_minutes
        drop constraint ai_automation_stage_minutes_rule_fkey,
        drop constraint ai_automation_stage_minutes_pkey,
        add constraint ai_automation_stage_minutes_pkey primary key (rule_id, minute, stage, bucket, shard);
    drop index
    public.ai_automation_stage_minutes_owner_idx, public.ai_automation_stage_minutes_recent_idx,
    public.ai_automation_daily_usage_owner_idx;
    update public.ai_automation_daily_usage as u
    set sent = n.sent
    from (
        select m.rule_id, timezone(r.time_zone, m.minute)::date as day, sum(m.entered) as sent
        from public.ai_automation_stage_minutes as m
        inner join public.ai_automation_rules as r on r.id = m.rule_id
        where m.stage = 'sent'
        group by m.rule_id, timezone(r.time_zone, m.minute)::date
    ) as n
    where u.rule_id = n.rule_id and u.day = n.day;

    drop view if exists public.active_automation_contacts, public.automation_stage_summary, public.automation_live_stats;
    drop trigger tally_stage_minutes on public.ai_automation_contact_states;
    drop trigger tally_runs on public.ai_automation_contact_states;
    drop trigger tally_daily_usage on public.ai_automation_contact_states;
    drop function
    public.tally_stage_minutes(), public.tally_runs(), public.tally_daily_usage(), public.is_page_paused(uuid);
end;
$$;
