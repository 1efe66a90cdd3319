import { createTranscriber as httpTranscriber } from '@scrim/protocol-http/transcript';
import { createTranscriber } from '@scrim/protocol-postgres/transcript';
import { createTranscriber as sshTranscriber } from '@scrim/protocol-ssh/transcript';
import type { ResponseDecoder } from '@scrim/recording';

/** How recorded responses of each protocol are read. */
const DECODERS: Readonly<Record<string, () => ResponseDecoder>> = {
  postgres: createTranscriber,
  http: httpTranscriber,
  ssh: sshTranscriber,
};

/** For a protocol without one, every response shows up as `undecoded` with its size, instead of being left out. */
export function decoderOf(protocol: string): () => ResponseDecoder {
  const known = DECODERS[protocol];
  if (known !== undefined) return known;
  const refuse = (): never => {
    throw new Error(`this control plane does not decode the protocol ${protocol}`);
  };
  return () => ({ shape: refuse, response: refuse });
}
