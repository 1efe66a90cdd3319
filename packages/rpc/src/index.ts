export * from './gen/scrim/edge/v1/edge_pb.ts';
export * from './service.ts';
