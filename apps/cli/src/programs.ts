import { fileURLToPath } from 'node:url';

/** How one of the product's long-running programs is started. */
export interface ServedProgram {
  /** Options for Node itself, then the entry file: the first arguments of the process. */
  readonly args: readonly string[];
  /** What its environment says of memory, unless the user's says otherwise. */
  readonly env: Readonly<Record<string, string>>;
}

function entryOf(app: string): string {
  return fileURLToPath(new URL(`../../${app}/dist/main.js`, import.meta.url));
}

export const CONTROL_PLANE: ServedProgram = { args: [entryOf('control-plane')], env: {} };

/**
 * Two things would keep an idle edge above its 120 MB (DESIGN section 10), for nothing it needs: glibc gives each of
 * Node's threads an arena of its own, which stays as large as compiling the SQL parser made it; and loading grows V8's
 * young generation to three times 16 MB, which it keeps.
 */
export const EDGE: ServedProgram = {
  args: ['--max-semi-space-size=4', entryOf('edge')],
  env: { MALLOC_ARENA_MAX: '2' },
};
