-- Stagelight's whole database. Paste it into the Supabase SQL editor and run it; running it again changes nothing.
-- Built by `make sql` from sql/parts/; edit the parts, not this file. Needs no extension and no superuser.

-- Workers and readers wait until this file is through. It takes all tables or none: taken one by one, as the statements
-- below need them, they would be met by a worker that goes through them in another order, and one of the two would die.
do $$
declare
    v_started_at timestamptz := clock_timestamp();
    v_lock_timeout text := current_setting('lock_timeout');
    v_table regclass;
begin
    loop
        begin
            perform set_config('lock_timeout', '50ms', true);
            for v_table in
                select c.oid
                from pg_catalog.pg_class as c
                where
                    c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and c.relowner = current_user::regrole
                    and (c.relname ~ 'automation' or c.relname ~ '^(facebook_|contact|opt_)')
                order by c.relname <> 'ai_automation_contact_states', c.oid
            loop
                execute format('lock table %s in access exclusive mode', v_table);
            end loop;
            exit;
        exception
            when lock_not_available then
                if clock_timestamp() > v_started_at + interval '30 seconds' then
                    raise exception 'The tables are in use all the time.' using hint = 'Stop the workers, then run this file again.';
                end if;
                perform pg_sleep(0.01 + 0.04 * random());
        end;
    end loop;
    perform set_config('lock_timeout', v_lock_timeout, true);
end;
$$;

-- Functions are executable by everybody unless this is said before they are made. The per-schema form has no effect,
-- so it is said for the role as a whole.
alter default privileges revoke execute on functions from public;

-- Days of history live here, out of the API's reach; they are read through their tables in public.
create schema if not exists automation_history;
revoke all on schema automation_history from public;
comment on schema automation_history is 'The daily partitions of ai_automation_stage_events and ai_automation_attempts.';

do $$
begin
    if to_regtype('public.automation_stage') is null then
        create type public.automation_stage as enum (
            'queued', 'checking', 'eligible', 'generating', 'ready_to_send', 'sending', 'sent', 'failed', 'skipped', 'completed'
        );
    end if;
end;
$$;

comment on type public.automation_stage is
'Where one contact of one automation is. The first six are in flight; the same names as Stage in pipeline/stages.py.';

create table if not exists public.ai_automation_stage_moves (
    from_stage public.automation_stage not null,
    to_stage public.automation_stage not null,
    constraint ai_automation_stage_moves_pkey primary key (from_stage, to_stage)
);

comment on table public.ai_automation_stage_moves is
'The stage graph: a move that is not a row here is refused by a trigger, whoever tries it.';
comment on column public.ai_automation_stage_moves.from_stage is 'Where a contact is.';
comment on column public.ai_automation_stage_moves.to_stage is 'Where it may go from there in one step.';

insert into public.ai_automation_stage_moves (from_stage, to_stage)
values
('queued', 'checking'),
('queued', 'skipped'),
('queued', 'sent'),
('checking', 'eligible'),
('checking', 'skipped'),
('checking', 'queued'),
('eligible', 'generating'),
('eligible', 'skipped'),
('eligible', 'sent'),
('generating', 'ready_to_send'),
('generating', 'eligible'),
('generating', 'failed'),
('ready_to_send', 'sending'),
('ready_to_send', 'skipped'),
('ready_to_send', 'eligible'),
('ready_to_send', 'sent'),
('sending', 'sent'),
('sending', 'ready_to_send'),
('sending', 'failed'),
('sending', 'skipped'),
('sent', 'queued'),
('sent', 'completed'),
('failed', 'queued'),
('failed', 'sent'),
('skipped', 'queued'),
('skipped', 'completed'),
('skipped', 'sent'),
('completed', 'queued')
on conflict do nothing;

create or replace function public.schema_version()
returns text
language sql
immutable
set search_path = ''
as $$
    select '2';
$$;

comment on function public.schema_version() is
'The version of this file; the dashboard compares it with the one it was written for.';
