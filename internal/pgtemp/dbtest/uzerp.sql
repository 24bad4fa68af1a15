-- The part of a new installation of uzERP 1.35 that this program needs: the tables of docs/facts/uzerp.md section 1
-- with all their columns, types, defaults and constraints, and a few tables that refer to them or that they refer to.
-- Written for these tests, from measurements of the catalogue; uzERP's own text is not in it. If the real database is
-- at hand, TestUzerpIsLikeTheRealDatabase compares the two.

create table lang (
    code character(2) constraint lang_pkey primary key,
    name varchar not null
);

create table company (
    id bigserial constraint company_id_key primary key,
    name varchar not null,
    accountnumber varchar,
    vatnumber varchar,
    companynumber varchar,
    website varchar,
    employees integer,
    usercompanyid bigint not null,
    parent_id bigint,
    owner varchar not null,
    assigned varchar,
    created timestamp not null default now(),
    lastupdated timestamp not null default now(),
    alteredby varchar,
    description text,
    is_lead boolean not null default false,
    party_id bigint,
    classification_id integer,
    source_id integer,
    industry_id integer,
    status_id integer,
    rating_id integer,
    type_id integer,
    createdby varchar,
    tax_description varchar default 'VAT Code',
    date_inactive date,
    text1 text,
    text2 text,
    constraint company_pkey unique (accountnumber, usercompanyid),
    constraint company_accountdetails check (name <> '' and accountnumber <> ''),
    constraint company_branchcompanyid check (id <> parent_id)
);

create table system_companies (
    id bigserial primary key,
    company_id bigint unique,
    enabled boolean not null default true,
    theme varchar not null default 'default',
    published boolean default false,
    published_username varchar,
    published_owner_id integer,
    audit_enabled boolean default false,
    debug_enabled boolean default false,
    access_role_id integer,
    access_enabled varchar not null default 'FULL',
    info_message varchar,
    logo_file_id bigint
);

create table party (
    id bigserial constraint party__pkey primary key,
    parent_id bigint,
    type varchar,
    usercompanyid bigint not null,
    created timestamp default now(),
    createdby varchar,
    alteredby varchar,
    lastupdated timestamp default now()
);

create table person (
    id bigserial primary key,
    title varchar,
    firstname varchar not null,
    middlename varchar,
    surname varchar not null,
    suffix varchar,
    department varchar,
    jobtitle varchar,
    marital smallint,
    lang character(2) not null,
    company_id bigint,
    owner varchar not null,
    userdetail boolean not null default false,
    reports_to bigint,
    can_call boolean not null default true,
    can_email boolean not null default true,
    assigned_to varchar,
    created timestamp not null default now(),
    lastupdated timestamp not null default now(),
    alteredby varchar,
    usercompanyid bigint not null,
    crm_source bigint,
    party_id bigint,
    end_date date
);

create table contact_methods (
    id serial primary key,
    contact varchar,
    usercompanyid bigint not null,
    created timestamp default now(),
    createdby varchar,
    alteredby varchar,
    lastupdated timestamp default now()
);

create table party_contact_methods (
    id bigserial primary key,
    contactmethod_id bigint not null,
    name varchar not null default 'MAIN',
    main boolean not null default false,
    billing boolean not null default false,
    shipping boolean not null default false,
    payment boolean not null default false,
    technical boolean not null default false,
    party_id bigint,
    type varchar not null,
    usercompanyid bigint not null,
    created timestamp default now(),
    createdby varchar,
    alteredby varchar,
    lastupdated timestamp default now(),
    email_trailer varchar(4000)
);

create table users (
    username varchar primary key,
    password varchar(255) not null,
    lastcompanylogin bigint,
    person_id bigint unique,
    last_login timestamp,
    audit_enabled boolean default false,
    debug_enabled boolean default false,
    access_enabled boolean default true,
    email varchar,
    mfa_enrolled boolean default false,
    uuid uuid,
    mfa_sid varchar(255),
    mfa_enabled boolean default false
);

create table user_company_access (
    username varchar not null,
    usercompanyid bigint not null,
    id bigserial primary key,
    enabled boolean not null default true,
    constraint user_company_access_username_key unique (username, usercompanyid)
);

create table injector_classes (
    id serial primary key,
    name varchar not null,
    category varchar not null,
    class_name varchar not null,
    description varchar,
    usercompanyid bigint not null,
    constraint injector_classes_name_key unique (name, class_name)
);

-- Tables that refer to users and to injector_classes.

create table roles (
    id bigserial primary key,
    description text,
    name varchar not null,
    usercompanyid bigint not null,
    manage_uzlets boolean not null default true,
    created timestamp default now(),
    createdby varchar,
    alteredby varchar,
    lastupdated timestamp default now(),
    constraint roles_name_key unique (name, usercompanyid)
);

create table hasrole (
    roleid bigint not null,
    username varchar not null,
    id bigserial primary key
);

create table userpreferences (
    id bigserial,
    username varchar not null,
    module varchar not null,
    settings varchar,
    usercompanyid bigint not null,
    primary key (username, module)
);

create table sypaytypes (
    id bigserial primary key,
    name varchar not null,
    usercompanyid bigint not null,
    method_id integer,
    created timestamp default now(),
    createdby varchar,
    alteredby varchar,
    lastupdated timestamp default now()
);

-- The rows: one user, one company, the injector classes of a new installation. They refer to each other in a circle, so
-- the foreign keys are made after them.

insert into lang (code, name) values ('DE', 'German'), ('EN', 'English');

insert into party (id, type, usercompanyid, createdby, alteredby) values (2, 'Company', 1, 'admin', 'admin');

