import type { Run } from '@scrim/protocol-kit';
import type { Domain } from './domain.ts';
import type { PgShape } from './shape.ts';
import type { KnownStatement } from './statements.ts';

export class CopyOut {
  readonly shape: PgShape;
  constructor(shape: PgShape) {
    this.shape = shape;
  }
  static open(
    response: Buffer,
    _s: KnownStatement,
    _part: number,
    _reach: KnownStatement | 'unknown',
    _domain: Domain,
  ): CopyOut | Promise<void> {
    return new CopyOut({ columns: [], wires: [], description: response, reach: 'unknown' });
  }
  read(region: Buffer, runs: Run[]): void {
    runs.push({ lane: 0, bytes: region, meaning: { kind: 'control' } });
  }
  finish(_runs: Run[]): void {}
}
