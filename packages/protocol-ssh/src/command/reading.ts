import {
  type Assignment,
  type Command,
  forEachChild,
  type ParsedScript,
  type Pipeline,
  parse,
  type Redirection,
  type SyntaxNode,
} from 'unbash';
import { Arithmetic } from './arithmetic.ts';
import { OPAQUE, PRIVILEGED, PROGRAMS, SCREENS, SYSTEM_FOLDERS } from './catalogue.ts';
import { ambiguity } from './dialects.ts';
import { judgeVariable } from './environment.ts';
import type { Findings } from './findings.ts';
import { HANDLERS } from './handlers.ts';
import { argumentText, assignedText, constantOf, hereDocText, holdsSubstitution, type Text } from './word.ts';

/** How deep scripts may nest in scripts (`sh -c "sh -c …"`); deeper is not understood. */
const DEEPEST = 12;
/** All shell text one line may unfold to, in characters. */
const MOST_TEXT = 131_072;

/** The grammar takes time by the square of how deep these nest: a hostile line of 32 KiB would stop the edge for seconds. */
const MOST_SUBSTITUTIONS = 150;

/** A program about to run: its words and what feeds it. */
export interface Call {
  /** The name as written. */
  readonly name: string;
  /** The last part of its path. */
  readonly base: string;
  readonly args: readonly Text[];
  /** Constant text on its standard input; null = something else feeds it; undefined = whatever the caller sends. */
  readonly stdin: Text | undefined;
}

/** Walks shell text and gathers what it can run. One per line: scripts inside it are read by the same. */
export class Reading {
  readonly findings: Findings;
  /** Whether somebody can type into what the line starts. */
  readonly terminal: boolean;
  readonly #arithmetic = new Arithmetic();
  readonly #functions = new Set<string>();
  #depth = 0;
  #text = 0;

  constructor(findings: Findings, terminal: boolean) {
    this.findings = findings;
    this.terminal = terminal;
  }

  unclear(why: string): void {
    this.findings.unclear(why);
  }

