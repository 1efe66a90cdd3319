import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Failure } from './failure.ts';

/** Which control plane to talk to, and as whom. */
export interface Login {
  readonly api: string;
  readonly token: string;
}

function loginFile(): string {
  const base = process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config');
  return join(base, 'scrim', 'login.json');
}

function savedLogin(): Partial<Login> {
  try {
    return JSON.parse(readFileSync(loginFile(), 'utf8')) as Partial<Login>;
  } catch {
    return {};
  }
}

/** SCRIM_API and SCRIM_TOKEN, each falling back to the saved login. Throws a Failure that says how to log in. */
export function currentLogin(): Login {
  const saved = savedLogin();
  const api = process.env.SCRIM_API ?? saved.api;
  const token = process.env.SCRIM_TOKEN ?? saved.token;
  if (!api || !token) {
    throw new Failure(
      'no control plane is known',
      'set SCRIM_API and SCRIM_TOKEN, or start one with `scrim up -f scrim.yaml` (it saves a login)',
    );
  }
  return { api: api.replace(/\/$/, ''), token };
}

/** Keeps a login for later commands; readable by the user alone. */
export function saveLogin(login: Login): string {
  const file = loginFile();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600 });
  return file;
}

/** Forgets a saved login if it is still this one: another stack may have replaced it meanwhile. */
export function forgetLogin(login: Login): void {
  if (savedLogin().token === login.token) rmSync(loginFile(), { force: true });
}
