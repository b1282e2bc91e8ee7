-- Which of the messages in a conversation are known to be those of other tries: none of them answers whether this one arrived.

create or replace function public.messages_of_other_tries(p_state_id bigint)
returns table (facebook_message_id text, started_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select a.facebook_message_id, a.started_at
    from public.ai_automation_contact_states as s
    inner join public.contacts as c on c.id = s.contact_id
    inner join public.facebook_pages as p on p.id = c.page_id
    -- Two owners may have connected one page.
    inner join public.facebook_pages as q on q.facebook_page_id = p.facebook_page_id
    inner join public.contacts as b on b.page_id = q.id and b.sender_id = c.sender_id
    inner join public.ai_automation_contact_states as t on t.contact_id = b.id
    inner join public.ai_automation_attempts as a on a.state_id = t.id
    where
        s.id = p_state_id and a.id is distinct from s.attempt_id and a.facebook_message_id is not null
        and a.started_at > s.attempt_started_at - interval '2 days';
$$;

comment on function public.messages_of_other_tries(bigint) is
'The messages to the same person that other tries, of whichever automation, are known to be.';

-- The caller holds the states. Whoever reads the same message in a thread at the same time waits here for the other.
create or replace function public.doubt_taken_messages(p_outcomes jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(f.id, 20261122))
    from (
        select distinct o.facebook_message_id as id
        from jsonb_to_recordset(p_outcomes) as o (facebook_message_id text, from_thread boolean)
        where o.from_thread and o.facebook_message_id is not null
        order by o.facebook_message_id
    ) as f;

    return (
        select jsonb_agg(
            case
                when
                    f.place > 1
                    or (
                        f.place = 1
                        and exists (
                            select 1
                            from public.messages_of_other_tries((f.told ->> 'state_id')::bigint) as m
                            where m.facebook_message_id = f.told ->> 'facebook_message_id'
                        )
                    )
                    then f.told || jsonb_build_object(
                        'to_stage', 'sending', 'attempt_outcome', 'unknown', 'facebook_message_id', null, 'after_seconds', 1,
                        'error_code', 'outcome_unknown', 'status_message', 'Asking Facebook once more whether the message arrived'
                    )
                else f.told
            end
            order by f.number
        )
        from (
            select
                e.told, e.number,
                case
                    when (e.told ->> 'from_thread')::boolean
                        then row_number() over (
                            partition by e.told ->> 'from_thread', e.told ->> 'facebook_message_id' order by (e.told ->> 'state_id')::bigint
                        )
                    else 0
                end as place
            from jsonb_array_elements(p_outcomes) with ordinality as e (told, number)
        ) as f
    );
end;
$$;

comment on function public.doubt_taken_messages(jsonb) is
'Outcomes in which a try that was found in the thread (from_thread) is one message that another try is known to be are made unknown again: it is looked for once more.';

revoke execute on function public.messages_of_other_tries(bigint), public.doubt_taken_messages(jsonb)
from public, anon, authenticated, service_role;
grant execute on function public.messages_of_other_tries(bigint), public.doubt_taken_messages(jsonb) to service_role;