  /** Reads shell text that will be run; null = text nobody knows. */
  script(text: Text, what: string): void {
    if (text === null) {
      this.unclear(`${what} is known only when the line runs`);
      return;
    }
    this.#text += text.length;
    if (this.#depth >= DEEPEST || this.#text > MOST_TEXT) {
      this.unclear('shell text is nested deeper than is followed');
      return;
    }
    if ((text.match(/[$<>][({[]/g)?.length ?? 0) > MOST_SUBSTITUTIONS) {
      this.unclear('it has more substitutions than are followed');
      return;
    }
    const odd = ambiguity(text);
    if (odd !== null) this.unclear(odd);
    this.#depth += 1;
    this.#visit(parse(text));
    this.#depth -= 1;
  }

  /** Ends the reading: what can only be said of the line as a whole. */
  finish(): void {
    for (const why of this.#arithmetic.doubts()) this.unclear(why);
  }

  /** Judges the words of one simple command, the name first. */
  run(words: readonly Text[], stdin: Text | undefined): void {
    const [name, ...args] = words;
    if (name === undefined) return;
    if (name === null) {
      this.unclear('the name of a command is known only when the line runs');
      return;
    }
    const base = name.slice(name.lastIndexOf('/') + 1);
    this.findings.commands.add(name);
    if (!/^[!-~]+$/.test(name) || base === '') this.unclear('the name of a command is no plain word');
    this.#depth += 1;
    if (this.#depth > DEEPEST * 4) this.unclear('commands are nested deeper than is followed');
    else this.#judge({ name, base: plain(base), args, stdin });
    this.#depth -= 1;
  }

  #judge(call: Call): void {
    const { base, name, args } = call;
    const { findings } = this;
    const slash = name.lastIndexOf('/');
    const known = slash < 0 || SYSTEM_FOLDERS.has(name.slice(0, slash));
    if (!known) findings.add(['unknown']);
    if (PRIVILEGED.has(base)) findings.add(['privileged']);
    const screen = SCREENS.get(base);
    if (screen !== undefined) findings.screens.add(base);
    const harmless = args.length === 1 && /^(?:--version|--help)$/.test(args[0] ?? '');
    if (harmless && OPAQUE.has(base)) {
      findings.add(['read']);
      return;
    }
    if (screen === 'always' || (screen === 'terminal' && this.terminal))
      this.unclear(`${base} can run commands from inside`);
    const why = OPAQUE.get(base);
    if (why !== undefined) this.unclear(`${base} ${why}`);
    const handler = HANDLERS.get(base);
    if (handler) {
      handler(call, this);
      return;
    }
    const program = PROGRAMS.get(base);
    if (program) {
      findings.add(program.effects);
      const { writesWith } = program;
      if (writesWith && args.some((arg) => arg === null || writesWith.test(arg))) findings.add(['write']);
    } else this.#unlisted(call);
  }

  /** A program nobody listed: it may be a wrapper, so that every word among its arguments may be a command. */
  #unlisted({ base, args }: Call): void {
    if (this.#functions.has(base)) return;
    this.findings.add(['unknown']);
    for (const arg of args) {
      if (arg === null) continue;
      if (holdsSubstitution(arg)) this.unclear(`${base} is given shell text it may run`);
      for (const word of arg.match(/[\w./+-]+/g)?.slice(0, 64) ?? []) {
        if (!/[A-Za-z[]/.test(word)) continue;
        this.findings.mayRun.add(word);
        const base = word.slice(word.lastIndexOf('/') + 1);
        if (OPAQUE.has(base) || SHELLS.has(base))
          this.unclear(`${word} may be run by a program that is not known`);
      }
    }
  }

  #visit(node: SyntaxNode): void {
    switch (node.type) {
      case 'Script':
        for (const error of (node as ParsedScript).errors ?? [])
          this.unclear(`shell grammar: ${error.message}`);
        break;
      case 'Pipeline':
        this.#pipeline(node);
        return;
      case 'Command':
        this.#command(node, undefined);
        return;
      case 'Redirect':
      case 'HereString':
      case 'HereDoc':
        if (node.type === 'HereDoc' && !node.closing) this.unclear('it goes on in the next line');
        this.#redirection(node);
        break;
      case 'Assignment':
        this.assign(node.name, assignedText(node), node);
        break;
      case 'Function':
        this.#define(node.name.value);
        break;
      case 'CommandExpansion':
      case 'ProcessSubstitution':
      case 'ArithmeticCommandExpansion':
        if (node.script === undefined) this.unclear('a substitution cannot be read');
        break;
      case 'AnsiCQuoted':
        // dash keeps the escapes as they stand, so what is quoted in one shell is a command in the other.
        if (/\\[^ntr]/.test(node.text) && /[\s;&|$`()<>#]/.test(node.value))
          this.unclear('shells read the escapes of a quoted text differently');
        break;
      case 'ExtendedGlob':
        this.unclear('shells read extended globs differently');
        break;
      default: {
        const why = this.#arithmetic.see(node, this.findings);
        if (why !== null) this.unclear(why);
      }
    }
    forEachChild(node, (child) => this.#visit(child));
  }

  #pipeline(node: Pipeline): void {
    node.commands.forEach((command, index) => {
      if (index > 0 && command.type === 'Command') this.#command(command, null);
      else this.#visit(command);
    });
  }

  #command(node: Command, fed: Text | undefined): void {
    const stdin = fedBy(node.redirects, fed);
    // The words are judged first: what they assign and define counts for the substitutions inside them.
    const words = node.name ? [constantOf(node.name), ...node.args.map(argumentText)] : [];
    this.run(words, stdin);
    forEachChild(node, (child) => this.#visit(child));
  }

  /** A variable is given a value; null = one that is known only when the line runs. */
  assign(name: string, value: Text, node?: Assignment): void {
    judgeVariable(name, name === 'PATH' && node ? node.text.slice(5).replace(/"/g, '') : value, this);
    if (value !== null && holdsSubstitution(value)) this.unclear(`${name} holds shell text that may be run`);
    this.#arithmetic.assigned(name, node && value === null && plainArray(node) ? '0' : value);
  }

  /** `read x`, `printf -v x`: a variable gets what nobody knows. */
  fill(name: Text): void {
    if (name === null || !/^\w*$/.test(name)) this.unclear('a variable is named only when the line runs');
    else this.assign(name, null);
  }

  #define(name: string): void {
    this.#functions.add(name);
    if (PROGRAMS.has(name) || HANDLERS.has(name)) this.unclear(`${name} is given another meaning`);
  }

  #redirection(node: Redirection): void {
    if (node.type !== 'Redirect' || !node.target) return;
    const target = constantOf(node.target);
    if (target !== null && /^\/dev\/(?:tcp|udp)\//.test(target)) {
      this.findings.add(['network']);
      if (node.operator !== '<') this.findings.writes.add(target);
      return;
    }
    const substitution = node.target.parts?.some((part) => part.type === 'ProcessSubstitution');
    if (node.operator === '<' || node.operator === '<&' || substitution) {
      if (target === null && node.operator === '<' && !substitution) this.findings.add(['network']);
      return;
    }
    if (node.operator === '>&' && target !== null && /^(?:\d+-?|-)$/.test(target)) return;
    if (target !== null && /^\/dev\/(?:null|stdout|stderr|tty|zero|fd\/\d+)$/.test(target)) return;
    this.findings.add(['write']);
    this.findings.writes.add(target ?? '*');
  }
}

export const SHELLS: ReadonlySet<string> = new Set(
  'sh bash dash zsh ksh ksh93 mksh pdksh lksh ash hush rbash rksh posh yash bosh'.split(' '),
);

/** `grep-9.2`, `python3.11` and `vim.basic` are what their first part names. */
function plain(base: string): string {
  if (HANDLERS.has(base) || PROGRAMS.has(base) || OPAQUE.has(base)) return base;
  const stem = /^([A-Za-z_]+\d?)[.-](?:\d[\d.]*|basic|tiny|nox|gtk3|traditional|openbsd)$/.exec(base)?.[1];
  return stem ?? base;
}

function plainArray({ value }: Assignment): boolean {
  return value.type === 'ArrayValue' && value.elements.every((word) => constantOf(word) !== null);
}

function fedBy(redirects: readonly Redirection[], before: Text | undefined): Text | undefined {
  const feeding = redirects.filter((one) => {
    const fd = one.descriptor?.type === 'FileDescriptor' ? one.descriptor.value : undefined;
    const toInput = one.type !== 'Redirect' || one.operator.startsWith('<');
    return fd === 0 || (one.descriptor === undefined && toInput);
  });
  const only = feeding[0];
  if (!only) return before;
  if (feeding.length > 1 || before !== undefined) return null;
  if (only.type === 'HereDoc') return hereDocText(only);
  if (only.type === 'HereString') return only.target ? constantOf(only.target) : null;
  return null;
}
