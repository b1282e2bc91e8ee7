-- One press for many contacts: first the exact number, then exactly those contacts, batch by batch, until done or stopped.

create table if not exists public.ai_automation_bulk_actions (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    rule_id uuid not null,
    action text not null,
    state_ids bigint[] not null,
    total integer not null,
    done integer not null default 0,
    changed integer not null default 0,
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    constraint ai_automation_bulk_actions_pkey primary key (id),
    constraint ai_automation_bulk_actions_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_bulk_actions_action_is_known check (action in ('retry', 'cancel')),
    constraint ai_automation_bulk_actions_counts_are_possible check (changed between 0 and done and done <= total)
);

alter table public.ai_automation_bulk_actions
add column if not exists filter jsonb not null default '{}';
comment on column public.ai_automation_bulk_actions.filter is 'What the preview was asked for: stage, cause, reason, and of words only that there were some.';

create index if not exists ai_automation_bulk_actions_rule_idx on public.ai_automation_bulk_actions (rule_id, created_at desc);
create index if not exists ai_automation_bulk_actions_owner_idx on public.ai_automation_bulk_actions (user_id);

comment on table public.ai_automation_bulk_actions is
'A person''s wish for many contacts at once: which ones, counted before it began, and how far it has come.';
comment on column public.ai_automation_bulk_actions.state_ids is 'The contacts that the preview counted; emptied when it has ended.';
comment on column public.ai_automation_bulk_actions.done is 'How many of state_ids were taken up, in their order.';
comment on column public.ai_automation_bulk_actions.changed is 'Those of done that had not moved on by themselves meanwhile.';
comment on column public.ai_automation_bulk_actions.ended_at is 'When the last was done, or a person stopped it.';
comment on column public.ai_automation_bulk_actions.id is 'preview_bulk returns it.';
comment on column public.ai_automation_bulk_actions.user_id is 'Who pressed; the owner of the automation.';
comment on column public.ai_automation_bulk_actions.rule_id is 'The automation.';
comment on column public.ai_automation_bulk_actions.action is 'retry or cancel.';
comment on column public.ai_automation_bulk_actions.total is 'How many the preview counted.';
comment on column public.ai_automation_bulk_actions.created_at is 'When they were counted.';
comment on index public.ai_automation_bulk_actions_owner_idx is 'Serves row level security: what one person did to many.';
comment on index public.ai_automation_bulk_actions_rule_idx is 'Serves the deletion of an automation, and its previews that have run out.';

alter table public.ai_automation_bulk_actions enable row level security;
revoke all on public.ai_automation_bulk_actions from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.ai_automation_bulk_actions to service_role;
grant select on public.ai_automation_bulk_actions to authenticated;
drop policy if exists "owners see what they do to many" on public.ai_automation_bulk_actions;
create policy "owners see what they do to many" on public.ai_automation_bulk_actions
for select to authenticated using (user_id = (select auth.uid()));

-- The same rule as retry_helps in pages/_components/contact_card.py; a test compares the two.
create or replace function public.retry_helps(
    p_stage public.automation_stage, p_reason text, p_error text, p_page_status text
)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select case p_stage
        when 'skipped' then coalesce(p_reason in ('cancelled', 'rejected', 'stopped'), false)
        when 'failed' then
            coalesce(p_error not in ('opted_out', 'no_such_contact', 'contact_unavailable'), true)
            and (
                p_page_status = 'active'
                or coalesce(p_error not in (
                    'token_invalid', 'token_expired', 'token_checkpoint', 'permission_missing', 'page_restricted',
                    'terms_not_accepted'
                ), true)
            )
        else false
    end;
$$;

comment on function public.retry_helps(public.automation_stage, text, text, text) is
'Whether queueing a contact again can end differently: what time, the contact or Facebook must cure is left alone.';

create or replace function public.bulk_helps(
    p_action text, p_stage public.automation_stage, p_reason text, p_error text, p_page_status text
)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select case p_action
        when 'retry' then public.retry_helps(p_stage, p_reason, p_error, p_page_status)
        when 'cancel' then p_stage in ('queued', 'checking', 'eligible', 'generating', 'ready_to_send')
        else false
    end;
$$;

comment on function public.bulk_helps(text, public.automation_stage, text, text, text) is
'Whether retry or cancel does something for a contact in this state.';

