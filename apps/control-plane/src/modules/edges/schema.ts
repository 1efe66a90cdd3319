import { resourceName } from '@scrim/model';
import { z } from 'zod';

const timeText = z.iso.datetime().describe('RFC 3339');

export const edgeId = z.object({ id: z.uuid() });

export const edgeView = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(['enrolled', 'revoked']),
    connected: z.boolean().describe('heard of within the last 30 seconds'),
    capabilities: z.unknown().describe('what it can enforce, by protocol'),
    listeners: z.record(z.string(), z.string()).describe('address callers reach it at, by protocol'),
    knownHosts: z.string().optional().describe('line for the known_hosts file of SSH clients'),
    openSessions: z.int(),
    spoolBytes: z.number().describe('recorded bytes not yet delivered'),
    lastSeenAt: timeText.nullable(),
    snapshotVersionSent: z.string().nullable(),
    snapshotVersionAcked: z.string().nullable().describe('the version in force on the edge'),
    nackReason: z.string().nullable().describe('why it refused the version sent'),
    createdAt: timeText,
  })
  .meta({ id: 'Edge' });

export const certificateView = z
  .object({
    serial: z.string(),
    fingerprint: z.string().describe('SHA-256 of the certificate, hex'),
    notBefore: timeText,
    notAfter: timeText,
    revokedAt: timeText.nullable(),
  })
  .meta({ id: 'EdgeCertificate' });

export const edgeDetailView = edgeView
  .extend({ certificates: z.array(certificateView) })
  .meta({ id: 'EdgeDetail' });

export const joinTokenInput = z
  .strictObject({
    edgeName: resourceName.describe('the name the edge will have'),
    ttlSeconds: z.int().min(60).max(604_800).default(3_600),
  })
  .meta({ id: 'JoinTokenRequest' });

export const joinTokenView = z
  .object({
    id: z.uuid(),
    edgeName: z.string(),
    createdBy: z.string(),
    createdAt: timeText,
    expiresAt: timeText,
    usedAt: timeText.nullable(),
  })
  .meta({ id: 'JoinToken' });

export const newJoinTokenView = joinTokenView
  .extend({ token: z.string().describe('shown once; works once') })
  .meta({ id: 'NewJoinToken' });

export const addressView = z
  .object({ protocol: z.string(), host: z.string(), port: z.int(), edge: z.string() })
  .meta({ id: 'ConnectionAddress' });
