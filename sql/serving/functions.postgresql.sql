-- What publishing does to the parts (partitions) of published tables, with the owner's rights and for nobody else's
-- tables: a publisher makes no tables of its own and drops none. {{schema}} and {{tables}} are filled in when they are made.
create or replace function {schema}.part_name(table_name text, version text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    if table_name is null or table_name <> all (array[{tables}]) then
        raise exception 'not a published table' using errcode = 'invalid_parameter_value';
    end if;
    if version is null or length(version) > 40 or version !~ '^[0-9T-]+-[0-9a-f]{{12}}$' then
        raise exception 'not a version' using errcode = 'invalid_parameter_value';
    end if;
    return table_name || '_' || version;
end
$$;

-- An empty part stands beside the table, not yet part of it; who may write rows of the table may write its rows.
create or replace function {schema}.create_part(table_name text, version text) returns void
language plpgsql security definer set search_path = {schema}, pg_temp
as $$
declare
    part constant text := {schema}.part_name(table_name, version);
    allowed record;
begin
    execute format('create table %I (like %I including comments)', part, table_name);
    -- The version is the same in every row: a default spares sending it, and the check spares a scan when it is attached.
    execute format(
        'alter table %I alter column version set default %L, add check (version = %L)', part, version, version
    );
    for allowed in
        select
            entry.grantee::regrole as grantee,
            string_agg(entry.privilege_type, ', ') as privileges
        from pg_class, aclexplode(pg_class.relacl) as entry
        where
            pg_class.oid = format('%I', table_name)::regclass
            and entry.grantee not in (0, pg_class.relowner)
        group by entry.grantee
        having bool_or(entry.privilege_type = 'INSERT')
    loop
        execute format('grant %s on %I to %s', allowed.privileges, part, allowed.grantee);
    end loop;
end
$$;

-- The loaded part has the table's key; sorting once at the end is quicker than keeping an index up to date row by row.
create or replace function {schema}.index_part(table_name text, version text) returns void
language plpgsql security definer set search_path = {schema}, pg_temp set maintenance_work_mem = '256MB'
as $$
declare
    part constant text := {schema}.part_name(table_name, version);
    keys text;
begin
    select string_agg(quote_ident(pg_attribute.attname), ', ' order by key.place) into strict keys
    from pg_index
    cross join unnest(pg_index.indkey) with ordinality as key (number, place)
    inner join pg_attribute on pg_attribute.attrelid = pg_index.indrelid and pg_attribute.attnum = key.number
    where pg_index.indrelid = format('%I', table_name)::regclass and pg_index.indisprimary;
    execute format('alter table %I add primary key (%s)', part, keys);
    execute format('analyze %I', part);
end
$$;

-- The part belongs to the table that readers know; this waits for no reader and holds none up.
create or replace function {schema}.attach_part(table_name text, version text) returns void
language plpgsql security definer set search_path = {schema}, pg_temp
as $$
begin
    execute format(
        'alter table %I attach partition %I for values in (%L)',
        table_name, {schema}.part_name(table_name, version), version
    );
end
$$;

-- The part is gone, or false: somebody reads the table, and whoever came now would wait behind this. Never the live one.
create or replace function {schema}.drop_part(table_name text, version text) returns boolean
language plpgsql security definer set search_path = {schema}, pg_temp set lock_timeout = '50ms'
as $$
declare
    part constant text := {schema}.part_name(table_name, version);
begin
    if exists (select from live where live.version = drop_part.version) then
        raise exception 'this version is live' using errcode = 'object_in_use';
    end if;
    execute format('drop table if exists %I', part);
    return true;
exception
    when lock_not_available then
        return false;
end
$$;

revoke all on function
    {schema}.part_name(text, text),
    {schema}.create_part(text, text),
    {schema}.index_part(text, text),
    {schema}.attach_part(text, text),
    {schema}.drop_part(text, text)
from public;
