import { type OptionSpec, readOptions } from './options.ts';
import type { Call, Reading } from './reading.ts';
import type { Text } from './word.ts';

export type Handler = (call: Call, reading: Reading) => void;

/** A program that runs the command its operands name. */
interface Wrapper extends OptionSpec {
  /** Operands in front of the command (`timeout 5 ls`). */
  readonly skip?: number;
  /** Assignments may stand in front of the command (`env A=b ls`). */
  readonly assigns?: true;
  /** Options after which nothing is run. */
  readonly only?: string;
  /** Without a command it starts a shell. */
  readonly shell?: true;
  /** Options that start a shell, which runs the operands or what it is sent. */
  readonly login?: string;
  /** Options whose value is a command line. */
  readonly script?: string;
  /** Options that change what the command's name means, or what is run. */
  readonly unclear?: string;
}

const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  sudo: {
    flags: 'ABbEeHiKklnNPSsVv',
    values: 'CcDghpRrTtUu',
    long: 'askpass background bell preserve-env edit set-home login remove-timestamp reset-timestamp list non-interactive preserve-groups stdin shell version validate no-update',
    longValues: 'close-from chdir group host prompt chroot role command-timeout type other-user user',
    assigns: true,
    only: 'K V v l remove-timestamp version validate list',
    login: 'i s login shell',
    unclear: 'e edit R chroot h host',
  },
  doas: { flags: 'Lns', values: 'Cu', only: 'C L', login: 's' },
  pkexec: {
    long: 'disable-internal-agent keep-cwd version',
    longValues: 'user',
    only: 'version',
    shell: true,
  },
  runuser: {
    flags: 'flmp',
    values: 'cgGsuw',
    longValues: 'command group shell user',
    script: 'c command',
    shell: true,
    unclear: 's shell',
  },
  gosu: { skip: 1 },
  'su-exec': { skip: 1 },
  setuidgid: { skip: 1 },
  chroot: { longValues: 'userspec groups', long: 'skip-chdir', skip: 1, shell: true },
  nsenter: {
    flags: 'amuinpUCTFZ',
    values: 'tSGrw',
    long: 'all mount uts ipc net pid cgroup user time no-fork preserve-credentials',
    longValues: 'target setuid setgid',
    shell: true,
  },
  unshare: {
    flags: 'muinpUCTfrc',
    long: 'mount uts ipc net pid user cgroup fork map-root-user mount-proc',
    shell: true,
  },
  setpriv: {
    long: 'clear-groups init-groups keep-groups no-new-privs reset-env',
    longValues: 'reuid regid groups ruid rgid euid egid inh-caps ambient-caps bounding-set',
  },
  env: {
    flags: 'i0v',
    values: 'uC',
    long: 'ignore-environment null debug',
    longValues: 'unset chdir',
    assigns: true,
  },
  nohup: {},
  setsid: { flags: 'cfw', long: 'ctty fork wait' },
  nice: { values: 'n', longValues: 'adjustment', numbers: true },
  ionice: { flags: 't', values: 'cnpPu', longValues: 'class classdata pid', long: 'ignore' },
  chrt: { flags: 'bfiorRamv', values: 'pTPD', skip: 1 },
  taskset: { flags: 'acp', skip: 1 },
  numactl: {
    values: 'NmCip',
    longValues: 'cpunodebind membind physcpubind interleave preferred',
    long: 'localalloc',
  },
  timeout: {
    flags: 'fpv',
    values: 'ks',
    long: 'foreground preserve-status verbose',
    longValues: 'kill-after signal',
    skip: 1,
  },
  time: {
    flags: 'apqv',
    values: 'fo',
    long: 'append portability quiet verbose',
    longValues: 'format output',
  },
  stdbuf: { values: 'ioe', longValues: 'input output error' },
  exec: { flags: 'cl', values: 'a' },
  command: { flags: 'pvV', only: 'v V' },
  builtin: {},
  noglob: {},
  nocorrect: {},
  '-': {},
  unbuffer: { flags: 'p' },
  fakeroot: {},
  eatmydata: {},
  catchsegv: {},
  caffeinate: { flags: 'disum', values: 'tw' },
  torsocks: {},
  proxychains: { flags: 'q', values: 'f', unclear: 'f' },
  proxychains4: { flags: 'q', values: 'f', unclear: 'f' },
  rlwrap: { flags: 'c' },
  tini: { flags: 'svwg' },
  'dumb-init': { flags: 'cv' },
  prlimit: { values: 'p' },
  setarch: { flags: 'RL', skip: 1 },
  linux32: {},
  linux64: {},
  flock: {
    flags: 'esxnuoFv',
    values: 'wEc',
    long: 'exclusive shared nonblock unlock close no-fork verbose',
    longValues: 'timeout conflict-exit-code command',
    skip: 1,
  },
  xvfb: {},
  'systemd-inhibit': { longValues: 'what who why mode', long: 'list no-pager' },
  'dbus-run-session': {},
  watch: {
    flags: 'bcdegtwx',
    values: 'nq',
    long: 'beep color differences errexit chgexit no-title exec precise',
    longValues: 'interval',
  },
};

/** Wrappers whose operands are put together to one line for a shell. */
const JOINS = new Set(['watch']);

