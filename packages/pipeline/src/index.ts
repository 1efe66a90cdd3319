export * from './approve/approve.ts';
export type { Identify } from './identify/identify.ts';
export * from './record/recorder.ts';
