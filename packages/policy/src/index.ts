export { checkPolicies, checkPolicy, type PolicyContext, type ProtocolCapabilities } from './check.ts';
export {
  type CompiledMask,
  type CompiledPolicy,
  compilePolicies,
  type LimitRule,
  matches,
  type RecordRule,
  type RequestRule,
  type ResponseRule,
  type Subject,
  type VersionedPolicy,
} from './compile.ts';
export { Glob } from './glob.ts';
export type { InteractiveRule } from './interactive.ts';
export { TablePattern } from './table-pattern.ts';
export { type Action, type Approval, isWorse, type Verdict, worst } from './verdict.ts';
