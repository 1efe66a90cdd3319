import { create } from '@bufbuild/protobuf';
import { type EnrolRequest, type EnrolResponse, EnrolResponseSchema } from '@scrim/rpc';
import type { Authority } from '../modules/edges/authority.ts';
import type { Enrolment } from '../modules/edges/enrolment.ts';
import { capabilitiesOf } from './capabilities.ts';

export interface EnrolmentHandlers {
  readonly enrolment: Enrolment;
  readonly authority: Authority;
  /** SPKI, DER. */
  readonly snapshotKey: Uint8Array;
}

/** EnrolmentService.Enrol: a join token and a certificate request for a certificate. */
export async function enrol(parts: EnrolmentHandlers, request: EnrolRequest): Promise<EnrolResponse> {
  const { enrolment, authority, snapshotKey } = parts;
  const enrolled = await enrolment.enrol(
    request.joinToken,
    request.csr,
    capabilitiesOf(request.capabilities),
  );
  return create(EnrolResponseSchema, {
    edgeId: enrolled.edgeId,
    certificateChain: [enrolled.certificate.der, authority.certificate],
    caCertificate: authority.certificate,
    snapshotKey,
  });
}
