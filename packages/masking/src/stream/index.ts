export { type ByteMasker, createTextMasker, type TextMasker, type TextMaskerOptions } from './masker.ts';
export { jsonStringView, type TextView, terminalView, type UnitReader } from './text-view.ts';
