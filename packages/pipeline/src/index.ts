export * from './approve/approve.ts';
export { type Authorisation, authorise } from './authorise/authorise.ts';
export { Enforcements } from './guard/enforcement.ts';
export type { Identify } from './identify/identify.ts';
export { Masker } from './mask/masker.ts';
export type { MaskRules } from './mask/plan.ts';
export { Pipeline, type PipelineServices } from './pipeline.ts';
export * from './record/recorder.ts';
export { Session, type SessionServices } from './session.ts';
