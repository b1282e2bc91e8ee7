-- Nobody is deleted while a message to them is being handed to Facebook (docs/decisions/0051): whoever holds the contact may
-- be calling at this moment, and what is not there any more cannot stop them.

create or replace function public.refuse_deletion_under_way()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'A message to this person is being handed to Facebook.' using
        errcode = 'PT409',
        hint = 'Nothing was deleted. Try again in a minute; delete_contact waits by itself.';
end;
$$;

comment on function public.refuse_deletion_under_way() is
'Refuses to delete a contact, by whatever way, while a worker may be calling Facebook for it.';

-- The row is locked by then, so whoever claims it later passes it over, and whoever has claimed it is seen.
create or replace trigger refuse_deletion_under_way
before delete on public.ai_automation_contact_states
for each row
when (old.current_stage = 'sending' and old.lease_token is not null and old.lease_expires_at > clock_timestamp())
execute function public.refuse_deletion_under_way();

create or replace trigger refuse_deletion_under_way
before delete on public.opt_confirmations
for each row
when (old.status = 'sending' and old.finished_at is null and old.tried_at > clock_timestamp() - interval '30 seconds')
execute function public.refuse_deletion_under_way();

-- A page that goes, alone or with its owner, takes its contacts along. Whoever hands out messages passes over a page that is
-- locked, so what is under way ends by itself, mostly within a second, and nothing new begins.
create or replace function public.wait_for_sends_under_way()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_until timestamptz := v_now + interval '6 seconds';
begin
    perform 1 from public.facebook_pages as p where p.user_id = old.user_id order by p.id for update;
    while v_now < v_until and (
        exists (
            select 1 from public.ai_automation_contact_states as s
            where s.lease_expires_at > v_now and s.current_stage = 'sending' and s.lease_token is not null and s.page_id = old.id
        )
        or exists (
            select 1
            from public.opt_confirmations as k
            inner join public.contacts as c on c.id = k.contact_id
            where k.tried_at > v_now - interval '30 seconds' and k.status = 'sending' and k.finished_at is null and c.page_id = old.id
        )
    ) loop
        perform pg_sleep(0.05);
        v_now := clock_timestamp();
    end loop;
    return old;
end;
$$;

comment on function public.wait_for_sends_under_way() is
'Lets messages of a page end that are being handed to Facebook, for six seconds at most; what is not over then refuses the deletion.';

create or replace trigger wait_for_sends_under_way
before delete on public.facebook_pages
for each row execute function public.wait_for_sends_under_way();

revoke execute on function public.refuse_deletion_under_way(), public.wait_for_sends_under_way()
from public, anon, authenticated, service_role;
