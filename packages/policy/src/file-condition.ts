import type { FileFacts, GuardCondition } from '@scrim/model';
import type { Condition } from './condition.ts';
import { Glob } from './glob.ts';

type FileCondition = Extract<GuardCondition, { sftp: unknown }>['sftp'];

/** A condition on what is done to which files. A path the target did not resolve may be any. */
export function fileCondition({ operations, paths }: FileCondition): Condition {
  const globs = paths?.map((path) => new Glob(path, '/'));
  const operation = (facts: FileFacts) => operations?.includes(facts.operation) ?? true;
  const listed = (path: string) => globs?.some((glob) => glob.matches(path)) ?? true;
  return {
    touches: (facts) =>
      facts.kind === 'sftp' && operation(facts) && (!facts.complete || facts.paths.some(listed)),
    covers: (facts) =>
      facts.kind === 'sftp' && operation(facts) && facts.complete && facts.paths.every(listed),
  };
}