create or replace function public.bulk_contacts(
    p_rule_id uuid, p_action text, p_stage text, p_search text, p_reason text
)
returns bigint[]
language sql
stable
set search_path = ''
as $$
    select coalesce(array_agg(m.state_id order by m.state_id), '{}')
    from public.monitor_matches(p_rule_id, p_stage, public.search_cause(p_search), public.search_pattern(p_search)) as m
    inner join public.ai_automation_contact_states as s on s.id = m.state_id
    inner join public.ai_automation_rules as r on r.id = s.rule_id
    inner join public.facebook_pages as g on g.id = r.page_id
    where
        s.user_id = (select auth.uid()) and (p_reason is null or s.end_reason = p_reason)
        and public.bulk_helps(p_action, s.current_stage, s.reason_code, s.error_code, g.status);
$$;

comment on function public.bulk_contacts(uuid, text, text, text, text) is
'The contacts of the caller''s automation that fit a filter of the monitor and for which the action can do something.';

create or replace function public.preview_bulk(
    p_rule_id uuid,
    p_action text,
    p_stage text default null,
    p_search text default null,
    p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids bigint[];
    v_id uuid;
begin
    if not exists (
        select 1
        from public.ai_automation_rules as r
        where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null
    ) then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    if p_action is null or p_action not in ('retry', 'cancel') then
        raise exception 'Contacts can be retried or cancelled, nothing else.' using errcode = '22023';
    end if;
    if p_stage is not null and p_stage <> all(enum_range(null::public.automation_stage)::text[]) then
        raise exception 'There is no such stage.' using errcode = '22023';
    end if;
    delete from public.ai_automation_bulk_actions as b
    where b.user_id = (select auth.uid()) and b.rule_id = p_rule_id and b.done = 0 and b.created_at < now() - interval '1 hour';
    -- One that was left halfway has run out too: what it did stays told, whom it meant is forgotten.
    update public.ai_automation_bulk_actions as b
    set ended_at = now(), state_ids = '{}'
    where b.user_id = (select auth.uid()) and b.rule_id = p_rule_id and b.ended_at is null and b.created_at < now() - interval '1 hour';
    v_ids := public.bulk_contacts(p_rule_id, p_action, p_stage, p_search, p_reason);
    insert into public.ai_automation_bulk_actions (user_id, rule_id, action, state_ids, total, filter)
    values (
        (select auth.uid()), p_rule_id, p_action, v_ids, cardinality(v_ids),
        -- Words may be a name, and the audit that gets this forgets nothing: only that there were some.
        jsonb_strip_nulls(jsonb_build_object(
            'stage', p_stage, 'cause', public.search_cause(p_search), 'reason', p_reason,
            'search', case when public.search_pattern(p_search) is not null then true end
        ))
    )
    returning id into v_id;
    return jsonb_build_object('id', v_id, 'action', p_action, 'total', cardinality(v_ids));
end;
$$;

comment on function public.preview_bulk(uuid, text, text, text, text) is
'Counts the contacts that fit a filter and can be retried or cancelled, and remembers exactly them; nothing is changed yet. Unused for an hour, it is forgotten.';

create or replace function public.advance_bulk(p_id uuid, p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.ai_automation_bulk_actions;
    v_ids bigint[];
    v_changed integer;
    v_limit constant integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
begin
    select b.* into v_bulk
    from public.ai_automation_bulk_actions as b
    where
        b.id = p_id and b.user_id = (select auth.uid()) and b.created_at > now() - interval '1 hour'
        and exists (select 1 from public.ai_automation_rules as r where r.id = b.rule_id and r.deleted_at is null)
    for update;
    if not found then
        raise exception 'This preview has run out.' using errcode = 'PT404', hint = 'Ask for the number again.';
    end if;
    if v_bulk.ended_at is null then
        -- One that has moved on by itself since it was counted is left where it is.
        select coalesce(array_agg(s.id), '{}') into v_ids
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        inner join public.facebook_pages as g on g.id = r.page_id
        where
            s.id = any(v_bulk.state_ids[v_bulk.done + 1 : v_bulk.done + v_limit])
            and public.bulk_helps(v_bulk.action, s.current_stage, s.reason_code, s.error_code, g.status);
        -- One line for all its batches, when the first one begins.
        if v_bulk.done = 0 then
            insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
            values (
                v_bulk.user_id, v_bulk.rule_id, 'bulk_' || v_bulk.action, v_bulk.total,
                jsonb_build_object('filter', v_bulk.filter, 'bulk_id', v_bulk.id)
            );
        end if;
        perform set_config('stagelight.bulk', 'yes', true);
        v_changed := (
            case v_bulk.action when 'retry' then public.retry_contacts(v_ids) else public.cancel_contacts(v_ids) end ->> 'changed'
        )::integer;
        perform set_config('stagelight.bulk', '', true);
        update public.ai_automation_bulk_actions as b
        set
            done = least(b.done + v_limit, b.total),
            changed = b.changed + v_changed,
            ended_at = case when b.done + v_limit >= b.total then now() end,
            state_ids = case when b.done + v_limit >= b.total then '{}' else b.state_ids end
        where b.id = p_id
        returning b.* into v_bulk;
    end if;
    return jsonb_build_object(
        'id', v_bulk.id, 'action', v_bulk.action, 'total', v_bulk.total, 'done', v_bulk.done, 'changed', v_bulk.changed,
        'ended', v_bulk.ended_at is not null
    );
end;
$$;

comment on function public.advance_bulk(uuid, integer) is
'Does the next p_limit contacts of a preview (at most 1000) and says how far it has come; after the last, or once stopped, it changes nothing.';

create or replace function public.stop_bulk(p_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.ai_automation_bulk_actions;
begin
    update public.ai_automation_bulk_actions as b
    set ended_at = coalesce(b.ended_at, now()), state_ids = '{}'
    where
        b.id = p_id and b.user_id = (select auth.uid())
        and exists (select 1 from public.ai_automation_rules as r where r.id = b.rule_id and r.deleted_at is null)
    returning b.* into v_bulk;
    if not found then
        raise exception 'This preview has run out.' using errcode = 'PT404';
    end if;
    if v_bulk.done between 1 and v_bulk.total - 1 then
        insert into public.ai_automation_audit (user_id, rule_id, action, affected, detail)
        values (v_bulk.user_id, v_bulk.rule_id, 'stop_bulk', v_bulk.changed, jsonb_build_object('of', v_bulk.total));
    end if;
    return jsonb_build_object(
        'id', v_bulk.id, 'action', v_bulk.action, 'total', v_bulk.total, 'done', v_bulk.done, 'changed', v_bulk.changed, 'ended', true
    );
end;
$$;

comment on function public.stop_bulk(uuid) is 'Ends a bulk action where it is; what was done stays done.';

create or replace view public.open_bulk_actions
with (security_invoker = on)
as
select
    b.id,
    b.user_id,
    b.rule_id,
    b.action,
    b.total,
    b.done,
    b.changed,
    b.created_at
from public.ai_automation_bulk_actions as b
-- A minute less than advance_bulk gives it: what is offered can still be pressed.
where b.ended_at is null and b.created_at > now() - interval '59 minutes';

comment on view public.open_bulk_actions is
'Previews and bulk actions that can go on: not ended, and counted within the hour by this database''s own clock.';
comment on column public.open_bulk_actions.id is 'What advance_bulk and stop_bulk take.';
comment on column public.open_bulk_actions.rule_id is 'The automation; ask for one.';

revoke all on public.open_bulk_actions from public, anon, authenticated, service_role;
grant select on public.open_bulk_actions to authenticated, service_role;

revoke execute on function
public.search_cause(text), public.search_pattern(text), public.retry_helps(public.automation_stage, text, text, text),
public.bulk_helps(text, public.automation_stage, text, text, text), public.bulk_contacts(uuid, text, text, text, text),
public.preview_bulk(uuid, text, text, text, text), public.advance_bulk(uuid, integer), public.stop_bulk(uuid)
from public, anon, authenticated, service_role;
grant execute on function
public.search_cause(text), public.search_pattern(text), public.retry_helps(public.automation_stage, text, text, text),
public.bulk_helps(text, public.automation_stage, text, text, text), public.bulk_contacts(uuid, text, text, text, text),
public.preview_bulk(uuid, text, text, text, text), public.advance_bulk(uuid, integer), public.stop_bulk(uuid)
to authenticated;
