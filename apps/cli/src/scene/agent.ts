import { spawn, spawnSync } from 'node:child_process';
import pg from 'pg';
import { table } from '../output.ts';

/** Where the agent connects and with what; it knows nothing of the target. */
export interface AgentLogin {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly token: string;
}

/** What the agent's unchanged client printed, line by line, errors and notices included. */
export type Say = (line: string) => void;

/** The agent's client: psql where there is one, else the `pg` driver. */
export interface AgentClient {
  readonly name: string;
  /** Runs the statements in one session and prints what comes back. */
  run(statements: readonly string[], say: Say): Promise<void>;
}

function eachLine(stream: NodeJS.ReadableStream, say: Say): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim()) say(line);
  });
  stream.on('end', () => {
    if (rest.trim()) say(rest);
  });
}

function psqlClient(login: AgentLogin): AgentClient {
  return {
    name: 'psql',
    run: (statements, say) =>
      new Promise((resolve, reject) => {
        const url = `postgresql://agent@${login.host}:${login.port}/${login.database}`;
        const child = spawn('psql', [url, '--no-psqlrc', '--echo-queries', '--pset=footer=off', '-f', '-'], {
          env: { ...process.env, PGPASSWORD: login.token, PGCONNECT_TIMEOUT: '10' },
          stdio: ['pipe', 'pipe', 'pipe'],
        });
        eachLine(child.stdout, say);
        eachLine(child.stderr, say);
        child.once('error', reject);
        child.once('close', () => resolve());
        child.stdin.end(`${statements.map((it) => `${it};`).join('\n')}\n`);
      }),
  };
}

function driverClient(login: AgentLogin): AgentClient {
  return {
    name: 'the node-postgres driver',
    run: async (statements, say) => {
      const { host, port, database, token } = login;
      const client = new pg.Client({ host, port, database, user: 'agent', password: token });
      client.on('notice', (notice) => say(`NOTICE:  ${notice.message}`));
      client.on('error', (error) => say(`connection: ${error.message}`));
      await client.connect();
      for (const statement of statements) {
        say(`${statement};`);
        try {
          const result = await client.query(statement);
          const names = result.fields.map((it) => it.name);
          if (names.length > 0) for (const line of table(result.rows, names).split('\n')) say(` ${line}`);
          else say(`${result.command} ${result.rowCount ?? ''}`);
        } catch (error) {
          const { message, hint, detail } = error as { message: string; hint?: string; detail?: string };
          say(`ERROR:  ${message}`);
          if (detail) say(`DETAIL:  ${detail}`);
          if (hint) say(`HINT:  ${hint}`);
        }
      }
      await client.end();
    },
  };
}

export function agentClient(login: AgentLogin): AgentClient {
  const psql = spawnSync('psql', ['--version'], { stdio: 'ignore' });
  return psql.status === 0 ? psqlClient(login) : driverClient(login);
}
