/** URI names in certificates (SPIFFE ID form): who a peer is, apart from any host name or address it is reached at. */
const EDGE_PREFIX = 'spiffe://scrim/edge/';

/** The name only a control plane's server certificate bears; edges insist on it. */
export const CONTROL_PLANE_URI = 'spiffe://scrim/control-plane';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function edgeUri(edgeId: string): string {
  return `${EDGE_PREFIX}${edgeId}`;
}

/**
 * The edge a certificate names, from Node's rendering of its subject alternative names
 * (`URI:spiffe://scrim/edge/<uuid>`). Anything but exactly one such URI is no edge: undefined.
 */
export function edgeOfAltNames(altNames: string | undefined): string | undefined {
  if (altNames === undefined) return undefined;
  const names = altNames.split(', ');
  const id = names[0]?.startsWith(`URI:${EDGE_PREFIX}`) ? names[0].slice(4 + EDGE_PREFIX.length) : undefined;
  return names.length === 1 && id !== undefined && UUID.test(id) ? id : undefined;
}
