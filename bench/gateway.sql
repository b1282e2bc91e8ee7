-- What the gateway is asked in bench/gateway.py.
create table public.hundred (id int primary key, name text, qty int, done boolean, created_at timestamptz default now());
insert into public.hundred (id, name, qty, done)
select i, 'name ' || i, i, true from generate_series(1, 100) as i;
grant select on public.hundred to authenticated;

create function public.next_number(n int) returns int language sql volatile set search_path = '' as $$ select n + 1 $$;
create function public.count_results(p_results jsonb) returns int language sql volatile set search_path = '' as $$
    select jsonb_array_length(p_results)
$$;
revoke execute on function public.next_number(int), public.count_results(jsonb) from public;
grant execute on function public.next_number(int), public.count_results(jsonb) to authenticated;
