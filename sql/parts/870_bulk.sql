-- One press for many contacts, of an automation or of the whole list: exactly those that a preview counted, batch by batch,
-- until done or stopped. The previews are in the next part.

-- A wish lives an hour: what two tables held before is not taken over.
drop table if exists public.ai_automation_bulk_actions, public.contact_bulk_actions cascade;
drop function if exists public.bulk_contacts(uuid, text, text, text, text);
drop function if exists public.advance_contact_bulk(uuid, integer);
drop function if exists public.stop_contact_bulk(uuid);
drop function if exists public.forget_contact_bulks();

create table if not exists public.bulk_actions (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null references auth.users (id) on delete cascade,
    rule_id uuid,
    action text not null,
    tag text,
    filter jsonb,
    contact_ids uuid[] not null,
    total integer not null,
    done integer not null default 0,
    changed integer not null default 0,
    created_at timestamptz not null default now(),
    touched_at timestamptz not null default now(),
    ended_at timestamptz,
    constraint bulk_actions_pkey primary key (id),
    constraint bulk_actions_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint bulk_actions_tag_is_named check ((tag is not null) = (action in ('add_tag', 'remove_tag'))),
    constraint bulk_actions_counts_are_possible check (changed between 0 and done and done <= total)
);

-- One of an older day knew fewer.
alter table public.bulk_actions drop constraint if exists bulk_actions_action_is_known;
alter table public.bulk_actions add constraint bulk_actions_action_is_known check (
    case
        when rule_id is not null then action in ('retry', 'cancel', 'approve')
        else action in ('add_tag', 'remove_tag', 'opt_out', 'lift_opt_out', 'delete')
    end
);

create index if not exists bulk_actions_owner_idx on public.bulk_actions (user_id, created_at desc);
create index if not exists bulk_actions_rule_idx on public.bulk_actions (rule_id, created_at desc);
create index if not exists bulk_actions_touched_idx on public.bulk_actions (touched_at);

comment on table public.bulk_actions is
'A person''s wish for many contacts at once: which ones, counted before it began, and how far it has come.';
comment on column public.bulk_actions.id is 'A preview returns it; advance_bulk and stop_bulk take it.';
comment on column public.bulk_actions.user_id is 'Who pressed; the owner of the contacts.';
comment on column public.bulk_actions.rule_id is 'The automation in which it is done to them; null where it is about the contacts themselves.';
comment on column public.bulk_actions.action is 'In an automation retry, cancel or approve, else add_tag, remove_tag, opt_out, lift_opt_out or delete.';
comment on column public.bulk_actions.tag is 'Which tag, where the action is about one.';
comment on column public.bulk_actions.filter is 'What they were chosen by, of words only that there were some; null where they were named. Stands in the audit too.';
comment on column public.bulk_actions.contact_ids is 'The contacts that the preview counted; emptied when it has ended.';
comment on column public.bulk_actions.total is 'How many the preview counted.';
comment on column public.bulk_actions.done is 'How many of contact_ids were taken up, in their order.';
comment on column public.bulk_actions.changed is 'Those of done for which it still changed something.';
comment on column public.bulk_actions.created_at is 'When they were counted.';
comment on column public.bulk_actions.touched_at is 'When it went on last; an hour later it has run out.';
comment on column public.bulk_actions.ended_at is 'When the last was done, or a person stopped it.';
comment on index public.bulk_actions_owner_idx is 'Serves row level security and the deletion of a person.';
comment on index public.bulk_actions_rule_idx is 'Serves the deletion of an automation, and open_bulk_actions.';
comment on index public.bulk_actions_touched_idx is 'Serves forget_bulks: what nobody goes on with.';

alter table public.bulk_actions enable row level security;
revoke all on public.bulk_actions from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.bulk_actions to service_role;
grant select on public.bulk_actions to authenticated;
drop policy if exists "owners see what they do to many" on public.bulk_actions;
create policy "owners see what they do to many" on public.bulk_actions
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.own_bulk(p_id uuid)
returns public.bulk_actions
language plpgsql
set search_path = ''
as $$
declare
    v_bulk public.bulk_actions;
