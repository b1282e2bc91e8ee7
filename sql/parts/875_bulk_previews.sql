-- How many a press would change: counted and remembered, before anything is done. The mechanism is in the part before.

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
        when 'approve' then p_stage = 'ready_to_send'
        when 'cancel' then p_stage in ('queued', 'checking', 'eligible', 'generating', 'ready_to_send')
        else false
    end;
$$;

comment on function public.bulk_helps(text, public.automation_stage, text, text, text) is
'Whether retry, cancel or approve does something for a contact in this state.';

create or replace function public.keep_bulk(p_rule_id uuid, p_action text, p_tag text, p_filter jsonb, p_contact_ids uuid[])
returns jsonb
language sql
set search_path = ''
as $$
    insert into public.bulk_actions (user_id, rule_id, action, tag, filter, contact_ids, total)
    values ((select auth.uid()), p_rule_id, p_action, p_tag, p_filter, p_contact_ids, cardinality(p_contact_ids))
    returning jsonb_build_object('id', id, 'action', action, 'tag', tag, 'total', total);
$$;

comment on function public.keep_bulk(uuid, text, text, jsonb, uuid[]) is
'Remembers exactly whom a preview counted, for the caller; called by the previews, which know that they are the caller''s.';

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
    -- As many as somebody can read before they press.
    v_readable constant integer := 100;
    v_ids uuid[];
    v_said jsonb := '{}';
begin
    if not exists (
        select 1
        from public.ai_automation_rules as r
        where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null
    ) then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    if p_action is null or p_action not in ('retry', 'cancel', 'approve') then
        raise exception 'Contacts can be retried or cancelled, their messages approved, nothing else.' using errcode = '22023';
    end if;
    if p_stage is not null and p_stage <> all(enum_range(null::public.automation_stage)::text[]) then
        raise exception 'There is no such stage.' using errcode = '22023';
    end if;
    if p_action = 'approve' then
        select
            coalesce(array_agg(w.contact_id), '{}'),
            jsonb_build_object(
                'messages', coalesce(jsonb_agg(jsonb_build_array(w.sender_name, w.message)), '[]'),
                'waiting', coalesce(max(w.waiting), 0)
            )
        into v_ids, v_said
        from public.messages_to_approve((select auth.uid()), p_rule_id, p_stage, p_search, v_readable) as w;
    else
        v_ids := array(
            select s.contact_id
            from public.monitor_matches(p_rule_id, p_stage, public.search_cause(p_search), public.search_pattern(p_search)) as m
            inner join public.ai_automation_contact_states as s on s.id = m.state_id
            inner join public.ai_automation_rules as r on r.id = s.rule_id
            inner join public.facebook_pages as g on g.id = r.page_id
            where
                s.user_id = (select auth.uid()) and (p_reason is null or s.end_reason = p_reason)
                -- The stages first: what follows is a call for each contact that is left.
                and (p_action <> 'retry' or s.current_stage in ('failed', 'skipped'))
                and (p_action <> 'cancel' or s.current_stage <= 'ready_to_send')
                and public.bulk_helps(p_action, s.current_stage, s.reason_code, s.error_code, g.status)
            order by m.state_id
        );
    end if;
    return public.keep_bulk(
        p_rule_id, p_action, null,
        -- Words may be a name, and the audit that gets this forgets nothing: only that there were some.
        jsonb_strip_nulls(jsonb_build_object(
            'stage', p_stage, 'cause', public.search_cause(p_search), 'reason', p_reason,
            'search', case when public.search_pattern(p_search) is not null then true end
        )),
        v_ids
    ) || v_said;
end;
$$;

comment on function public.preview_bulk(uuid, text, text, text, text) is
'Counts the contacts that fit a filter and can be retried or cancelled, or whose messages can be approved (at most 100, with their texts: messages is [[name, text]], waiting how many wait in all), and remembers exactly them; nothing is changed yet. Unused for an hour, it is forgotten.';

create or replace function public.preview_contact_bulk(
    p_action text, p_tag text default null, p_filter jsonb default null, p_contact_ids uuid[] default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set statement_timeout = '2min'
as $$
declare
    v_user uuid := (select auth.uid());
    v_tag text := public.checked_contact_action(p_action, p_tag);
    v_meant uuid[] := p_contact_ids;
    v_ids uuid[];
begin
    if (p_filter is null) = (p_contact_ids is null) then
        raise exception 'Say either which contacts or which filter.' using errcode = '22023';
    end if;
    if exists (
        select 1
        from unnest(p_contact_ids) as m (id)
        left join public.contacts as c on c.id = m.id and c.user_id = v_user
        where c.id is null
    ) then
        raise exception 'One of these contacts does not exist.' using errcode = 'PT404', hint = 'Load the list again.';
    end if;
    if p_filter is not null then
        v_meant := array(select f.id from public.find_contacts(v_user, p_filter, '', null, 10000000) as f (id));
    end if;
    v_ids := array(
        select c.id
        from unnest(v_meant) as m (id)
        inner join public.contacts as c on c.id = m.id
        where
            c.user_id = v_user
            and case p_action
                when 'add_tag' then not c.tags @> array[v_tag] and cardinality(c.tags) < 100
                when 'remove_tag' then c.tags @> array[v_tag]
                when 'opt_out' then c.opted_out_at is null
                -- What contacts said themselves, only they can take back.
                when 'lift_opt_out' then c.opted_out_by = 'owner' and c.opted_out_at is not null
                else true
            end
        order by c.id
    );
    return public.keep_bulk(
        null, p_action, v_tag,
        -- Words may be a name, and the audit that gets this forgets nothing: only that there were some.
        case when p_filter is not null then (
            select coalesce(jsonb_object_agg(f.key, case f.key when 'q' then to_jsonb(true) else f.value end), '{}')
            from jsonb_each(p_filter) as f
            where f.key in ('page', 'tag', 'opted', 'window', 'q')
        ) end,
        v_ids
    ) || jsonb_build_object('others', cardinality(v_meant) - cardinality(v_ids));
end;
$$;

comment on function public.preview_contact_bulk(text, text, jsonb, uuid[]) is
'Counts the caller''s contacts that are named, or fit a filter of find_contacts, and that the action would change, and remembers exactly them; nothing is changed yet. Unused for an hour, it is forgotten.';

revoke execute on function
public.search_cause(text), public.search_pattern(text), public.retry_helps(public.automation_stage, text, text, text),
public.bulk_helps(text, public.automation_stage, text, text, text), public.keep_bulk(uuid, text, text, jsonb, uuid[]),
public.preview_bulk(uuid, text, text, text, text), public.preview_contact_bulk(text, text, jsonb, uuid[])
from public, anon, authenticated, service_role;
grant execute on function
public.search_cause(text), public.search_pattern(text), public.retry_helps(public.automation_stage, text, text, text),
public.bulk_helps(text, public.automation_stage, text, text, text),
public.preview_bulk(uuid, text, text, text, text), public.preview_contact_bulk(text, text, jsonb, uuid[])
to authenticated;
