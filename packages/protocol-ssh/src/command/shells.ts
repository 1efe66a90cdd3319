import { named } from './arithmetic.ts';
import { readOptions } from './options.ts';
import { holdsSubstitution, type Text } from './word.ts';
import { type Handler, joinWords, runShell } from './wrappers.ts';

const SHELL_OPTIONS = {
  flags: 'abefhiklmnprtuvxBCEHPTsDc',
  values: 'oO',
  long: 'login norc noprofile posix restricted verbose noediting version help',
};

/** `sh`, `bash` and their kin: `-c` text is read, a script file or an unknown input is not understood. */
export const shell: Handler = ({ base, args, stdin }, reading) => {
  reading.findings.add(['read']);
  const spelled = args.map((arg) => (arg?.startsWith('+') ? `-${arg.slice(1)}` : arg));
  const read = readOptions(spelled, SHELL_OPTIONS);
  if (!read) {
    reading.unclear(`an option of ${base} is not known, so neither is what it runs`);
    return;
  }
  if (read.given.has('version') || read.given.has('help')) return;
  const operand = args[read.at];
  if (read.given.has('c')) reading.script(operand ?? null, `the command of ${base}`);
  else if (read.given.has('s') || operand === undefined || operand === '-') runShell(stdin, base, reading);
  else reading.unclear(`${base} runs a script that does not stand in the line`);
};

const evaluate: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.length > 0) reading.script(joinWords(args[0] === '--' ? args.slice(1) : args), 'the text of eval');
};

const source: Handler = ({ base }, reading) =>
  reading.unclear(`${base} runs a script that does not stand in the line`);

const trap: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  const rest = args[0] === '--' ? args.slice(1) : args;
  const [action] = rest;
  if (rest.length < 2 || action === '-' || (action !== null && /^-[lp]+$/.test(action ?? ''))) return;
  reading.script(action ?? null, 'the command of trap');
};

const alias: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.some((arg) => arg === null || arg.includes('=')))
    reading.unclear('an alias gives names another meaning');
};

const hash: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.some((arg) => arg === null || /^-[a-z]*p/.test(arg)))
    reading.unclear('hash gives names another meaning');
};

/** `export`, `declare` and their kin set variables, and some options make the shell evaluate what they hold. */
const declares: Handler = ({ base, args }, reading) => {
  reading.findings.add(['read']);
  for (const arg of args) {
    if (arg === null) {
      // `export x="$y"` is an assignment the grammar has seen; a name made at run time is not.
      continue;
    }
    if (/^[-+][A-Za-z]*[inf]/.test(arg) && base !== 'readonly' && !/^-[fFpx]*$/.test(arg))
      reading.unclear(`${base} ${arg} makes the shell evaluate what the variable holds`);
    const [, name, value] = /^([^=]*?)\+?=([\s\S]*)$/.exec(arg) ?? [];
    if (name !== undefined) reading.assign(name, value ?? '');
    if (holdsSubstitution(arg)) reading.unclear(`${base} is given shell text it may run`);
  }
};

/** `let` evaluates its words as arithmetic. */
const arithmetic: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.some((arg) => arg === null || /[[$`]/.test(arg)))
    reading.unclear('let evaluates what is known only when the line runs');
};

/** Builtins that take names of variables, whose subscripts bash evaluates. */
function names(pick: (args: readonly Text[]) => readonly Text[]): Handler {
  return ({ args }, reading) => {
    reading.findings.add(['read']);
    for (const name of pick(args)) reading.fill(name);
  };
}

function operands(args: readonly Text[], valued: string): Text[] {
  const out: Text[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] as Text;
    if (arg?.startsWith('-')) {
      if (valued.includes(arg.at(-1) as string)) i += 1;
    } else out.push(arg);
  }
  return out;
}

const printf = names((args) => {
  const at = args.findIndex((arg) => arg?.startsWith('-v'));
  if (at < 0) return [];
  return [args[at] === '-v' ? (args[at + 1] ?? null) : (args[at] as string).slice(2)];
});

const mapfile: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.some((arg) => arg === null || /^-[a-zA-Z]*C/.test(arg)))
    reading.unclear('mapfile runs a command for its lines');
  for (const name of operands(args, 'dnOsuCc')) reading.fill(name);
};

const test: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  for (const [index, arg] of args.entries()) {
    if (arg !== '-v' && arg !== '-R') continue;
    const why = named(args[index + 1] ?? null);
    if (why !== null) reading.unclear(why);
  }
};

/** What the keys mean is what lines are reconstructed by. */
const stty: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.some((arg) => arg === null || !/^(?:-a|-g|--all|--save|size|speed|sane)$/.test(arg)))
    reading.unclear('stty changes what keys mean');
};

const set: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.some((arg) => /^(?:vi|emacs)$/.test(arg ?? ''))) reading.unclear('set changes what keys mean');
};

/** `history -s` puts a line where a key recalls it. */
const history: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  if (args.some((arg) => arg === null || /^-[a-z]*[sranw]/.test(arg)))
    reading.unclear('history is rewritten');
};

/** Builtins of shells that run or set something. */
export const SHELL_HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ...'sh bash dash zsh ksh ksh93 mksh pdksh lksh ash hush rbash rksh posh yash bosh'
    .split(' ')
    .map((name): [string, Handler] => [name, shell]),
  ['eval', evaluate],
  ['source', source],
  ['.', source],
  ['trap', trap],
  ['alias', alias],
  ['hash', hash],
  ...'export declare typeset local readonly'.split(' ').map((name): [string, Handler] => [name, declares]),
  ['let', arithmetic],
  ['read', names((args) => operands(args, 'adinNptu').filter((name) => name !== ''))],
  ['unset', names((args) => operands(args, ''))],
  ['getopts', names((args) => args.slice(1, 2))],
  ['printf', printf],
  ['stty', stty],
  ['set', set],
  ['history', history],
  ['mapfile', mapfile],
  ['readarray', mapfile],
  ['test', test],
  ['[', test],
]);
