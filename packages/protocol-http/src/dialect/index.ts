import { anthropic } from './anthropic/index.ts';
import type { Dialect } from './contract.ts';
import { gemini } from './gemini/index.ts';
import { ollama } from './ollama/index.ts';
import { openai } from './openai/index.ts';

export type {
  AnswerReader,
  Dialect,
  Framing,
  ModelRequest,
  ToolCall,
  VendorError,
  WholeAnswer,
} from './contract.ts';
export { createFramer, type Framer } from './framing.ts';
export { JsonReadError } from './json-tree.ts';

/** Every dialect a connection can name. */
export const DIALECTS: Readonly<Record<Dialect['name'], Dialect>> = { openai, anthropic, gemini, ollama };
