import type { ShellEffect, ShellFacts } from '@scrim/model';

/** The most names, files and reasons one line may fill; a line with more is not understood. */
const MOST = 2000;

/** What reading a line has found so far. */
export class Findings {
  readonly commands = new Set<string>();
  readonly mayRun = new Set<string>();
  readonly effects = new Set<ShellEffect>();
  readonly writes = new Set<string>();
  readonly screens = new Set<string>();
  readonly opaque = new Set<string>();

  add(effects: readonly ShellEffect[]): void {
    for (const effect of effects) this.effects.add(effect);
  }

  /** Says why a part of the line cannot be understood; the line is judged as the worst from then on. */
  unclear(why: string): void {
    if (this.opaque.size < 20) this.opaque.add(why);
  }

  facts(): ShellFacts {
    if (this.commands.size + this.mayRun.size + this.writes.size > MOST)
      this.unclear('it runs more programs than are followed');
    return {
      kind: 'shell',
      commands: [...this.commands].slice(0, MOST),
      mayRun: [...this.mayRun].slice(0, MOST),
      effects: [...this.effects],
      writes: [...this.writes].slice(0, MOST),
      screens: [...this.screens],
      complete: this.opaque.size === 0,
      opaque: [...this.opaque],
    };
  }
}
