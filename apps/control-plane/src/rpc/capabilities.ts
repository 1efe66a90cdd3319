import type { Capabilities } from '@scrim/rpc';

const MAX_PROTOCOLS = 50;
const MAX_TABLE = 16 * 1024;

/** An edge's own words, bounded and parsed: `{version, protocols: {name: table}}`. What is no JSON is left out. */
export function capabilitiesOf(told: Capabilities | undefined): unknown {
  const protocols: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(told?.protocols ?? {}).slice(0, MAX_PROTOCOLS)) {
    if (text.length > MAX_TABLE || name.length > 64) continue;
    try {
      protocols[name] = JSON.parse(text);
    } catch {
      // A protocol whose abilities cannot be read has none: a policy that needs it is refused when it is written.
    }
  }
  return { version: (told?.version ?? '').slice(0, 64), protocols };
}

/** Addresses an edge says callers reach it at, bounded; they are shown, never dialled by us. */
export function listenersOf(told: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(told).filter(([name, address]) => name.length <= 64 && address.length <= 300);
  return Object.fromEntries(kept.slice(0, MAX_PROTOCOLS));
}