begin
    select b.* into v_bulk
    from public.bulk_actions as b
    where
        b.id = p_id and b.user_id = (select auth.uid())
        and (b.rule_id is null or exists (select 1 from public.ai_automation_rules as r where r.id = b.rule_id and r.deleted_at is null))
    for update;
    if not found then
        raise exception 'This preview has run out.' using errcode = 'PT404', hint = 'Ask for the number again.';
    end if;
    return v_bulk;
end;
$$;

comment on function public.own_bulk(uuid) is
'The caller''s bulk action, held until the transaction ends; one of a deleted automation does not exist.';

create or replace function public.told_bulk(p_bulk public.bulk_actions)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', p_bulk.id, 'action', p_bulk.action, 'tag', p_bulk.tag, 'total', p_bulk.total, 'done', p_bulk.done,
        'changed', p_bulk.changed, 'ended', p_bulk.ended_at is not null
    );
$$;

comment on function public.told_bulk(public.bulk_actions) is 'How far a bulk action has come, as advance_bulk and stop_bulk say it.';

-- It did not know what was counted when.
drop function if exists public.change_states(uuid, text, uuid[]);
create or replace function public.change_states(p_rule_id uuid, p_action text, p_contact_ids uuid[], p_counted_at timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    -- One that has moved on by itself since it was counted is left where it is.
    v_ids bigint[] := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.ai_automation_rules as r on r.id = s.rule_id
        inner join public.facebook_pages as g on g.id = r.page_id
        where
            s.rule_id = p_rule_id and s.contact_id = any(p_contact_ids)
            and public.bulk_helps(p_action, s.current_stage, s.reason_code, s.error_code, g.status)
    );
begin
    return case p_action
        when 'retry' then public.retry_contacts(v_ids)
        when 'cancel' then public.cancel_contacts(v_ids)
        else public.approve_messages(v_ids, p_counted_at)
    end;
end;
$$;

comment on function public.change_states(uuid, text, uuid[], timestamptz) is
'retry_contacts, cancel_contacts or approve_messages for those of an automation''s contacts for whom it still does something; what change_contacts is for contacts themselves.';

-- It told no page.
drop function if exists public.audit_of_bulk(public.bulk_actions);
create or replace function public.audit_of_bulk(p_bulk public.bulk_actions)
returns table (user_id uuid, rule_id uuid, page_id uuid, action text, affected integer, detail jsonb)
language sql
immutable
set search_path = ''
as $$
    select
        p_bulk.user_id, p_bulk.rule_id, public.id_or_null(p_bulk.filter ->> 'page'), case when p_bulk.rule_id is null then 'contacts_' else 'bulk_' end || p_bulk.action, p_bulk.changed,
        jsonb_build_object('filter', p_bulk.filter - 'page', 'bulk_id', p_bulk.id)
        || case when p_bulk.tag is not null then jsonb_build_object('tag', p_bulk.tag) else '{}' end
        || case when p_bulk.changed < p_bulk.total then jsonb_build_object('of', p_bulk.total) else '{}' end;
$$;

comment on function public.audit_of_bulk(public.bulk_actions) is
'The line of the audit about a bulk action that has ended: how many it changed, and of how many where those were not all.';

