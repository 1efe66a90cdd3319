export {
  LONGEST_LINE,
  type ShellLineOptions,
  shellFacts,
  shellStatement,
  unknownLine,
} from './command/shell-line.ts';
