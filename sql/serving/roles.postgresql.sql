-- The four roles of the serving database, their limits, and the owner's hold on what is there. Passwords are not set here.
-- Run by `treasure-hunt roles` as somebody who may create roles; names in braces are filled in as identifiers.
do $$
declare
    wanted text;
begin
    foreach wanted in array array[{owner_name}, {publisher_name}, {api_name}, {analyst_name}] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I login', wanted);
        end if;
    end loop;
    if not pg_has_role({owner_name}, 'usage') then
        execute format('grant %I to %I', {owner_name}, current_user);
    end if;
end
$$;

-- The store front asks for single lists: whatever takes longer is a mistake.
alter role {api} connection limit 100;
alter role {api} set statement_timeout = '2s';
alter role {api} set idle_in_transaction_session_timeout = '5s';
alter role {api} set default_transaction_read_only = on;
-- Analysts may take a minute; a transaction left open would keep old versions from being removed.
alter role {analyst} connection limit 10;
alter role {analyst} set statement_timeout = '60s';
alter role {analyst} set idle_in_transaction_session_timeout = '5min';
alter role {analyst} set default_transaction_read_only = on;
alter role {analyst} set timezone = 'UTC';

revoke all on database {database} from public;
grant connect on database {database} to {owner}, {publisher}, {api}, {analyst};
revoke all on schema {schema} from public;
grant usage, create on schema {schema} to {owner};
grant usage on schema {schema} to {publisher}, {api}, {analyst};

do $$
declare
    found record;
begin
    for found in
        select
            pg_class.oid::regclass as name,
            pg_class.relkind = 'v' as is_view,
            pg_class.relname ~ {parts} as is_part
        from pg_class
        where
            pg_class.relnamespace = {schema_name}::regnamespace
            and pg_class.relkind in ('r', 'p', 'v')
            and (pg_class.relname in ({relations}) or pg_class.relname ~ {parts})
    loop
        execute format(
            'alter %s %s owner to %I', case when found.is_view then 'view' else 'table' end, found.name, {owner_name}
        );
        if found.is_part then
            execute format(
                'grant select, insert, update, delete, maintain on %s to %I', found.name, {publisher_name}
            );
        end if;
    end loop;
    for found in
        select pg_proc.oid::regprocedure as name
        from pg_proc
        where
            pg_proc.pronamespace = {schema_name}::regnamespace
            and pg_proc.proname in ('part_name', 'create_part', 'index_part', 'attach_part', 'drop_part')
    loop
        execute format('alter function %s owner to %I', found.name, {owner_name});
    end loop;
end
$$;
