-- name: foreign_code
-- What would run with our rights and was made by somebody who has fewer: triggers, rules and expressions on the tables,
-- and types of the columns that we read. A superuser's function is trusted, but in a default or a check only one
-- without side effects: a default can call PostgreSQL's own query_to_xml with any SQL. Beside the immutable functions
-- those are nextval, now and PostgreSQL's own casts (oids below 16384). Of tables that are only read,
-- triggers, rules and defaults do nothing.
with t as (
    select c.oid, c.relname as name, c.relkind, c.relowner as owner
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
    where n.nspname operator(pg_catalog.=) @schema::pg_catalog.text
        and c.relname operator(pg_catalog.=) any(@tables::pg_catalog.text[])
),
trusted as (select oid from pg_catalog.pg_roles where rolsuper),
expression as (
    select 'pg_catalog.pg_constraint'::pg_catalog.regclass as class, c.oid, t.name as on_table, t.owner,
        'check constraint' as what, c.conname as name, c.conbin::pg_catalog.text as tree
    from t join pg_catalog.pg_constraint c on c.conrelid operator(pg_catalog.=) t.oid and c.contype operator(pg_catalog.=) 'c'
    union all
    select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid, t.name, t.owner, 'default of the column', a.attname, d.adbin::pg_catalog.text
    from t join pg_catalog.pg_attrdef d on d.adrelid operator(pg_catalog.=) t.oid
    join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) t.oid and a.attnum operator(pg_catalog.=) d.adnum
    union all
    select 'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid, t.name, t.owner, 'trigger', g.tgname, g.tgqual::pg_catalog.text
    from t join pg_catalog.pg_trigger g on g.tgrelid operator(pg_catalog.=) t.oid
    where @writes::boolean and not g.tgisinternal and g.tgenabled operator(pg_catalog.<>) 'D' and g.tgqual is not null
    union all
    select 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, t.name, t.owner, 'index', c.relname, ''
    from t join pg_catalog.pg_index i on i.indrelid operator(pg_catalog.=) t.oid
    join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) i.indexrelid
    union all
    select 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, t.name, t.owner, 'statistics', s.stxname, ''
    from t join pg_catalog.pg_statistic_ext s on s.stxrelid operator(pg_catalog.=) t.oid
),
foreign_code as (
    select 'view or foreign table' as what, t.name as object, t.name as on_table, t.owner
    from t where not t.relkind operator(pg_catalog.=) any(array['r', 'p'])
    union all
    select 'child table', c.relname, t.name, c.relowner
    from t join pg_catalog.pg_inherits i on i.inhparent operator(pg_catalog.=) t.oid
    join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) i.inhrelid
    union all
    select 'trigger', g.tgname, t.name, p.proowner
    from t join pg_catalog.pg_trigger g on g.tgrelid operator(pg_catalog.=) t.oid
    join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) g.tgfoid
    where @writes::boolean and not g.tgisinternal and g.tgenabled operator(pg_catalog.<>) 'D'
        and not p.proowner operator(pg_catalog.=) any(array(select oid from trusted))
    union all
    select 'rule', r.rulename, t.name, t.owner
    from t join pg_catalog.pg_rewrite r on r.ev_class operator(pg_catalog.=) t.oid
    where @writes::boolean
    union all
    select 'foreign key', c.conname, t.name, k.relowner
    from t join pg_catalog.pg_constraint c on c.confrelid operator(pg_catalog.=) t.oid and c.contype operator(pg_catalog.=) 'f'
    join pg_catalog.pg_class k on k.oid operator(pg_catalog.=) c.conrelid
    join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) t.oid and a.attnum operator(pg_catalog.=) any(c.confkey)
    where @writes::boolean and not c.confupdtype operator(pg_catalog.=) any(array['a', 'r'])
        and a.attname operator(pg_catalog.=) any(@written::pg_catalog.text[])
    union all
    select 'type of the column', a.attname, t.name, y.typowner
    from t
    join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) t.oid and not a.attisdropped
    join pg_catalog.pg_type y on y.oid operator(pg_catalog.=) a.atttypid
    where not y.typowner operator(pg_catalog.=) any(array(select oid from trusted)) and exists (
        select
        from rows from (pg_catalog.unnest(@column_tables::pg_catalog.text[]), pg_catalog.unnest(@columns::pg_catalog.text[])) as u (on_table, name)
        where u.on_table operator(pg_catalog.=) t.name and u.name operator(pg_catalog.=) a.attname
    )
    union all
    select e.what, e.name, e.on_table, coalesce(p.proowner, o.oprowner, y.typowner, l.opcowner)
    from expression e
    join pg_catalog.pg_depend d on d.classid operator(pg_catalog.=) e.class and d.objid operator(pg_catalog.=) e.oid
    left join pg_catalog.pg_proc p
        on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass and p.oid operator(pg_catalog.=) d.refobjid
    left join pg_catalog.pg_operator o
        on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass and o.oid operator(pg_catalog.=) d.refobjid
    left join pg_catalog.pg_type y
        on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass and y.oid operator(pg_catalog.=) d.refobjid
    left join pg_catalog.pg_opclass l
        on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_opclass'::pg_catalog.regclass and l.oid operator(pg_catalog.=) d.refobjid
    where not coalesce(p.proowner, o.oprowner, y.typowner, l.opcowner) operator(pg_catalog.=) any(array(select oid from trusted))
    union all
    select e.what, e.name, e.on_table, e.owner
    from expression e
    cross join pg_catalog.regexp_matches(e.tree, ':(?:op)?funcid ([0-9]+)', 'g') as m (parts)
    join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) m.parts[1]::pg_catalog.oid
    where @writes::boolean and p.provolatile operator(pg_catalog.<>) 'i'
        and not p.oid operator(pg_catalog.=) any(array[
            'pg_catalog.nextval(pg_catalog.regclass)'::pg_catalog.regprocedure, 'pg_catalog.now()'::pg_catalog.regprocedure
        ]::pg_catalog.oid[])
        and not p.oid operator(pg_catalog.=) any(array(
            select castfunc from pg_catalog.pg_cast where oid operator(pg_catalog.<) '16384'::pg_catalog.oid
        ))
)
select distinct f.what, f.object::pg_catalog.text as object, f.on_table::pg_catalog.text as on_table,
    pg_catalog.pg_get_userbyid(f.owner)::pg_catalog.text as owner
from foreign_code f
order by on_table, what, object
