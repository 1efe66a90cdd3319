import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Span } from './grade.ts';

/** Presidio in a Python of its own, spoken to over a pipe. */
export class Presidio {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  private ready: Promise<unknown>;

  /** Throws when spoken to, not when made, if that Python has no Presidio. */
  constructor(python: string) {
    const script = new URL('./presidio.py', import.meta.url).pathname;
    this.child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const input = this.child.stdout;
    if (!input) throw new Error('Presidio: no pipe to read from');
    this.lines = createInterface({ input })[Symbol.asyncIterator]();
    this.ready = this.lines.next();
  }

  /** Spans in UTF-16 code units; Python counts characters. */
  async find(texts: readonly string[]): Promise<readonly (readonly Span[])[]> {
    await this.ready;
    this.child.stdin?.write(`${JSON.stringify(texts)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('Presidio ended; is presidio-analyzer installed there?');
    return (JSON.parse(value) as [number, number][][]).map((spans, i) =>
      spans.map(([start, end]) => inUnits(texts[i] as string, start, end)),
    );
  }

  async end(): Promise<void> {
    this.child.stdin?.end();
    if (this.child.exitCode === null) await once(this.child, 'exit');
  }
}

function inUnits(text: string, start: number, end: number): Span {
  if (!/[\ud800-\udbff]/.test(text)) return { start, end };
  const before = [...text].slice(0, end);
  return { start: before.slice(0, start).join('').length, end: before.join('').length };
}
