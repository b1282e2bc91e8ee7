-- What a signed-in person did stays written down: nobody changes or removes a line, and what is changed through the grants of
-- a table leaves one too. Every function of 70 to 89 that changes something writes its own; a test walks them.

alter table public.ai_automation_audit add column if not exists detail jsonb not null default '{}';
comment on column public.ai_automation_audit.detail is
'More about it: changed (which settings), filter (what was searched for), of (how many were asked for). Never a name or a text of a contact.';

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
        where n.value is distinct from to_jsonb(old) -> n.key and n.key !~ '_at$';
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

revoke execute on function public.keep_audit(), public.note_own_change() from public, anon, authenticated, service_role;
