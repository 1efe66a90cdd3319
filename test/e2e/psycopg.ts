import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Python with psycopg 3 in an environment of its own under `folder`, or why there is none. */
export async function psycopg(folder: string): Promise<{ python: string } | { missing: string }> {
  try {
    await run('python3', ['-m', 'venv', join(folder, 'venv')], { timeout: 20_000 });
    const python = join(folder, 'venv', 'bin', 'python');
    await run(
      python,
      ['-m', 'pip', 'install', '--quiet', '--retries', '0', '--timeout', '5', 'psycopg[binary]==3.2.*'],
      { timeout: 40_000 },
    );
    return { python };
  } catch (error) {
    return { missing: String((error as Error).message).split('\n')[0] ?? '' };
  }
}

/** What a psycopg program does; prints what it got as JSON. */
export const SCRIPT = `
import sys, json, psycopg
out = []
with psycopg.connect(sys.argv[1], autocommit=True) as c:
    for i in range(8):
        out.append(c.execute("select ssn, score, name from customers where id = %s", (i % 3 + 1,), prepare=True).fetchone())
    cur = c.cursor(binary=True)
    out.append([str(v) for v in cur.execute("select ssn, score, born, tags, id from customers where id = 1").fetchone()])
    out.append([str(v) for v in cur.execute("select * from many").fetchone()])
    with c.pipeline():
        a = c.execute("select ssn from customers where id = 1"); b = c.execute("select label from plain where id = 2")
        out.append([a.fetchone(), b.fetchone()])
    with c.transaction():
        with c.cursor(name="server_side") as s:
            s.execute("select upper(ssn), id from customers order by id"); out.append(s.fetchall())
    with c.cursor().copy("copy customers to stdout") as copy: out.append([bytes(x).decode() for x in copy])
    try: c.execute("select ssn::int from customers")
    except psycopg.Error as e: out.append([e.sqlstate, str(e)])
    out.append(c.execute("select 1").fetchone())
print(json.dumps(out))
`;
