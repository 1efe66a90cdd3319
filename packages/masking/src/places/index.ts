export { type ColumnMatcher, compileColumnPattern } from './column-pattern.ts';
export { compileFieldPattern, type FieldCursor, type FieldMatcher } from './field-pattern.ts';
export { compileHeaderPattern, type HeaderMatcher } from './header-pattern.ts';
export { isJsonNumber, JsonShapeError } from './json-scanner.ts';
export { DEEPEST_JSON, type FieldRule, type LeafMask, maskJson } from './mask-json.ts';
export { PlaceError } from './place-error.ts';
