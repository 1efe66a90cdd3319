export {
  LONGEST_LINE,
  type ShellLineOptions,
  shellFacts,
  shellStatement,
  unknownLine,
} from './command/shell-line.ts';
export { type KeysTaken, type LineAtEnter, LineModel, type LineModelOptions } from './terminal/line-model.ts';
