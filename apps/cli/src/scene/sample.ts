import pg from 'pg';

/** The sample target: a shop whose tables hold what an agent must not see. Every value is invented. */
const SCHEMA = `
  drop table if exists payments; drop table if exists customers;
  create table customers (id int primary key, name text not null, email text not null, ssn text not null, born date not null, notes text);
  create table payments (id int primary key, customer_id int not null references customers, card_number text not null, amount numeric(10,2) not null, paid_at timestamptz not null default now());
`;

const FIRST = [
  'Ada',
  'Grace',
  'Alan',
  'Edsger',
  'Barbara',
  'Donald',
  'Katherine',
  'Dennis',
  'Margaret',
  'Ken',
];
const LAST = [
  'Okafor',
  'Lindqvist',
  'Moreau',
  'Tanaka',
  'Silva',
  'Novak',
  'Haddad',
  'Kowalski',
  'Byrne',
  'Reyes',
];

/** A GitHub-shaped token, put together here so that no scanner takes this file for a leak. */
function inventedToken(): string {
  return ['ghp', `${'1a2B3c4D5e6F7g8H9i0J'.repeat(2).slice(0, 36)}`].join('_');
}

function noteOf(id: number): string {
  if (id % 7 === 0) return `deploy key left in chat: ${inventedToken()}`;
  if (id % 5 === 0) return `second address ${FIRST[id % 10]?.toLowerCase()}.${id}@example.org`;
  return 'prefers the phone';
}

/** Fills the sample database. `count` customers, one payment each. */
export async function fillShop(url: string, count = 200): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(SCHEMA);
    const ids = Array.from({ length: count }, (_, index) => index + 1);
    const names = ids.map((id) => `${FIRST[id % 10]} ${LAST[Math.floor(id / 10) % 10]}`);
    await client.query(
      `insert into customers select * from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::date[], $6::text[])`,
      [
        ids,
        names,
        names.map((name, index) => `${name.toLowerCase().replace(' ', '.')}${index}@example.com`),
        ids.map(
          (id) =>
            `${String(219 + (id % 300)).padStart(3, '0')}-${String(10 + (id % 80))}-${String(1000 + id)}`,
        ),
        ids.map((id) => `19${String(50 + (id % 50))}-0${1 + (id % 9)}-1${id % 10}`),
        ids.map(noteOf),
      ],
    );
    await client.query(
      `insert into payments (id, customer_id, card_number, amount)
       select id, id, '4242 4242 4242 4242', (id * 7 % 500) + 0.99 from unnest($1::int[]) as id`,
      [ids],
    );
  } finally {
    await client.end();
  }
}
