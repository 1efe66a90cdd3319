/** Programs that speak a binary protocol over standard input and output. What they say cannot be masked as text. */
const SPEAKERS: readonly { readonly like: RegExp; readonly why: string }[] = [
  { like: /^git[- ](upload-pack|receive-pack|upload-archive)\s/, why: 'git' },
  { like: /^rsync\s+--server\s/, why: 'rsync' },
  { like: /^scp\s+(-[a-zA-Z]+\s+|--\s+)*-[a-zA-Z]*[ft]/, why: 'scp' },
  { like: /^(\S*\/)?sftp-server(\s|$)/, why: 'sftp-server' },
  { like: /^borg\s+serve(\s|$)/, why: 'borg' },
];

/**
 * Why the streams of a command cannot be looked into; undefined for text. A command that is none of these is masked as
 * text, so a binary stream that hides behind another name is looked into all the same.
 */
export function binaryStreams(command: string): string | undefined {
  return SPEAKERS.find(({ like }) => like.test(command))?.why;
}
