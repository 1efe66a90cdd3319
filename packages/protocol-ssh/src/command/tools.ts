import { readOptions } from './options.ts';
import type { Reading } from './reading.ts';
import type { Text } from './word.ts';
import type { Handler } from './wrappers.ts';

/** One sed command that can neither write a file (`w`), run a program (`e`) nor read a script. */
const SED_COMMAND =
  /^(?:(?:\d+|\$|\/(?:[^/\\\n]|\\.)*\/)(?:,[+~]?(?:\d+|\$|\/(?:[^/\\\n]|\\.)*\/))?)?\s*!?\s*(?:[pPdDgGhHnNxq=]|q\d+|s([/|#,:@])(?:(?!\1)[^\\\n]|\\.)*\1(?:(?!\1)[^\\\n]|\\.)*\1[gpiIm\d]*|y\/[^/\\]*\/[^/\\]*\/)?$/;

function harmlessSed(script: Text | undefined): boolean {
  if (script === null || script === undefined) return false;
  if (SED_COMMAND.test(script.trim())) return true;
  return script.split(/;|\n/).every((command) => SED_COMMAND.test(command.trim()));
}

const SED = {
  flags: 'nErsuz',
  values: 'efl',
  attached: 'i',
  long: 'quiet silent regexp-extended posix separate unbuffered null-data sandbox in-place debug follow-symlinks',
  longValues: 'expression file line-length',
};

const sed: Handler = ({ args }, reading) => {
  const read = readOptions(
    args.map((arg) => (arg?.startsWith('--in-place=') ? '-i' : arg)),
    SED,
  );
  reading.findings.add(read && !read.given.has('i') && !read.given.has('in-place') ? ['read'] : ['write']);
  if (!read || read.given.has('f') || read.given.has('file')) {
    reading.unclear('sed runs a script that is not understood');
    return;
  }
  const scripts = args.flatMap((arg, index) =>
    arg === '-e' || arg === '--expression' ? [args[index + 1]] : [],
  );
  if (scripts.length === 0)
    scripts.push(read.given.get('expression') ?? read.given.get('e') ?? args[read.at]);
  if (!scripts.every(harmlessSed)) reading.unclear('sed runs a script that is not understood');
};

/** awk runs programs by `system`, by pipes and `getline`, and writes by `>`. */
const awk: Handler = ({ base, args }, reading) => {
  reading.findings.add(['read']);
  const read = readOptions(args, { values: 'Fv', longValues: 'field-separator assign' });
  const program = read ? args[read.at] : undefined;
  if (
    typeof program !== 'string' ||
    /system|\||>|getline|@|close|extension|\bload\b/.test(program.replace(/\|\||>=/g, ''))
  )
    reading.unclear(`${base} runs a program that is not understood`);
};

const TAR_RUNS =
  /^(?:-[A-Za-z]*[IFV]|--(?:to-command|checkpoint-action|use-compress-program|rsh-command|rmt-command|info-script|new-volume-script|compress-p))/;

const tar: Handler = ({ base, args }, reading) => {
  const first = args[0] ?? '';
  const lists = /^-?[a-zA-Z]*t[a-zA-Z]*$/.test(first) && !/[xcru]/.test(first);
  reading.findings.add(lists || args.includes('--list') ? ['read'] : ['write']);
  if (
    args.some((arg, index) =>
      arg === null ? index < 1 : TAR_RUNS.test(arg) || (index === 0 && /^[a-zA-Z]*[IF]/.test(arg)),
    )
  )
    reading.unclear(`an option of ${base} runs a command`);
};

/** Options by which a program of the list runs another one, or reads more options from a file. */
function watched(effects: readonly ('read' | 'write' | 'network')[], runs: RegExp, reads?: RegExp): Handler {
  return ({ base, args }, reading) => {
    reading.findings.add(reads && args.every((arg) => arg !== null && !reads.test(arg)) ? ['read'] : effects);
    if (args.some((arg) => arg !== null && runs.test(arg)))
      reading.unclear(`an option of ${base} runs a command`);
  };
}

const curl: Handler = ({ base, args }, reading) => {
  const writes =
    base === 'wget' ||
    args.some(
      (arg) =>
        arg === null ||
        /^(?:-[A-Za-z#]*[oOcDXdFTbQ]|--(?:out|remote|cook|dump|req|data|form|upload|json|post|url-q|quote|create|trace|stderr|etag-save|libcurl))/.test(
          arg,
        ),
    );
  reading.findings.add(writes ? ['read', 'write', 'network'] : ['read', 'network']);
  if (
    args.some(
      (arg) =>
        arg !== null &&
        /^(?:-[A-Za-z#]*K|--config|--use-askpass|--execute|-[A-Za-z]*e\s*use_askpass|--engine|--proto-default)/.test(
          arg,
        ),
    )
  )
    reading.unclear(`${base} reads options that do not stand in the line`);
};

const GIT_READS = new Set(
  'status log diff show rev-parse rev-list ls-files ls-tree ls-remote blame describe shortlog cat-file name-rev merge-base version help whatchanged for-each-ref count-objects grep reflog check-ignore diff-tree diff-index show-ref var'.split(
    ' ',
  ),
);
const GIT_WRITES = new Set(
  'add rm mv commit checkout switch restore reset branch tag merge cherry-pick revert stash init clean apply am gc prune worktree notes sparse-checkout format-patch archive remote update-ref upload-pack receive-pack fetch pull push clone upload-archive rebase submodule bisect'.split(
    ' ',
  ),
);
const GIT_REMOTE = new Set('fetch pull push clone ls-remote submodule remote'.split(' '));
const GIT_RUNS =
  /^(?:-x|--exec|--upload-pack|--receive-pack|-u|-O|--open-files-in-pager|--ext-diff|--textconv|--extcmd|-i|--interactive|-e|--edit|-p$|--patch|--config|-c$|--template|--output)|^ext::|^foreach$|^run$|^fd::/;

const git: Handler = ({ args }, reading) => {
  const read = readOptions(args, {
    flags: 'Phv',
    values: 'C',
    long: 'no-pager bare no-replace-objects literal-pathspecs no-optional-locks version help paginate',
    longValues: 'git-dir work-tree namespace',
  });
  const verb = read ? args[read.at] : undefined;
  if (!read || verb === null || read.given.has('git-dir') || read.given.has('work-tree')) {
    reading.unclear('an option of git decides what it runs');
    return;
  }
  if (verb === undefined) return;
  if (GIT_READS.has(verb)) reading.findings.add(['read']);
  else if (GIT_WRITES.has(verb)) reading.findings.add(['write']);
  else reading.unclear('git runs an alias or a tool that is not known');
  if (GIT_REMOTE.has(verb)) reading.findings.add(['network']);
  const words = args.slice(read.at + 1);
  const ours = words.slice(0, words.includes('--') ? words.indexOf('--') : undefined);
  const harmless = (arg: string) => arg === '-p' && /^(?:log|show|diff)$/.test(verb);
  if (
    ours.some(
      (arg) => arg === null || (GIT_RUNS.test(arg) && !harmless(arg) && !(verb === 'add' && arg === '-u')),
    )
  )
    reading.unclear('git may run a command its arguments name');
};

const SYSTEMCTL_READS = /^(?:status|show|cat|list-[a-z-]+|is-[a-z-]+|get-default|help|show-environment)$/;

/** Managers whose first word says what they do. */
function verbs(reads: RegExp, otherwise: readonly ('write' | 'network' | 'unknown')[]): Handler {
  return ({ args }, reading) => {
    const words = args.filter((arg) => arg === null || !arg.startsWith('-'));
    const [verb] = words;
    if (verb === undefined || (verb !== null && reads.test(verb))) reading.findings.add(['read']);
    else reading.findings.add(otherwise);
    if (args.some((arg) => arg !== null && /^(?:-H|--host|-M|--machine)/.test(arg)))
      reading.findings.add(['network']);
    if (verb === 'edit') reading.unclear('an editor can run commands from inside');
  };
}

const DOCKER_READS =
  /^(?:ps|images|logs|inspect|version|info|stats|top|port|diff|history|search|events|ls|list)$/;

/** Options of `docker exec`, `run` and of their kin in podman, nerdctl and compose. */
const CONTAINER = {
  flags: 'itdTP',
  values: 'euwvplmhc',
  long: 'interactive tty detach privileged rm init read-only no-deps service-ports latest',
  longValues:
    'env user workdir name network volume publish env-file detach-keys index label memory cpus hostname platform pull restart mount file project-name',
};

const docker: Handler = ({ base, args, stdin }, reading) => {
  const global = readOptions(args, {
    flags: 'D',
    values: 'Hlcfpn',
    long: 'debug tls tlsverify',
    longValues: 'host context config file project-name namespace log-level connection',
  });
  let at = global ? global.at : -1;
  if (at >= 0 && /^(?:compose|container)$/.test(args[at] ?? '')) {
    const inner = readOptions(args.slice(at + 1), CONTAINER);
    at = inner ? at + 1 + inner.at : -1;
  }
  const verb = at < 0 ? null : args[at];
  if (verb === undefined) return;
  if (verb === null) return reading.unclear(`an option of ${base} decides what it runs`);
  if (DOCKER_READS.test(verb)) return reading.findings.add(['read']);
  if (verb !== 'exec' && verb !== 'run') return reading.findings.add(['write', 'network']);
  reading.findings.add(['write']);
  const read = readOptions(args.slice(at + 1), CONTAINER);
  if (!read)
    return reading.unclear(`an option of ${base} ${verb} is not known, so neither is the command it runs`);
  const words = args.slice(at + 1 + read.at + 1);
  if (words.length > 0) reading.run(words, stdin);
  else if (verb === 'run') reading.unclear('the image decides what runs');
};

const KUBE_READS =
  /^(?:get|describe|logs|top|version|explain|api-resources|api-versions|cluster-info|events|diff)$/;

const kubectl: Handler = ({ base, args, stdin }, reading) => {
  reading.findings.add(['network']);
  const verb = args.find(
    (arg, index) =>
      arg === null ||
      (!arg.startsWith('-') &&
        !/^(?:-n|--namespace|--context|--cluster|--kubeconfig|-s|--server|--as|--user|--token)$/.test(
          args[index - 1] ?? '',
        )),
  );
  if (verb === undefined) return;
  if (verb === null) return reading.unclear(`what ${base} does is known only when it runs`);
  if (KUBE_READS.test(verb)) return reading.findings.add(['read']);
  if (!/^(?:exec|run|debug|attach|edit|cp|plugin|proxy|port-forward)$/.test(verb))
    return reading.findings.add(['write']);
  reading.findings.add(['write']);
  const at = args.indexOf('--');
  if (verb === 'exec' && at >= 0) reading.run(args.slice(at + 1), stdin);
  else if (verb !== 'cp') reading.unclear(`what ${base} ${verb} runs is not known`);
};

/** Database clients run shell commands by meta-commands of their own, in arguments, files or on their input. */
function client(text: string, meta: RegExp): Handler {
  return ({ base, args }, reading) => {
    reading.findings.add(['unknown']);
    const given = args.findIndex((arg) => arg !== null && new RegExp(text).test(arg));
    if (given < 0 && base !== 'sqlite3') reading.unclear(`${base} runs commands that come from its input`);
    if (args.some((arg) => arg === null || meta.test(arg)))
      reading.unclear(`${base} may run a shell command`);
    if (base === 'sqlite3' && args.filter((arg) => !arg?.startsWith('-')).length < 2)
      reading.unclear(`${base} runs commands that come from its input`);
  };
}

/** Handlers of tools whose arguments say what they do. */
export const TOOL_HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['sed', sed],
  ['gsed', sed],
  ...'awk gawk mawk nawk original-awk'.split(' ').map((name): [string, Handler] => [name, awk]),
  ...'tar gtar bsdtar'.split(' ').map((name): [string, Handler] => [name, tar]),
  ['curl', curl],
  ['wget', curl],
  ['git', git],
  ['systemctl', verbs(SYSTEMCTL_READS, ['write'])],
  ['service', verbs(/^--status-all$/, ['write'])],
  ['loginctl', verbs(/^(?:list-|show|.*-status)/, ['write'])],
  ...'docker podman nerdctl docker-compose'.split(' ').map((name): [string, Handler] => [name, docker]),
  ...'kubectl oc k3s-kubectl'.split(' ').map((name): [string, Handler] => [name, kubectl]),
  ['psql', client('^-[A-Za-z]*c|^--command', /\\|\bprogram\b|^-[A-Za-z]*f|^--file|^-[vP].*pager/i)],
  ['mysql', client('^-[A-Za-z]*e|^--execute', /\\|system|source|pager|tee|edit/i)],
  ['mariadb', client('^-[A-Za-z]*e|^--execute', /\\|system|source|pager|tee|edit/i)],
  ['sqlite3', client('^$', /^\.|\n\s*\.|^-(?:init|cmd)|edit\(|load_extension/i)],
  ['zip', watched(['write'], /^(?:-[A-Za-z]*T|--unzip|-TT)/)],
  ['sort', watched(['write'], /^--comp/, /^(?:-[A-Za-z]*o|--o)/)],
  ['man', watched(['read'], /^(?:-[A-Za-z]*[PHCM]|--(?:pager|html|config|manpath|preproc))/)],
  ['split', watched(['write'], /^--filter/)],
  ['nc', watched(['network'], /^-[A-Za-z0-9]*[ec]|^--(?:exec|sh-exec|lua-exec)/)],
  ['ncat', watched(['network'], /^-[A-Za-z0-9]*[ec]|^--(?:exec|sh-exec|lua-exec)/)],
  ['netcat', watched(['network'], /^-[A-Za-z0-9]*[ec]|^--(?:exec|sh-exec)/)],
  ['tcpdump', watched(['read', 'write', 'network'], /^-[A-Za-z]*z/)],
  ['make', watched(['write'], /^--eval|\$|^-f$|^--file|^-[A-Za-z]*f|=/)],
  ['rg', watched(['read'], /^--(?:pre|hostname-bin)/)],
  ['logrotate', watched(['write'], /./)],
  ['less', watched(['read'], /^\+|^-[A-Za-z]*[kopt]|^--(?:lesskey|tag|log)/)],
  ['more', watched(['read'], /^\+/)],
  [
    'dpkg',
    watched(
      ['write'],
      /^--(?:pre-invoke|post-invoke)/,
      /^(?:-[irPV]|--(?:install|remove|purge|unpack|configure|set|add|clear|force))/,
    ),
  ],
  ...'apt apt-get yum dnf'
    .split(' ')
    .map((name): [string, Handler] => [
      name,
      watched(['write', 'network'], /invoke|^-o|^--(?:option|config|setopt)|^-c|edit-sources/i),
    ]),
  ['apt-cache', watched(['read'], /^-o|^-c/)],
  [
    'crontab',
    ({ args }: { args: readonly Text[] }, reading: Reading) => {
      if (args.includes('-l') && args.every((arg) => arg === '-l' || arg === '-u' || !arg?.startsWith('-')))
        return reading.findings.add(['read']);
      reading.findings.add(['write']);
      reading.unclear('crontab takes commands that run later');
    },
  ],
  ['ssh-keygen', watched(['write'], /^-[A-Za-z]*D/)],
  [
    'openssl',
    watched(
      ['write'],
      /^-(?:engine|provider|config|rand)|^(?:s_client|s_server|engine|ocsp)$/,
      /^-(?:out|CAcreate)/,
    ),
  ],
]);
