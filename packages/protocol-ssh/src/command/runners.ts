import { readOptions } from './options.ts';
import type { Text } from './word.ts';
import { type Handler, joinWords, runShell } from './wrappers.ts';

const FIND_RUNS = /^-(?:exec|execdir|ok|okdir)$/;
const FIND_WRITES = /^-(?:fprint0?|fprintf|fls)$/;

/** `find`: what `-exec` and its kin run, `-delete` (which counts as `rm`), and the files `-fprint` writes. */
const find: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] as Text;
    if (arg === null) reading.findings.add(['unknown']);
    else if (arg === '-delete') {
      reading.findings.commands.add('rm');
      reading.findings.add(['write']);
    } else if (FIND_WRITES.test(arg)) {
      reading.findings.add(['write']);
      reading.findings.writes.add(args[i + 1] ?? '*');
      i += 1;
    } else if (FIND_RUNS.test(arg)) {
      const rest = args.slice(i + 1);
      const stop = rest.findIndex((one) => one === ';' || one === '+');
      const words = stop < 0 ? rest : rest.slice(0, stop);
      reading.run(
        words.map((word) => (word?.includes('{}') ? null : word)),
        null,
      );
      i += words.length;
    }
  }
};

const XARGS = {
  flags: '0oprtx',
  values: 'adEILnPs',
  attached: 'eil',
  long: 'null interactive no-run-if-empty verbose exit open-tty',
  longValues: 'arg-file delimiter eof replace max-lines max-args max-procs max-chars process-slot-var',
};

/** `xargs`: its input becomes more words of the command, so a command that runs its words is not understood. */
const xargs: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  const read = readOptions(args, XARGS);
  if (!read) {
    reading.unclear('an option of xargs is not known, so neither is the command it runs');
    return;
  }
  const mark =
    read.given.get('I') ??
    (read.given.has('i') || read.given.has('replace') ? read.given.get('i') || '{}' : undefined);
  const words = args.slice(read.at);
  if (words.length === 0) return;
  const filled = mark === undefined ? words : words.map((word) => (word?.includes(mark) ? null : word));
  reading.run([...filled, null], null);
};

const PARALLEL = {
  flags: '0kmnqtuvX',
  values: 'jaINLlPS',
  long: 'keep-order bar progress null dry-run verbose line-buffer ungroup will-cite eta no-notice',
  longValues: 'jobs delay timeout retries joblog tag halt colsep arg-file delimiter',
};

/** GNU `parallel` gives its command to a shell, with its input in place of `{}` or behind it. */
const parallel: Handler = ({ args }, reading) => {
  reading.findings.add(['read']);
  const read = readOptions(args, PARALLEL);
  const rest = read ? args.slice(read.at) : [];
  const stop = rest.findIndex((arg) => arg !== null && /^:::/.test(arg));
  const words = stop < 0 ? rest : rest.slice(0, stop);
  if (!read || words.length === 0 || read.given.has('S')) {
    reading.unclear('parallel runs commands that do not stand in the line');
    return;
  }
  const text = joinWords(words);
  // What fills the braces is quoted, but a shell or an interpreter runs its words all the same.
  reading.script(
    text === null ? null : `${text.replace(/\{[^{}\s]*\}/g, '"$line"')} "$line"`,
    'the command of parallel',
  );
};

const SSH = {
  flags: '46AaCfGgKkMNnqsTtVvXxYy',
  values: 'BbcDEeFIiJLlmOopQRSWw',
};

