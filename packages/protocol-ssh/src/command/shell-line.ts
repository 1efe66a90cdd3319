import type { ShellFacts, Statement } from '@scrim/model';
import { recallsHistory } from './dialects.ts';
import { Findings } from './findings.ts';
import { Reading } from './reading.ts';

/** The longest line that is read, in bytes; a longer one is judged as the worst. */
export const LONGEST_LINE = 32_768;

export interface ShellLineOptions {
  /** Whether the command gets a terminal, so that pagers run and can be typed into. Default true, the worse. */
  readonly terminal?: boolean;
  /** Whether an interactive shell reads the line, which replaces `!…` by earlier lines before it is parsed. */
  readonly interactive?: boolean;
}

/**
 * What a line given to a shell of the Bourne family can run, as guards see it. Never throws: what is not text, not
 * grammar, too long, or known only when it runs makes the facts incomplete, and those are judged as the worst.
 * Grammar: bash 5.3, which POSIX sh, dash and busybox are read by too (decision 8).
 */
export function shellFacts(line: Uint8Array | string, options: ShellLineOptions = {}): ShellFacts {
  const findings = new Findings();
  try {
    read(findings, line, options);
  } catch {
    // Fails closed: whatever the grammar trips over is a line nobody understands.
    findings.unclear('the shell grammar failed on it');
  }
  return findings.facts();
}

/** The same as a statement for the pipeline: `verb` is `exec` or `line`. */
export function shellStatement(
  verb: 'exec' | 'line',
  line: Uint8Array | string,
  options: ShellLineOptions = {},
): Statement {
  const text = typeof line === 'string' ? line : new TextDecoder().decode(line);
  return { verb, text, facts: shellFacts(line, options) };
}

/** A line of an interactive shell that could not be reconstructed. */
export function unknownLine(why: string): Statement {
  const facts: ShellFacts = { kind: 'shell', commands: [], complete: false, opaque: [why] };
  return { verb: 'line', text: `(unknown: ${why})`, facts };
}

function read(findings: Findings, line: Uint8Array | string, options: ShellLineOptions): void {
  const text = typeof line === 'string' ? line : new TextDecoder('utf-8', { ignoreBOM: true }).decode(line);
  if (text.length > LONGEST_LINE || (typeof line !== 'string' && line.length > LONGEST_LINE)) {
    findings.unclear(`it is longer than ${LONGEST_LINE} bytes`);
    return;
  }
  // A NUL ends the line for some targets and not for others; nothing behind it can be trusted.
  if (text.includes('\0')) {
    findings.unclear('it holds a NUL');
    return;
  }
  if (/(?:^|[^\\])(?:\\\\)*\\$/.test(text)) findings.unclear('it goes on in the next line');
  if (options.interactive && recallsHistory(text)) findings.unclear('it recalls an earlier line');
  const reading = new Reading(findings, options.terminal ?? true);
  reading.script(text, 'the line');
  reading.finish();
}
