import { RefusalError, refuse, type ShellFacts } from '@scrim/model';
import type { Grant, GrantDetails, Protocol } from '@scrim/protocol-kit';
import type { Client } from 'ssh2';
import { acceptCaller, type Door, Reception, sayNo } from './accept.ts';
import { capabilities } from './capabilities.ts';
import { dial, type Login, type TargetAddress } from './dial.ts';
import { SshExchange } from './exchange.ts';
import { publicHostKey } from './host-key.ts';

/** What the protocol is put together from. */
export interface SshParts {
  /** The edge's host key, in OpenSSH's or PEM form. */
  readonly hostKey: string;
  /** What a command line can cause. */
  readonly understand: (line: string, terminal: boolean) => ShellFacts;
}

/** SSH 2 (RFC 4250 to 4254), terminated on both sides. */
export function createSshProtocol(parts: SshParts): Protocol {
  const reception = new Reception(parts.hostKey);
  return {
    name: 'ssh',
    capabilities,
    identity: publicHostKey(parts.hostKey),
    accept: (socket, context) =>
      acceptCaller(socket, context, reception, (door, grant) => admit(parts, door, grant)),
  };
}

async function admit(parts: SshParts, door: Door, grant: Grant): Promise<SshExchange> {
  const { details } = grant;
  let target: Client | undefined;
  try {
    const { address, login } = targetOf(details);
    target = await dial(address, login, details.limits.targetTimeout);
    return new SshExchange({ door, target, limits: details.limits, understand: parts.understand });
  } catch (error) {
    target?.destroy();
    const known = error instanceof RefusalError ? error : refuse('SCRIM_INTERNAL', { cause: error });
    await sayNo(door.client, door.socket, known.refusal);
    throw known;
  }
}

function targetOf({ connection, secrets }: GrantDetails): { address: TargetAddress; login: Login } {
  if (connection.protocol !== 'ssh') throw refuse('SCRIM_INTERNAL');
  const { target, credential } = connection;
  const { password, privateKey, passphrase } = secrets;
  return {
    address: { host: target.host, port: target.port, hostKey: target.hostKey },
    login: { username: credential.username, password, privateKey, passphrase },
  };
}