function wrap(name: string, spec: Wrapper): Handler {
  return ({ args, stdin }, reading) => {
    const read = readOptions(args, spec);
    if (!read) {
      reading.unclear(`an option of ${name} is not known, so neither is the command it runs`);
      return;
    }
    const has = (list: string | undefined) => list?.split(' ').some((one) => read.given.has(one)) ?? false;
    reading.findings.add(name === 'time' && has('o output') ? ['write'] : ['read']);
    if (has(spec.unclear)) reading.unclear(`an option of ${name} decides what is run`);
    for (const option of spec.script?.split(' ') ?? [])
      if (read.given.has(option)) {
        reading.script(read.given.get(option) ?? null, `the command of ${name}`);
        return;
      }
    if (has(spec.only)) return;
    let at = read.at;
    if (spec.assigns) at = assignments(args, at, reading);
    const rest = args.slice(at + (spec.skip ?? 0));
    if (rest.length === 0) {
      if (spec.shell || has(spec.login)) runShell(stdin, name, reading);
      return;
    }
    if (JOINS.has(name) && !has('x exec')) reading.script(joinWords(rest), `the command of ${name}`);
    else reading.run(rest, stdin);
  };
}

/** A shell that reads its lines from standard input. */
export function runShell(stdin: Text | undefined, name: string, reading: Reading): void {
  reading.findings.commands.add('sh');
  if (typeof stdin === 'string') reading.script(stdin, 'the input');
  else reading.unclear(`${name} starts a shell that reads commands from its input`);
}

/** Words put together with blanks, as `eval` and `ssh` do; null when one is not known. */
export function joinWords(words: readonly Text[]): Text {
  return words.includes(null) ? null : words.join(' ');
}

function assignments(args: readonly Text[], from: number, reading: Reading): number {
  let at = from;
  for (; at < args.length; at += 1) {
    const [, name, value] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(args[at] ?? '') ?? [];
    if (name === undefined) return at;
    reading.assign(name, value ?? '');
  }
  return at;
}

/** `env -S 'a b' c` runs `a b c`; the string has quoting rules of its own. */
const env: Handler = (call, reading) => {
  const split = call.args.findIndex((arg) => arg !== null && /^(?:-[A-Za-z0]*S|--sp)/.test(arg));
  const operand = call.args.findIndex((arg) => arg === null || !arg.startsWith('-'));
  if (split >= 0 && (operand < 0 || split < operand)) {
    reading.findings.add(['read']);
    const [, inline] = /^(?:-[A-Za-z0]*S|--split-string=)([\s\S]*)$/.exec(call.args[split] ?? '') ?? [];
    const text = inline ? inline : call.args[split + 1];
    const rest = call.args.slice(split + (inline ? 1 : 2));
    if (typeof text !== 'string' || !/^[\w\s./=:,+-]*$/.test(text)) {
      reading.unclear('env splits a text nobody knows into a command');
      return;
    }
    reading.run(['env', ...text.split(/\s+/).filter((word) => word !== ''), ...rest], call.stdin);
    return;
  }
  // A lone dash is `-i`.
  const args = call.args.filter(
    (arg, index) =>
      arg !== '-' || call.args.slice(0, index).some((one) => one === null || !one.startsWith('-')),
  );
  plainEnv({ ...call, args }, reading);
};
const plainEnv = wrap('env', WRAPPERS.env as Wrapper);

/** `su [options] [-] [user [shell arguments]]`: options may stand anywhere. */
const su: Handler = ({ args, stdin }, reading) => {
  for (const [index, arg] of args.entries()) {
    if (arg === null) continue;
    const [, letters, inline] = /^-([flmpPw]*)c([\s\S]*)$/.exec(arg) ?? [];
    const [, long] = /^--(?:session-)?com[a-z]*=([\s\S]*)$/.exec(arg) ?? [];
    if (/^(?:-[a-z]*[sT]|--sh)/.test(arg)) reading.unclear('su starts another shell');
    if (long !== undefined) return reading.script(long, 'the command of su');
    if (letters !== undefined)
      return reading.script(inline ? inline : (args[index + 1] ?? null), 'the command of su');
    if (/^--(?:session-)?com/.test(arg)) return reading.script(args[index + 1] ?? null, 'the command of su');
  }
  if (args.includes(null)) reading.unclear('the arguments of su are known only when it runs');
  runShell(stdin, 'su', reading);
};

const flock: Handler = (call, reading) => {
  const at = call.args.findIndex((arg) => arg === '-c' || arg === '--command');
  if (at >= 0) {
    reading.findings.add(['write']);
    reading.script(call.args[at + 1] ?? null, 'the command of flock');
  } else if (call.args.every((arg) => arg !== null && (arg.startsWith('-') || /^\d+$/.test(arg)))) {
    reading.findings.add(['read']);
  } else plainFlock(call, reading);
};
const plainFlock = wrap('flock', WRAPPERS.flock as Wrapper);

/** Handlers of programs that run another program. */
export const WRAPPER_HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ...Object.entries(WRAPPERS).map(([name, spec]): [string, Handler] => [name, wrap(name, spec)]),
  ['env', env],
  ['su', su],
  ['flock', flock],
]);
