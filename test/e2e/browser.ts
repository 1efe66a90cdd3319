import { findProgram } from '@scrim/embedded-stores';
import { type Browser, chromium } from 'playwright-core';

const FLAGS = [
  '--headless',
  // The tests may run as root, and in containers without user namespaces.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function withoutGaps(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((it): it is [string, string] => it[1] !== undefined));
}

/**
 * Chromium: the one on the PATH, else unpacked from Debian's packages without root (about 110 MB, once).
 *
 * @throws Error naming the package to install when it cannot be had.
 */
export async function openBrowser(): Promise<Browser> {
  const found = await findProgram('chromium', { log: (line) => process.stderr.write(`${line}\n`) });
  return chromium.launch({
    executablePath: found.path,
    args: FLAGS,
    env: { ...withoutGaps(process.env), ...found.env },
    timeout: 30_000,
  });
}
