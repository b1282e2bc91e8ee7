-- What a signed-in person did stays written down: nobody changes or removes a line, and what is changed through the grants of
-- a table leaves one too. Every function of 70 to 89 that changes something writes its own; a test walks them.

alter table public.ai_automation_audit add column if not exists detail jsonb not null default '{}';
comment on column public.ai_automation_audit.detail is
'More about it: changed (which settings), filter (what was searched for), of (how many were asked for), state (of which contact, while there is one), edited (the text was), tag or tags (of a bulk, of an import), why (Facebook''s reason for stopping or warning a page). Never a name, a text or an id of a person.';

create or replace function public.keep_audit()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- With its person everything goes: that is the foreign key at work, one trigger further out.
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then
        return old;
    end if;
    raise exception 'What was done stays written down.' using errcode = '42501';
end;
$$;

comment on function public.keep_audit() is 'Refuses every change of a line of the audit, and its removal other than with its person.';

create or replace trigger keep_audit
before update or delete on public.ai_automation_audit
for each row execute function public.keep_audit();

create or replace function public.note_own_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_new constant jsonb := to_jsonb(new);
    v_changed jsonb := '[]';
begin
    if tg_op = 'UPDATE' then
        select coalesce(jsonb_agg(n.key order by n.key), '[]') into v_changed
        from jsonb_each(v_new) as n
        where
            n.value is distinct from to_jsonb(old) -> n.key
            -- What follows from a change by itself; run_at is a setting.
            and n.key not in ('updated_at', 'next_run_at', 'opt_word_at', 'last_inbound_at', 'last_outbound_at');
        if v_changed = '[]' then
            return null;
        end if;
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected, detail)
    values (
        (v_new ->> 'user_id')::uuid,
        case tg_table_name when 'ai_automation_rules' then (v_new ->> 'id')::uuid end,
        case tg_table_name when 'facebook_pages' then (v_new ->> 'id')::uuid else (v_new ->> 'page_id')::uuid end,
        case tg_op when 'INSERT' then 'add_' else 'change_' end
        || case tg_table_name when 'ai_automation_rules' then 'rule' when 'facebook_pages' then 'page' else 'contact' end,
        case tg_table_name when 'contacts' then 1 else 0 end,
        case tg_op when 'UPDATE' then jsonb_build_object('changed', v_changed) else '{}' end
    );
    return null;
end;
$$;

comment on function public.note_own_change() is
'Writes into the audit what a signed-in person adds or changes through a table''s grants: which settings, not their values.';

-- Asked before anything is queued, so that a worker's write costs nothing more.
create or replace trigger note_own_change
after insert or update on public.ai_automation_rules
for each row when (current_user = 'authenticated') execute function public.note_own_change();
create or replace trigger note_own_change
after insert or update on public.facebook_pages
for each row when (current_user = 'authenticated') execute function public.note_own_change();
create or replace trigger note_own_change
after insert or update on public.contacts
for each row when (current_user = 'authenticated') execute function public.note_own_change();

-- The state and not the contact: a person who is deleted goes from everywhere, and a line of the audit stays.
create or replace function public.who_was_meant(p_state_ids bigint[])
returns table (rule_id uuid, detail jsonb)
language sql
stable
set search_path = ''
as $$
    select
        case when count(distinct s.rule_id) = 1 then (min(s.rule_id::text))::uuid end,
        case when count(*) = 1 then jsonb_build_object('state', min(s.id)) else '{}' end
    from public.ai_automation_contact_states as s
    where s.id = any(p_state_ids) and s.user_id = (select auth.uid());
$$;

comment on function public.who_was_meant(bigint[]) is
'For a line of the audit: the automation where it is one, and in detail the state where it is one; always one row.';

create or replace function public.note_export(p_what text, p_filter jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if coalesce(p_what not in ('history', 'contacts'), true) or jsonb_typeof(p_filter) is distinct from 'object' then
        raise exception 'There is no such list to export.' using errcode = '22023';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, detail)
    values (
        (select auth.uid()), public.id_or_null(p_filter ->> 'rule'), public.id_or_null(p_filter ->> 'page'), 'export_' || p_what,
        jsonb_build_object(
            'filter',
            (
                select coalesce(jsonb_object_agg(f.key, case when f.key = 'q' then 'true' else f.value end), '{}')
                from jsonb_each(p_filter) as f
                where f.key in ('q', 'tag', 'opted', 'window', 'outcome', 'error', 'from', 'until') and length(f.value::text) <= 300
            )
        )
    );
end;
$$;

comment on function public.note_export(text, jsonb) is
'Writes down that the caller takes a list (history or contacts) out as a file, before its first line is handed out: what it was filtered by, of searched words only that there were some.';

create or replace function public.id_or_null(p_text text)
returns uuid
language sql
immutable
set search_path = ''
as $$
    select case when p_text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid end;
$$;

comment on function public.id_or_null(text) is 'The id that the text is, or null.';

revoke execute on function
public.keep_audit(), public.note_own_change(), public.who_was_meant(bigint[]), public.note_export(text, jsonb), public.id_or_null(text)
from public, anon, authenticated, service_role;
grant execute on function public.note_export(text, jsonb) to authenticated;
