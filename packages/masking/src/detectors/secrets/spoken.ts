import { byteClass } from '../../scan/bytes.ts';
import type { Verifier } from '../../scan/detector.ts';
import type { View } from '../../scan/view.ts';
import { isPlaceholder } from '../keyed/placeholder.ts';

const LINE = byteClass('^\\n\\r');
const REACH = 240;

const ANYTHING = /^/;
/** A line's start, or a client's prompt. */
const AT_PROMPT = /(?:^|\n|> )$/;
const AFTER_BLANK = /\s$/;

/** A pattern over the rest of the line after the anchor; group 1 is what comes before the password, group 2 it. */
function after(
  pattern: RegExp,
  skip: number,
  accept: (text: string) => boolean,
  lead: RegExp = ANYTHING,
): Verifier {
  return (view, at, found) => {
    if (!lead.test(view.text(at - 2, at))) return;
    const match = pattern.exec(restOfLine(view, at + skip));
    if (!match) return;
    const [, before = '', secret = ''] = match;
    if (accept(secret)) found.add(at + skip + before.length, at + skip + before.length + secret.length);
  };
}

const restOfLine = (view: View, at: number): string => view.text(at, view.run(LINE, at, REACH));

/** Quoted as the second argument: a word of letters may be anything. */
const isArgument = (text: string): boolean =>
  text.length >= 6 &&
  !isPlaceholder(text) &&
  (/\d/.test(text) || (/[a-z][A-Z].*[a-z][A-Z]/.test(text) && text.length >= 10) || /\w[^\w.\s-]/.test(text));

/** Said in running text: it must look drawn, not spoken. */
const isSpoken = (text: string): boolean =>
  text.length >= 6 &&
  /\d/.test(text) &&
  /[A-Za-z]/.test(text) &&
  (!/^[a-z]+(?:-[a-z\d]+)+$/.test(text) || /^[a-z]+(?:-[a-z]+)+-\d{2,}$/.test(text)) &&
  !isPlaceholder(text);

/** `echo SECRET | docker login --password-stdin`, `echo "user:SECRET" | chpasswd`: what is piped into a question. */
const piped: Verifier = (view, at, found) => {
  const match = PIPED.exec(restOfLine(view, at));
  if (!match) return;
  const [, before = '', text = '', command = ''] = match;
  const user = command === 'chpasswd' ? text.indexOf(':') + 1 : 0;
  const secret = text.slice(user);
  const from = at + before.length + user;
  if (secret.length >= 6 && !isPlaceholder(secret)) found.add(from, from + secret.length);
};

