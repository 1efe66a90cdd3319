/** A workspace package as the rules see it. */
export interface Room {
  /** `@scrim/model` */
  readonly name: string;
  /** `apps`, `packages` or `test` */
  readonly house: string;
  /** `@scrim/...` names its package.json declares. */
  readonly declared: readonly string[];
  /** Other packages its package.json declares. */
  readonly libraries: readonly string[];
  /** Doors beside the main one that its package.json opens: `./mint`. */
  readonly doors: readonly string[];
}

const SCOPE = '@scrim/';

/**
 * Doors that are open to one package alone (and to `testing.ts` files): who can mint a grant can reach a target, and
 * only the pipeline, which has authorised the caller, may.
 */
export const GUARDED_DOORS: Readonly<Record<string, string>> = {
  '@scrim/protocol-kit/mint': '@scrim/pipeline',
};

/** Packages that judge and mask: their verdict may depend on their input alone. */
export const PURE: readonly string[] = ['model', 'policy', 'masking'];

const BELOW: Readonly<Record<string, readonly string[]>> = {
  model: [],
  policy: ['model'],
  masking: ['model'],
  'protocol-kit': ['model', 'policy'],
  pipeline: ['model', 'policy', 'masking', 'protocol-kit'],
  recording: ['model', 'policy', 'masking', 'protocol-kit'],
  rpc: ['model', 'policy', 'masking', 'protocol-kit'],
  telemetry: ['model', 'policy', 'masking', 'protocol-kit'],
  vault: [],
  'embedded-stores': [],
};

/** What every protocol may stand on: never a sibling, the pipeline or masking. */
const PROTOCOL_BELOW: readonly string[] = ['model', 'policy', 'protocol-kit'];

function shortName(name: string): string {
  return name.slice(SCOPE.length);
}

function isProtocol(short: string): boolean {
  return short.startsWith('protocol-') && short !== 'protocol-kit';
}

/** Why `from` may not import the workspace package `to`, or undefined when it may. */
export function forbidden(from: Room, to: string, rooms: readonly Room[]): string | undefined {
  if (from.house === 'test') return undefined;
  const target = rooms.find((room) => room.name === to);
  if (!target) return `${to} is no package of this workspace`;
  if (target.house === 'test') return `${to} is for tests alone`;
  if (target.house === 'apps') return `nothing imports an app, and ${to} is one`;
  if (from.house === 'apps') return undefined;
  const short = shortName(from.name);
  const below = isProtocol(short) ? PROTOCOL_BELOW : BELOW[short];
  if (!below)
    return `${from.name} has no place in the layers yet: give it one in test/architecture/layers.ts`;
  return below.includes(shortName(to)) ? undefined : `${from.name} does not stand on ${to}`;
}
