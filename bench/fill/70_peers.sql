-- What the peers write to: the two tables of the sketch the bar comes from (its README: about 450 contacts/s), the same for
-- all of them, with the index a monitor needs; one round trip and one commit for a move.

create schema bench;

create table bench.contact_states (
    contact_id bigint primary key,
    user_id integer not null,
    rule_id integer not null,
    current_stage text not null default 'queued',
    seq smallint not null default 0,
    stage_entered_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    lease_owner integer,
    lease_until timestamptz,
    message text
);

create index contact_states_active on bench.contact_states (rule_id, current_stage)
where current_stage not in ('sent', 'completed', 'skipped', 'failed');

create table bench.transitions (
    contact_id bigint not null,
    seq smallint not null,
    from_stage text not null,
    to_stage text not null,
    at timestamptz not null default clock_timestamp(),
    primary key (contact_id, seq)
);

create function bench.record_step(p_contact bigint, p_to text)
returns void
language sql
as $$
    with u as (
        update bench.contact_states
        set current_stage = p_to, seq = seq + 1, stage_entered_at = clock_timestamp(), updated_at = clock_timestamp()
        where contact_id = p_contact
        returning contact_id, seq
    )

    insert into bench.transitions (contact_id, seq, from_stage, to_stage)
    select u.contact_id, u.seq, '', p_to from u;
$$;

insert into bench.contact_states (contact_id, user_id, rule_id)
select
    n,
    1 + (n % 100) / 10,
    1 + n % 100
from generate_series(1, current_setting('bench.contacts')::int) as n;
