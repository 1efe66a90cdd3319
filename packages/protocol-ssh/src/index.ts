import type { Protocol } from '@scrim/protocol-kit';
import { shellFacts } from './command/shell-line.ts';
import { createSshProtocol } from './protocol.ts';

export { capabilities } from './capabilities.ts';
export {
  LONGEST_LINE,
  type ShellLineOptions,
  shellFacts,
  shellStatement,
  unknownLine,
} from './command/shell-line.ts';
export { generateHostKey, knownHostsLine, publicHostKey } from './host-key.ts';
export { createSshProtocol, type SshParts } from './protocol.ts';
export { type KeysTaken, type LineAtEnter, LineModel, type LineModelOptions } from './terminal/line-model.ts';

/** SSH with the real shell grammar. `hostKey` is the edge's private key, in OpenSSH's or PEM form. */
export function openSshProtocol(hostKey: string): Protocol {
  return createSshProtocol({ hostKey, understand: (line, terminal) => shellFacts(line, { terminal }) });
}
