import { type Ast, tagged } from './ast.ts';
import { COMMANDS } from './commands.ts';
import { DEFINITIONS } from './definitions.ts';
import { Part } from './part.ts';
import { NO_CTES } from './walk.ts';

/** Statements inside statements (PREPARE of EXPLAIN of …, DO in DO) beyond this depth are not followed. */
const MAX_DEPTH = 16;

/** Analyses one statement of the tree. `source` is its own text, needed where an inner text must be cut out. */
export function analyseNode(node: Ast, source: string, depth = 0): Part {
  const part = new Part(source, depth);
  const [tag, body] = tagged(node);
  if (depth > MAX_DEPTH) {
    part.walk.into.blind('statements nested too deeply');
    return part;
  }
  const handler = COMMANDS[tag] ?? DEFINITIONS[tag];
  if (handler) handler(part, body);
  else {
    // A statement of a newer grammar: found relations are listed, and everything else is assumed.
    part.tag(tag || 'UNKNOWN');
    part.walk.visit(body, NO_CTES);
    part.walk.into.blind(`a ${tag || 'nameless'} statement`);
  }
  return part;
}