create or replace function public.advance_bulk(p_id uuid, p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.bulk_actions := public.own_bulk(p_id);
    v_limit integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
    v_batch uuid[];
    v_answer jsonb;
begin
    if v_bulk.touched_at <= now() - interval '1 hour' then
        raise exception 'This preview has run out.' using errcode = 'PT404', hint = 'Ask for the number again.';
    end if;
    if v_bulk.ended_at is not null then
        return public.told_bulk(v_bulk);
    end if;
    -- With each deleted one goes everything of theirs; a call has eight seconds on a hosted project.
    if v_bulk.action = 'delete' then
        v_limit := least(v_limit, 100);
    end if;
    v_batch := v_bulk.contact_ids[v_bulk.done + 1 : v_bulk.done + v_limit];
    perform set_config('stagelight.bulk', 'yes', true);
    v_answer := case
        when v_bulk.rule_id is null then public.change_contacts(v_batch, v_bulk.action, v_bulk.tag)
        else public.change_states(v_bulk.rule_id, v_bulk.action, v_batch, v_bulk.created_at)
    end;
    perform set_config('stagelight.bulk', '', true);
    update public.bulk_actions as b
    set
        done = least(b.done + v_limit, b.total),
        changed = b.changed + (v_answer ->> 'changed')::integer,
        touched_at = now(),
        ended_at = case when b.done + v_limit >= b.total then now() end,
        contact_ids = case when b.done + v_limit >= b.total then '{}' else b.contact_ids end
    where b.id = p_id
    returning b.* into v_bulk;
    -- One line for all its batches, and only then is it known how many there were.
    if v_bulk.ended_at is not null then
        insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
        select l.user_id, l.rule_id, l.page_id, l.action, l.affected, l.detail from public.audit_of_bulk(v_bulk) as l;
    end if;
    return public.told_bulk(v_bulk);
end;
$$;

comment on function public.advance_bulk(uuid, integer) is
'Does the next p_limit contacts of a preview (at most 1000, of deletions 100) and says how far it has come; after the last, or once stopped, it changes nothing.';

create or replace function public.stop_bulk(p_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_bulk public.bulk_actions := public.own_bulk(p_id);
    v_was_open boolean := v_bulk.ended_at is null;
begin
    update public.bulk_actions as b
    set ended_at = coalesce(b.ended_at, now()), contact_ids = '{}'
    where b.id = p_id
    returning b.* into v_bulk;
    if v_was_open and v_bulk.done > 0 then
        insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
        select l.user_id, l.rule_id, l.page_id, l.action, l.affected, l.detail from public.audit_of_bulk(v_bulk) as l
        union all
        select v_bulk.user_id, v_bulk.rule_id, null, case when v_bulk.rule_id is null then 'stop_contact_bulk' else 'stop_bulk' end, 0, '{}';
    end if;
    return public.told_bulk(v_bulk);
end;
$$;

comment on function public.stop_bulk(uuid) is 'Ends a bulk action where it is; what was done stays done.';

-- One that was left halfway has run out too: what it did stays told for a day, whom it meant is forgotten.
create or replace function public.forget_bulks()
returns void
language sql
set search_path = ''
as $$
    delete from public.bulk_actions as b
    where b.touched_at < now() - interval '1 hour' and (b.done = 0 or b.touched_at < now() - interval '1 day');
    with left_halfway as (
        update public.bulk_actions as b
        set ended_at = now(), contact_ids = '{}'
        where
            b.ended_at is null
            and (
                b.touched_at < now() - interval '1 hour'
                -- It goes with its automation, and what it did would never be told.
                or exists (select 1 from public.ai_automation_rules as r where r.id = b.rule_id and r.deleted_at < now() - interval '1 minute')
            )
        returning b.*
    )

    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
    select l.user_id, l.rule_id, l.page_id, l.action, l.affected, l.detail
    from left_halfway as b
    cross join lateral public.audit_of_bulk(b::public.bulk_actions) as l
    where b.done > 0;
$$;

comment on function public.forget_bulks() is 'Called by maintain: removes previews that ran out, ends and writes down what was left halfway, and removes that a day later.';

create or replace view public.open_bulk_actions
with (security_invoker = on)
as
select
    b.id,
    b.user_id,
    b.rule_id,
    b.action,
    b.tag,
    b.total,
    b.done,
    b.changed,
    b.created_at
from public.bulk_actions as b
-- A minute less than advance_bulk gives it: what is offered can still be pressed.
where b.ended_at is null and b.touched_at > now() - interval '59 minutes';

comment on view public.open_bulk_actions is
'Previews and bulk actions that can go on: not ended, and gone on with within the hour by this database''s own clock.';
comment on column public.open_bulk_actions.id is 'What advance_bulk and stop_bulk take.';
comment on column public.open_bulk_actions.rule_id is 'The automation; ask for one, or for null.';

revoke all on public.open_bulk_actions from public, anon, authenticated, service_role;
grant select on public.open_bulk_actions to authenticated, service_role;

revoke execute on function
public.own_bulk(uuid), public.told_bulk(public.bulk_actions), public.audit_of_bulk(public.bulk_actions), public.change_states(uuid, text, uuid[], timestamptz),
public.advance_bulk(uuid, integer), public.stop_bulk(uuid), public.forget_bulks()
from public, anon, authenticated, service_role;
grant execute on function public.advance_bulk(uuid, integer), public.stop_bulk(uuid) to authenticated;
