export { type ByteMasker, createTextMasker, type TextMasker, type TextMaskerOptions } from './masker.ts';
export { createTerminalMasker, type TerminalMasker, type TerminalMaskerOptions } from './terminal-masker.ts';
export { jsonStringView, type TextView, terminalView, type UnitReader } from './text-view.ts';