/** `ssh host words`: the remote login shell reads them, put together with blanks. */
const ssh: Handler = ({ args, stdin }, reading) => {
  reading.findings.add(['network']);
  const read = readOptions(args, SSH);
  if (!read) {
    reading.unclear('an option of ssh is not known, so neither is the command it runs');
    return;
  }
  if (read.given.has('V') || read.given.has('Q') || read.given.has('G')) return;
  const risky = ['F', 'E', 'S', 'L', 'R', 'D', 'W', 'w', 'O', 'I', 's'].filter((option) =>
    read.given.has(option),
  );
  if (risky.length > 0) reading.unclear(`option -${risky[0]} of ssh does more than run a command`);
  const setting = args.find(
    (arg) =>
      (arg !== null &&
        /command|localforward|remoteforward|dynamicforward|tunnel|include|provider|askpass|match|xauth/i.test(
          arg,
        ) &&
        args[args.indexOf(arg) - 1] === '-o') ||
      /^-[46A-Za-z]*o\S*(?:command|forward)/i.test(arg ?? ''),
  );
  if (setting !== undefined || (read.given.has('o') && read.given.get('o') === null))
    reading.unclear('a setting of ssh runs a command');
  const host = args[read.at];
  if (host === undefined) return;
  if (host === null) reading.unclear('the host of ssh is known only when the line runs');
  // Options may also stand behind the host.
  const behind = readOptions(args.slice(read.at + 1), SSH);
  if (!behind || behind.given.size > 0) reading.unclear('options of ssh stand behind its host');
  const words = args.slice(read.at + 1 + (behind?.at ?? 0));
  if (words.length === 0) runShell(stdin, 'ssh', reading);
  else reading.script(joinWords(words), 'the command of ssh');
};

/** `scp`, `sftp` and `rsync` can be told which program to run, here and there. */
const copies: Handler = ({ base, args }, reading) => {
  reading.findings.add(['write', 'network']);
  if (base === 'sftp') reading.unclear('sftp runs commands that come from its input');
  for (const [index, arg] of args.entries()) {
    if (arg === null) continue;
    const rsh = /^(?:--rsh(?:=([\s\S]*))?|-[A-Za-z]*e)$/.exec(arg);
    if (base === 'rsync' && rsh && !args.includes('--server'))
      reading.script(rsh[1] ?? args[index + 1] ?? null, 'the remote shell of rsync');
    else if (
      base === 'rsync' &&
      /^--(?:rsync-path|files-from=.*\||[a-z-]*daemon|config|early-input|password-command)/.test(arg)
    )
      reading.unclear('an option of rsync runs a command');
    else if (base !== 'rsync' && /^-[A-Za-z0-9]*[SDoFbXs]/.test(arg) && !/^-o(?:$|[A-Z]\w*=)/.test(arg))
      reading.unclear(`an option of ${base} runs a command`);
    else if (/(?:proxy|local|remote|knownhosts)command/i.test(arg))
      reading.unclear(`a setting of ${base} runs a command`);
  }
};

/** `busybox rm x` is `rm x`. */
const applets: Handler = ({ base, args, stdin }, reading) => {
  reading.findings.add(['read']);
  if (args[0]?.startsWith('--install')) reading.unclear(`${base} gives names another meaning`);
  else if (args.length > 0 && !args[0]?.startsWith('--')) reading.run(args, stdin);
};

const ip: Handler = ({ args, stdin }, reading) => {
  const words = args.filter((arg) => arg === null || !arg.startsWith('-'));
  const [object, verb] = words;
  if (object === 'netns' && verb === 'exec') {
    reading.findings.add(['privileged']);
    reading.run(args.slice(args.indexOf('exec') + 2), stdin);
    return;
  }
  if (args.some((arg) => arg === null || /^-b(?:a|$)/.test(arg)))
    reading.unclear('ip reads its commands from elsewhere');
  const shows = verb === undefined || (verb !== null && /^(?:s|l|g)/.test(verb));
  reading.findings.add(shows ? ['read'] : ['write']);
};

/** Handlers of programs that run commands for files, hosts or input lines. */
export const RUNNER_HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['find', find],
  ['gfind', find],
  ['xargs', xargs],
  ['gxargs', xargs],
  ['parallel', parallel],
  ['ssh', ssh],
  ['slogin', ssh],
  ['scp', copies],
  ['sftp', copies],
  ['rsync', copies],
  ['busybox', applets],
  ['toybox', applets],
  ['ip', ip],
]);