insert into company (id, name, accountnumber, usercompanyid, owner, party_id) values (1, 'New Site Ltd', 'NS1', 1, 'admin', 2);

insert into system_companies (id, company_id) values (1, 1);

insert into users (username, password, lastcompanylogin, last_login, uuid) values
    ('admin', '*', 1, '2024-04-05 06:07:08.9', 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa');

insert into user_company_access (id, username, usercompanyid) values (1, 'admin', 1);

insert into injector_classes (id, name, category, class_name, description, usercompanyid) values
    (2, 'TaxCalculation', 'SY', 'UKTaxCalculator', null, 1),
    (3, 'Redirection', 'SY', 'RedirectHandler', null, -1),
    (4, 'Translation', 'SY', 'FileReadingTranslator', null, -1),
    (5, 'AuthenticationGateway', 'SY', 'DatabaseAuthenticator', null, -1),
    (6, 'LoginHandler', 'SY', 'HTMLFormLoginHandler', null, -1),
    (7, 'CSV', 'RP', 'PSQL_CSV', 'files that the database makes', 1);

insert into roles (id, name, usercompanyid) values (8, 'staff', 1);
insert into hasrole (id, username, roleid) values (1, 'admin', 8);
insert into userpreferences (id, username, module, settings, usercompanyid) values (1, 'admin', 'shared', 'a list of 50', 1);
insert into sypaytypes (id, name, method_id, usercompanyid) values (1, 'Transfer', 7, 1);

select setval('party_id_seq', 2), setval('company_id_seq', 1), setval('system_companies_id_seq', 1),
    setval('user_company_access_id_seq', 1), setval('injector_classes_id_seq', 7), setval('roles_id_seq', 8),
    setval('hasrole_id_seq', 1), setval('userpreferences_id_seq', 1), setval('sypaytypes_id_seq', 1);

-- The foreign keys between these tables, with their names in uzERP. Foreign keys to tables that are not here are left
-- out.

alter table company
    add constraint "$2" foreign key (parent_id) references company (id) on update cascade on delete cascade,
    add constraint assigned_fk foreign key (assigned) references users (username) on update cascade on delete cascade,
    add constraint company_party_id_fk foreign key (party_id) references party (id) on update cascade on delete cascade,
    add constraint company_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id)
        on update cascade on delete cascade,
    add constraint owner_foreign_key foreign key (owner) references users (username) on update cascade on delete cascade;

alter table system_companies
    add constraint system_companies_company_id_fkey foreign key (company_id) references company (id)
        on update cascade on delete cascade;

alter table party
    add constraint party_parent_id foreign key (parent_id) references party (id) on update cascade on delete cascade,
    add constraint party_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id)
        on update cascade on delete cascade;

alter table person
    add constraint person_alteredby_fkey foreign key (alteredby) references users (username) on update cascade,
    add constraint person_assigned_fkey foreign key (assigned_to) references users (username)
        on update cascade on delete set null,
    add constraint person_companyid_fkey foreign key (company_id) references company (id) on update cascade on delete cascade,
    add constraint person_lang_fkey foreign key (lang) references lang (code) on update cascade on delete set null,
    add constraint person_owner_fkey foreign key (owner) references users (username) on update cascade,
    add constraint person_party_id_fk foreign key (party_id) references party (id) on update cascade on delete cascade,
    add constraint person_reportsto_fkey foreign key (reports_to) references person (id) on update cascade on delete set null,
    add constraint person_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id)
        on update cascade on delete cascade;

alter table contact_methods
    add constraint contact_methods_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id)
        on update cascade on delete cascade;

alter table party_contact_methods
    add constraint party_contact_methods_id_fkey foreign key (contactmethod_id) references contact_methods (id)
        on update cascade on delete cascade,
    add constraint party_contact_methods_party_id_fkey foreign key (party_id) references party (id) on update cascade,
    add constraint party_contact_methods_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id)
        on update cascade on delete cascade;

alter table users
    add constraint lastcompanylogin foreign key (lastcompanylogin) references system_companies (id)
        on update cascade on delete cascade,
    add constraint users_person_id_fkey foreign key (person_id) references person (id);

alter table user_company_access
    add constraint user_company_access_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id)
        on update cascade on delete cascade,
    add constraint user_company_access_username_fkey foreign key (username) references users (username) on update cascade;

alter table roles
    add constraint roles_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id);

alter table hasrole
    add constraint hasrole_roleid_fkey foreign key (roleid) references roles (id) on update cascade on delete cascade,
    add constraint hasrole_username_fkey foreign key (username) references users (username) on update cascade on delete cascade;

alter table userpreferences
    add constraint userpreferences_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id),
    add constraint userpreferences_username_fkey foreign key (username) references users (username)
        on update cascade on delete cascade;

alter table sypaytypes
    add constraint sypaytypes_injector_classes_fkey foreign key (method_id) references injector_classes (id) on update cascade,
    add constraint sypaytypes_usercompanyid_fkey foreign key (usercompanyid) references system_companies (id)
        on update cascade on delete cascade;

create table audit_header (
    id serial primary key,
    username varchar,
    customer_id integer,
    sessionid varchar,
    created timestamp not null default now(),
    lastupdated timestamp default now()
);

create table audit_lines (
    id serial primary key,
    audit_id integer not null references audit_header (id) on update cascade on delete cascade,
    line varchar,
    created timestamp not null default now(),
    referer varchar,
    elapsed_time double precision,
    memory_used bigint,
    username varchar,
    remote_address varchar,
    user_agent varchar
);
