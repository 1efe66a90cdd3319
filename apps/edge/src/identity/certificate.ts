import { type Caller, refuse, type Snapshot } from '@scrim/model';
import { CertificateError, provenCertificate, type UserCertificate } from '../protocols.ts';
import { invalid, refusalOf } from './failure.ts';

const OWN_ISSUER = 'scrim';
const RENEW = 'get a new certificate with `scrim login`';

function proven(blob: Uint8Array, authorities: readonly string[]): UserCertificate {
  const keys = authorities.map((line) => Buffer.from(line.split(' ')[1] ?? '', 'base64'));
  try {
    return provenCertificate(blob, keys);
  } catch (error) {
    if (error instanceof CertificateError)
      throw invalid(`the certificate is refused: ${error.message}`, RENEW);
    throw refusalOf(error, OWN_ISSUER);
  }
}

/**
 * Who holds an user certificate of the control plane. Whether its holder is at the other end, the protocol has proven
 * before. Throws a RefusalError SCRIM_AUTH_*.
 */
export function certifiedCaller(
  blob: Uint8Array,
  snapshot: Snapshot,
  now: number,
  leewaySeconds: number,
): Caller {
  const certificate = proven(blob, snapshot.tokens.sshAuthorities ?? []);
  const seconds = BigInt(Math.floor(now / 1000));
  const leeway = BigInt(leewaySeconds);
  if (seconds + leeway < certificate.validAfter) throw invalid('the certificate is not valid yet', RENEW);
  if (seconds >= certificate.validBefore + leeway)
    throw refuse('SCRIM_AUTH_EXPIRED', { message: 'the certificate has expired', hint: RENEW });
  // Each one restricts; what is not understood would be a restriction not kept.
  const [option] = certificate.criticalOptions.keys();
  if (option !== undefined)
    throw invalid('the certificate has a critical option this edge does not know', RENEW);
  const { caller, keyId, principals } = certificate;
  return {
    subject: keyId,
    groups: caller.groups,
    kind: caller.kind,
    issuer: OWN_ISSUER,
    tokenId: caller.tokenId,
    expiresAt: Number(certificate.validBefore + leeway) * 1000,
    ...(principals.length === 0 ? {} : { connections: principals }),
    attributes: { certificate_serial: String(certificate.serial) },
  };
}
