import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FoundProgram, findProgram } from '@scrim/embedded-stores';
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

/** Without a single font every text is nothing wide, which a test takes for hidden: the unpacked tree brings some. */
function fontsOf({ path, env }: FoundProgram, folder: string): Record<string, string> {
  if (Object.keys(env).length === 0) return {};
  const fonts = join(path, '../../../share/fonts');
  const file = join(folder, 'fonts.conf');
  writeFileSync(
    file,
    `<fontconfig><dir>${fonts}</dir><dir>/usr/share/fonts</dir><cachedir>${folder}/cache</cachedir></fontconfig>`,
  );
  return { FONTCONFIG_FILE: file };
}

/**
 * Chromium: the one on the PATH, else unpacked from Debian's packages without root (about 110 MB, once).
 *
 * @throws Error naming the package to install when it cannot be had.
 */
export async function openBrowser(): Promise<Browser> {
  const found = await findProgram('chromium', { log: (line) => process.stderr.write(`${line}\n`) });
  const folder = mkdtempSync(join(tmpdir(), 'scrim-browser-'));
  const browser = await chromium.launch({
    executablePath: found.path,
    args: FLAGS,
    env: { ...withoutGaps(process.env), ...found.env, ...fontsOf(found, folder) },
    timeout: 30_000,
  });
  browser.on('disconnected', () => rmSync(folder, { recursive: true, force: true }));
  return browser;
}
