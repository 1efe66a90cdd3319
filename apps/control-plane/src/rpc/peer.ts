import { createHash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { Pool } from 'pg';
import { edgeOfAltNames } from '../modules/edges/spiffe.ts';
import { edgeRevoked, RpcFailure } from './failure.ts';

/** The edge at the other end of a call, proven by its certificate. */
export interface Peer {
  readonly edgeId: string;
  readonly edgeName: string;
  /** SHA-256 of its certificate, lower-case hex. */
  readonly fingerprint: string;
}

/** The part of a grpc-js call that says who is there; the certificate is absent unless TLS itself has verified it. */
export interface PeerCall {
  getAuthContext(): {
    readonly sslPeerCertificate?: { readonly raw: Buffer; readonly subjectaltname?: string };
  };
}

interface PeerRow {
  readonly id: string;
  readonly name: string;
  readonly revoked: boolean;
  readonly ended: boolean;
}

const LOOK_UP = `
  SELECT e.id, e.name, (e.state <> 'enrolled' OR c.revoked_at IS NOT NULL) AS revoked, c.not_after <= now() AS ended
  FROM edge_certificate c JOIN edge e ON e.id = c.edge_id WHERE c.fingerprint = $1`;

function unauthenticated(message: string): RpcFailure {
  return new RpcFailure(status.UNAUTHENTICATED, message);
}

/** Looks a certificate up again: known, its edge's, not ended, not revoked. @throws RpcFailure */
export async function checkPeer(pool: Pool, fingerprint: string, edgeId: string): Promise<Peer> {
  const found = await pool.query<PeerRow>(LOOK_UP, [fingerprint]);
  const row = found.rows[0];
  if (row === undefined || row.id !== edgeId) throw unauthenticated('this certificate was not issued here');
  if (row.revoked) throw edgeRevoked();
  if (row.ended) throw unauthenticated('the certificate has ended');
  return { edgeId: row.id, edgeName: row.name, fingerprint };
}

/**
 * Who calls. TLS has verified the chain; whether the certificate is one we know and have not revoked is asked of the
 * database at every call, so that a revocation holds on every replica at once.
 *
 * @throws RpcFailure UNAUTHENTICATED without a valid certificate, PERMISSION_DENIED for a revoked edge
 */
export async function peerOf(call: PeerCall, pool: Pool): Promise<Peer> {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate === undefined) throw unauthenticated('this call needs a valid edge certificate');
  const edgeId = edgeOfAltNames(certificate.subjectaltname);
  if (edgeId === undefined) throw unauthenticated('the certificate is not of an edge');
  return checkPeer(pool, createHash('sha256').update(certificate.raw).digest('hex'), edgeId);
}