const PIPED =
  /^((?:echo|printf)\s+(?:-n\s+|["']?%s(?:\\n)?["']?\s+)?["']?)([^\s"'|]+)["']?\s*\|[^|]*?(--password-stdin|chpasswd|sudo -S|--stdin)\b/;

/** Passwords that stand beside a user's name rather than behind a key of their own. */
export const BESIDE_USER: readonly {
  readonly anchors: readonly string[];
  readonly verify: Verifier;
}[] = [
  {
    anchors: [
      'auth=(',
      'auth = (',
      'basicauth(',
      'basic_auth(',
      'basicAuth(',
      '.auth(',
      'setBasicAuth(',
      'basic_auth ',
    ],
    verify: after(
      /^([\w .=]{0,16}[( ]\s*["'][^"'\n]{1,64}["']\s*,\s*["'])([^"'\n]{6,128})["']/,
      0,
      isArgument,
    ),
  },
  {
    anchors: [
      'login:',
      'login =',
      'login=',
      'login with ',
      'log in with ',
      'credentials:',
      'creds:',
      'credentials =',
      'logins:',
    ],
    verify: after(
      /^((?:log ?in with|[a-z]+ ?[:=])\s*[\w.@-]{2,40}(?: [/|] |:))([^\s/|,;"'`<>]{6,64})(?=\s|$|[,;"'`])/i,
      0,
      isSpoken,
    ),
  },
  {
    anchors: ['Credentials("', "Credentials('", 'NetworkCredential(', 'getConnection('],
    verify: after(/^(\w+\((?:[\w.]+, *)?["'][^"'\n]{1,64}["'] *, *["'])([^"'\n]{6,128})["']/, 0, isArgument),
  },
  {
    anchors: ['ConvertTo-SecureString'],
    verify: after(/^(\S+ (?:-String )?["'])([^"'\n$]{4,128})["']/i, 0, (text) => !isPlaceholder(text)),
  },
  {
    anchors: ['password for '],
    verify: after(
      /^(password for [^=\n]{1,60}= ?(?:PASSWORD\()?['"])([^'"\n]{4,128})['"]/i,
      0,
      (text) => !isPlaceholder(text),
    ),
  },
];

/** Commands and servers' own words whose password has neither key nor flag that is always a password's. */
export const WITHOUT_FLAG: readonly {
  readonly anchors: readonly string[];
  readonly verify: Verifier;
}[] = [
  { anchors: ['echo ', 'printf '], verify: piped },
  {
    // Whatever the command: a user's name after one flag and, after the flag that goes with it, no port.
    anchors: ['-u ', '-U '],
    verify: after(
      /^(-[uU] ["']?[A-Za-z][\w.@\\-]{0,63}["']? (?:[^|;&\n]{0,80} )?-[pPwW] ["']?)([^\s"'|;&/$]{6,128})(?=["'\s|;&]|$)/,
      0,
      (text) => isSpoken(text) && !/\.[a-z]{1,5}$/.test(text),
      AFTER_BLANK,
    ),
  },
  {
    anchors: ['rabbitmqctl ', 'htpasswd '],
    verify: after(
      /^((?:rabbitmqctl .{0,60}?(?:add_user|change_password) \S{1,64}|htpasswd -[A-Za-z]*b[A-Za-z]* (?:\S{1,80} )?\S{1,64}) ["']?)([^\s"'|;&/$-][^\s"'|;&]{3,127})/,
      0,
      (text) => !isPlaceholder(text),
    ),
  },
  {
    anchors: ['sqlplus '],
    verify: after(
      /^(sqlplus (?:-\w+ )*\w+\/)([^\s@/"']{4,64})(?=@|\s|$)/i,
      0,
      (text) => !isPlaceholder(text),
    ),
  },
  {
    // What mysqld writes into its log at the first start.
    anchors: ['password is generated for '],
    verify: after(/^(password is generated for \S{1,80}: )(\S{6,64})/i, 0, (text) => !isPlaceholder(text)),
  },
  {
    anchors: ['net user '],
    verify: after(
      /^(net user [\w.-]{1,40} )([^\s/*"'][^\s"']{5,63})(?= \/add)/i,
      0,
      (text) => !isPlaceholder(text),
    ),
  },
  {
    anchors: ['net use '],
    verify: after(
      /^(net use .{0,100}\/user:\S+ )([^\s/*"'][^\s"']{3,63})/i,
      0,
      (text) => !isPlaceholder(text),
    ),
  },
  {
    anchors: ['net use '],
    verify: after(
      /^(net use \S{4,80} )([^\s/*"'-][^\s"']{3,63})(?= \/user:)/i,
      0,
      (text) => !isPlaceholder(text),
    ),
  },
  {
    anchors: ['AUTH '],
    verify: after(/^(AUTH (?:default |[a-z][\w-]{1,30} )?)([^\s"']{6,128})$/, 0, isSpoken, AT_PROMPT),
  },
  {
    anchors: ['http -a ', 'https -a ', 'http --auth ', 'http --auth='],
    verify: after(
      /^(https? (?:-a|--auth)[ =]["']?[^\s:"']{1,64}:)([^\s"']{4,128})/i,
      0,
      (text) => !isPlaceholder(text),
    ),
  },
  {
    anchors: ['openssl '],
    verify: after(
      /^(openssl .{0,120}?(?: -(?:k|pass|passin|passout|K) (?:pass:)?["']?))([^\s"'-][^\s"':]{5,128})(?=["'\s]|$)/,
      0,
      (text) => !isPlaceholder(text) && !/^(?:file|env|fd|stdin)/.test(text),
    ),
  },
];
