/** One step of a JSON path: a key, an index or `*`, after any number of levels when `deep`. */
interface Step {
  readonly key: string | undefined;
  readonly deep: boolean;
}

const STEP = /(\.\.|\.)?(?:([A-Za-z_$][\w$-]*|\*)|\[(\d+|\*|'[^']*'|"[^"]*")\])/y;

/**
 * Where in a body a rule looks: a JSON path (`$.query.limit`, `$..role`, `$.items[0].id`, `*` for any key), or a bare
 * key name, which means that key at any depth, in any case and with `-`, `_` and blanks left out.
 */
export class BodyPattern {
  readonly #steps: readonly Step[] | undefined;
  readonly #key: string;

  /** Throws an Error that names the pattern when it is no JSON path. */
  constructor(pattern: string) {
    this.#steps = pattern.startsWith('$') ? parse(pattern) : undefined;
    this.#key = plain(pattern);
  }

  means(path: readonly (string | number)[]): boolean {
    // An element of a list under the key is a value of the key as well.
    if (!this.#steps) return path.some((part) => typeof part === 'string' && plain(part) === this.#key);
    return fits(this.#steps, 0, path, 0);
  }
}

function plain(key: string): string {
  return key.toLowerCase().replace(/[-_ ]/g, '');
}

function parse(pattern: string): Step[] {
  const steps: Step[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < pattern.length) {
    const at = STEP.lastIndex;
    const match = STEP.exec(pattern);
    if (!match || (match[2] !== undefined && match[1] === undefined)) {
      throw new Error(`"${pattern}" is no JSON path at character ${at + 1}`);
    }
    const key = match[2] ?? (match[3] as string).replace(/^['"]|['"]$/g, '');
    steps.push({ key: key === '*' ? undefined : key, deep: match[1] === '..' });
  }
  return steps;
}

function fits(steps: readonly Step[], step: number, path: readonly (string | number)[], at: number): boolean {
  const wanted = steps[step];
  if (!wanted) return at === path.length;
  const last = wanted.deep ? path.length - 1 : at;
  for (let place = at; place <= last; place++) {
    const part = path[place];
    if (part === undefined) return false;
    if (wanted.key !== undefined && wanted.key !== String(part)) continue;
    if (fits(steps, step + 1, path, place + 1)) return true;
  }
  return false;
}
