/** The target of the end-to-end tests and the policy on it. Values are invented; the token is assembled here. */
export const GITHUB_TOKEN = ['ghp', '16C7e42F292c6912E7710c838347Ae178B4a'].join('_');

export const SHOP = `
  create table customers (id int primary key, name text not null, email text not null, ssn text not null,
    born date not null, score int not null, notes text, profile jsonb);
  insert into customers
    select i, 'name' || i, 'user' || i || '@example.com', '219-09-' || (1000 + i), date '1970-01-02' + i, 700 + i,
      case when i = 7 then 'leaked ${GITHUB_TOKEN} in chat' else 'nothing here' end,
      jsonb_build_object('plan', 'gold', 'api_key', 'sk-internal-' || i)
    from generate_series(1, 100) i;
  create table payments (id int primary key, customer_id int not null references customers, card_number text not null,
    amount numeric(10,2) not null);
  insert into payments select i, i, '4242 4242 4242 4242', i from generate_series(1, 100) i;
  create table plain (id int primary key, label text);
  insert into plain select i, 'label ' || i from generate_series(1, 1000) i;
  create view customer_cards as select c.ssn as tax, p.card_number as card from customers c join payments p on p.customer_id = c.id;
`;

export const SHOP_DOCUMENT = `
apiVersion: scrim/v1
connections:
  - name: shop
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: prod }
  - name: other
    protocol: postgres
    target: { host: $HOST, port: $PORT, database: shop, tls: disable }
    credential: { username: postgres, password: { env: SHOP_PASSWORD } }
    labels: { env: test }
policies:
  - name: production
    match: { labels: { env: prod }, groups: [agents] }
    mask:
      - { column: "customers.ssn", with: redact }
      - { column: "customers.born", with: redact }
      - { column: "customers.score", with: redact }
      - { column: "payments.card_number", with: { partial: { keepLast: 4 } } }
      - { field: "$..api_key", with: redact }
      - { detect: [secrets, pii.email], with: redact }
    guard:
      - { when: { sql: { statements: [drop_table, drop_database, truncate] } }, do: block, reason: no destructive DDL }
      - { when: { sql: { effects: [ddl, admin] } }, do: block, reason: no schema changes }
      - { when: { sql: { unbounded: [update, delete] } }, do: hold, reason: it touches every row }
    approve: { by: [dba], quorum: 1, expires: 1m }
`;
