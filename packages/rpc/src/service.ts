import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/**
 * Already encoded message bytes. Sending the same snapshot to a thousand edges encodes it once: whoever pushes passes
 * `Encoded` where a message is expected.
 */
export class Encoded {
  readonly bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** Encodes a message once for many receivers. */
export function encodeOnce<D extends DescMessage>(schema: D, message: MessageShape<D>): Encoded {
  return new Encoded(toBinary(schema, message));
}

function serialiser(schema: DescMessage): (value: unknown) => Buffer {
  return (value) => {
    if (value instanceof Encoded) return value.bytes;
    const bytes = toBinary(schema, value as MessageShape<DescMessage>);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function definition(method: DescMethod): MethodDefinition<unknown, unknown> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: serialiser(method.input),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: serialiser(method.output),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** grpc-js's view of a generated service: paths, stream kinds and codecs, keyed by the method's local name. */
export function serviceDefinition(service: DescService): ServiceDefinition {
  const methods: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const method of service.methods) methods[method.localName] = definition(method);
  return methods as ServiceDefinition;
}

/** Keepalive for both ends: a peer that is gone without a FIN is noticed within seconds, also on an idle stream. */
export const KEEPALIVE_OPTIONS = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.http2.min_time_between_pings_ms': 5_000,
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
} as const;
